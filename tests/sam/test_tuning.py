"""``limner models tune``: the cheapest number format whose masks are the same, on the model's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from limner.catalogue import bundled_models, find_model
from limner.cli import cli
from limner.errors import InvalidInput, Unavailable
from limner.sam import tuning
from limner.sam.install import install_file
from limner.sam.registry import build_model
from limner.sam.tuning import Tuning, measure, write_card


@pytest.mark.parametrize(
    ("bfloat16_seconds", "iou", "chosen"),
    [(0.5, 0.996, "bfloat16"), (0.5, 0.994, "float32"), (1.5, 0.999, "float32")],
)
def test_cheaper_and_the_same(bfloat16_seconds: float, iou: float, chosen: str) -> None:
    assert Tuning({"float32": 1.0, "bfloat16": bfloat16_seconds}, iou).precision == chosen


def test_the_choice_goes_on_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "cpu_multiplies_bfloat16", lambda: True)
    home, photos = tmp_path / "home", tmp_path / "photos"
    (bundled,) = bundled_models()
    install_file(bundled.weights, home, name="mine", family="samlet")
    photos.mkdir()
    canvas = Image.new("RGB", (120, 90), (220, 200, 160))
    ImageDraw.Draw(canvas).ellipse((35, 20, 85, 70), fill=(20, 40, 150))
    canvas.save(photos / "a.png")
    assert find_model("mine", home).card.cpu_precision == "float32"
    result = CliRunner().invoke(cli, ["models", "tune", "mine", str(photos), "--home", str(home)])
    assert result.exit_code == 0, result.output
    chosen = result.output.strip().rsplit(" ", 1)[1]
    assert find_model("mine", home).card.cpu_precision == chosen
    write_card(find_model("mine", home), "bfloat16")
    assert find_model("mine", home).card.cpu_precision == "bfloat16"


def test_what_cannot_be_measured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "cpu_multiplies_bfloat16", lambda: True)
    model = build_model("samlet", seed=0)
    with pytest.raises(InvalidInput, match="no image"):
        measure(model, [])
    monkeypatch.setattr(tuning, "cpu_multiplies_bfloat16", lambda: False)
    with pytest.raises(Unavailable, match="does not multiply bfloat16"):
        measure(model, [np.zeros((9, 9, 3), np.uint8)])
    with pytest.raises(InvalidInput, match="came with Limner"):
        write_card(bundled_models()[0], "float32")
