"""What was judged of masks holds for the masks that were seen, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.errors import NotFound, StaleRevision
from limner.jobs.statistics import count_changes
from limner.store.categories import create_category
from limner.store.images import add_image, delete_image, get_image, lock_image
from limner.store.operations import apply_operation
from limner.store.people import add_person
from limner.store.projects import delete_project
from limner.store.rollup import count_due, roll_up
from limner.store.statistics import Judged, judged
from limner.store.tables import Annotation, Image, Judgement, JudgementGroup, Project
from limner.store.trash import put_in_trash, restore
from limner.store.verification import Choice, VerifiedMask, draw, judge, sample_keys
from limner.store.verification import verified_masks as masks_of
from limner.vocabulary.states import MaskVerdict, VerdictFilter
from tests.store.conftest import World, create, mask_rle, new_image, operation

REVIEWER = 7


def new_uid() -> str:
    return str(uuid.uuid4())


def drawn(world: World, **fields: Any) -> str:
    """Another mask on the image of the world."""
    uid = new_uid()
    user_id = fields.pop("user_id", None)
    world.apply(create(uid, fields.pop("category_id", world.category_id), **fields), None, user_id=user_id)
    return uid


def annotation_of(session: Session, uid: str) -> Annotation:
    return session.scalars(select(Annotation).where(Annotation.uid == uid)).one()


def revision_of(world: World, uid: str) -> int:
    with world.database.read() as session:
        return annotation_of(session, uid).content_revision


def say(world: World, uid: str, verdict: MaskVerdict | None, revision: int | None = None) -> None:
    revision = revision_of(world, uid) if revision is None else revision
    with world.database.write() as session:
        annotation = annotation_of(session, uid)
        judge(session, lock_image(session, annotation.image_id), annotation, revision, verdict, REVIEWER)


def looked_at(world: World, choice: Choice = Choice()) -> dict[str, VerifiedMask]:  # noqa: B008
    with world.database.read() as session:
        numbers, population = draw(session, world.project_id, choice)
        found = masks_of(session, numbers)
    assert len(found) == min(choice.size, population)
    return {each.annotation.uid: each for each in found}


def change(world: World, uid: str, **changes: Any) -> None:
    world.apply(operation(kind="update", uid=uid, changes=changes), None)


@pytest.mark.parametrize(
    "changes",
    [{"segmentation": mask_rle(3)}, {"category_id": None}, {"iscrowd": 1}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_mask_that_was_changed_is_unverified_again(world: World, changes: dict[str, Any]) -> None:
    right, wrong = drawn(world), drawn(world)
    say(world, right, "right")
    say(world, wrong, "wrong")
    seen = looked_at(world)
    assert (seen[right].verdict, seen[wrong].verdict, seen[right].judged_by) == ("right", "wrong", REVIEWER)
    assert seen[right].judged is not None
    change(world, right, **changes)
    change(world, wrong, **changes)
    seen = looked_at(world)
    assert [(each.verdict, each.judged_by, each.mended) for each in (seen[right], seen[wrong])] == [
        (None, None, False),
        (None, None, True),
    ]
    say(world, wrong, "right")
    assert (looked_at(world)[wrong].verdict, looked_at(world)[wrong].mended) == ("right", False)


def test_what_is_not_looked_at_leaves_a_verdict_alone(world: World) -> None:
    uid = drawn(world)
    say(world, uid, "right")
    change(world, uid, position=5, attributes={"hard": True})
    world.apply(operation(kind="delete", uid=uid), None)
    assert looked_at(world) == {}
    world.apply(operation(kind="restore", uid=uid), None)
    assert looked_at(world)[uid].verdict == "right"


def test_a_verdict_on_what_is_there_no_more_is_refused(world: World) -> None:
    uid = drawn(world)
    before = revision_of(world, uid)
    change(world, uid, segmentation=mask_rle(9))
    with pytest.raises(StaleRevision) as refused:
        say(world, uid, "right", before)
    assert refused.value.details == {"revision": revision_of(world, uid)}
    world.apply(operation(kind="delete", uid=uid), None)
    with pytest.raises(NotFound):
        say(world, uid, "right")
    with world.database.read() as session:
        assert session.query(Judgement).count() == 0


def test_a_verdict_is_changed_and_taken_back_and_that_of_an_earlier_mask_holds_for_that(world: World) -> None:
    uid = drawn(world)
    say(world, uid, "wrong")
    change(world, uid, segmentation=mask_rle(9))
    for verdict in ("wrong", "right", "right"):
        say(world, uid, verdict)
    assert looked_at(world)[uid].verdict == "right"
    say(world, uid, None)
    say(world, uid, None)
    seen = looked_at(world)[uid]
    assert (seen.verdict, seen.mended) == (None, True)


def test_masks_are_chosen_by_category_person_and_verdict(world: World) -> None:
    with world.database.write() as session:
        ada = add_person(session, "Ada", "member").id
    plain, hers, none = drawn(world), drawn(world, user_id=ada), drawn(world, category_id=None)
    say(world, plain, "right")
    say(world, hers, "wrong")

    def chosen(**fields: Any) -> set[str]:
        return set(looked_at(world, Choice(**fields)))

    assert chosen(category_id=world.category_id) == {plain, hers}
    assert chosen(category_id=0) == {none}
    assert chosen(category_id=10**9) == set()
    assert chosen(person=ada) == {hers}
    assert chosen(person=0) == {plain, none}
    verdicts: tuple[VerdictFilter, ...] = ("any", "right", "wrong", "unverified", "mended")
    assert [chosen(verdict=each) for each in verdicts] == [{plain, hers, none}, {plain}, {hers}, {none}, set()]
    change(world, hers, segmentation=mask_rle(4))
    assert [chosen(verdict=each) for each in verdicts[2:]] == [set(), {hers, none}, {hers}]
    assert looked_at(world)[hers].person == ada
    world.apply(operation(kind="mark", uid=new_uid(), state="skipped", note="blurred"), None)
    assert chosen() == set()


def test_right_wrong_and_mended_are_counted_by_category_and_person(world: World) -> None:
    with world.database.write() as session:
        ada = add_person(session, "Ada", "member").id
    uids = [drawn(world, user_id=ada) for _ in range(4)]
    verdicts: tuple[MaskVerdict, ...] = ("right", "wrong", "wrong", "right")
    for uid, verdict in zip(uids, verdicts, strict=True):
        say(world, uid, verdict)
    none = drawn(world, category_id=None)
    say(world, none, "right")
    change(world, uids[2], segmentation=mask_rle(4))  # mended
    change(world, uids[3], segmentation=mask_rle(5))  # was right: says nothing any more
    assert counted(world) == [Judged(0, 0, 1, 0, 0), Judged(world.category_id, ada, 1, 1, 1)]


def counted(world: World) -> Sequence[Judged]:
    """The sums, once everything is counted."""
    count_changes(world.database)
    with world.database.read() as session:
        return judged(session, world.project_id)


def recounted(world: World) -> Sequence[Judged]:
    """The same from all masks, each looked at as the grid shows it."""
    with world.database.read() as session:
        numbers = session.scalars(select(Annotation.id).join(Image).where(Image.project_id == world.project_id)).all()
        masks = masks_of(session, numbers)
    sums: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for mask in masks:
        said = "mended" if mask.mended else mask.verdict
        if said is not None:
            sums[mask.annotation.category_id or 0, mask.person][said] += 1
    return [Judged(*key, each["right"], each["wrong"], each["mended"]) for key, each in sorted(sums.items())]


def test_what_was_judged_is_counted_anew_when_it_is_judged_otherwise_taken_back_undone_or_deleted(world: World) -> None:
    """After each step the sums are those of the masks."""
    uid, other = drawn(world), drawn(world)
    cat = world.category_id

    def sums_are(*expected: Judged) -> None:
        assert counted(world) == recounted(world) == list(expected)

    sums_are()
    say(world, uid, "wrong")
    say(world, other, "right")
    sums_are(Judged(cat, 0, 1, 1, 0))
    say(world, uid, "right")
    sums_are(Judged(cat, 0, 2, 0, 0))
    say(world, uid, None)
    sums_are(Judged(cat, 0, 1, 0, 0))
    say(world, uid, "wrong")
    change(world, uid, segmentation=mask_rle(3))
    sums_are(Judged(cat, 0, 1, 0, 1))
    say(world, uid, "wrong")
    change(world, uid, category_id=None)
    sums_are(Judged(0, 0, 0, 0, 1), Judged(cat, 0, 1, 0, 0))
    change(world, uid, category_id=cat)  # what taking it back sends
    sums_are(Judged(cat, 0, 1, 0, 1))
    world.apply(operation(kind="delete", uid=other), None)
    sums_are(Judged(cat, 0, 0, 0, 1))
    world.apply(operation(kind="restore", uid=other), None)
    sums_are(Judged(cat, 0, 1, 0, 1))
    with world.database.write() as session:
        put_in_trash(session, lock_image(session, world.image_id), REVIEWER)
    sums_are()
    with world.database.write() as session:
        restore(session, world.project_id, world.image_id)
    sums_are(Judged(cat, 0, 1, 0, 1))
    with world.database.write() as session:
        delete_image(session, lock_image(session, world.image_id))
    sums_are()


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_judging_and_editing_the_sums_are_those_of_the_masks(world: World, seed: int) -> None:
    """Counted at random moments, also while somebody goes on judging."""
    rng = random.Random(seed)
    with world.database.write() as session:
        people = [None, add_person(session, "Ada", "member").id]
        categories = [None, world.category_id, create_category(session, world.project_id, "dog").id]
    uids = [drawn(world, user_id=rng.choice(people), category_id=rng.choice(categories)) for _ in range(6)]
    gone: set[str] = set()

    def work() -> None:
        uid = rng.choice(uids)
        if uid in gone:
            gone.discard(uid)
            world.apply(operation(kind="restore", uid=uid), None)
        elif rng.random() < 0.7:
            verdicts: tuple[MaskVerdict | None, ...] = ("right", "wrong", "wrong", None)
            say(world, uid, rng.choice(verdicts))
        elif rng.random() < 0.3:
            gone.add(uid)
            world.apply(operation(kind="delete", uid=uid), None)
        else:
            recoloured: dict[str, Any] = {"category_id": rng.choice(categories)}
            redrawn: dict[str, Any] = {"segmentation": mask_rle(rng.randrange(9))}
            change(world, uid, **rng.choice([recoloured, redrawn]))

    for _ in range(80):
        work()
        if rng.random() < 0.2:
            with world.database.read() as session:
                found = count_due(session, 10)
            if rng.random() < 0.5:  # what is counted is another thing by now
                work()
            with world.database.write() as session:
                roll_up(session, found, 10)
    assert counted(world) == recounted(world) != []


def test_judging_while_an_image_is_counted_twice_misses_nothing(world: World) -> None:
    """One process counts, another one has counted and written since, and it was judged again: the first is too late."""
    uid = drawn(world)
    say(world, uid, "wrong")
    with world.database.read() as session:
        slow = count_due(session, 10)
    assert counted(world) == [Judged(world.category_id, 0, 0, 1, 0)]
    say(world, uid, "right")
    with world.database.write() as session:
        assert roll_up(session, slow, 10) == 0
    assert counted(world) == [Judged(world.category_id, 0, 1, 0, 0)]


def test_the_same_judgement_again_counts_nothing_anew(world: World) -> None:
    uid = drawn(world)
    say(world, uid, "wrong")
    count_changes(world.database)
    say(world, uid, "wrong")
    assert count_changes(world.database) == 0


def test_a_project_takes_what_was_judged_with_it(world: World) -> None:
    say(world, drawn(world), "wrong")
    count_changes(world.database)
    with world.database.write() as session:
        delete_project(session, session.get_one(Project, world.project_id))
    assert count_changes(world.database) == 0
    with world.database.read() as session:
        assert session.query(JudgementGroup).count() == 0


def test_a_sample_is_the_same_with_the_same_seed_and_keeps_its_masks_when_others_come(world: World) -> None:
    for _ in range(40):
        drawn(world)
    first = set(looked_at(world, Choice(size=10, seed=3)))
    assert set(looked_at(world, Choice(size=10, seed=3))) == first
    assert set(looked_at(world, Choice(size=10, seed=4))) != first
    new = drawn(world)
    assert first - set(looked_at(world, Choice(size=10, seed=3))) in (set(), *({uid} for uid in first))
    gone = next(iter(first))
    world.apply(operation(kind="delete", uid=gone), None)
    assert first - {gone} - {new} <= set(looked_at(world, Choice(size=10, seed=3)))


def test_every_mask_is_as_likely_as_every_other_to_be_in_a_sample() -> None:
    numbers, size, seeds = np.arange(1, 101, dtype=np.uint64), 10, 4000
    times: Counter[int] = Counter()
    for seed in range(seeds):
        times.update(int(n) for n in numbers[np.argsort(sample_keys(numbers, seed))[:size]])
    found = np.asarray([times[int(n)] for n in numbers])
    expected = seeds * size / len(numbers)
    deviation = np.sqrt(expected * (1 - size / len(numbers)))
    assert np.abs(found - expected).max() < 5 * deviation
    assert 0.6 < found.std() / deviation < 1.4


def test_judgements_go_with_the_image(world: World) -> None:
    with world.database.write() as session:
        image, _ = add_image(session, world.project_id, new_image(1))
        uid = new_uid()
        apply_operation(session, lock_image(session, image.id), new_uid(), create(uid), revision=None, user_id=None)
        image_id = image.id
    say(world, uid, "wrong")
    with world.database.write() as session:
        delete_image(session, get_image(session, image_id))
    with world.database.read() as session:
        assert session.query(Judgement).count() == 0
        assert session.query(Annotation).filter(Annotation.image_id == image_id).count() == 0
