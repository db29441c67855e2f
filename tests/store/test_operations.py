import random
import uuid
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from limner.errors import Conflict, InvalidRle, NotFound, OperationReused, StaleRevision
from limner.store.annotations import annotations_of
from limner.store.events import events_after
from limner.store.history import annotation_at, changes_of
from limner.store.images import add_image, get_image, lock_image
from limner.store.operations import UnknownAnnotation, UnknownCategory, apply_operation, apply_operations
from limner.store.projects import create_project
from limner.store.tables import Annotation, Edit
from limner.vocabulary import rle
from tests.store.conftest import HEIGHT, WIDTH, World, create, mask_rle, new_image, operation


def new_uid() -> str:
    return str(uuid.uuid4())


def row_counts(world: World) -> tuple[int, int, int]:
    """(annotations, edits, revision)"""
    with world.database.read() as session:
        return (
            session.scalar(select(func.count()).select_from(Annotation)) or 0,
            session.scalar(select(func.count()).select_from(Edit)) or 0,
            get_image(session, world.image_id).revision,
        )


def test_create_derives_area_and_bbox(world: World) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[2:5, 3:9] = True
    uid = new_uid()
    made = world.apply(
        operation(kind="create", uid=uid, category_id=world.category_id, segmentation=rle.encode(mask)), 0
    )
    assert made.revision == 1
    assert made.annotation is not None
    assert made.annotation.area == 18
    assert made.annotation.bbox == (3, 2, 6, 3)
    assert made.annotation.segmentation == rle.encode(mask)
    with world.database.read() as session:
        found = annotations_of(session, world.image_id)
    assert found.annotations == [made.annotation]
    assert found.revision == 1


def test_update_changes_only_what_is_given(world: World) -> None:
    uid = new_uid()
    before = world.apply(create(uid, world.category_id, attributes={"occluded": True}), 0).annotation
    after = world.apply(operation(kind="update", uid=uid, changes={"category_id": None}), 1).annotation
    assert before is not None
    assert after is not None
    assert after.category_id is None
    assert after.attributes == {"occluded": True}
    assert after.segmentation == before.segmentation
    assert (after.id, after.position, after.created) == (before.id, before.position, before.created)


def test_annotations_are_put_in_order(world: World) -> None:
    uids = [new_uid() for _ in range(4)]

    def order() -> list[int]:
        with world.database.read() as session:
            return [uids.index(each.uid) for each in annotations_of(session, world.image_id).annotations]

    for revision, uid in enumerate(uids[:3]):
        world.apply(create(uid, seed=revision), revision)
    placed = world.apply(create(uids[3], position=-5), 3)
    assert placed.annotation is not None
    assert placed.annotation.position == -5
    assert order() == [3, 0, 1, 2]
    on_top, operation_id = operation(kind="update", uid=uids[0], changes={"position": 2}), str(uuid.uuid4())
    world.apply(on_top, 4, operation_id)
    assert order() == [3, 1, 0, 2]  # of equal positions the older is below
    assert world.apply(on_top, 4, operation_id).replayed
    world.apply(operation(kind="update", uid=uids[0], changes={"position": 3}), 5)
    with world.database.read() as session:
        image = get_image(session, world.image_id)
        then = annotation_at(session, image, uids[0], 5)
        assert then is not None
        assert (then.position, order()) == (2, [3, 1, 2, 0])


@pytest.mark.parametrize("position", [None, 1.5, "1", 2**31])
def test_a_position_is_a_whole_number(position: Any) -> None:
    with pytest.raises(ValidationError):
        operation(kind="update", uid=new_uid(), changes={"position": position})


def test_delete_and_restore(world: World) -> None:
    uid = new_uid()
    made = world.apply(create(uid), 0).annotation
    gone = world.apply(operation(kind="delete", uid=uid), 1)
    assert gone.annotation is None
    with world.database.read() as session:
        assert annotations_of(session, world.image_id).annotations == []
        assert get_image(session, world.image_id).annotation_count == 0
    back = world.apply(operation(kind="restore", uid=uid), 2).annotation
    assert made is not None
    assert back is not None
    assert back.segmentation == made.segmentation
    with world.database.read() as session:
        assert get_image(session, world.image_id).annotation_count == 1


def test_repeating_an_operation_gives_the_same_answer_even_after_other_edits(world: World) -> None:
    uid, operation_id = new_uid(), new_uid()
    op = create(uid, world.category_id)
    first = world.apply(op, 0, operation_id)
    world.apply(operation(kind="update", uid=uid, changes={"segmentation": mask_rle(1)}), 1)
    counts = row_counts(world)
    for _ in range(5):
        again = world.apply(op, 0, operation_id)
        assert again.replayed
        assert (again.revision, again.annotation) == (first.revision, first.annotation)
    assert row_counts(world) == counts


def test_one_operation_id_cannot_stand_for_two_operations(world: World) -> None:
    operation_id = new_uid()
    world.apply(create(new_uid()), 0, operation_id)
    with pytest.raises(OperationReused):
        world.apply(create(new_uid()), 1, operation_id)
    assert row_counts(world) == (1, 1, 1)


def test_stale_revision_stores_nothing(world: World) -> None:
    world.apply(create(new_uid()), 0)
    with pytest.raises(StaleRevision, match="revision 1"):
        world.apply(create(new_uid()), 0)
    assert row_counts(world) == (1, 1, 1)


def bad_runs() -> dict[str, Any]:
    return {"size": [HEIGHT, WIDTH], "counts": rle.encode(np.ones((HEIGHT, WIDTH + 1), np.bool_))["counts"]}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"segmentation": bad_runs()}, InvalidRle),
        ({"segmentation": dict(rle.encode(np.ones((WIDTH, HEIGHT), np.bool_)))}, InvalidRle),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": "~~~"}}, InvalidRle),
        ({"category_id": 999_999}, UnknownCategory),
        ({"category_id": 2**80}, UnknownCategory),
    ],
    ids=["runs do not sum to H·W", "wrong size", "bad characters", "unknown category", "huge category"],
)
def test_bad_operations_store_nothing(world: World, fields: dict[str, Any], error: type[Exception]) -> None:
    base = {"kind": "create", "uid": new_uid(), "category_id": None, "segmentation": mask_rle()}
    with pytest.raises(error):
        world.apply(operation(**{**base, **fields}), 0)
    assert row_counts(world) == (0, 0, 0)


def test_a_category_of_another_project_is_refused(world: World) -> None:
    from limner.store.categories import create_category

    with world.database.write() as session:
        other = create_category(session, create_project(session, "Dogs").id, "dog")
    with pytest.raises(UnknownCategory):
        world.apply(create(new_uid(), other.id), 0)


def test_impossible_changes_are_named(world: World) -> None:
    uid = new_uid()
    with pytest.raises(UnknownAnnotation, match="no annotation"):
        world.apply(operation(kind="delete", uid=uid), 0)
    world.apply(create(uid), 0)
    with pytest.raises(Conflict, match="already"):
        world.apply(create(uid, seed=3), 1)
    with pytest.raises(Conflict, match="not deleted"):
        world.apply(operation(kind="restore", uid=uid), 1)
    world.apply(operation(kind="delete", uid=uid), 1)
    with pytest.raises(UnknownAnnotation, match="was deleted"):
        world.apply(operation(kind="update", uid=uid, changes={"iscrowd": 1}), 2)


def test_unknown_image(world: World) -> None:
    with world.database.write() as session, pytest.raises(NotFound):
        apply_operation(session, lock_image(session, 10**9), new_uid(), create(new_uid()), revision=0, user_id=None)


def test_every_operation_is_announced_once_after_its_commit(world: World, told: list[Any]) -> None:
    told.clear()  # of the project and the image that are there
    operation_id = new_uid()
    op = create(new_uid())
    world.apply(op, 0, operation_id)
    world.apply(op, 0, operation_id)
    with pytest.raises(StaleRevision):
        world.apply(create(new_uid()), 0)
    assert [(each.event.event, each.event.revision) for each in told] == [("annotations", 1)]
    with world.database.read() as session:
        stored = events_after(session, world.project_id, told[0].id - 1)
    assert stored == told


def test_history_gives_back_every_past_state(world: World) -> None:
    """Random strokes, deletions and restorations, then each revision is read back from the edits alone."""
    rng = random.Random(7)
    uid = new_uid()
    expected = [None, world.apply(create(uid, world.category_id), 0).annotation]
    alive = True
    for revision in range(1, 60):
        if not alive:
            op, alive = operation(kind="restore", uid=uid), True
        elif rng.random() < 0.2:
            op, alive = operation(kind="delete", uid=uid), False
        else:
            op = operation(kind="update", uid=uid, changes={"segmentation": mask_rle(revision)})
        expected.append(world.apply(op, revision).annotation)
    with world.database.read() as session:
        image = get_image(session, world.image_id)
        for revision, state in enumerate(expected):
            assert annotation_at(session, image, uid, revision) == state


SEQUENCES, STEPS, AT_ONCE = 1000, 6, 100


def test_a_thousand_random_sequences_of_brush_erase_and_undo_are_bit_exact_in_the_edit_log(world: World) -> None:
    """Against plain arrays. What a sequence leaves is a mask at each step, read back from the edits alone."""
    rng = np.random.default_rng(5)
    for first in range(0, SEQUENCES, AT_ONCE):
        sequences = [_sequence(rng) for _ in range(AT_ONCE)]
        with world.database.write() as session:
            image = lock_image(session, world.image_id)
            operations = [each for _, some, _ in sequences for each in some]
            apply_operations(session, image, operations, user_id=None)
        with world.database.read() as session:
            image = get_image(session, world.image_id)
            assert image.revision == (first + AT_ONCE) * STEPS
            for number, (uid, _, masks) in enumerate(sequences):
                changes, _ = changes_of(session, image, uid, limit=STEPS)
                states = [change.annotation for change in reversed(changes)]
                kinds = [change.kind for change in reversed(changes)]
                for state, kind, mask in zip(states, kinds, masks, strict=True):
                    assert (kind == "delete") == (mask is None)
                    if mask is not None:
                        assert state is not None
                        assert state.segmentation == rle.encode(mask)
                        np.testing.assert_array_equal(rle.decode(state.segmentation), mask)
                at = number % STEPS
                alone = annotation_at(session, image, uid, (first + number) * STEPS + at + 1)
                assert alone == (None if masks[at] is None else states[at])


def _sequence(rng: np.random.Generator) -> tuple[str, list[tuple[str, Any]], list[np.ndarray | None]]:
    """An object that is painted, erased, taken back and done again: its uid, operations, and masks after each."""
    uid, operations, masks = new_uid(), list[tuple[str, Any]](), list[np.ndarray | None]()
    past, undone = list[np.ndarray | None](), list[np.ndarray | None]()  # what undo and redo lead to
    for _ in range(STEPS):
        before = masks[-1] if masks else None
        back = bool(past) and rng.random() < 0.35
        again = not back and bool(undone) and (before is None or rng.random() < 0.5)
        if back:
            undone.append(before)
            after = past.pop()
        elif again:
            past.append(before)
            after = undone.pop()
        else:
            after, undone = _stroke(rng, before), []
            past.append(before)
        operations.append((new_uid(), _from_to(uid, before, after, known=bool(masks))))
        masks.append(after)
    return uid, operations, masks


def _stroke(rng: np.random.Generator, mask: np.ndarray | None) -> np.ndarray:
    """A mask after a rectangle was painted on it, or erased from it."""
    painted = np.zeros((HEIGHT, WIDTH), np.bool_) if mask is None else mask.copy()
    top, left = rng.integers(HEIGHT), rng.integers(WIDTH)
    painted[top : top + rng.integers(1, 7), left : left + rng.integers(1, 9)] = mask is None or rng.random() < 0.6
    return painted


def _from_to(uid: str, before: np.ndarray | None, after: np.ndarray | None, *, known: bool) -> Any:
    """The operation of a page that shows ``before`` and then ``after``; None: there is no such object."""
    if after is None:
        return operation(kind="delete", uid=uid)
    if not known:
        return operation(kind="create", uid=uid, category_id=None, segmentation=rle.encode(after))
    if before is None:
        return operation(kind="restore", uid=uid)
    return operation(kind="update", uid=uid, changes={"segmentation": rle.encode(after)})


def test_many_operations_at_once_lead_to_what_they_lead_to_one_by_one(world: World) -> None:
    """Also to the same numbers, positions and history; an import applies many, a save one."""
    with world.database.write() as session:
        other = add_image(session, world.project_id, new_image(1))[0].id
    rng = random.Random(3)
    uids, steps, alive = [], [], set[str]()
    for seed in range(80):
        uid = rng.choice(uids) if uids and rng.random() < 0.6 else None
        if uid is None:
            uid = new_uid()
            uids.append(uid)
            alive.add(uid)
            place = {"position": rng.randrange(5)} if rng.random() < 0.3 else {}
            steps.append((uid, {"kind": "create", "category_id": world.category_id, **place}))
        elif uid not in alive:
            alive.add(uid)
            steps.append((uid, {"kind": "restore"}))
        elif rng.random() < 0.3:
            alive.remove(uid)
            steps.append((uid, {"kind": "delete"}))
        else:
            changes = rng.choice([{"segmentation": mask_rle(seed)}, {"position": seed}, {"category_id": None}])
            steps.append((uid, {"kind": "update", "changes": changes}))
    made = {}
    for image_id in (world.image_id, other):
        own = {uid: str(uuid.uuid5(uuid.UUID(uid), str(image_id))) for uid in uids}
        operations = []
        for seed, (uid, fields) in enumerate(steps):
            mask = {"segmentation": mask_rle(seed)} if fields["kind"] == "create" else {}
            operations.append((new_uid(), operation(uid=own[uid], **fields, **mask)))
        at_once = [operations] if image_id == other else [[each] for each in operations]
        for some in at_once:
            with world.database.write() as session:
                apply_operations(session, lock_image(session, image_id), some, user_id=None)
        with world.database.read() as session:
            image = get_image(session, image_id)
            rows = session.scalars(select(Annotation).where(Annotation.image_id == image_id).order_by(Annotation.id))
            made[image_id] = (
                [
                    (
                        own_uid(own, row.uid),
                        row.position,
                        row.content_revision,
                        row.deleted is None,
                        row.counts,
                        row.category_id,
                    )
                    for row in rows
                ],
                image.revision,
                image.annotation_count,
                [annotation_at(session, image, own[uid], image.revision) is None for uid in uids],
            )
    assert made[world.image_id] == made[other]
    assert made[other][1:3] == (80, len(alive))


def own_uid(own: dict[str, str], uid: str) -> str:
    return next(original for original, made in own.items() if made == uid)
