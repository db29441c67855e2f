"""``limner finetune``: from an installed model to a file that can be installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli.finetune import finetune
from limner.errors import InvalidInput
from limner.models.checkpoints import read_state
from limner.models.registry import infer_family
from tests.train.helpers import write_photo


def test_a_step_leaves_weights_that_can_be_installed(tmp_path: Path) -> None:
    for shade in range(4):
        write_photo(tmp_path / "photos", f"p{shade}", shade=shade)
    options = ["--on", str(tmp_path / "photos"), "--adapt", "encoder", "--steps", "1", "--masks", "1"]
    places = ["--out", str(tmp_path / "run"), "--home", str(tmp_path / "home")]
    result = CliRunner().invoke(finetune, ["samlet", *options, *places], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    weights = tmp_path / "run" / "weights.safetensors"
    assert f"limner models add {weights}" in result.output
    assert infer_family(read_state(weights), weights.name) == "samlet"


def test_it_needs_something_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing to learn from"):
        CliRunner().invoke(finetune, ["samlet", "--home", str(tmp_path)], catch_exceptions=False)
