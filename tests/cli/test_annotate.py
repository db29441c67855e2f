"""``limner annotate``: label files and detectors become masks by Samlet, in folders and in projects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools.coco import COCO

from limner.cli import cli
from limner.config import Settings
from limner.errors import Conflict, InvalidInput, LimnerError
from limner.formats.importing import of_paths
from limner.heads.annotating import FoundObject, MarkedSource
from limner.heads.detector import Detector, DetectorConfig
from limner.models.catalogue import find_model
from limner.models.detectors import DetectorCategory
from limner.models.registry import model_config
from limner.segment.embedding import ImageEmbedding
from limner.service.accounts import local_actor
from limner.service.annotate import suggest_marked
from limner.service.annotating import list_annotations
from limner.service.suggestions import list_suggestions
from limner.service.wiring import open_services
from limner.store.annotations import AnnotationState
from limner.store.tables import Suggestion
from limner.train.detector.writing import Origin, write_detector
from limner.vocabulary import rle

DISC = (35, 20, 85, 70)  # x0, y0, x1, y1


def draw(path: Path) -> Path:
    """A blue disc on sand, 120 × 90."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (120, 90), (220, 200, 160))
    ImageDraw.Draw(image).ellipse(DISC, fill=(20, 40, 150))
    image.putpixel((0, 0), (len(path.name), 0, len(path.parts)))  # no two are the same
    image.putpixel((1, 0), (ord(path.stem[-1]), 0, 0))
    image.save(path)
    return path


def disc() -> np.ndarray:
    image = Image.new("L", (120, 90))
    ImageDraw.Draw(image).ellipse(DISC, fill=1)
    return np.asarray(image, bool)


def iou(mask: np.ndarray, other: np.ndarray) -> float:
    return float((mask & other).sum() / (mask | other).sum())


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    draw(tmp_path / "photos" / "a.png")
    draw(tmp_path / "photos" / "deep" / "b.png")
    return tmp_path / "photos"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """YOLO: on both images the box of the disc; on the first also a thin line across it, which no mask agrees with."""
    folder = tmp_path / "marked"
    (folder / "labels" / "deep").mkdir(parents=True)
    (folder / "classes.txt").write_text("ball\nnothing\n")
    box = f"0 {60 / 120} {45 / 90} {50 / 120} {50 / 90}\n"
    thin = "1 0.05 0.05 0.95 0.93 0.94 0.95 0.04 0.07\n"
    (folder / "labels" / "a.txt").write_text(box + thin)
    (folder / "labels" / "deep" / "b.txt").write_text(box)
    return folder


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    if isinstance(result.exception, LimnerError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def annotate(*arguments: object) -> Result:
    return run("annotate", *arguments, "--device", "cpu")


def test_boxes_of_a_folder_become_masks_and_doubtful_ones_have_a_file_of_their_own(
    photos: Path, labels: Path, tmp_path: Path
) -> None:
    result = annotate(photos, "--detector", f"labels:{labels}")
    assert result.exit_code == 0, result.output
    assert f"{photos}.masks.json: 2 masks on 2 images (0 done already), 0 refused" in result.output
    assert "1 doubtful mask" in result.output
    coco = COCO(f"{photos}.masks.json")
    assert {image["file_name"] for image in coco.dataset["images"]} == {"a.png", "deep/b.png"}
    assert [category["name"] for category in coco.dataset["categories"]] == ["ball", "nothing"]
    for annotation in coco.dataset["annotations"]:
        assert iou(coco.annToMask(annotation).astype(bool), disc()) > 0.9
        assert annotation["category_id"] == 1
        assert 0.5 <= annotation["score"] <= 1
        assert annotation["provenance"]["prompts"]["box"] == [35, 20, 85, 70]
    doubtful = json.loads((tmp_path / "photos.masks.doubtful.json").read_bytes())
    assert [(each["category_id"], each["score"] < 0.5) for each in doubtful["annotations"]] == [(2, True)]
    run("project", "create", "Balls")
    imported = run("project", "import", "Balls", photos, f"{photos}.masks.json")
    assert "2 annotations on 2 images" in imported.output


def test_what_was_stopped_goes_on_where_it_was(photos: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = MarkedSource.find
    stop_at = "deep/b.png"

    def find(self: MarkedSource, name: str, rgb: NDArray[np.uint8], image: ImageEmbedding) -> list[FoundObject]:
        if name == stop_at:
            raise KeyboardInterrupt
        asked.append(name)
        return original(self, name, rgb, image)

    monkeypatch.setattr(MarkedSource, "find", find)
    stopped = annotate(photos, "--detector", f"labels:{labels}")
    assert stopped.exit_code == 130
    assert "Stopped after 1 image" in stopped.output
    assert not Path(f"{photos}.masks.json").exists()
    stop_at = ""
    result = annotate(photos, "--detector", f"labels:{labels}")
    assert "2 masks on 2 images (1 done already)" in result.output
    assert asked == ["a.png", "deep/b.png"]
    first = Path(f"{photos}.masks.json").read_bytes()
    again = annotate(photos, "--detector", f"labels:{labels}")
    assert "(2 done already)" in again.output
    assert asked == ["a.png", "deep/b.png"]
    assert Path(f"{photos}.masks.json").read_bytes() == first
    marked = labels / "labels" / "deep" / "b.txt"
    marked.write_text(marked.read_text() * 2)
    assert "3 masks on 2 images (1 done already)" in annotate(photos, "--detector", f"labels:{labels}").output


def test_yolo_labels_of_a_folder_are_read_again(photos: Path, labels: Path, tmp_path: Path) -> None:
    result = annotate(photos, "--detector", f"labels:{labels}", "--format", "yolo", "--out", tmp_path / "yolo")
    assert "2 masks on 2 images" in result.output
    assert {path.relative_to(tmp_path / "yolo").as_posix() for path in (tmp_path / "yolo").rglob("*.*")} == {
        "data.yaml",
        "labels/a.txt",
        "labels/deep/b.txt",
    }
    run("project", "create", "Balls")
    assert "2 annotations on 2 images" in run("project", "import", "Balls", photos, tmp_path / "yolo").output
    with pytest.raises(InvalidInput, match="would replace the labels"):
        annotate(photos, "--detector", f"labels:{labels}", "--format", "yolo", "--out", labels)


def coco_of_boxes(path: Path) -> Path:
    """What other detectors write: boxes without segmentation."""
    images = [{"id": 4, "file_name": "a.png", "height": 90, "width": 120}]
    boxes = [[35, 20, 50, 50], [500, 500, 10, 10], "nonsense"]
    annotations = [
        {"id": number, "image_id": 4, "category_id": 9, "bbox": box} for number, box in enumerate(boxes, start=1)
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 9, "name": "ball"}]}
    path.write_text(json.dumps(content))
    return path


def test_boxes_of_coco_without_masks_count_and_impossible_ones_are_named(photos: Path, tmp_path: Path) -> None:
    boxes = coco_of_boxes(tmp_path / "boxes.json")
    result = annotate(photos, "--detector", f"labels:{boxes}")
    assert "1 mask on 2 images" in result.output
    assert "without area inside its image" in result.output
    assert "nonsense" in result.output
    (annotation,) = json.loads(Path(f"{photos}.masks.json").read_bytes())["annotations"]
    mask = rle.decode(annotation["segmentation"])
    assert iou(mask, disc()) > 0.9
    run("project", "create", "Balls")
    imported = run("project", "import", "Balls", photos, boxes, "--boxes", "rectangle")
    assert "1 annotation on 1 image" in imported.output


def write_untrained(home: Path) -> None:
    """A detector with the weights that training begins with, which sees something nearly everywhere."""
    card = find_model("samlet", home).card
    config = model_config("samlet")
    torch.manual_seed(0)
    network = Detector(DetectorConfig(config.image_size, config.features, 2)).eval()
    origin = Origin(
        "samlet",
        card.weights_sha256,
        None,
        "balls",
        (DetectorCategory(id=1, name="ball"), DetectorCategory(id=2, name="box")),
    )
    folder = home / "detectors" / "untrained"
    write_detector(network, folder, origin, [], steps=0, seed=0, seconds=0.0, figures=None)


def test_a_detector_goes_through_a_folder(photos: Path, tmp_path: Path) -> None:
    write_untrained(tmp_path / "home")
    result = annotate(photos, "--detector", "untrained", "--objectness", "0.01", "--sure", "0")
    assert result.exit_code == 0, result.output
    written = json.loads(Path(f"{photos}.masks.json").read_bytes())
    assert written["annotations"]
    assert [category["name"] for category in written["categories"]] == ["ball", "box"]
    assert "(2 done already)" in annotate(photos, "--detector", "untrained", "--objectness", "0.01").output
    assert "(0 done already)" in annotate(photos, "--detector", "untrained", "--objectness", "0.02").output
    with pytest.raises(LimnerError, match="no detector called 'other'"):
        annotate(photos, "--detector", "other")


def contents(home: Path) -> tuple[list[Suggestion], list[AnnotationState]]:
    services = open_services(Settings(home=home))
    try:
        actor = local_actor(services.database)
        suggestions = [row for number in (1, 2) for row in list_suggestions(services, actor, number).suggestions]
        annotations = [each for number in (1, 2) for each in list_annotations(services, actor, number).annotations]
        return suggestions, annotations
    finally:
        services.database.close()


def test_in_a_project_masks_are_suggestions_and_accept_takes_the_sure_ones(
    photos: Path, labels: Path, tmp_path: Path
) -> None:
    run("project", "create", "Balls", "--category", "nothing")
    run("project", "import", "Balls", photos)
    result = annotate("--project", "Balls", "--detector", f"labels:{labels}")
    assert result.exit_code == 0, result.output
    assert "3 objects on 2 images" in result.output
    assert "2 images looked through, 0 failed" in result.output
    suggestions, annotations = contents(tmp_path / "home")
    assert not annotations
    assert sorted((row.origin, row.category_id, row.state) for row in suggestions) == [
        ("import", 1, "open"),
        ("import", 2, "open"),
        ("import", 2, "open"),
    ]
    taken = annotate("--project", "Balls", "--detector", f"labels:{labels}", "--accept")
    assert "2 masks accepted as annotations, 0 annotated already, 1 doubtful" in taken.output
    suggestions, annotations = contents(tmp_path / "home")
    assert sorted(row.state for row in suggestions) == ["accepted", "accepted", "open"]
    for annotation in annotations:
        assert annotation.category_id == 2
        assert iou(rle.decode(annotation.segmentation), disc()) > 0.9
        assert annotation.provenance is not None
        assert annotation.provenance["origin"]["source"] == "import"
        assert annotation.provenance["prompts"]["box"] == [35, 20, 85, 70]
    again = annotate("--project", "Balls", "--detector", f"labels:{labels}", "--accept")
    assert "0 masks accepted as annotations, 2 annotated already, 1 doubtful" in again.output
    assert len(contents(tmp_path / "home")[1]) == 2


def test_a_job_that_was_cut_off_goes_on_and_another_one_is_a_conflict(
    photos: Path, labels: Path, tmp_path: Path
) -> None:
    run("project", "create", "Balls")
    run("project", "import", "Balls", photos)
    services = open_services(Settings(home=tmp_path / "home"))
    try:
        paths = [(path.relative_to(labels).as_posix(), path) for path in labels.rglob("*.txt")]
        job_id = suggest_marked(services, local_actor(services.database), 1, of_paths(paths)).job.id
    finally:
        services.database.close()  # as if it had been killed
    with pytest.raises(Conflict, match=f"Job {job_id} is running"):
        annotate("--project", "Balls", "--detector", f"labels:{coco_of_boxes(tmp_path / 'boxes.json')}")
    assert len(contents(tmp_path / "home")[0]) == 0
    assert "2 images looked through" in annotate("--project", "Balls", "--detector", f"labels:{labels}").output
    assert len(contents(tmp_path / "home")[0]) == 3


def test_what_does_not_go_together_is_named(photos: Path, labels: Path, tmp_path: Path) -> None:
    for arguments, complaint in (
        (["--detector", "x"], "nothing to go through"),
        ([photos, "--project", "Balls", "--detector", "x"], "nothing to go through, or two things"),
        ([photos, "--detector", "x", "--accept"], "--accept is for projects"),
        (["--project", "Balls", "--detector", "x", "--out", "y"], "--out and --model are for folders"),
        ([photos, "--detector", "labels:nowhere"], "nothing at 'nowhere'"),
        ([photos, "--detector", f"labels:{photos}"], "no labels of a known format"),
    ):
        with pytest.raises(InvalidInput, match=complaint):
            annotate(*arguments)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidInput, match="holds no images"):
        annotate(empty, "--detector", f"labels:{labels}")
    draw(empty / "unknown.png")
    with pytest.raises(InvalidInput, match="mark nothing on these images"):
        annotate(empty, "--detector", f"labels:{labels}")
