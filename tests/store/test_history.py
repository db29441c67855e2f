"""The history of an image as people read it: every edit with the state that it led to, newest first, in pages."""

from __future__ import annotations

import uuid

import pytest

from limner.store import history
from limner.store.annotations import annotations_of
from limner.store.history import Change, changes_of
from limner.store.images import get_image
from limner.store.people import add_person
from tests.store.conftest import World, create, mask_rle, operation

FIRST, SECOND = str(uuid.uuid4()), str(uuid.uuid4())


def read(
    world: World, uid: str | None = None, before: int | None = None, limit: int = 50
) -> tuple[list[Change], int | None]:
    with world.database.read() as session:
        changes, following = changes_of(session, get_image(session, world.image_id), uid, before, limit)
        return list(changes), following


@pytest.fixture
def edited(world: World) -> World:
    """Two objects; the first got another mask and a category, was deleted and came back; the image was submitted."""
    steps = [
        create(FIRST, None, seed=1),
        create(SECOND, world.category_id, seed=2),
        operation(kind="update", uid=FIRST, changes={"segmentation": mask_rle(3), "category_id": world.category_id}),
        operation(kind="delete", uid=FIRST),
        operation(kind="restore", uid=FIRST),
        operation(kind="update", uid=FIRST, changes={"attributes": {"occluded": True}}),
        operation(kind="mark", uid=str(uuid.uuid4()), state="submitted"),
    ]
    for revision, step in enumerate(steps):
        world.apply(step, revision)
    return world


def test_every_edit_of_an_annotation_is_told_with_the_state_that_it_led_to(edited: World) -> None:
    changes, following = read(edited, FIRST)
    assert following is None
    assert [(each.revision, each.kind, each.changed) for each in changes] == [
        (6, "update", ("attributes",)),
        (5, "restore", ()),
        (4, "delete", ()),
        (3, "update", ("category_id", "segmentation")),
        (1, "create", ()),
    ]
    states = [each.annotation for each in changes]
    assert [state.segmentation if state else None for state in states] == [mask_rle(3)] * 4 + [mask_rle(1)]
    assert [state.category_id if state else 0 for state in states] == [edited.category_id] * 4 + [None]
    with edited.database.read() as session:
        now = annotations_of(session, edited.image_id).annotations
    assert states[0] == next(each for each in now if each.uid == FIRST)


def test_the_history_of_an_image_has_all_annotations_and_marks(edited: World) -> None:
    changes, _ = read(edited)
    assert [(each.revision, each.uid) for each in changes] == [
        (7, None),
        (6, FIRST),
        (5, FIRST),
        (4, FIRST),
        (3, FIRST),
        (2, SECOND),
        (1, FIRST),
    ]
    assert changes[0].mark == ("submitted", "")
    assert changes[0].annotation is None
    assert changes[5].annotation is not None
    assert changes[5].annotation.segmentation == mask_rle(2)


def test_pages_follow_each_other_without_gap_or_repetition(edited: World) -> None:
    whole, _ = read(edited)
    seen: list[Change] = []
    before = None
    for _ in range(len(whole)):
        page, before = read(edited, before=before, limit=2)
        assert len(page) <= 2
        seen += page
        if before is None:
            break
    assert seen == whole


def test_a_page_of_large_masks_is_shorter_and_the_next_one_goes_on(
    edited: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = read(edited, FIRST)
    monkeypatch.setattr(history, "MAX_MASKS", 2 * len(mask_rle(3)["counts"]))
    first, before = read(edited, FIRST)
    assert first == whole[:2]
    assert before == whole[1].revision
    second, before = read(edited, FIRST, before)
    third, end = read(edited, FIRST, before)
    assert [*first, *second, *third] == whole
    assert end is None


def test_a_mask_larger_than_a_page_is_told_alone(edited: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_MASKS", 1)
    page, before = read(edited, FIRST)
    assert [each.revision for each in page] == [6]
    assert before == 6


def test_who_did_it_is_known_by_number(world: World) -> None:
    with world.database.write() as session:
        ada = add_person(session, "Ada", "member").id
    world.apply(create(FIRST), 0, user_id=ada)
    (change,), _ = read(world, FIRST)
    assert change.user_id == ada


def test_an_annotation_of_another_image_has_no_history_here(edited: World) -> None:
    assert read(edited, str(uuid.uuid4())) == ([], None)
