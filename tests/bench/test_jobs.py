"""`limner bench jobs` with few images: every figure is there, and nothing but figures is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.bench import jobs
from limner.cli import cli


def test_every_figure_is_taken_and_no_log_line_is_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "IMAGES", 160)
    monkeypatch.setattr(jobs, "OUTAGE", 0.5)
    monkeypatch.setattr(jobs, "HANG_NOTICED_AFTER", 2.0)
    document = tmp_path / "jobs.json"
    run = CliRunner().invoke(cli, ["bench", "jobs", "--images", "100", "--json", str(document)])
    assert run.exception is None, run.output
    results = {each["case"]: each for each in json.loads(document.read_text())["results"]}
    assert list(results) == [
        "batch fill",
        "decoded ahead",
        "write lock per finished image, 100 images",
        "recovery from an outage of the database",
        "recovery from a hung worker",
    ]
    assert "160 images done, 160 encoded" in results["recovery from an outage of the database"]["notes"]
    assert "step=encoded" not in run.output
