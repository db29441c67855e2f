"""The suggesting process: in this process with a tiny model, and once as it is with Samlet, from the command line."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor

from limner.blobs import BlobStore, embedding_key, image_key
from limner.cli import cli
from limner.config import Settings
from limner.errors import MissingWeights
from limner.heads.detector import Detector, DetectorConfig
from limner.models.catalogue import AutomaticThresholds, find_model
from limner.models.detectors import DetectorCategory
from limner.models.manifest import PREPROCESSING_VERSION
from limner.models.registry import LoadedModel, model_config
from limner.sam.model import DecoderPrompt, Features
from limner.segment.automatic import AutomaticMaskGenerator
from limner.service.accounts import local_actor
from limner.service.suggestions import list_suggestions
from limner.service.wiring import open_services
from limner.suggesting.protocol import (
    Assessed,
    Cancel,
    Cancelled,
    ExampleMask,
    Failed,
    Loading,
    Progress,
    Ready,
    Report,
    Request,
    Suggest,
    Suggested,
    Unusable,
)
from limner.train.detector.writing import Origin, write_detector
from limner.vocabulary import rle
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner.vocabulary.suggested import Assess, Detected, Everything, Phrases, Similar
from limner.workers import segmenters
from limner.workers import suggest as module
from limner.workers.suggest import Worker
from tests.heads.tiny_text import grounding_dino
from tests.workers.tiny import TINY, TinyModel

MODEL, OTHER = "c" * 64, "e" * 64
ANYTHING = AutomaticThresholds(pred_iou_thresh=0.0, stability_score_thresh=0.0, stability_score_offset=0.1)


def picture(height: int = 40, width: int = 60) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class DiskModel(TinyModel):
    """Answers a point with disks around it: local masks, which random weights do not give."""

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        side, cells = self.config.image_size, self.config.low_res_size
        at = (torch.arange(cells) + 0.5) * side / cells  # model pixels
        x, y = prompt.point_coords[:, 0, 0], prompt.point_coords[:, 0, 1]
        distance = torch.hypot(at[None, None, :] - x[:, None, None], at[None, :, None] - y[:, None, None])
        radius = 3 + features[IMAGE_EMBEDDINGS].mean()
        low_res = torch.stack(
            [radius * factor - distance for factor in (1.0, 1.0, 1.5, 2.0)], 1
        )  # (B, 4, cells, cells)
        scores = 0.5 + 0.01 * x[:, None] + torch.tensor([0.0, 0.0, 0.05, 0.1])
        return low_res, scores


class Bench:
    def __init__(self, folder: Path, loaded: LoadedModel) -> None:
        self.settings = Settings(home=folder, model="tiny", device="cpu")
        self.blobs = BlobStore(self.settings.resolved_blob_url)
        self.loaded = loaded
        self.reports: list[Report] = []
        self.worker: Worker

    def image(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.blobs.put(image_key(sha256), data)
        return sha256

    def ask(self, *requests: Request) -> list[Report]:
        self.reports.clear()
        self.worker.serve(iter([request.line() for request in requests]))
        return list(self.reports)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    loaded = LoadedModel(DiskModel(), "tiny", MODEL, automatic=ANYTHING)
    bench = Bench(tmp_path, loaded)
    other = LoadedModel(DiskModel(), "other", OTHER, automatic=ANYTHING)
    installed = {MODEL: loaded, OTHER: other}

    def load(weights_sha256: str, home: Path) -> LoadedModel:
        if weights_sha256 not in installed:
            raise MissingWeights("It is not installed any more.")
        return installed[weights_sha256]

    monkeypatch.setattr(segmenters, "load_by_weights", load)
    bench.worker = Worker(bench.settings, bench.reports.append)
    assert bench.reports == [Ready()]
    return bench


def suggest(sha256: str, number: int = 1, side: int = 4, model: str = MODEL) -> Suggest:
    return Suggest(id=number, model_sha256=model, image_sha256=sha256, request=Everything(points_per_side=side))


def test_everything_is_what_the_generator_finds_with_scores_and_prompts(bench: Bench) -> None:
    data = picture()
    loading, *progress, answer = bench.ask(suggest(bench.image(data)))
    assert loading == Loading(id=1)
    assert isinstance(answer, Suggested)
    assert progress == [Progress(id=1, done=done, total=16) for done in (8, 16)]
    generator = AutomaticMaskGenerator(module.Predictor(bench.loaded), points_per_side=4, output_mode="coco_rle")
    expected = generator.generate(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert len(answer.found) == len(expected) > 0
    scores = [mask.score for mask in answer.found]
    assert scores == sorted(scores, reverse=True)
    for mask in answer.found:
        rle.validate({"size": list(mask.size), "counts": mask.counts}, (40, 60))
        ((x, y, label),) = mask.prompt["points"]
        assert (0 < x < 60, 0 < y < 40, label) == (True, True, 1)


def test_an_embedding_is_made_once_and_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = bench.image(picture())
    first = bench.ask(suggest(sha256))[-1]
    key = embedding_key(sha256, MODEL, PREPROCESSING_VERSION)
    assert isinstance(first, Suggested)
    assert first.stored is not None
    assert first.stored.bytes == bench.blobs.size(key)
    again = bench.ask(suggest(sha256, 2))[-1]
    other = Worker(bench.settings, bench.reports.append)  # has nothing in memory
    other.serve(iter([suggest(sha256, 3).line()]))
    fresh = bench.reports[-1]
    assert isinstance(again, Suggested)
    assert isinstance(fresh, Suggested)
    assert (again.stored, fresh.stored) == (None, None)
    assert again.found == fresh.found


def test_each_request_is_done_by_the_model_that_it_names_and_a_few_stay_loaded(bench: Bench) -> None:
    sha256 = bench.image(picture())
    bench.ask(suggest(sha256), suggest(sha256, 2, model=OTHER), suggest(sha256, 3), suggest(sha256, 4, model="f" * 64))
    assert [report.id for report in bench.reports if isinstance(report, Loading)] == [1, 2, 4]
    answers = [report for report in bench.reports if isinstance(report, Suggested)]
    assert [answer.id for answer in answers] == [1, 2, 3]
    for model, answer in zip((MODEL, OTHER), answers, strict=False):
        assert answer.stored is not None
        assert answer.stored.bytes == bench.blobs.size(embedding_key(sha256, model, PREPROCESSING_VERSION))
    assert bench.reports[-1] == Unusable(id=4, message="It is not installed any more.")
    bench.settings = bench.settings.model_copy(update={"encoder_models": 1})
    bench.worker = Worker(bench.settings, bench.reports.append)
    bench.ask(suggest(sha256), suggest(sha256, 2, model=OTHER), suggest(sha256, 3))
    assert [report.id for report in bench.reports if isinstance(report, Loading)] == [1, 2, 3]


def test_similar_objects_are_looked_for_by_masks_of_other_images(bench: Bench) -> None:
    data, other = picture(), picture(48, 64)
    pixels = np.zeros((48, 64), np.bool_)
    pixels[10:22, 20:32] = True
    mask = rle.encode(pixels)
    example = ExampleMask(image_sha256=bench.image(other), size=(48, 64), counts=mask["counts"], category_id=3)
    asked = suggest(bench.image(data)).model_copy(
        update={"request": Similar(category_id=3), "examples": (example,), "refused": ()}
    )
    *_, answer = bench.ask(asked)
    assert isinstance(answer, Suggested)
    assert answer.found
    for each in answer.found:
        rle.validate({"size": list(each.size), "counts": each.counts}, (40, 60))
        assert (each.category_id, 0 < each.score <= 1) == (3, True)
        assert each.prompt["points"][0][2] == 1
    wrong = example.model_copy(update={"image_sha256": asked.image_sha256})
    *_, failed = bench.ask(asked.model_copy(update={"examples": (wrong,)}))
    assert isinstance(failed, Failed)
    assert "is no example" in failed.message


def write_tiny_detector(home: Path, model_sha256: str = MODEL, project_id: int | None = 7) -> str:
    """A detector of two categories for the tiny model, untrained; the sha256 of its weights."""
    torch.manual_seed(1)
    detector = Detector(DetectorConfig(32, TINY.features, categories=2, widths=(16, 16, 16, 16), head=16))
    torch.nn.init.normal_(detector.answer.weight, std=0.3)
    cat, dog = DetectorCategory(id=4, name="cat"), DetectorCategory(id=6, name="dog")
    origin = Origin("tiny", model_sha256, project_id, "pets", (cat, dog))
    folder = home / "detectors" / f"of-{project_id}"
    made = write_detector(detector, folder, origin, [], steps=1, seed=0, seconds=1.0, figures=None)
    return made.card.weights_sha256


def test_boxes_of_a_detector_become_masks_with_the_categories_of_its_project(bench: Bench) -> None:
    sha256 = bench.image(picture())
    detector = write_tiny_detector(bench.settings.home)
    asked = suggest(sha256).model_copy(
        update={"request": Detected(objectness=0.0), "detector_sha256": detector, "project_id": 7}
    )
    *_, answer = bench.ask(asked)
    assert isinstance(answer, Suggested)
    assert answer.found
    scores = [each.score for each in answer.found]
    assert scores == sorted(scores, reverse=True)
    for each in answer.found:
        rle.validate({"size": list(each.size), "counts": each.counts}, (40, 60))
        x0, y0, x1, y1 = each.prompt["box"]
        assert (0 <= x0 < x1 <= 60, 0 <= y0 < y1 <= 40, each.prompt["detector"]) == (True, True, "of-7")
        assert 0 < each.score <= 1
    assert {each.category_id for each in answer.found} <= {4, 6}
    elsewhere = bench.ask(asked.model_copy(update={"project_id": 8}))[-1]
    assert isinstance(elsewhere, Suggested)
    assert {each.category_id for each in elsewhere.found} == {None}
    unsure = bench.ask(asked.model_copy(update={"request": Detected(objectness=1.0)}))[-1]
    assert unsure == Suggested(id=1, found=[], stored=None)


def test_a_detector_that_is_gone_stops_the_job_and_not_the_image(bench: Bench) -> None:
    sha256 = bench.image(picture())
    asked = suggest(sha256).model_copy(update={"request": Detected(), "detector_sha256": "d" * 64})
    *_, answer = bench.ask(asked)
    assert isinstance(answer, Unusable)
    assert "The detector with the weights dddddddddddd… is not there any more" in answer.message


def test_what_is_no_image_fails_for_good_and_the_next_goes_on(bench: Bench) -> None:
    bad, good = bench.image(b"no image"), bench.image(picture())
    _, failed, *_, answer = bench.ask(suggest(bad), suggest(good, 2))
    assert isinstance(failed, Failed)
    assert (failed.id, failed.lasting) == (1, True)
    assert isinstance(answer, Suggested)
    assert answer.id == 2


def test_an_image_that_is_missing_may_be_tried_again(bench: Bench) -> None:
    _, failed = bench.ask(suggest("d" * 64))
    assert isinstance(failed, Failed)
    assert not failed.lasting


def test_a_cancel_stops_what_is_being_worked_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = bench.image(picture())
    reports = bench.reports

    def cancel_at_first_progress(report: Report) -> None:
        reports.append(report)
        if isinstance(report, Progress):
            bench.worker.hear(Cancel(id=report.id))

    monkeypatch.setattr(bench.worker, "_send", cancel_at_first_progress)
    _, progress, answer = bench.ask(suggest(sha256, side=8))  # 64 points are 4 batches
    assert isinstance(progress, Progress)
    assert progress.done < progress.total
    assert answer == Cancelled(id=1)


@pytest.mark.slow
def test_a_project_gets_suggestions_from_the_command_line(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "other"))
    (tmp_path / "a.png").write_bytes(picture(64, 96))
    config = model_config("samlet")
    detector = Detector(DetectorConfig(config.image_size, config.features))
    origin = Origin("samlet", find_model("samlet", tmp_path).card.weights_sha256, None, "nothing", ())
    folder = tmp_path / "other" / "detectors" / "untrained"
    write_detector(detector, folder, origin, [], steps=0, seed=0, seconds=0.0, figures=None)
    for arguments in (
        ["project", "create", "Cats"],
        ["project", "import", "Cats", str(tmp_path / "a.png")],
        ["suggest", "everything", "Cats", "--points-per-side", "2"],
        ["suggest", "detector", "Cats", "--detector", "untrained", "--objectness", "0.01"],
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
    assert "1 image looked through, 0 failed" in result.output
    services = open_services(Settings(home=tmp_path / "other"))
    try:
        actor = local_actor(services.database)
        found = list_suggestions(services, actor, 1)
        assert found.activity is None
        assert {row.origin for row in found.suggestions} <= {"everything", "detector"}
        assert any(row.origin == "detector" for row in found.suggestions)
    finally:
        services.database.close()


def test_an_assessment_says_how_sure_the_model_is_and_pools_the_embedding(bench: Bench) -> None:
    sha256 = bench.image(picture())
    asked = suggest(sha256).model_copy(update={"request": Assess()})
    loading, *progress, answer = bench.ask(asked)
    assert isinstance(answer, Assessed)
    assert (loading, progress[-1]) == (Loading(id=1), Progress(id=1, done=16, total=16))
    means = [0.6 + 0.01 * 32 * (column + 0.5) / 4 for column in range(4)]  # the best mask's, by the x of the point
    assert answer.predicted_iou == pytest.approx(np.mean(np.clip(means, 0, 1)), abs=1e-4)
    assert 0 < answer.stability <= 1
    assert 0.25 < answer.agreement < 1  # disks of radii 1, 1.5 and 2, cut by the border
    assert len(answer.vector) == 3
    assert answer.stored is not None
    again = bench.ask(asked.model_copy(update={"id": 2}))[-1]
    assert isinstance(again, Assessed)
    assert (again.vector, again.stored) == (answer.vector, None)


def test_what_phrases_name_is_found_by_a_text_detector_and_given_its_category(bench: Bench) -> None:
    grounding_dino(bench.settings.home / "text" / "dino")
    request = Phrases(text="cat, red car", box_threshold=0.0, text_threshold=0.0)
    asked = suggest(bench.image(picture(90, 120))).model_copy(
        update={"request": request, "text_detector": "dino", "categories": {"cat": 4}}
    )
    *_, answer = bench.ask(asked)
    assert isinstance(answer, Suggested)
    assert answer.found
    scores = [each.score for each in answer.found]
    assert scores == sorted(scores, reverse=True)
    for each in answer.found:
        rle.validate({"size": list(each.size), "counts": each.counts}, (90, 120))
        assert each.category_id == (4 if each.prompt["phrase"] == "cat" else None)
        assert (len(each.prompt["box"]), each.prompt["detector"]) == (4, "dino")
        assert 0 <= each.prompt["confidence"] <= 1
    phrase = answer.found[0].prompt["phrase"]
    sure = sorted(each.prompt["confidence"] for each in answer.found if each.prompt["phrase"] == phrase)
    assert len(sure) > 1
    thresholds = {"cat": 0.0, "red car": 0.0} | {phrase: sure[-1]}
    *_, fewer = bench.ask(asked.model_copy(update={"box_thresholds": thresholds}))
    assert isinstance(fewer, Suggested)
    left = {each.prompt["confidence"] for each in fewer.found if each.prompt["phrase"] == phrase}
    assert left == {sure[-1]}
    *_, missing = bench.ask(asked.model_copy(update={"text_detector": "owl"}))
    assert isinstance(missing, Unusable)
    assert "no text detector called 'owl'" in missing.message
