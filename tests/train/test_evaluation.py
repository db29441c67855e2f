from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from limner.cli import cli
from limner.errors import InvalidInput
from limner.models.registry import load_model
from limner.train.baselines import BASELINES
from limner.train.evaluation import (
    SCENES_SOURCE,
    SMALLEST_IN_SCENE,
    ModelSubject,
    Protocol,
    evaluate_mask,
    evaluate_photos,
    held_out_scenes,
    measure,
)
from limner.train.photos import find_photos
from limner.vocabulary import rle
from limner.vocabulary.geometry import upsample_logits
from limner.vocabulary.prompts import Prompts
from limner.vocabulary.tidying import tidy_logits
from tests.train.helpers import two_squares, write_photo


class Scripted:
    """Answers click n with the n-th mask and remembers what it was asked."""

    clicks = boxes = True

    def __init__(self, *masks: np.ndarray):
        self.masks, self.asked = masks, list[tuple[Prompts, Any]]()

    def open(self, image: np.ndarray) -> None:
        pass

    def answer(self, prompts: Prompts, previous: Any) -> tuple[np.ndarray, Any]:
        self.asked.append((prompts, previous))
        number = max(1, len(prompts.points))
        return self.masks[min(number, len(self.masks)) - 1], f"logits {number}"


def half_and_whole() -> tuple[np.ndarray, np.ndarray]:
    whole = np.zeros((30, 40), bool)
    whole[5:25, 10:30] = True
    half = whole.copy()
    half[:, 20:] = False
    return half, whole


def test_clicks_follow_the_protocol() -> None:
    half, whole = half_and_whole()
    subject = Scripted(half, whole)
    result = evaluate_mask(subject, whole, Protocol(clicks=(1, 2, 5), box=True, noc=True))
    assert result == {"1": 0.5, "2": 1.0, "5": 1.0, "box": 0.5, "noc85": 2, "noc90": 2}
    first, second, box = subject.asked
    (point,) = first[0].points
    assert first[0].labels == (1,)
    assert first[1] is None
    assert abs(point[0] - 20) <= 1
    assert abs(point[1] - 15) <= 1
    assert second[0].points[0] == point
    assert second[0].points[1][0] > 20
    assert second[1] == "logits 1"
    assert second[0].has_mask
    assert box[0].box == (10, 5, 30, 25)


def test_an_object_never_reached_counts_as_twenty_clicks() -> None:
    half, whole = half_and_whole()
    result = evaluate_mask(Scripted(half), whole, Protocol(clicks=(1,), noc=True))
    assert result["noc85"] == 20


def test_sources_weigh_the_same(tmp_path: Path) -> None:
    write_photo(tmp_path, "a", source="one")
    for shade in range(3):
        write_photo(tmp_path, f"b{shade}", source="two", shade=shade)
    report = evaluate_photos(BASELINES["box-fill"](), find_photos([tmp_path]), Protocol(box=True))
    assert report.sources["two"].masks == 6
    assert report.miou == {"box": 1.0}
    document = report.to_json("box-fill")
    assert document["model"] == "box-fill"
    assert set(document) == {"model", "miou", "sources", "seconds_per_mask"}


@pytest.mark.parametrize("name", ["random-walker", "grabcut"])
def test_baselines_find_a_plain_square(name: str) -> None:
    image, (outer, _) = two_squares()
    image[outer] = 255
    subject = BASELINES[name]()
    subject.open(image)
    result = evaluate_mask(subject, outer, Protocol(clicks=(1, 3), box=True))
    assert result["3"] > 0.8
    assert ("box" in result) == (name == "grabcut")


def test_jittered_clicks_are_the_same_for_every_subject() -> None:
    half, whole = half_and_whole()
    asked = []
    for _ in range(2):
        subject = Scripted(half, whole)
        evaluate_mask(subject, whole, Protocol(clicks=(1, 2), jitter=True))
        asked.append([prompts.points for prompts, _ in subject.asked])
    assert asked[0] == asked[1]
    middle = Scripted(half, whole)
    evaluate_mask(middle, whole, Protocol(clicks=(1, 2)))
    assert [prompts.points for prompts, _ in middle.asked] != asked[0]
    assert all(whole[int(y), int(x)] for x, y in asked[0][-1])


def test_what_fills_its_box_too_much_is_seen(tmp_path: Path) -> None:
    write_photo(tmp_path, "a")
    _, (outer, _) = two_squares()
    ring = outer.copy()
    ring[12:36, 20:44] = False  # of 32 × 32 cells, 24 × 24
    result = evaluate_mask(Scripted(outer), ring, Protocol(clicks=(), box=True, fill=True))
    assert (result["fill"], result["fill_wanted"]) == (1.0, 1 - 24 * 24 / (32 * 32))
    report = evaluate_photos(BASELINES["box-fill"](), find_photos([tmp_path]), Protocol(box=True, fill=True))
    assert report.fill == {"fill": 1.0, "fill_wanted": 1.0}
    assert set(report.miou) == {"box"}


def test_the_command_prints_how_many_clicks_are_needed(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos", "a")
    arguments = ["evaluate", str(tmp_path / "photos"), "--baseline", "random-walker", "--clicks", "1", "--jitter"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    heading, *_, overall = result.stdout.splitlines()
    assert heading.split() == ["source", "masks", "1", "noc85", "noc90"]
    assert all(1 <= float(clicks) <= 20 for clicks in overall.split()[-2:])


def test_the_command_writes_what_scripts_read(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos", "a")
    target = tmp_path / "figures.json"
    arguments = ["evaluate", str(tmp_path / "photos"), "--baseline", "box-fill", "--box", "--json", str(target)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "squares" in result.output
    figures = json.loads(target.read_text())
    assert figures["miou"] == {"box": 1.0}
    assert figures["sources"]["squares"] == {"miou": {"box": 1.0}, "masks": 2}


def test_tidied_masks_are_measured_and_the_model_gets_back_its_own_logits() -> None:
    loaded = load_model("samlet", Path())
    image = np.full((90, 120, 3), (220, 200, 160), np.uint8)
    for x, y, radius in (60, 45, 25), (15, 15, 11), (105, 70, 11):  # an answer to a click on one has some of the others
        cv2.circle(image, (x, y), radius, (20, 40, 150), -1)
    raw, tidy = ModelSubject(loaded.model), ModelSubject(loaded.model, tidy=True)
    changed = 0
    for subject in raw, tidy:
        subject.open(image)
    for point in (60.5, 45.5), (60.5, 69.5), (15.5, 15.5), (5.5, 85.5):
        prompts = Prompts((point,), (1,))
        (mask, logits), (tidied, kept) = (subject.answer(prompts, None) for subject in (raw, tidy))
        assert (logits == kept).all()
        assert (tidied == (upsample_logits(tidy_logits(logits, raw.geometry, prompts), raw.geometry) > 0)).all()
        changed += int((mask != tidied).any())
    assert changed


def test_a_model_that_is_asked_with_the_clicks_alone_never_sees_its_last_answer() -> None:
    loaded = load_model("samlet", Path())
    image = np.full((90, 120, 3), (220, 200, 160), np.uint8)
    cv2.circle(image, (60, 45), 25, (20, 40, 150), -1)
    usual, alone = ModelSubject(loaded.model), ModelSubject(loaded.model, clicks_alone=True)
    for subject in usual, alone:
        subject.open(image)
    _, before = usual.answer(Prompts(((60.5, 45.5),), (1,)), None)
    points, labels = ((60.5, 45.5), (60.5, 69.5)), (1, 0)
    _, without = usual.answer(Prompts(points, labels), None)
    for_second = Prompts(points, labels, has_mask=True)
    (_, seen), (_, unseen) = (subject.answer(for_second, before) for subject in (usual, alone))
    assert (unseen == without).all()
    assert (seen != without).any()


def test_the_command_asks_with_the_clicks_alone(tmp_path: Path) -> None:
    document = write_photo(tmp_path, "a")
    content = json.loads(document.read_text())
    corner = np.tri(48, 64, dtype=bool)  # no object: four clicks do not settle it
    content["annotations"] = [{"segmentation": rle.encode(corner)}]
    document.write_text(json.dumps(content))

    def figures(*options: str) -> dict[str, float]:
        target = tmp_path / "figures.out"
        arguments = ["evaluate", str(tmp_path), "--no-noc", "--clicks", "1,4", "--json", str(target), *options]
        assert CliRunner().invoke(cli, arguments, catch_exceptions=False).exit_code == 0
        miou: dict[str, float] = json.loads(target.read_text())["miou"]
        return miou

    usual, alone = figures(), figures("--clicks-alone")
    assert usual["1"] == alone["1"]
    assert usual["4"] != alone["4"]
    with pytest.raises(InvalidInput, match="--clicks-alone is for a model"):
        CliRunner().invoke(
            cli, ["evaluate", str(tmp_path), "--baseline", "grabcut", "--clicks-alone"], catch_exceptions=False
        )


def test_only_the_masks_of_a_model_are_tidied(tmp_path: Path) -> None:
    write_photo(tmp_path, "a")
    arguments = ["evaluate", str(tmp_path), "--baseline", "box-fill", "--box", "--tidy"]
    with pytest.raises(InvalidInput, match="--tidy goes with a model's masks"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_the_command_says_when_a_baseline_cannot_answer(tmp_path: Path) -> None:
    write_photo(tmp_path, "a")
    with pytest.raises(InvalidInput, match=r"box-fill answers boxes only. Add --box"):
        CliRunner().invoke(cli, ["evaluate", str(tmp_path), "--baseline", "box-fill"], catch_exceptions=False)


@pytest.mark.parametrize("clicks", ["", "0", "1,x"])
def test_the_command_refuses_nonsense(tmp_path: Path, clicks: str) -> None:
    result = CliRunner().invoke(cli, ["evaluate", str(tmp_path), "--clicks", clicks])
    assert result.exit_code == 2


def test_scenes_to_measure_on_are_always_the_same() -> None:
    first, again = held_out_scenes(3, 64), held_out_scenes(3, 64)
    for scene, same in zip(reversed(first), reversed(again), strict=True):
        assert np.array_equal(scene.image(), same.image())
        assert all(mask.sum() >= SMALLEST_IN_SCENE * mask.size for mask in scene.masks())
        assert len(scene.masks()) == len({mask.tobytes() for mask in scene.masks()})
    results = measure(BASELINES["box-fill"](), first, Protocol(clicks=(), box=True, masks_per_image=2))
    assert set(results) == {SCENES_SOURCE}
    assert all(0 < row["box"] <= 1 for row in results[SCENES_SOURCE])
