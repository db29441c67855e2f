"""Promotion: better on held-out masks or refused, remembered, and taken back. Samlet against random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli.models import models
from limner.config import Settings
from limner.errors import Conflict, InvalidFile, MissingWeights, ModelError
from limner.models.catalogue import find_model
from limner.models.checkpoints import write_state
from limner.models.default import read_default
from limner.models.install import install_file
from limner.models.registry import build_model
from tests.train.helpers import write_photo


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough photos that some are held out: every tenth is, by its hash."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(40):
        write_photo(folder, f"photo{number}", shade=number)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with random weights installed beside the bundled Samlet."""
    weights = tmp_path / "random.safetensors"
    write_state(build_model("samlet", seed=1).state_dict(), weights, {})
    install_file(weights, tmp_path / "home", name="random", family="samlet", licence="")
    return tmp_path / "home"


def run(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(models, [*arguments, "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_worse_model_is_refused_and_nothing_changes(home: Path, photos: Path) -> None:
    with pytest.raises(Conflict, match="random is not shown to be better than samlet"):
        run(home, "promote", "random", "--on", str(photos))
    assert Settings(home=home).model == "samlet"


def test_a_better_model_is_promoted_remembered_and_rolled_back(home: Path, photos: Path, tmp_path: Path) -> None:
    (home / "models" / "default.json").write_text('{"name": "random"}')
    figures = tmp_path / "figures.json"
    output = run(home, "promote", "samlet", "--on", str(photos), "--json", str(figures))
    assert "samlet is the default now, instead of random" in output
    assert json.loads(figures.read_text())["second_is_better"] is True
    assert Settings(home=home).model == "samlet"
    assert read_default(home).earlier == ("random",)
    assert "random is the default again" in run(home, "rollback")
    assert Settings(home=home).model == "random"
    with pytest.raises(Conflict, match="nothing to go back to"):
        run(home, "rollback")
    assert find_model("samlet", home).name == "samlet"


def test_comparing_changes_nothing_and_prints_intervals(home: Path, photos: Path) -> None:
    output = run(home, "compare", "random", "samlet", "--on", str(photos), "--images", "2")
    assert "95 % interval" in output
    assert "3 clicks" in output
    assert read_default(home).name == "samlet"


def test_what_cannot_be_promoted_is_named(home: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="nothing-like-it"):
        run(home, "promote", "nothing-like-it", "--on", str(photos))
    with pytest.raises(Conflict, match="samlet is the default already"):
        run(home, "promote", "samlet", "--on", str(photos))
    with pytest.raises(InvalidFile, match="holds no photos"):
        run(home, "promote", "random", "--on", str(tmp_path))
    (home / "models" / "default.json").write_text("{")
    with pytest.raises(ModelError, match="does not name a default model"):
        Settings(home=home)
