"""Many writers at once, on SQLite and PostgreSQL: nobody is turned away, nothing is lost, nothing is stored twice."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from limner.errors import StaleRevision
from limner.store.annotations import annotations_of
from limner.store.images import get_image
from limner.store.tables import Edit
from tests.store.conftest import World, create

WRITERS = 16
SAVES = 8


def test_savers_race_for_revisions_and_all_get_through(world: World) -> None:
    """Each writer sends every save twice, as after a lost answer, and takes the new revision after a 412."""
    start = threading.Barrier(WRITERS)

    def writer(number: int) -> list[int]:
        start.wait()
        revisions, revision = [], 0
        for save in range(SAVES):
            operation_id, op = str(uuid.uuid4()), create(str(uuid.uuid4()), seed=number * SAVES + save)
            while True:
                try:
                    applied = world.apply(op, revision, operation_id)
                    break
                except StaleRevision:
                    with world.database.read() as session:
                        revision = get_image(session, world.image_id).revision
            again = world.apply(op, revision, operation_id)
            assert again.replayed
            assert again.revision == applied.revision
            revision = applied.revision
            revisions.append(revision)
        return revisions

    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = [revision for revisions in pool.map(writer, range(WRITERS)) for revision in revisions]

    total = WRITERS * SAVES
    assert sorted(acknowledged) == list(range(1, total + 1))
    with world.database.read() as session:
        assert list(session.scalars(select(Edit.revision).order_by(Edit.revision))) == list(range(1, total + 1))
        found = annotations_of(session, world.image_id)
        assert found.revision == total
        assert sorted(a.position for a in found.annotations) == list(range(total))


def test_one_operation_sent_from_everywhere_at_once_is_stored_once(world: World) -> None:
    start = threading.Barrier(WRITERS)
    operation_id, op = str(uuid.uuid4()), create(str(uuid.uuid4()))

    def send(_: int) -> tuple[int, bool]:
        start.wait()
        applied = world.apply(op, 0, operation_id)
        return applied.revision, applied.replayed

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(send, range(WRITERS)))
    assert sorted(answers) == [(1, False)] + [(1, True)] * (WRITERS - 1)
    with world.database.read() as session:
        assert len(session.scalars(select(Edit)).all()) == 1
