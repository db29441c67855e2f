"""A model that was adapted without its encoder makes the embeddings of the one before: detectors go on reading them."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor

from limner.errors import InvalidInput
from limner.models.catalogue import bundled_models, same_encoder
from limner.models.checkpoints import read_state, write_state
from limner.models.detectors import choose_detector, usable_detectors
from limner.models.install import encoder_digest, install_file

SAMLET = next(model for model in bundled_models() if model.name == "samlet")


def changed(home: Path, part: str, name: str) -> str:
    """Install Samlet with other values in one tensor of a part; the sha256 of its weights."""
    state: dict[str, Tensor] = dict(read_state(SAMLET.weights))
    tensor = next(key for key in sorted(state) if key.startswith(part) and state[key].is_floating_point())
    state[tensor] = state[tensor] + 1
    home.mkdir(exist_ok=True)
    write_state(state, home / "other.safetensors", {"family": "samlet"})
    return install_file(home / "other.safetensors", home, name=name).card.weights_sha256


def test_the_card_of_the_bundled_model_names_its_encoder() -> None:
    assert SAMLET.card.encoder_sha256 == encoder_digest("samlet", read_state(SAMLET.weights))


def test_a_model_with_another_decoder_is_read_by_the_same_detectors(tmp_path: Path) -> None:
    home, samlet = tmp_path / "home", SAMLET.card.weights_sha256
    adapted = changed(home, "decoder.", "adapted")
    assert same_encoder(home, adapted) == same_encoder(home, samlet) == {samlet, adapted}
    known = [detector.name for detector in usable_detectors(home, 1, samlet)]
    assert known == [detector.name for detector in usable_detectors(home, 1, adapted)] == ["objects"]
    assert choose_detector(home, 1, adapted, "objects").name == "objects"


def test_a_model_with_another_encoder_is_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    retrained = changed(home, "encoder.", "retrained")
    assert same_encoder(home, retrained) == {retrained}
    assert not usable_detectors(home, 1, retrained)
    with pytest.raises(InvalidInput, match="reads embeddings by samlet"):
        choose_detector(home, 1, retrained, "objects")
