"""Embeddings below a size: the least needed go, never what somebody needs, and whoever reads meanwhile is served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from sqlalchemy import select, update

from limner.blobs import BlobStore, embedding_key
from limner.cli import cli
from limner.config import Settings
from limner.encoding.states import EncodeEvent, Target
from limner.encoding.stored import embedding_size, open_embedding
from limner.errors import NotFound
from limner.jobs import embedding_cap
from limner.jobs.embedding_cap import EmbeddingCap
from limner.jobs.encoding import EncodingQueue
from limner.jobs.sweeper import Sweeper
from limner.models.catalogue import find_model
from limner.models.in_use import Models
from limner.models.manifest import PREPROCESSING_VERSION
from limner.store import Database
from limner.store.embedding_use import MOST_WORTH, first_to_go, removal_order
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Embedding, Image
from limner.store.types import utc_now
from limner.vocabulary.geometry import Region
from tests.conftest import embedding_bytes
from tests.s3 import KEYS, make_bucket, s3_server

KEY = EmbeddingKey("a" * 64, PREPROCESSING_VERSION)
COSTLY = EmbeddingKey("b" * 64, PREPROCESSING_VERSION)
CONTENT = embedding_bytes()
SIZE = len(CONTENT)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return BlobStore(str(tmp_path / "blobs"))
    endpoint = request.getfixturevalue("s3_endpoint")
    return BlobStore(
        f"s3://{make_bucket(endpoint)}/limner",
        config={**KEYS, "endpoint": endpoint, "aws_region": "us-east-1"},
        client_options={"allow_http": True},
    )


def sha(number: int) -> str:
    return f"{number:064x}"


@dataclass(frozen=True)
class World:
    """Images with embeddings, of which the first was used longest ago."""

    database: Database
    blobs: BlobStore

    def add(self, number: int, days: float, seconds: float = 0.0, key: EmbeddingKey = KEY, *forms: str) -> None:
        """An embedding that was last used so many days ago, with a region and other forms of it."""
        named = (sha(number), key.model_sha256, key.preprocessing_version)
        self.blobs.put(embedding_key(*named), CONTENT)
        for form in forms:
            self.blobs.put(embedding_key(*named, form), CONTENT)
        used = utc_now() - days * DAY
        with self.database.write() as session:
            add_embeddings(session, key, [MadeEmbedding(sha(number), seconds, SIZE * (1 + len(forms)))])
            row = (Embedding.image_sha256 == sha(number)) & (Embedding.model_sha256 == key.model_sha256)
            order = removal_order(used, seconds, SIZE)
            session.execute(update(Embedding).where(row).values(last_used=used, removal_order=order))

    def cap(self, embeddings: float) -> EmbeddingCap:
        """One that so many of the size of these fit into."""
        return EmbeddingCap(self.database, self.blobs, int(embeddings * SIZE))

    def left(self, key: EmbeddingKey = KEY) -> set[int]:
        """Which images have embeddings, by rows and blobs alike."""
        with self.database.read() as session:
            rows = session.scalars(select(Embedding.image_sha256).where(Embedding.model_sha256 == key.model_sha256))
            named = {int(each, 16) for each in rows}
        stored = [blob for blob, _ in self.blobs.list(f"embeddings/{key.model_sha256}")]
        assert {int(blob.rsplit("/", 1)[-1].partition(".")[0], 16) for blob in stored if "-" not in blob} == named
        return named


@pytest.fixture
def world(database: Database, blobs: BlobStore) -> World:
    return World(database, blobs)


def test_those_used_longest_ago_go_until_the_rest_fits(world: World) -> None:
    for number in range(5):
        world.add(number, days=10 - number)
    assert world.cap(3).enforce() == 2
    assert world.left() == {2, 3, 4}
    assert world.cap(3).enforce() == 0


def test_without_a_limit_nothing_goes_and_no_use_is_written_down(world: World) -> None:
    world.add(1, days=1000)
    world.cap(0).use(Target(sha(1), KEY.model_sha256))
    assert world.cap(0).enforce() == 0
    assert world.left() == {1}
    with world.database.read() as session:
        assert session.scalars(select(Embedding.last_used)).one() < utc_now() - 999 * DAY


def test_what_costs_more_to_make_again_is_kept_longer(world: World) -> None:
    """A second for a MiB makes up for a day: three seconds outweigh two days, half a second does not."""
    seconds_per_mib = SIZE / (1 << 20)
    world.add(1, days=4, seconds=3 * seconds_per_mib, key=COSTLY)
    world.add(2, days=2)
    world.add(3, days=4, seconds=0.5 * seconds_per_mib)
    assert world.cap(1).enforce() == 2
    assert (world.left(), world.left(COSTLY)) == (set(), {1})
    assert removal_order(utc_now(), 1e9, 1) <= utc_now() + MOST_WORTH


def test_what_was_just_made_or_used_stays_though_it_is_too_much(world: World) -> None:
    """Otherwise a precompute job of a large project would remove what it made a moment before."""
    for number in range(3):
        world.add(number, days=0.9 / 24)
    world.add(9, days=30)
    world.add(10, days=40)
    world.cap(1).use(Target(sha(10), KEY.model_sha256))
    assert world.cap(1).enforce() == 1
    assert world.left() == {0, 1, 2, 10}
    assert world.cap(1).enforce(utc_now() + 2 * HOUR) == 3, "an hour later they go, the one used last excepted"
    assert world.left() == {10}


def test_what_somebody_works_on_or_is_handed_next_stays(world: World) -> None:
    world.add(1, days=30)
    world.add(2, days=20)
    with world.database.write() as session:
        project = create_project(session, "Cats").id
        image = add_image(session, project, NewImage("1.png", 4, 3, sha(1), 5, "PNG", "image/png"))[0]
        image.lease_until, image.lease_reserved = utc_now() + HOUR, True
    assert world.cap(0.5).enforce() == 1
    assert world.left() == {1}
    with world.database.write() as session:
        session.execute(update(Image).values(lease_until=utc_now() - HOUR))
    assert world.cap(0.5).enforce() == 1


def test_everything_made_of_an_embedding_counts_and_goes_with_it(world: World) -> None:
    world.add(1, 30, 0.0, KEY, "i8")
    world.blobs.put(embedding_key(sha(1), KEY.model_sha256, PREPROCESSING_VERSION, region=Region(0, 0, 64, 32)), b"xy")
    world.cap(0).grew(Target(sha(1), KEY.model_sha256), 2)
    assert world.cap(0).taken() == 2 * SIZE + 2
    assert world.cap(1).enforce() == 1
    assert list(world.blobs.list()) == []


def test_a_region_that_was_encoded_counts_with_its_image(world: World, settings: Settings) -> None:
    world.add(1, days=1)
    models = Models(settings.home, find_model(settings.model, settings.home))
    region = Target(sha(1), KEY.model_sha256, Region(0, 0, 64, 32))
    EncodingQueue(world.database, models, "me").settle([EncodeEvent(region, "ready", seconds=1.0, bytes=77)])
    assert world.cap(0).taken() == SIZE + 77


def test_a_removed_embedding_is_encoded_again_and_remembered_again(world: World) -> None:
    world.add(1, days=30)
    assert world.cap(0.5).enforce() == 1
    key = embedding_key(sha(1), KEY.model_sha256, KEY.preprocessing_version)
    assert embedding_size(world.blobs, key) is None
    with pytest.raises(NotFound):
        open_embedding(world.blobs, key)
    world.add(1, days=0)
    assert world.left() == {1}
    assert embedding_size(world.blobs, key) == SIZE


def test_an_embedding_that_is_asked_for_while_it_is_being_removed_is_found_whole_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader comes when the row is deleted and the blob is not: it waits, and then finds nothing."""
    world.add(1, days=30)
    deleting, finished = threading.Event(), threading.Event()
    seen: list[str] = []
    cap = world.cap(0.5)
    delete = BlobStore.delete

    def slowly(store: BlobStore, key: str) -> None:
        deleting.set()
        finished.wait(0.3)  # the reader has that long to go wrong
        delete(store, key)

    def read() -> None:
        assert deleting.wait(30)
        cap.use(Target(sha(1), KEY.model_sha256))
        try:
            blob = open_embedding(world.blobs, embedding_key(sha(1), KEY.model_sha256, PREPROCESSING_VERSION))
            seen.append("whole" if blob.read() == CONTENT else "cut")
        except NotFound:
            seen.append("none")

    monkeypatch.setattr(BlobStore, "delete", slowly)
    reader = threading.Thread(target=read)
    reader.start()
    assert cap.enforce() == 1
    finished.set()
    reader.join(30)
    assert seen in (["whole"], ["none"])
    assert world.left() == set()


def test_a_reader_that_came_first_keeps_the_embedding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody opens an image between the choice of what is to go and its turn."""
    world.add(1, days=30)
    world.add(2, days=20)
    cap = world.cap(1.5)
    real = EmbeddingCap._remove

    def late(self: EmbeddingCap, stored: object, now: object) -> bool:
        if getattr(stored, "image_sha256", "") == sha(1):
            cap.use(Target(sha(1), KEY.model_sha256))
        return real(self, stored, now)  # type: ignore[arg-type]

    monkeypatch.setattr(EmbeddingCap, "_remove", late)
    assert cap.enforce() == 1
    assert world.left() == {1}, "the next one went in its place"


def test_a_blob_that_is_removed_between_found_and_read_is_not_found(tmp_path: Path) -> None:
    blobs = BlobStore(str(tmp_path / "blobs"))
    blobs.put("a", b"bytes")
    found = blobs.open("a")
    blobs.delete("a")
    for read in (found.read, lambda: found.head(2)):
        with pytest.raises(NotFound, match="removed"):
            read()


def test_two_processes_remove_no_more_than_is_too_much(world: World) -> None:
    for number in range(12):
        world.add(number, days=20 - number)
    removed: list[int] = []
    threads = [threading.Thread(target=lambda: removed.append(world.cap(8).enforce())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(removed) == 4
    assert world.left() == set(range(4, 12))


def test_what_another_process_removes_meanwhile_is_not_removed_from_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        world.add(number, days=20 - number)
    others: list[int] = []

    def after_the_other(*arguments: Any) -> Any:
        if not others:
            others.append(0)
            others[0] = world.cap(8).enforce()
        return first_to_go(*arguments)

    monkeypatch.setattr(embedding_cap, "first_to_go", after_the_other)
    assert world.cap(8).enforce() == 0
    assert others == [4]
    assert world.left() == set(range(4, 12))


def test_the_sweeper_and_the_command_keep_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    database = Database(f"sqlite:///{home / 'limner.db'}")
    migrate(database)
    world = World(database, BlobStore(str(home / "blobs")))
    for number in range(4):
        world.add(number, days=20 - number)
    sweeper = Sweeper(database, world.blobs, "me", world.cap(3))
    sweeper.start()
    sweeper.stop()
    assert world.left() == {1, 2, 3}
    monkeypatch.setenv("LIMNER_MAX_EMBEDDING_BYTES", str(2 * SIZE))
    answer = CliRunner().invoke(cli, ["sweep", "--home", str(home)])
    assert "1 embedding over the limit removed" in answer.output
    assert world.left() == {2, 3}
    database.close()


def test_the_limit_is_given_in_bytes_or_with_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_MAX_EMBEDDING_BYTES", "1.5GB")
    assert Settings().max_embedding_bytes == 1_500_000_000
    assert Settings().environment()["LIMNER_MAX_EMBEDDING_BYTES"] == "1500000000"
    for wrong in ("much", "-1"):
        monkeypatch.setenv("LIMNER_MAX_EMBEDDING_BYTES", wrong)
        with pytest.raises(ValidationError, match="max_embedding_bytes"):
            Settings()
