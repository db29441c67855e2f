"""Blobs of deleted images: kept for a day, then removed, never while somebody names them or is about to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from limner.atomic import SUFFIX
from limner.blobs import BlobStore, display_key, embedding_key, image_key, thumbnail_key
from limner.cli import cli
from limner.encoding.wire import DTYPES
from limner.jobs import queue
from limner.jobs import sweep as sweep_module
from limner.jobs.kinds import SWEEP
from limner.jobs.sweep import find_unreferenced, revive, sweep, unreference
from limner.jobs.sweeper import Sweeper
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.images import NewImage, add_image, delete_image, get_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Embedding, JobItem
from limner.store.types import utc_now
from limner.vocabulary.geometry import Region

SHA = "5a" * 32
BLOBS = 3 + 2 * 2 * len(DTYPES)  # of an image: itself, two smaller ones, and by two models it and a region
MODELS = (EmbeddingKey("a" * 64, 1), EmbeddingKey("b" * 64, 2))
DAY = timedelta(hours=24)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(str(tmp_path / "blobs"))


@pytest.fixture
def image_id(database: Database, blobs: BlobStore) -> int:
    return store_image(database, blobs, SHA)


def store_image(database: Database, blobs: BlobStore, sha256: str) -> int:
    """An image with everything that is ever stored of one, by two models."""
    for key in (image_key(sha256), display_key(sha256), thumbnail_key(sha256)):
        blobs.put(key, b"bytes")
    for model in MODELS:
        for region in (None, Region(0, 0, 256, 128)):
            for dtype in DTYPES:
                key = embedding_key(sha256, model.model_sha256, model.preprocessing_version, dtype, region)
                blobs.put(key, b"embedding")
    with database.write() as session:
        for model in MODELS:
            add_embeddings(session, model, [MadeEmbedding(sha256, 1, 9)])
        return add_image(
            session, create_project(session, "Cats").id, NewImage("x.png", 4, 3, sha256, 5, "PNG", "image/png")
        )[0].id


def remove_rows(database: Database, image_id: int) -> None:
    with database.write() as session:
        unreference(session, delete_image(session, get_image(session, image_id)))


def stored(blobs: BlobStore) -> int:
    return len(list(blobs.list()))


def embeddings(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Embedding)).all())


def test_what_is_stored_of_a_deleted_image_is_kept_for_a_day_and_then_removed_whole(
    database: Database, blobs: BlobStore, image_id: int
) -> None:
    other = store_image(database, blobs, "0b" * 32)
    remove_rows(database, image_id)
    assert sweep(database, blobs, "me") == 0
    assert sweep(database, blobs, "me", now=utc_now() + DAY * 0.99) == 0
    assert (stored(blobs), embeddings(database)) == (2 * BLOBS, 4)
    assert sweep(database, blobs, "me", now=utc_now() + DAY * 1.01) == 1
    assert (stored(blobs), embeddings(database)) == (BLOBS, 2)
    assert blobs.exists(image_key("0b" * 32))
    with database.read() as session:
        assert get_image(session, other)
        assert session.scalars(select(JobItem)).all() == []


def test_an_image_that_came_again_stays(database: Database, blobs: BlobStore, image_id: int) -> None:
    remove_rows(database, image_id)
    revive(database, SHA)
    store_image(database, blobs, SHA)
    assert sweep(database, blobs, "me", now=utc_now() + DAY * 2) == 0
    assert (stored(blobs), embeddings(database)) == (BLOBS, 2)


def test_whoever_is_about_to_name_an_image_has_a_day(database: Database, blobs: BlobStore, image_id: int) -> None:
    remove_rows(database, image_id)
    now = utc_now() + DAY * 1.5
    revive(database, SHA, now)
    assert sweep(database, blobs, "me", now=now + DAY * 0.9) == 0
    assert sweep(database, blobs, "me", now=now + DAY * 1.1) == 1  # it never came


def test_an_import_that_comes_while_the_sweeper_has_the_image_in_hand_keeps_it(
    database: Database, blobs: BlobStore, image_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_rows(database, image_id)
    now = utc_now() + DAY * 1.01

    def list_slowly(*_: object) -> Iterator[str]:
        revive(database, SHA, now)  # another process, between the claim and the removal
        yield image_key(SHA)

    with monkeypatch.context() as patch:
        patch.setattr(sweep_module, "_keys", list_slowly)
        assert sweep(database, blobs, "me", now=now) == 0
    assert stored(blobs) == BLOBS
    assert sweep(database, blobs, "me", now=now + DAY * 1.01) == 1


def test_a_sweeper_that_died_leaves_its_items_to_the_next(database: Database, blobs: BlobStore, image_id: int) -> None:
    remove_rows(database, image_id)
    now = utc_now() + DAY * 1.01
    with database.write() as session:
        assert queue.claim(session, [SWEEP], 5, "died", now=now)
    assert sweep(database, blobs, "next", now=now) == 0
    assert sweep(database, blobs, "next", now=now + queue.LEASE * 2) == 1
    assert stored(blobs) == 0


def test_what_a_killed_import_left_is_found_by_walking_through_all_blobs(
    database: Database, blobs: BlobStore, image_id: int
) -> None:
    lost = "0c" * 32
    blobs.put(image_key(lost), b"no row")
    encoded_later = embedding_key("0d" * 32, MODELS[0].model_sha256, 1)
    blobs.put(encoded_later, b"no image")
    assert find_unreferenced(database, blobs) == 2
    assert find_unreferenced(database, blobs) == 0  # known already, and not given another day
    assert sweep(database, blobs, "me", now=utc_now() + DAY * 1.01) == 2
    assert stored(blobs) == BLOBS


def test_what_was_being_written_when_a_process_was_killed_is_removed_on_the_same_walk(
    database: Database, blobs: BlobStore, image_id: int
) -> None:
    assert blobs.folder is not None
    old, fresh = (blobs.folder / "images" / "0c" / f".{digit * 16}{SUFFIX}" for digit in "ab")
    old.parent.mkdir(parents=True, exist_ok=True)
    for path in (old, fresh):
        path.write_bytes(b"part")
    two_days_ago = time.time() - 2 * DAY.total_seconds()
    os.utime(old, (two_days_ago, two_days_ago))
    assert find_unreferenced(database, blobs) == 0
    assert (old.exists(), fresh.exists()) == (False, True)


def test_the_sweeper_runs_when_it_is_started(
    database: Database, blobs: BlobStore, image_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "GRACE", timedelta(0))
    remove_rows(database, image_id)
    sweeper = Sweeper(database, blobs, "me")
    sweeper.start()
    sweeper.stop()
    assert stored(blobs) == 0


def test_the_command_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    database = Database(f"sqlite:///{home / 'limner.db'}")
    migrate(database)
    BlobStore(str(home / "blobs")).put(image_key(SHA), b"no row")
    with database.write() as session:
        unreference(session, ["0e" * 32], utc_now() - DAY * 2)
    database.close()
    answer = CliRunner().invoke(cli, ["sweep", "--home", str(home)])
    assert answer.output == "1 image removed; 1 more that no project has, to be removed in a day.\n"
