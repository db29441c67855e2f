"""Models and detectors of one machine come to the others that share the blobs, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from limner.blobs import BlobStore
from limner.jobs.shared_models import ModelExchange
from limner.models.catalogue import CARD_FILE, WEIGHTS_FILE, ModelCard, data_folder, find_model, model_folder
from limner.models.detectors import (
    DETECTOR_CARD,
    DETECTOR_GRAPH,
    detector_folder,
    find_detector,
    installed_detectors,
)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(str(tmp_path / "blobs"))


def machine(tmp_path: Path, name: str) -> Path:
    home = tmp_path / name
    home.mkdir()
    return home


def install(home: Path, name: str, weights: bytes) -> str:
    folder = model_folder(home, name)
    folder.mkdir(parents=True)
    (folder / WEIGHTS_FILE).write_bytes(weights)
    sha256 = hashlib.sha256(weights).hexdigest()
    card = ModelCard(name=name, title=name, family="samlet", licence="", weights_sha256=sha256)
    (folder / CARD_FILE).write_text(card.model_dump_json())
    return sha256


def test_what_one_machine_has_comes_to_the_other(tmp_path: Path, blobs: BlobStore) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    sha256 = install(one, "project-1-model-7", b"weights")
    came = next((data_folder() / "detectors").glob(f"*/{DETECTOR_CARD}"))
    mine = detector_folder(one, "mine")
    shutil.copytree(came.parent, mine)
    (mine / DETECTOR_CARD).write_text(came.read_text().replace(f'"{came.parent.name}"', '"mine"'))
    ModelExchange(one, blobs).exchange()
    exchange = ModelExchange(other, blobs)
    exchange.exchange()
    found = find_model("project-1-model-7", other)
    assert (found.card.weights_sha256, found.weights.read_bytes()) == (sha256, b"weights")
    detector = find_detector(other, "mine")
    assert detector.graph.read_bytes() == (mine / DETECTOR_GRAPH).read_bytes()
    assert {each.name for each in installed_detectors(other)} == {each.name for each in installed_detectors(one)}
    before = sorted(other.rglob("*"))
    exchange.exchange()
    assert sorted(other.rglob("*")) == before


def test_of_two_models_of_one_name_each_machine_keeps_its_own(tmp_path: Path, blobs: BlobStore) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    install(one, "mine", b"of one")
    install(other, "mine", b"of the other")
    exchanges = [ModelExchange(home, blobs) for home in (one, other)]
    for exchange in exchanges * 2:
        exchange.exchange()
    assert find_model("mine", one).weights.read_bytes() == b"of one"
    assert find_model("mine", other).weights.read_bytes() == b"of the other"


def test_what_is_not_whole_yet_or_damaged_is_not_installed(tmp_path: Path, blobs: BlobStore) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    sha256 = install(one, "mine", b"weights")
    key = f"models/model/mine/{sha256}"
    blobs.put(f"{key}/{WEIGHTS_FILE}", b"weight?")  # whoever copies it is not done
    exchange = ModelExchange(other, blobs)
    exchange.exchange()
    assert not model_folder(other, "mine").exists()
    blobs.put(f"{key}/{CARD_FILE}", model_folder(one, "mine") / CARD_FILE)
    exchange.exchange()
    assert not model_folder(other, "mine").exists(), "the weights are others"
    blobs.delete(f"{key}/{CARD_FILE}")
    blobs.put(f"{key}/{WEIGHTS_FILE}", b"weights", replace=True)
    ModelExchange(one, blobs).exchange()
    ModelExchange(other, blobs).exchange()
    assert find_model("mine", other).card.weights_sha256 == sha256
    assert not list((other / "models").glob(".*")), "nothing is left over"


def test_what_came_with_limner_is_not_copied(tmp_path: Path, blobs: BlobStore) -> None:
    ModelExchange(machine(tmp_path, "one"), blobs).exchange()
    assert list(blobs.list()) == []
