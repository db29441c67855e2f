"""The decoder's benchmark compares like with like, and can be run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from limner.bench import browser, decoder
from limner.bench.contenders import MODELS, PUBLISHED, cases_of, reference_of, write_contenders
from limner.bench.harness import Result, summary
from limner.bench.performance import write_page
from limner.cli.bench import bench
from limner.errors import Unavailable
from limner.models.registry import build_model
from limner_onnx.check import OnnxModel


@pytest.mark.parametrize("name", ["sam_vit_b", "sam2_1_tiny"])
def test_both_sides_answer_the_same(tmp_path: Path, name: str) -> None:
    model, _ = write_contenders(tmp_path, (name,))[name]
    features = decoder.features_of(model)
    reference = reference_of(name)
    assert reference.model == name
    published = decoder.Session(tmp_path / reference.file, 1)
    ours = OnnxModel(tmp_path / name / "prepare.onnx", tmp_path / name / "decode.onnx", 1)
    for case in cases_of(model.config):
        rows, columns = (4 * cells for cells in case.valid_size)
        arrays = decoder.prompt_of(model, case)
        theirs = published.click(features, arrays)()
        masks, iou = ours.decode(ours.prepare(features, case.valid_size), arrays)
        assert isinstance(theirs, list)
        difference = masks[..., :rows, :columns] - theirs[0][..., :rows, :columns]
        assert np.abs(difference).max() < 1e-4 * np.abs(theirs[0]).max()
        assert np.abs(iou - theirs[1]).max() < 1e-4 * np.abs(theirs[1]).max()


def test_command_writes_the_figures(tmp_path: Path) -> None:
    path, page = tmp_path / "decoder.json", tmp_path / "performance.md"
    options = ["--no-browser", "--threads", "1", "--rounds", "1", "--json", str(path), "--markdown", str(page)]
    result = CliRunner().invoke(bench, ["decoder", *options], catch_exceptions=False)
    assert result.exit_code == 0
    results = json.loads(path.read_text())["results"]
    cases = [case for name in MODELS for case in cases_of(build_model(name).config)]
    assert len(results) == len(cases) + len(PUBLISHED)
    assert all(entry["ratio"] > 0 and entry["reference"].startswith(("official", "plain export")) for entry in results)
    assert "| sam_vit_b: 5 points and mask |" in result.output
    assert "## Native, 1 thread(s)" in page.read_text()
    assert "| samlet: prepare and decode |" in page.read_text()


def test_the_page_has_one_table_for_each_place(tmp_path: Path) -> None:
    figures = summary([1.0, 2.0, 3.0])
    places = ("native, 1 thread(s)", "native, 1 thread(s)", "Chromium, 2 thread(s)")
    results = [
        Result(f"case {n}", "limner", "official", 0.5, figures, figures, notes) for n, notes in enumerate(places)
    ]
    write_page(results, {"graphs": 12_345_678}, tmp_path / "docs" / "performance.md")
    text = (tmp_path / "docs" / "performance.md").read_text()
    assert text.count("| case | subject |") == 2
    assert "| graphs | 12.3 |" in text
    assert text.index("case 1") < text.index("## Chromium, 2 thread(s)") < text.index("case 2")


def test_without_the_page_the_browser_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "WEB", tmp_path / "nowhere")
    with pytest.raises(Unavailable, match="checkout"):
        list(browser.run(tmp_path, {}, (1,), 1))
