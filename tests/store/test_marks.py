"""Images that are waiting, submitted or skipped: marks are operations like any other."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from limner.errors import StaleRevision
from limner.store.accounts import ensure_local_admin
from limner.store.annotations import annotations_of
from limner.store.embeddings import EmbeddingKey
from limner.store.events import events_after
from limner.store.images import add_image, get_image, lock_image
from limner.store.listing import next_waiting, page_images
from limner.store.marks import mark_of
from limner.store.operations import apply_operation
from limner.store.projects import count_projects
from limner.store.tables import Edit
from limner.vocabulary.events import AnnotationsEvent
from limner.vocabulary.listing import Listing
from tests.store.conftest import World, create, new_image, operation


def mark(state: str, note: str = "", uid: str | None = None) -> Any:
    return operation(kind="mark", uid=uid or str(uuid.uuid4()), state=state, note=note)


def facts(world: World) -> dict[str, Any]:
    with world.database.read() as session:
        return mark_of(session, get_image(session, world.image_id)).model_dump()


def test_an_image_waits_until_somebody_says_otherwise_and_can_be_sent_back(world: World) -> None:
    assert facts(world) == {"state": "waiting", "note": "", "by": None, "at": None}
    assert world.apply(mark("submitted"), 0).annotation is None
    assert facts(world)["state"] == "submitted"
    world.apply(mark("waiting", "the tail  is missing"), 1)
    found = facts(world)
    assert (found["state"], found["note"]) == ("waiting", "the tail is missing")
    assert found["at"] is not None


def test_who_and_when_are_kept_with_the_history(world: World) -> None:
    with world.database.write() as session:
        admin = ensure_local_admin(session)
        apply_operation(
            session,
            lock_image(session, world.image_id),
            str(uuid.uuid4()),
            mark("skipped", "blurry"),
            revision=0,
            user_id=admin.id,
        )
    found = facts(world)
    assert found["by"] == "admin"
    with world.database.read() as session:
        edit = session.scalars(select(Edit)).one()
    assert (edit.kind, edit.payload, edit.user_id) == ("mark", {"state": "skipped", "note": "blurry"}, admin.id)
    assert edit.created == found["at"]


@pytest.mark.parametrize(("state", "note"), [("skipped", ""), ("skipped", "  "), ("lost", "x"), ("waiting", "a\x00b")])
def test_marks_that_make_no_sense_are_refused(state: str, note: str) -> None:
    with pytest.raises(ValidationError):
        mark(state, note)


def test_a_mark_is_applied_once_and_needs_the_newest_revision(world: World) -> None:
    done = mark("submitted")
    operation_id = str(uuid.uuid4())
    first = world.apply(done, 0, operation_id)
    again = world.apply(done, 0, operation_id)
    assert (first.revision, again.revision) == (1, 1)
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(StaleRevision):
        world.apply(mark("waiting"), 0)


def test_a_mark_leaves_annotations_and_their_past_alone(world: World) -> None:
    uid = str(uuid.uuid4())
    creation, made_id = create(uid, world.category_id), str(uuid.uuid4())
    made = world.apply(creation, 0, made_id).annotation
    world.apply(mark("submitted", uid=uid), 1)  # even under the annotation's own uid
    world.apply(operation(kind="delete", uid=uid), 2)
    world.apply(mark("waiting", uid=uid), 3)
    assert world.apply(creation, 0, made_id).annotation == made
    with world.database.read() as session:
        found = annotations_of(session, world.image_id)
    assert (found.annotations, found.revision) == ([], 4)


def test_pages_counts_and_the_next_waiting_image_follow_the_marks(world: World) -> None:
    with world.database.write() as session:
        ids = [world.image_id, *(add_image(session, world.project_id, new_image(i))[0].id for i in (1, 2, 3))]
        for image_id, done in ((ids[1], mark("skipped", "blurry")), (ids[2], mark("submitted"))):
            apply_operation(session, lock_image(session, image_id), str(uuid.uuid4()), done, revision=0, user_id=None)
    with world.database.read() as session:
        pages = {
            state: [image.id for image in page_images(session, world.project_id, None, 9, Listing(state=state)).images]
            for state in ("all", "waiting", "submitted", "skipped")
        }
        ahead = [next_waiting(session, get_image(session, image_id)) for image_id in ids]
        counts = count_projects(session, {world.project_id: EmbeddingKey.of("a" * 64)})[world.project_id]
    assert pages == {"all": ids, "waiting": [ids[0], ids[3]], "submitted": [ids[2]], "skipped": [ids[1]]}
    assert ahead == [ids[3], ids[3], ids[3], ids[0]]
    assert (counts.images, counts.submitted, counts.skipped) == (4, 1, 1)


def test_the_only_waiting_image_has_no_next_one(world: World) -> None:
    with world.database.read() as session:
        assert next_waiting(session, get_image(session, world.image_id)) is None


def test_pages_hear_of_it(world: World) -> None:
    world.apply(mark("skipped", "duplicate"), 0)
    with world.database.read() as session:
        events = events_after(session, world.project_id, 0)
    assert events is not None
    told = events[-1].event
    assert isinstance(told, AnnotationsEvent)
    assert told.mark.model_dump() == facts(world)
    assert told.revision == 1
