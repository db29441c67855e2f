"""By which masks similar objects are looked for: annotations of the project, and what was refused."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from limner.jobs.kinds import SuggestPayload
from limner.jobs.suggest import SuggestQueue
from limner.jobs.suggest_one import ask_for_image
from limner.store import examples as module
from limner.store.categories import create_category
from limner.store.examples import examples_of, refused_of
from limner.store.images import get_image
from limner.store.projects import create_project
from limner.store.suggestions import NewSuggestion, replace_suggestions, set_refused, suggestions_of
from limner.vocabulary import rle
from limner.vocabulary.suggested import Similar
from tests.store.conftest import HEIGHT, WIDTH, World, operation

MODEL = "a" * 64


def square(x: int, y: int = 2) -> rle.Rle:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[y : y + 4, x : x + 4] = True
    return rle.encode(mask)


def draw(world: World, x: int, category_id: int | None) -> str:
    uid = str(uuid.uuid4())
    made = operation(kind="create", uid=uid, category_id=category_id, segmentation=square(x))
    world.apply(made, None)
    return uid


def uids(world: World, **request: Any) -> list[str]:
    with world.database.read() as session:
        return [each.uid for each in examples_of(session, world.project_id, Similar(**request))]


def refuse(world: World, *suggestions: NewSuggestion, origin: Any = "similar") -> None:
    with world.database.write() as session:
        replace_suggestions(session, world.image_id, origin, suggestions)
        for row in suggestions_of(session, world.image_id):
            set_refused(session, world.image_id, row.uid, refused=True)


def test_examples_are_those_that_are_named_as_far_as_they_are_there(world: World) -> None:
    first, second = draw(world, 0, world.category_id), draw(world, 5, None)
    assert uids(world, examples=(second, first, str(uuid.uuid4()))) == [first, second]
    world.apply(operation(kind="delete", uid=first), None)
    assert uids(world, examples=(first, second)) == [second]
    with world.database.write() as session:
        other = create_project(session, "Dogs").id
    with world.database.read() as session:
        assert examples_of(session, other, Similar(examples=(uuid.UUID(second),))) == []


def test_of_a_category_the_newest_are_examples(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FROM_CATEGORY", 2)
    with world.database.write() as session:
        other = create_category(session, world.project_id, "dog").id
    drawn = [draw(world, x, world.category_id) for x in (0, 5, 8)]
    draw(world, 3, other)
    assert uids(world, category_id=world.category_id) == drawn[:0:-1]


def test_what_was_refused_of_similar_objects_counts_here_and_for_its_category(world: World) -> None:
    refuse(
        world, NewSuggestion(square(0), 0.9, MODEL), NewSuggestion(square(6), 0.8, MODEL, category_id=world.category_id)
    )
    refuse(world, NewSuggestion(square(0, 7), 0.9, MODEL), origin="everything")
    with world.database.read() as session:
        here = refused_of(session, world.project_id, world.image_id, {None})
        elsewhere = refused_of(session, world.project_id, world.image_id + 1, {None, world.category_id})
    assert sorted(each.category_id or 0 for each in here) == [0, world.category_id]
    assert [each.category_id for each in elsewhere] == [world.category_id]


def test_the_queue_hands_out_examples_as_they_are_when_the_turn_of_an_image_comes(world: World) -> None:
    payload = SuggestPayload(model_sha256=MODEL, request=Similar(category_id=world.category_id))
    with world.database.write() as session:
        ask_for_image(session, get_image(session, world.image_id), payload)
    drawn = draw(world, 0, world.category_id)
    item = SuggestQueue(world.database, "me").claim()
    assert item is not None
    assert [(each.uid, each.segmentation["counts"]) for each in item.examples] == [(drawn, square(0)["counts"])]
    assert item.refused == []


def test_a_request_names_either_examples_or_their_category() -> None:
    for wrong in ({}, {"examples": (uuid.uuid4(),), "category_id": 1}):
        with pytest.raises(ValidationError, match="either the uids of examples or the id of their category"):
            Similar(**wrong)
