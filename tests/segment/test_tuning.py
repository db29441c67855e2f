"""``limner models tune``: the cheapest number format whose masks are the same, on the model's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from limner.cli import cli
from limner.errors import InvalidInput
from limner.models.catalogue import bundled_models, find_model
from limner.models.install import install_file
from limner.models.registry import build_model
from limner.segment import tuning
from limner.segment.tuning import Tuning, Way, choose, measure


@pytest.mark.parametrize(
    ("bfloat16", "onnx", "iou", "chosen"),
    [
        (0.5, 0.7, 0.996, "bfloat16"),
        (0.5, 1.2, 0.994, "float32"),
        (1.5, 1.2, 0.999, "float32"),
        (0.5, 0.4, 0.996, "onnxruntime"),
        (0.5, 0.7, 0.994, "onnxruntime"),
    ],
)
def test_cheaper_and_the_same(bfloat16: float, onnx: float, iou: float, chosen: str) -> None:
    seconds: dict[Way, float] = {"float32": 1.0, "bfloat16": bfloat16, "onnxruntime": onnx}
    assert Tuning(seconds, {"float32": 1.0, "bfloat16": iou, "onnxruntime": 1.0}).way == chosen


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
    card = find_model("mine", home).card
    assert chosen == (card.cpu_precision if card.cpu_runtime == "torch" else card.cpu_runtime)
    for way, precision, runtime in [
        ("bfloat16", "bfloat16", "torch"),
        ("onnxruntime", "bfloat16", "onnxruntime"),
        ("float32", "float32", "torch"),
    ]:
        choose(find_model("mine", home), way)  # type: ignore[arg-type]
        card = find_model("mine", home).card
        assert (card.cpu_precision, card.cpu_runtime) == (precision, runtime)


def test_what_cannot_be_measured_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("samlet", seed=0)
    encode = tuning._in_torch(model, "float32")  # stands in for onnxruntime: no other way is measured here
    with pytest.raises(InvalidInput, match="no image"):
        measure(model, [], encode)
    monkeypatch.setattr(tuning, "cpu_multiplies_bfloat16", lambda: False)
    found = measure(model, [np.zeros((9, 9, 3), np.uint8)], encode)
    assert found.ious == {"float32": 1.0, "onnxruntime": 1.0}


def test_the_card_of_a_bundled_model_stays_as_it_came() -> None:
    (bundled,) = bundled_models()
    way = bundled.card.cpu_precision if bundled.card.cpu_runtime == "torch" else bundled.card.cpu_runtime
    assert choose(bundled, way) == bundled
    with pytest.raises(InvalidInput, match="came with Limner"):
        choose(bundled, "onnxruntime" if way != "onnxruntime" else "float32")
