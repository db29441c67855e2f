"""Models and detectors of one machine come to the others that share the blobs, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from limner.blobs import BlobStore
from limner.config import Settings
from limner.errors import MissingWeights, StorageFull
from limner.jobs import shared_models
from limner.jobs.shared_models import ModelExchange
from limner.models.catalogue import (
    CARD_FILE,
    WEIGHTS_FILE,
    ModelCard,
    data_folder,
    find_model,
    look_through,
    model_folder,
)
from limner.models.detectors import (
    DETECTOR_CARD,
    DETECTOR_GRAPH,
    detector_folder,
    find_detector,
    installed_detectors,
    look_through_detectors,
)
from limner.service import wiring


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


def install_detector(home: Path, name: str) -> Path:
    came = next((data_folder() / "detectors").glob(f"*/{DETECTOR_CARD}"))
    folder = detector_folder(home, name)
    shutil.copytree(came.parent, folder)
    (folder / DETECTOR_CARD).write_text(came.read_text().replace(f'"{came.parent.name}"', f'"{name}"'))
    return folder


def added(home: Path) -> list[str]:
    """Names of models and detectors that did not come with Limner."""
    models = [each.name for each in look_through(home)[0] if not each.bundled]
    return models + [each.name for each in installed_detectors(home) if not each.bundled]


def test_what_one_machine_has_comes_to_the_other(tmp_path: Path, blobs: BlobStore) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    sha256 = install(one, "project-1-model-7", b"weights")
    mine = install_detector(one, "mine")
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


def test_what_is_still_being_fetched_is_not_installed_for_anybody(
    tmp_path: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    install(one, "mine", b"weights")
    install_detector(one, "mine")
    ModelExchange(one, blobs).exchange()
    elsewhere = BlobStore(str(tmp_path / "elsewhere"))
    seen: list[list[str]] = []
    given: list[list[tuple[str, int]]] = []

    def look(copy: shared_models._Copy, folder: Path) -> None:
        if folder.name.startswith("."):  # everything has arrived, and nobody has checked it
            seen.append(added(other))
            ModelExchange(other, elsewhere).exchange()  # of a second process on this machine
            given.append(list(elsewhere.list()))
        check(copy, folder)

    check = shared_models._check
    monkeypatch.setattr(shared_models, "_check", look)
    ModelExchange(other, blobs).exchange()
    assert (seen, given[0]) == ([[], ["mine"]], []), "each is there once it was checked"
    assert find_model("mine", other).weights.read_bytes() == b"weights"


def test_what_a_killed_process_had_fetched_in_part_is_not_installed_and_is_removed_later(
    tmp_path: Path, blobs: BlobStore
) -> None:
    home = machine(tmp_path, "one")
    install(home, "mine", b"weights")
    install_detector(home, "mine")
    left = [
        folder.rename(folder.with_name(f".{'a' * 16}.partial"))
        for folder in (model_folder(home, "mine"), detector_folder(home, "mine"))
    ]
    exchange = ModelExchange(home, blobs)
    exchange.exchange()
    assert added(home) == []
    assert list(blobs.list()) == []
    assert all(path.exists() for path in left), "somebody may be at it"
    for path in left:
        os.utime(path, (0, 0))
    exchange.exchange()
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("damage", ["unreadable", "not a card"])
def test_a_detector_whose_card_cannot_be_read_does_not_keep_the_others_from_being_exchanged(
    tmp_path: Path, blobs: BlobStore, damage: str
) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    install(one, "mine", b"weights")
    install_detector(one, "mine")
    ModelExchange(one, blobs).exchange()
    card = install_detector(other, "damaged") / DETECTOR_CARD
    card.write_text("{")
    if damage == "unreadable":  # also for who may read everything
        card.unlink()
        card.mkdir()
    install(other, "theirs", b"more weights")
    exchange = ModelExchange(other, blobs)
    with capture_logs() as lines:
        for _ in range(2):
            exchange.exchange()
    assert sum(str(card) in str(line) for line in lines) == 1, "it is named once"
    assert find_model("mine", other).weights.read_bytes() == b"weights"
    assert "mine" in {each.name for each in look_through_detectors(other)[0]}
    ModelExchange(one, blobs).exchange()
    assert find_model("theirs", one).weights.read_bytes() == b"more weights"
    settings = Settings(home=other, blob_url=blobs.url, database_url="postgresql://limner@localhost/limner", model="no")
    with pytest.raises(MissingWeights, match="'no'"):
        wiring._find_model(settings, blobs)


def test_a_model_for_which_there_is_no_room_lets_the_others_by_and_is_tried_again_after_pauses_that_grow(
    tmp_path: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    install(one, "a-large", b"large weights")
    install(one, "b-small", b"small")
    ModelExchange(one, blobs).exchange()
    now, tried, full = 0.0, list[float](), True

    def write(path: Path, data: Iterable[bytes]) -> None:
        content = b"".join(data)
        if content == b"large weights":
            tried.append(now)
            if full:
                raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(shared_models, "write_file", write)
    exchange = ModelExchange(other, blobs, clock=lambda: now)
    with capture_logs() as lines:
        while now < 4 * 3600:
            exchange.exchange()
            now += 10
    assert find_model("b-small", other).weights.read_bytes() == b"small"
    assert not model_folder(other, "a-large").exists()
    assert tried == [0, 30, 90, 210, 450, 930, 1890, 3810, 7410, 11010]
    assert str(lines).count("No space left on device") == 1, "it is named once"
    full = False
    now += 3600
    exchange.exchange()
    assert find_model("a-large", other).weights.read_bytes() == b"large weights"
    assert list((other / "models").glob(".*")) == []


def test_a_model_that_cannot_be_given_or_that_vanishes_lets_the_others_by(
    tmp_path: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    for name in ("a", "b", "c"):
        install(one, name, name.encode())
    put, find = blobs.put, blobs.find

    def refuse(key: str, data: bytes | Path, *, replace: bool = False) -> bool:
        if key.startswith("models/model/a/"):
            raise StorageFull("There is no space left on the server.")
        return put(key, data, replace=replace)

    monkeypatch.setattr(blobs, "put", refuse)
    ModelExchange(one, blobs).exchange()
    assert set(blobs.folders("models/model")) == {"b", "c"}
    monkeypatch.setattr(blobs, "find", lambda key: None if key.startswith("models/model/b/") else find(key))
    ModelExchange(other, blobs).exchange()
    assert {each.name for each in look_through(other)[0] if not each.bundled} == {"c"}


@pytest.mark.parametrize("weights", [(b"first", b"second"), (b"second", b"first"), (b"third", b"first")])
def test_of_several_models_of_one_name_a_machine_without_it_fetches_the_newest(
    tmp_path: Path, blobs: BlobStore, weights: tuple[bytes, bytes]
) -> None:
    for number, content in enumerate(weights):
        home = machine(tmp_path, f"giver-{number}")
        sha256 = install(home, "mine", content)
        ModelExchange(home, blobs).exchange()
        os.utime(tmp_path / "blobs" / f"models/model/mine/{sha256}" / CARD_FILE, (number + 1, number + 1))
    late = machine(tmp_path, "late")
    ModelExchange(late, blobs).exchange()
    assert find_model("mine", late).weights.read_bytes() == weights[1]
    ModelExchange(tmp_path / "giver-0", blobs).offer("mine")
    later = machine(tmp_path, "later")
    for home in (later, late):
        ModelExchange(home, blobs).exchange()
    assert find_model("mine", later).weights.read_bytes() == weights[0], "what was offered last"
    assert find_model("mine", late).weights.read_bytes() == weights[1], "each machine keeps its own"


def test_of_models_written_in_the_same_moment_every_machine_fetches_the_same(tmp_path: Path, blobs: BlobStore) -> None:
    for number in range(5):
        home = machine(tmp_path, f"giver-{number}")
        sha256 = install(home, "mine", bytes([number]))
        ModelExchange(home, blobs).exchange()
        os.utime(tmp_path / "blobs" / f"models/model/mine/{sha256}" / CARD_FILE, (1, 1))
    newest = max(hashlib.sha256(bytes([number])).hexdigest() for number in range(5))
    for name in ("late", "later"):
        home = machine(tmp_path, name)
        ModelExchange(home, blobs).exchange()
        assert find_model("mine", home).card.weights_sha256 == newest


def test_a_damaged_copy_that_is_offered_anew_is_fetched_without_a_pause(tmp_path: Path, blobs: BlobStore) -> None:
    one, other = machine(tmp_path, "one"), machine(tmp_path, "other")
    sha256 = install(one, "mine", b"weights")
    blobs.put(f"models/model/mine/{sha256}/{WEIGHTS_FILE}", b"weight?")
    giver, exchange = ModelExchange(one, blobs), ModelExchange(other, blobs, clock=lambda: 0)
    giver.exchange()
    exchange.exchange()
    assert not model_folder(other, "mine").exists()
    giver.offer("mine")
    exchange.exchange()
    assert find_model("mine", other).weights.read_bytes() == b"weights"
    with pytest.raises(MissingWeights, match="yours"):
        giver.offer("yours")
