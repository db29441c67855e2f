from __future__ import annotations

from pathlib import Path

import pytest

from limner.errors import InvalidFile
from limner.train.config import Project, read_config

RECIPES = Path(__file__).parents[2] / "server" / "limner" / "train" / "recipes"
GOOD = """
[run]
output = "runs/x"
[schedule]
steps = 10
learning_rate = 1
[[sizes]]
size = 64
images = 2
share = 1.0
[scenes]
share = 1.0
"""


def read(folder: Path, text: str) -> object:
    path = folder / "run.toml"
    path.write_text(text)
    return read_config(path)


def test_reads_what_it_says_and_fills_in_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(GOOD)
    config = read_config(path)
    assert config.run.output == Path("runs/x")
    assert config.schedule.learning_rate == 1.0
    assert config.prompts.boxes == 0.4
    assert config.photos is None


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_are_valid(recipe: Path) -> None:
    assert read_config(recipe).schedule.steps > 0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('output = "runs/x"', "", "run: 'output' is missing"),
        ("steps = 10", "step = 10", "schedule: 'step' is unknown"),
        ("steps = 10", 'steps = "ten"', "schedule: steps: 'ten' will not do"),
        ("steps = 10", "steps = true", "schedule: steps: True will not do"),
        ("size = 64", "size = 70", "70 is no multiple of 32"),
        ("[scenes]\nshare = 1.0", "", "names no data"),
        ("[scenes]", '[prompts]\nschedule = "long"\n[scenes]', "'long' will not do.*'short' or 'paper'"),
        ("[scenes]", "[prompts]\nboxes = 0.8\nboxes_with_click = 0.3\n[scenes]", "more than 1"),
        ("[scenes]", "[prompts]\nper_image = 0\n[scenes]", "per_image is 0"),
        ("[scenes]", "[prompts]\nlayers = [0, 0, 0]\n[scenes]", "not all 0"),
        ("images = 2", "images = 0", "a step has 0 images"),
        ("[scenes]", "[model]\nencoder_depths = [1, 2]\n[scenes]", "a list of 4"),
        ("[run]", "[run", "no valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in GOOD
    with pytest.raises(InvalidFile, match=message):
        read(tmp_path, GOOD.replace(before, after, 1))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"none\.toml cannot be read"):
        read_config(tmp_path / "none.toml")


def test_a_project_alone_is_a_source(tmp_path: Path) -> None:
    text = GOOD.replace("[scenes]\nshare = 1.0\n", '[[projects]]\nhome = "lab"\nname = "birds"\n')
    (tmp_path / "run.toml").write_text(text)
    assert read_config(tmp_path / "run.toml").projects == (Project(Path("lab"), "birds"),)


def test_a_scene_is_used_at_least_once(tmp_path: Path) -> None:
    text = '[run]\noutput = "x"\n[schedule]\nsteps = 1\n[[sizes]]\nsize = 64\nimages = 1\nshare = 1\n'
    (tmp_path / "run.toml").write_text(f"{text}[scenes]\nshare = 1\nreuse = 0\n")
    with pytest.raises(InvalidFile, match="reuse is 0"):
        read_config(tmp_path / "run.toml")
