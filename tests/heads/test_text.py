"""Text detectors: real classes and processors on tiny random checkpoints, and the commands that use them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from limner.cli import cli
from limner.errors import InvalidInput, InvalidPrompt, LimnerError, MissingWeights, ModelError
from limner.heads.text import TextDetector, meant
from limner.models.text_detectors import family_of, parse_phrases, text_detector_folder
from limner.vocabulary import rle
from tests.heads.tiny_text import grounding_dino, owlv2

MAKERS: dict[str, Callable[[Path], Path]] = {
    "grounding-dino": grounding_dino,
    "mm-grounding-dino": lambda folder: grounding_dino(folder, "mm-grounding-dino"),
    "owlv2": owlv2,
}


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)


@pytest.mark.parametrize("family", sorted(MAKERS))
def test_phrases_lead_to_boxes_inside_the_image_and_thresholds_count(family: str, tmp_path: Path) -> None:
    detector = TextDetector(MAKERS[family](tmp_path / family))
    assert detector.family == family
    found = detector.find(noise(), ["cat", "red car"], box_threshold=0.0, text_threshold=0.0)
    assert found
    for each in found:
        x0, y0, x1, y1 = each.box
        assert (0 <= x0 < x1 <= 120, 0 <= y0 < y1 <= 90) == (True, True)
        assert 0 <= each.score <= 1
        assert each.phrase in ("cat", "red car")
    middle = sorted(each.score for each in found)[len(found) // 2]
    fewer = detector.find(noise(), ["cat", "red car"], box_threshold=middle, text_threshold=0.0)
    assert len(fewer) < len(found)
    assert all(each.score > middle for each in fewer)
    assert detector.find(noise(), ["cat", "red car"], box_threshold=1.0) == []
    assert detector.find(noise(), ["cat", "red car"], box_threshold=0.0, text_threshold=0.0) == found
    if family != "owlv2":
        assert detector.find(noise(), ["cat"], box_threshold=0.0, text_threshold=1.0) == []


def test_phrases_are_parted_and_what_a_detector_says_is_led_back_to_them() -> None:
    assert parse_phrases(" Cat,  red   Car., cat ,") == ["cat", "red car"]
    with pytest.raises(InvalidInput, match="0 phrases were given"):
        parse_phrases(" , ")
    with pytest.raises(InvalidInput, match="51 phrases were given"):
        parse_phrases(",".join(f"thing {number}" for number in range(51)))
    phrases = ["red car", "car", "old red car"]
    assert [meant(said, phrases) for said in ("car", "red", "red car", "old", "cat", "")] == [
        "car",
        "red car",
        "red car",
        "old red car",
        None,
        None,
    ]


def test_what_is_no_text_detector_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"No text detector was named; .* has none"):
        text_detector_folder(tmp_path, None)
    with pytest.raises(MissingWeights, match="no text detector called 'dino'"):
        text_detector_folder(tmp_path, "dino")
    owl = owlv2(tmp_path / "text" / "owl")
    assert text_detector_folder(tmp_path, None) == text_detector_folder(tmp_path, "owl") == owl
    assert text_detector_folder(tmp_path / "elsewhere", str(owl)) == owl
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MissingWeights, match="no text detector in"):
        TextDetector(empty)
    (empty / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="family 'bert'"):
        TextDetector(empty)
    (empty / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="describes no model"):
        family_of(empty)
    (empty / "config.json").write_text('{"model_type": "owlv2"}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        TextDetector(empty)


def test_without_the_extra_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = owlv2(tmp_path / "owl")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r"need transformers.*pip install 'limner\[text\]'"):
        TextDetector(folder)


def test_other_commands_load_no_transformers() -> None:
    code = (
        "import sys\nimport limner.cli.segment, limner.cli.annotate_folder, limner.heads.text\n"
        "assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    if isinstance(result.exception, LimnerError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_folder_is_annotated_by_phrases_and_an_image_segmented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    grounding_dino(tmp_path / "home" / "text" / "dino")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(noise()).save(photos / "a.png")
    loose = ("--box-threshold", 0, "--text-threshold", 0, "--sure", 0, "--device", "cpu")
    asked = ("annotate", photos, "--detector", "text:cat, red car", *loose)
    first = run(*asked)
    assert first.exit_code == 0, first.output
    written = json.loads(Path(f"{photos}.masks.json").read_bytes())
    assert [category["name"] for category in written["categories"]] == ["cat", "red car"]
    assert written["annotations"]
    for annotation in written["annotations"]:
        rle.validate(annotation["segmentation"], (90, 120))
    assert "(1 done already)" in run(*asked).output
    assert "(0 done already)" in run("annotate", photos, "--detector", "text:cat", *loose).output
    with pytest.raises(InvalidInput, match="Phrases are for folders"):
        run("annotate", "--project", "Cats", "--detector", "text:cat")

    out = tmp_path / "mask.png"
    told = run("segment", photos / "a.png", "--text", "red car", "--device", "cpu", "--out", out, "--json")
    facts = json.loads(told.output)
    assert facts["text_model"] == "dino"
    assert facts["objects"]
    mask = np.asarray(Image.open(out), bool)
    union = np.any([rle.decode(each["segmentation"]) for each in facts["objects"]], axis=0)
    assert np.array_equal(mask, union)
    assert {each["phrase"] for each in facts["objects"]} == {"red car"}
    with pytest.raises(InvalidPrompt, match="do not go together"):
        run("segment", photos / "a.png", "--text", "cat", "--point", "1,1", "--json")
    with pytest.raises(InvalidPrompt, match="--text-model goes with --text"):
        run("segment", photos / "a.png", "--text-model", "dino", "--point", "1,1", "--json")
