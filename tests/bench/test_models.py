"""The benchmarks of encoders, of segmenting everything and of all models can be run, and say what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from limner.bench import everything as everything_module
from limner.bench import models
from limner.bench.memory import compare_with_memory, cost_of
from limner.cli.bench import bench
from limner.errors import InvalidFile, InvalidInput
from limner.models.catalogue import KNOWN_MODELS
from limner.models.registry import build_sam
from tests.sam.reference import SMALL_B, reference_sam


def test_peak_memory_is_that_of_the_call() -> None:
    kept = torch.ones(50 << 18)  # 50 MB that were there before
    cost = cost_of(lambda: torch.ones(100 << 18).sum())
    if cost.peak is None:
        pytest.skip("this system does not tell")
    assert 95 < cost.peak < 140
    assert kept.sum() > 0


def test_a_comparison_tells_time_and_memory() -> None:
    result = compare_with_memory(
        "sum", ("small", lambda: torch.ones(1 << 18).sum()), ("large", lambda: torch.ones(1 << 24).sum()), rounds=2
    )
    assert result.ratio == pytest.approx(result.subject_ms.median / result.reference_ms.median, rel=0.5)
    if result.memory_ratio is not None:
        assert result.memory_ratio < 0.5


def test_encoder(tmp_path: Path) -> None:
    target = tmp_path / "encoder.json"
    arguments = ["encoder", "--rounds", "1", "--family", "samlet", "--home", str(tmp_path), "--json", str(target)]
    assert CliRunner().invoke(bench, arguments, catch_exceptions=False).exit_code == 0
    results = json.loads(target.read_text())["results"]
    assert [result["subject"] for result in results] == ["limner, float32", "limner, bfloat16", "limner, onnxruntime"]
    assert {result["reference"] for result in results} == {"plain torch float32"}
    assert sum("what the card chooses" in result["notes"] for result in results) == 1


def test_everything_compares_the_same_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = reference_sam(SMALL_B, 0)
    monkeypatch.setattr(everything_module, "build_model", lambda *_: build_sam("sam_vit_b", SMALL_B).eval())
    monkeypatch.setattr(
        everything_module,
        "reference_package",
        lambda: type("Package", (), {"sam_model_registry": {"vit_b": lambda checkpoint: small}}),
    )
    monkeypatch.setattr(everything_module, "HEIGHT", 60)
    monkeypatch.setattr(everything_module, "WIDTH", 90)
    target = tmp_path / "everything.json"
    arguments = ["everything", "--points-per-side", "3", "--json", str(target)]
    assert CliRunner().invoke(bench, arguments, catch_exceptions=False).exit_code == 0
    (result,) = json.loads(target.read_text())["results"]
    assert result["reference"] == "segment-anything"
    ours, theirs = result["notes"].rsplit("; ", 1)[1].replace(" masks", "").split(" against ")
    assert int(ours) > 0
    assert abs(int(ours) - int(theirs)) <= 1


def test_models_that_were_measured_are_not_measured_again(tmp_path: Path) -> None:
    kept = tmp_path / "rows.json"
    arguments = ["models", "--rounds", "1", "--home", str(tmp_path), "--json", str(kept)]
    assert CliRunner().invoke(bench, [*arguments, "--family", "samlet"], catch_exceptions=False).exit_code == 0
    content = json.loads(kept.read_text())
    (row,) = content["rows"]
    assert (row["name"], row["installed"]) == ("samlet", True)
    assert row["encoder_seconds"] > 0
    row["encoder_seconds"] = 77.0
    kept.write_text(json.dumps(content))
    again = CliRunner().invoke(bench, [*arguments, "--family", "samlet"], catch_exceptions=False)
    assert "| 77.00 |" in again.output
    other = CliRunner().invoke(bench, [*arguments, "--threads", "2"])
    assert isinstance(other.exception, InvalidInput)
    kept.write_text("[]")
    assert isinstance(CliRunner().invoke(bench, arguments).exception, InvalidFile)


def test_models_fill_their_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{models.BEGIN}\nold\n{models.END}\n\nThe rest.\n")
    arguments = ["models", "--rounds", "1", "--family", "samlet", "--home", str(tmp_path), "--markdown", str(page)]
    assert CliRunner().invoke(bench, arguments, catch_exceptions=False).exit_code == 0
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("# Title", "The rest.")
    assert "old" not in lines
    rows = {line.split(" | ")[0].strip("| "): line for line in lines if line.startswith("| ")}
    others = {f"{name} ¹" for name in KNOWN_MODELS if name != "samlet"}
    assert set(rows) == {"model", "samlet", *others}
    assert {"sam_vit_b ¹", "mobile_sam ¹", "sam2_1_tiny ¹"} <= others
    assert {line.count("|") for line in rows.values()} == {11}
    assert models.UNKNOWN in rows["sam_vit_h ¹"]


def test_a_page_without_a_place_for_the_table_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(InvalidFile, match="no place for the table"):
        models.write_into(page, "| table |")
    assert page.read_text() == "nothing"
