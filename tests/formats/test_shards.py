"""An export in parts: together they are the whole, whoever writes them, and whatever happens to who writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from limner.access import Actor
from limner.config import Settings
from limner.errors import Conflict, InvalidInput
from limner.formats.exports import ExportChoice
from limner.formats.shards import ShardWriter
from limner.jobs import queue
from limner.jobs.control import act_on_job
from limner.jobs.exported import KEPT, remove_old_parts, shard_key
from limner.jobs.kinds import EXPORT
from limner.service import sharded_exports
from limner.service.accounts import local_actor
from limner.service.exchange import export_stream
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store.jobs import get_job
from limner.store.tables import JobItem
from limner.store.types import utc_now
from limner.vocabulary.duties import NONE
from tests.squares import project_of_squares, run

IMAGES, EACH = 5, 2


@pytest.fixture
def services(
    tmp_path: Path, settings: Settings, new_postgres_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """What a web process has: nothing is written by itself."""
    url = new_postgres_database()
    monkeypatch.setenv("LIMNER_DATABASE_URL", url)
    home = project_of_squares(tmp_path, IMAGES)
    services = open_services(Settings(home=home, database_url=url), duties=NONE)
    yield services
    stop(services)


@pytest.fixture
def actor(services: Services) -> Actor:
    return local_actor(services.database)


def writer(services: Services, name: str) -> ShardWriter:
    return ShardWriter(services.database, services.blobs, name)


def write_all(services: Services, name: str = "here") -> None:
    while writer(services, name)._write_next():
        pass


def together(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What the parts of a folder say, in their order."""
    parts = [json.loads(path.read_text()) for path in sorted(folder.iterdir())]
    return {key: [each for part in parts for each in part[key]] for key in ("images", "annotations")}


def test_parts_together_are_the_whole_export(services: Services, actor: Actor, tmp_path: Path) -> None:
    job = sharded_exports.begin(services, actor, 1, ExportChoice(), EACH)
    assert (job.kind, job.total, job.state) == ("export", 3, "running")
    with pytest.raises(Conflict, match=f"Job {job.id} is running"):
        sharded_exports.begin(services, actor, 1, ExportChoice(), EACH)
    with pytest.raises(Conflict, match=f"Job {job.id} is running"):
        sharded_exports.fetch(services, actor, job.id, tmp_path)
    write_all(services)
    assert sharded_exports.find(services, actor, job.id).state == "done"
    out = tmp_path / "out"
    out.mkdir()
    assert sharded_exports.fetch(services, actor, job.id, out) == 3
    assert [path.name for path in sorted(out.iterdir())] == [f"part-0000{n}.json" for n in (1, 2, 3)]
    whole = json.loads(b"".join(export_stream(services, actor, 1, ExportChoice())))
    assert together(out) == {key: whole[key] for key in ("images", "annotations")}
    assert len(whole["annotations"]) == 2 * IMAGES
    assert not list(services.blobs.list("exports")), "what was fetched is not kept twice"


def test_a_part_whose_writer_was_lost_is_written_by_another(services: Services, actor: Actor, tmp_path: Path) -> None:
    job = sharded_exports.begin(services, actor, 1, ExportChoice(), EACH)
    assert writer(services, "lost")._claim() is not None
    write_all(services, "other")
    assert sharded_exports.find(services, actor, job.id).done == 2, "its lease runs"
    with services.database.write() as session:
        queue.lose(session, [EXPORT], "lost")
    write_all(services, "other")
    assert sharded_exports.find(services, actor, job.id).state == "done"
    assert sharded_exports.fetch(services, actor, job.id, tmp_path) == 3


def test_a_part_that_cannot_be_stored_is_tried_again(
    services: Services, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sharded_exports.begin(services, actor, 1, ExportChoice(), IMAGES)
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> bool:
            raise OSError("the disk is full")

        patch.setattr(services.blobs, "put", full)
        assert writer(services, "here")._write_next()
    with services.database.write() as session:
        (item,) = session.query(JobItem).filter_by(job_id=job.id)
        assert (item.state, item.message) == ("waiting", "the disk is full")
        item.not_before = utc_now()
    write_all(services)
    assert sharded_exports.find(services, actor, job.id).state == "done"


def test_a_cancelled_export_is_not_written_and_old_parts_are_removed(services: Services, actor: Actor) -> None:
    job = sharded_exports.begin(services, actor, 1, ExportChoice(), EACH)
    assert writer(services, "here")._write_next()
    with services.database.write() as session:
        act_on_job(session, get_job(session, job.id), "cancel")
    assert not writer(services, "here")._write_next()
    assert services.blobs.exists(shard_key(job.id, 1))
    assert remove_old_parts(services.database, services.blobs) == 0
    assert remove_old_parts(services.database, services.blobs, utc_now() + KEPT + timedelta(minutes=1)) == 1
    assert not services.blobs.exists(shard_key(job.id, 1))


def test_what_cannot_be_divided_is_named(services: Services, actor: Actor) -> None:
    with pytest.raises(InvalidInput, match="Parts are COCO without images"):
        sharded_exports.begin(services, actor, 1, ExportChoice(format="yolo"), EACH)


def test_the_command_line_writes_parts_by_itself(tmp_path: Path) -> None:
    home = project_of_squares(tmp_path, IMAGES)
    out = tmp_path / "parts"
    printed = run("project", "export", "squares", "--out", str(out), "--part-images", "2", "--home", str(home))
    assert f"{out}: 3 parts" in printed
    assert len(together(out)["annotations"]) == 2 * IMAGES
