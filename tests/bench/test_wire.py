"""``limner bench wire`` measures what is lost of a model's masks on the way to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from limner.bench.wire import run
from limner.cli.bench import bench
from limner.errors import InvalidInput
from tests.sam.reference import picture


def test_the_bundled_model_keeps_its_masks(tmp_path: Path) -> None:
    Image.fromarray(picture(90, 120)).save(tmp_path / "one.png")
    path = tmp_path / "figures.json"
    options = [str(tmp_path), "--model", "samlet", "--prompts", "3", "--json", str(path)]
    result = CliRunner().invoke(bench, ["wire", *options], catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(path.read_text())
    assert (figures["model"], figures["weights"], figures["photos"], figures["prompts"]) == (
        "samlet",
        "installed",
        1,
        3,
    )
    assert 0.9 < figures["iou_p5"] <= figures["iou_median"] <= 1
    assert 0.9 < figures["iou_shown_p5"] <= 1
    exact = run(tmp_path, "samlet", tmp_path, 1, 3, "f16")
    assert (figures["form"], exact["form"]) == ("packed", "f16")
    assert figures["largest_bytes"] < 0.6 * exact["largest_bytes"], "a lone feature is packed as integers of 8 bits"
    assert figures["iou_mean"] <= exact["iou_mean"]
    assert "iou_mean" in result.output


def test_a_folder_without_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no photos"):
        run(tmp_path, "samlet", tmp_path, 1, 1)
