"""After random work the sums of statistics are those of the rows, on both databases, whenever they were counted."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from limner.jobs.statistics import count_changes
from limner.store.categories import create_category
from limner.store.images import add_image, delete_image, lock_image
from limner.store.people import add_person
from limner.store.rollup import count_due, roll_up, uncounted
from limner.store.statistics import (
    effort_rows,
    reviews,
)
from limner.store.tables import (
    Annotation,
    ImageRollup,
)
from tests.store.conftest import World, create, new_image, operation
from tests.store.working import MODELS, check_sizes, efforts, mark, new_uid, provenance, save, states


@dataclass
class Expected:
    """What the test itself knows of what it did, without looking at a row."""

    masks: dict[str, tuple[int, int, int, str, float | None, int | None]] = field(default_factory=dict)
    gone: dict[str, tuple[int, int, int, str, float | None, int | None]] = field(default_factory=dict)
    state: dict[int, str] = field(default_factory=dict)
    author: dict[int, int] = field(default_factory=dict)
    said: dict[int, list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by image: (author, what)

    def forget(self, image_id: int) -> None:
        for masks in (self.masks, self.gone):
            for uid in [uid for uid, mask in masks.items() if mask[0] == image_id]:
                del masks[uid]
        del self.state[image_id]
        self.said.pop(image_id, None)

    def by(self, place: int) -> dict[Any, tuple[int, int, float, int, int]]:
        groups: dict[Any, list[tuple[float | None, int | None]]] = defaultdict(list)
        for mask in self.masks.values():
            groups[mask[place]].append((mask[4], mask[5]))
        return {
            key: (
                len(group),
                sum(seconds is not None for seconds, _ in group),
                round(sum(seconds or 0 for seconds, _ in group), 3),
                sum(clicks is not None for _, clicks in group),
                sum(clicks or 0 for _, clicks in group),
            )
            for key, group in groups.items()
        }


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_work_the_sums_are_those_of_the_rows(world: World, seed: int) -> None:
    """Creating, editing, deleting, restoring, marking, reopening and deleting images, counted at random moments."""
    rng = random.Random(seed)
    with world.database.write() as session:
        people = [add_person(session, name, "member").id for name in ("Ada", "Eve")]
        categories = [0, world.category_id, create_category(session, world.project_id, "dog").id]
        images = [world.image_id]
        images += [add_image(session, world.project_id, new_image(index))[0].id for index in range(1, 5)]
    expected = Expected(state=dict.fromkeys(images, "waiting"))
    for step in range(150):
        image_id, user_id = rng.choice(images), rng.choice(people)
        work(world, expected, rng, image_id, user_id, categories)
        if rng.random() < 0.1:
            limit = rng.choice([1, 2, 100])
            with world.database.read() as session:
                counted = count_due(session, limit)
            if rng.random() < 0.3:  # somebody goes on in between
                work(world, expected, rng, image_id, user_id, categories)
            with world.database.write() as session:
                roll_up(session, counted, limit)
        if step % 5 == 0:
            check_sizes(world)
        if step in (60, 120):
            with world.database.write() as session:
                delete_image(session, lock_image(session, images[0]))
            expected.forget(images.pop(0))
            check_sizes(world)
    count_changes(world.database)
    check_sizes(world)
    assert efforts(world, "category") == expected.by(1)
    assert efforts(world, "person") == expected.by(2)
    assert efforts(world, "model") == expected.by(3)
    assert sum(masks for masks, *_ in efforts(world, "day").values()) == len(expected.masks)
    with world.database.read() as session:
        table = effort_rows(session, world.project_id)
    assert Counter((category, person, model) for (_, category, person, model), _ in table).keys() == {
        mask[1:4] for mask in expected.masks.values()
    }
    assert sum(counts["masks"] for _, counts in table) == len(expected.masks)
    assert states(world)[-1] == Counter(expected.state.values())
    said = Counter(pair for pairs in expected.said.values() for pair in pairs)
    with world.database.read() as session:
        assert uncounted(session, world.project_id) == 0
        found = {
            (each.user_id, what): count
            for each in reviews(session, world.project_id)
            for what, count in (
                ("submitted", each.submitted),
                ("approved", each.approved),
                ("returned", each.returned),
            )
            if count
        }
        rows = session.scalar(select(func.count()).select_from(Annotation).where(Annotation.deleted.is_(None)))
        kept = session.scalar(select(func.count()).select_from(ImageRollup))
    assert found == said
    assert rows == len(expected.masks)
    assert kept == len(images)


def work(
    world: World, expected: Expected, rng: random.Random, image_id: int, user_id: int, categories: list[int]
) -> None:
    """Do one thing to an image, and note what is to come of it."""
    here = [uid for uid, mask in expected.masks.items() if mask[0] == image_id]
    deleted = [uid for uid, mask in expected.gone.items() if mask[0] == image_id]
    state = expected.state[image_id]
    kind = rng.choice(["create", "create", "update", "delete", "restore", "mark"])
    if kind == "mark":
        after = rng.choice(["waiting", "submitted", "approved", "returned", "skipped"])
        save(world, image_id, mark(after), user_id)
        if after == "submitted" and state not in ("submitted", "approved"):
            expected.author[image_id] = user_id
        if (
            after != state
            and after in ("submitted", "approved", "returned")
            and (state, after)
            != (
                "approved",
                "submitted",
            )
        ):
            expected.said[image_id].append((expected.author.get(image_id, 0), after))
        expected.state[image_id] = after
        return
    effort_of = (rng.choice([None, round(rng.random() * 60, 3)]), rng.choice([None, rng.randrange(9)]))
    model = rng.choice(MODELS)
    if kind == "create":
        uid, category = new_uid(), rng.choice(categories)
        save(world, image_id, create(uid, category or None, provenance=provenance(model, *effort_of)), user_id)
        expected.masks[uid] = (image_id, category, user_id, model, *effort_of)
    elif kind == "update" and here:
        uid, category = rng.choice(here), rng.choice(categories)
        changes = {"category_id": category or None, "provenance": provenance(model, *effort_of)}
        save(world, image_id, operation(kind="update", uid=uid, changes=changes), user_id)
        expected.masks[uid] = (image_id, category, expected.masks[uid][2], model, *effort_of)
    elif kind == "delete" and here:
        uid = rng.choice(here)
        save(world, image_id, operation(kind="delete", uid=uid), user_id)
        expected.gone[uid] = expected.masks.pop(uid)
    elif kind == "restore" and deleted:
        uid = rng.choice(deleted)
        save(world, image_id, operation(kind="restore", uid=uid), user_id)
        expected.masks[uid] = expected.gone.pop(uid)
    else:
        return
    if state == "approved":
        expected.state[image_id] = "submitted"
