"""A recipe measured on what it was not trained on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli import cli
from limner.errors import InvalidFile, InvalidInput
from limner.train.config import read_config
from limner.train.evaluation import Protocol
from limner.train.leave_one_out import FINISHED, TrainingStopped, leave_one_source_out, source_groups
from limner.train.loop import CHECKPOINT, LOG
from limner.train.state import read_checkpoint
from tests.train.helpers import interrupt_after, write_photo

RECIPE = """
[run]
output = "{folder}/run"
processes = 2
workers = 0
[schedule]
steps = 2
warmup = 1
log_every = 1
[[sizes]]
size = 64
images = 1
share = 1
[prompts]
per_image = 1
[photos]
share = 1
folders = ["{folder}/photos"]
[model]
backbone = "convolutions"
image_size = 64
encoder_widths = [8, 8, 16, 16, 16]
encoder_depths = [1, 1, 1, 1]
embed_dim = 16
decoder_channels = 16
upscale_channels = [8, 8, 4]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for shade in range(9):
        write_photo(tmp_path / "photos", f"p{shade}", shade=shade, source=("a", "b", "c")[shade % 3])
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(folder=tmp_path))
    return path


def test_every_source_is_measured_without_having_been_trained_on(recipe: Path, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    arguments = ["evaluate", "--leave-one-source-out", str(recipe), "--no-noc", "--clicks", "1,2", "--json"]
    result = CliRunner().invoke(cli, [*arguments, str(target), "--sources", "a,b+c"], catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(target.read_text())
    assert figures["model"] == "recipe"
    assert {name: source["masks"] for name, source in figures["sources"].items()} == {"a": 6, "b+c": 12}
    assert set(figures["miou"]) == {"1", "2"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"without-a", "without-b+c"}


def test_a_finished_training_is_not_repeated(recipe: Path, tmp_path: Path) -> None:
    config, protocol = read_config(recipe), Protocol(clicks=(1,))
    (first,) = leave_one_source_out(config, [("a",)], protocol)
    (again,) = leave_one_source_out(config, [("a",)], protocol)
    assert first == again
    assert len((tmp_path / "run" / "without-a" / LOG).read_text().splitlines()) == 2


def test_a_training_that_was_told_to_stop_is_not_measured_but_resumed(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, protocol = read_config(recipe), Protocol(clicks=(1,))
    folder = tmp_path / "run" / "without-a"
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(TrainingStopped, match="without a stopped after 1 of 2 steps"):
            list(leave_one_source_out(config, [("a",)], protocol))
    assert not (folder / FINISHED).exists()
    (resumed,) = leave_one_source_out(config, [("a",)], protocol)
    assert read_checkpoint(folder / CHECKPOINT)["step"] == 2
    elsewhere = dataclasses.replace(config, run=dataclasses.replace(config.run, output=tmp_path / "elsewhere"))
    (uninterrupted,) = leave_one_source_out(elsewhere, [("a",)], protocol)
    assert resumed == uninterrupted


def test_sources_are_all_of_them_or_those_that_are_named(recipe: Path) -> None:
    config = read_config(recipe)
    assert source_groups(None, config) == [("a",), ("b",), ("c",)]
    assert source_groups("c, a+b", config) == [("c",), ("a", "b")]
    with pytest.raises(InvalidFile, match="'coco'"):
        source_groups("a,coco", config)


def test_a_recipe_and_folders_are_not_measured_together(recipe: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", str(tmp_path / "photos"), "--leave-one-source-out", str(recipe)]
    with pytest.raises(InvalidInput, match="names its photos itself"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False)
    with pytest.raises(InvalidInput, match="nothing to measure on"):
        CliRunner().invoke(cli, ["evaluate"], catch_exceptions=False)
    with pytest.raises(InvalidInput, match="More than one"):
        CliRunner().invoke(cli, [*arguments, "--model", "samlet"], catch_exceptions=False)


def test_figures_of_another_recipe_are_not_passed_off_as_its_own(recipe: Path, tmp_path: Path) -> None:
    config, protocol = read_config(recipe), Protocol(clicks=(1,))
    list(leave_one_source_out(config, [("a",)], protocol))
    slower = dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, learning_rate=1e-5))
    with pytest.raises(InvalidFile, match="another recipe"):
        list(leave_one_source_out(slower, [("a",)], protocol))
    write_photo(tmp_path / "photos", "one_more", shade=40, source="b")
    with pytest.raises(InvalidFile, match="other photos"):
        list(leave_one_source_out(config, [("a",)], protocol))
