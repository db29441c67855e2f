"""Edges from masks: lines where outlines are, thin, and nothing elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from limner.cli import cli
from limner.errors import InvalidFile, InvalidInput
from limner.sam.model import DecoderPrompt, Features, PromptableModel
from limner.sam.sam import Sam
from limner.segment.edges import edge_map, thinned
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from tests.sam.reference import SMALL_B, reference_sam, same_weights

SIDE, CENTRE, RADIUS = 96, 48.0, 26.0  # of the picture, and of the disk that every point finds


class _DiskSam(Sam):
    """Answers every point with the same disk, in a picture of ``SIDE`` pixels."""

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[torch.Tensor, torch.Tensor]:
        side = SMALL_B.image_size // 4
        y, x = torch.meshgrid(*[(torch.arange(side) + 0.5) * SIDE / side] * 2, indexing="ij")
        disk = (RADIUS - torch.hypot(x - CENTRE, y - CENTRE)).expand(len(prompt.point_coords), 4, side, side)
        return disk, torch.full((len(disk), 4), 0.9)

    split = PromptableModel.split


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    model = same_weights(reference_sam(SMALL_B, 0), SMALL_B)
    model.__class__ = _DiskSam
    return Predictor(model)


def test_an_edge_runs_along_the_outline_of_what_was_found(predictor: Predictor) -> None:
    seen: list[tuple[int, int]] = []
    edges = edge_map(predictor, np.zeros((SIDE, SIDE, 3), np.uint8), 2, on_progress=lambda *at: seen.append(at))
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    away = np.abs(np.hypot(x - CENTRE, y - CENTRE) - RADIUS)
    assert edges.shape == (SIDE, SIDE)
    assert edges.dtype == np.float32
    assert edges.max() == 1
    assert edges.min() == 0
    assert not edges[away > 2.5].any()
    angles = np.arctan2(y - CENTRE, x - CENTRE)[edges > 0.3]
    assert len(np.unique(np.floor(angles * 36 / (2 * np.pi)))) == 36  # all around
    assert np.count_nonzero(edges > 0.3) < 2.2 * 2 * np.pi * RADIUS  # and thin
    assert seen == [(2, 4), (4, 4)]


def test_nothing_found_gives_no_edges(predictor: Predictor) -> None:
    edges = edge_map(predictor, np.zeros((20, 30, 3), np.uint8), 2, pred_iou_thresh=0.95)
    assert edges.shape == (20, 30)
    assert not edges.any()


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_a_broad_line_becomes_its_crest_whichever_way_it_runs(slope: float) -> None:
    y, x = np.mgrid[:60, :60].astype(np.float32)
    away = (y - 30 - slope * (x - 30)) / np.hypot(1, slope)
    line = np.exp(-((away / 3) ** 2)).astype(np.float32)
    thin = thinned(line)
    inside = np.s_[6:-6, 6:-6]
    assert np.abs(away[inside][thin[inside] > 0.2]).max() < 1.2
    crest = np.abs(away[inside]) < 0.5
    assert (thin[inside][crest] > 0).mean() > 0.5


def test_the_command_draws_measures_and_does_nothing_twice(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "edges"
    photos.mkdir()
    pixels = np.full((240, 320, 3), 30, np.uint8)
    pixels[60:180, 80:240] = (220, 180, 40)
    Image.fromarray(pixels).save(photos / "square.png")
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot much of a picture")
    mask = np.zeros((240, 320), np.bool_)
    mask[60:180, 80:240] = True
    segmentation = rle.encode(mask)
    document = {
        "image": {"height": 240, "width": 320, "sha256": "00000001" + 56 * "0"},
        "annotations": [{"segmentation": segmentation}],
    }
    (photos / "square.json").write_text(json.dumps(document))
    run = ["edges", str(photos), "--out", str(out), "--points-per-side", "3", "--threads", "1", "--home", str(tmp_path)]
    first = CliRunner().invoke(cli, [*run, "--measure", "--json", str(tmp_path / "figures.json")])
    assert first.exit_code == 1, first.output  # one image could not be read, and is named
    assert "broken.png" in first.stderr
    assert "1 image (0 done already), 1 refused" in first.stdout
    with Image.open(out / "square.png") as drawn:
        assert drawn.size == (320, 240)
        assert drawn.mode == "L"
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures) == {"ods", "ois", "recall", "precision", "threshold", "recall_at_half"}
    assert figures["ods"] > 0.5

    elsewhere = CliRunner().invoke(
        cli, [*run, "--measure", "--images", "1"]
    )  # the photo with masks, and no other image
    assert "1 image (1 done already)" in elsewhere.stdout
    held_out = CliRunner().invoke(cli, [*run, "--measure", "--held-out"])
    assert held_out.exit_code == 1
    assert "No photo has masks to compare with." in str(held_out.exception)

    again = CliRunner().invoke(cli, run)
    assert "1 image (1 done already)" in again.stdout
    other = CliRunner().invoke(cli, [*run, "--pred-iou", "0.5"])
    assert "1 image (0 done already)" in other.stdout


def test_figures_need_masks(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    run = ["edges", str(tmp_path), "--out", str(tmp_path / "out"), "--points-per-side", "1", "--home", str(tmp_path)]
    with pytest.raises(InvalidFile, match="holds no photos with masks"):
        CliRunner().invoke(cli, [*run, "--measure"], catch_exceptions=False)
    with pytest.raises(InvalidInput, match="are about what is measured"):
        CliRunner().invoke(cli, [*run, "--json", str(tmp_path / "f.json")], catch_exceptions=False)
