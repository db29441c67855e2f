"""Average recall of proposals, on cases that can be counted by hand, and the command that measures it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from limner.cli import cli
from limner.segment.automatic import AutomaticMask
from limner.segment.proposals import AT_MOST, ranked, score_of
from limner.train.proposal_recall import Proposed, average_recall
from limner.vocabulary import rle

SIZE = (200, 200)


def _box(x: int, y: int, width: int, height: int) -> rle.Rle:
    mask = np.zeros(SIZE, np.bool_)
    mask[y : y + height, x : x + width] = True
    return rle.encode(mask)


def test_masks_that_are_found_exactly_are_recalled_wholly() -> None:
    truth = [_box(10, 10, 100, 100), _box(120, 120, 20, 20)]
    figures = average_recall([Proposed(SIZE, truth, truth, [0.9, 0.8])])
    assert figures["AR@10"] == figures["AR@1000"] == 1
    assert figures["AR@1000 small"] == figures["AR@1000 large"] == 1
    assert math.isnan(figures["AR@1000 medium"])  # there is none


def test_a_mask_found_by_seven_tenths_counts_at_half_of_the_thresholds() -> None:
    found = [_box(10, 10, 100, 71)]  # IoU .71 with the truth: at .50, .55, .60, .65 and .70 of ten
    figures = average_recall([Proposed(SIZE, [_box(10, 10, 100, 100)], found, [0.5])])
    assert figures["AR@1000"] == pytest.approx(0.5)


def test_only_the_best_of_each_image_count() -> None:
    wrong = [_box(150, 5 * index, 4, 4) for index in range(10)]
    right = _box(10, 10, 100, 100)
    figures = average_recall([Proposed(SIZE, [right], [*wrong, right], [*[0.9] * 10, 0.1])])
    assert figures["AR@10"] == 0
    assert figures["AR@100"] == 1


def test_one_proposal_stands_for_one_mask_only() -> None:
    truth = [_box(10, 10, 100, 100), _box(10, 10, 100, 99)]
    assert average_recall([Proposed(SIZE, truth, truth[:1], [0.9])])["AR@1000"] == pytest.approx(0.5)


def test_proposals_are_ranked_by_rating_and_stability_together() -> None:
    def mask(number: int, predicted_iou: float, stability: float) -> AutomaticMask:
        return AutomaticMask(
            segmentation=_box(0, 0, 1, 1),
            area=1,
            bbox=[0, 0, 1, 1],
            predicted_iou=predicted_iou,
            point_coords=[],
            stability_score=stability,
            crop_box=[],
            id=number,
        )

    masks = [mask(1, 0.9, 0.5), mask(2, 0.8, 0.9), mask(3, 0.7, 0.7)]
    assert [each["id"] for each in ranked(masks)] == [2, 1, 3]
    assert score_of(masks[1]) == pytest.approx(0.85)
    assert len(ranked([mask(n, 0.5, 0.5) for n in range(AT_MOST + 5)])) == AT_MOST


def test_the_command_proposes_and_measures(tmp_path: Path) -> None:
    pixels = np.full((*SIZE, 3), 90.0)
    pixels[50:150, 60:160] = (220, 180, 40)
    grain = np.random.default_rng(0).normal(0, 15, pixels.shape)  # the detector knows photos alone
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(tmp_path / "square.png")
    document = {
        "image": {"height": SIZE[0], "width": SIZE[1]},
        "annotations": [{"segmentation": _box(60, 50, 100, 100)}],
    }
    (tmp_path / "square.json").write_text(json.dumps(document))
    run = [
        "proposals",
        str(tmp_path),
        "--points-per-side",
        "4",
        "--out",
        str(tmp_path / "out"),
        "--detector",
        "objects",
    ]
    done = CliRunner().invoke(
        cli, [*run, "--json", str(tmp_path / "figures.json"), "--home", str(tmp_path)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["photos"], figures["masks"]) == (1, 1)
    assert figures["AR@1000 large"] > 0.5
    assert figures["detector"]["name"] == "objects"
    assert figures["detector"]["proposals"] <= 100
    assert figures["detector"]["AR@100"] > 0.5
    written = json.loads((tmp_path / "out" / "square.json").read_text())
    scores = [entry["score"] for entry in written["annotations"]]
    assert len(scores) == figures["proposals"]
    assert scores == sorted(scores, reverse=True)
