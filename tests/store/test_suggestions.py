"""Suggestions as rows: what replaces them, what people decide about them, and that nothing else knows of them."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import select

from limner.formats.coco import export_coco
from limner.store.annotations import annotations_of
from limner.store.categories import create_category, delete_category
from limner.store.images import delete_image, get_image
from limner.store.projects import get_project
from limner.store.suggestions import NewSuggestion, replace_suggestions, suggestions_of
from limner.store.tables import Suggestion
from limner.vocabulary import rle
from limner.vocabulary.suggested import mask_iou
from tests.store.conftest import HEIGHT, WIDTH, World, operation

MODEL = "a" * 64


def square(x: int, y: int, side: int = 4) -> rle.Rle:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[y : y + side, x : x + side] = True
    return rle.encode(mask)


def new(x: int, y: int, score: float = 0.9, **fields: Any) -> NewSuggestion:
    prompt = {"points": [[x + 0.5, y + 0.5, 1]]}
    return NewSuggestion(square(x, y), score, MODEL, prompt=prompt, **fields)


def suggest(world: World, *suggestions: NewSuggestion, origin: Any = "everything") -> list[Suggestion]:
    with world.database.write() as session:
        replace_suggestions(session, world.image_id, origin, suggestions)
    return shown(world)


def shown(world: World) -> list[Suggestion]:
    with world.database.read() as session:
        return list(suggestions_of(session, world.image_id))


def counts(world: World) -> dict[str, int]:
    with world.database.read() as session:
        states = session.scalars(select(Suggestion.state).where(Suggestion.image_id == world.image_id)).all()
        return {state: states.count(state) for state in ("open", "accepted", "refused")}


def take(suggestion: Suggestion) -> Any:
    origin = {"suggestion": suggestion.uid, "source": suggestion.origin, "score": suggestion.score}
    return operation(
        kind="create",
        uid=str(uuid.uuid4()),
        category_id=None,
        segmentation={"size": [HEIGHT, WIDTH], "counts": suggestion.counts},
        provenance={"model_sha256": MODEL, "origin": origin},
    )


def verdict(suggestion: Suggestion, *, refused: bool = True) -> Any:
    return operation(kind="verdict", uid=suggestion.uid, refused=refused)


def test_the_best_come_first_with_all_that_is_known_of_them(world: World) -> None:
    low, high = new(0, 0, 0.4), new(6, 5, 0.8, stability=0.7, category_id=world.category_id)
    first, second = suggest(world, low, high)
    assert (first.score, first.stability, first.category_id) == (0.8, 0.7, world.category_id)
    assert (first.bbox_x, first.bbox_y, first.bbox_width, first.bbox_height, first.area) == (6, 5, 4, 4, 16)
    assert (second.origin, second.model_sha256, second.prompt) == ("everything", MODEL, low.prompt)


def test_new_ones_replace_the_open_ones_of_their_origin_only(world: World) -> None:
    suggest(world, new(0, 0))
    suggest(world, new(8, 0), origin="detector")
    after = suggest(world, new(0, 6))
    assert {(each.origin, each.bbox_x, each.bbox_y) for each in after} == {("everything", 0, 6), ("detector", 8, 0)}


def test_what_was_refused_is_not_suggested_again(world: World) -> None:
    refused, _ = suggest(world, new(0, 0, 0.9), new(8, 4, 0.5))
    world.apply(verdict(refused), 0)
    assert [each.bbox_x for each in shown(world)] == [8]
    again = suggest(world, new(0, 0, 0.95), new(2, 2, 0.6), new(8, 4, 0.5))
    assert [(each.bbox_x, each.bbox_y) for each in again] == [(2, 2), (8, 4)]  # the neighbour is another object
    assert counts(world) == {"open": 2, "accepted": 0, "refused": 1}


def test_refusing_is_taken_back_by_the_same_kind_of_operation(world: World) -> None:
    (suggestion,) = suggest(world, new(0, 0))
    world.apply(verdict(suggestion), 0)
    applied = world.apply(verdict(suggestion, refused=False), 1)
    assert (applied.revision, applied.annotation) == (2, None)
    assert [each.state for each in shown(world)] == ["open"]


def test_a_verdict_is_given_once_however_often_it_is_sent(world: World) -> None:
    (suggestion,) = suggest(world, new(0, 0))
    operation_id = str(uuid.uuid4())
    first = world.apply(verdict(suggestion), 0, operation_id)
    world.apply(verdict(suggestion, refused=False), 1)
    again = world.apply(verdict(suggestion), 0, operation_id)
    assert (first.replayed, again.replayed, again.annotation) == (False, True, None)
    assert counts(world)["open"] == 1


def test_a_verdict_on_one_that_is_gone_changes_nothing(world: World) -> None:
    (old,) = suggest(world, new(0, 0))
    suggest(world, new(6, 5))
    world.apply(verdict(old), 0)
    assert counts(world) == {"open": 1, "accepted": 0, "refused": 0}


def test_an_annotation_made_of_it_accepts_it_and_taking_that_back_opens_it_again(world: World) -> None:
    (suggestion,) = suggest(world, new(0, 0))
    creation = take(suggestion)
    world.apply(creation, 0)
    assert counts(world) == {"open": 0, "accepted": 1, "refused": 0}
    suggest(world, new(6, 5))
    assert counts(world) == {"open": 1, "accepted": 1, "refused": 0}  # what was accepted stays
    world.apply(operation(kind="delete", uid=str(creation.uid)), 1)
    assert counts(world) == {"open": 2, "accepted": 0, "refused": 0}
    world.apply(operation(kind="restore", uid=str(creation.uid)), 2)
    assert counts(world) == {"open": 1, "accepted": 1, "refused": 0}
    with world.database.read() as session:
        (annotation,) = annotations_of(session, world.image_id).annotations
    assert annotation.provenance is not None
    assert annotation.provenance["origin"] == {
        "suggestion": suggestion.uid,
        "source": "everything",
        "score": suggestion.score,
    }


def test_one_that_was_accepted_cannot_be_refused_by_a_late_verdict(world: World) -> None:
    (suggestion,) = suggest(world, new(0, 0))
    world.apply(take(suggestion), 0)
    world.apply(verdict(suggestion), 1)
    assert counts(world)["accepted"] == 1


def test_suggestions_of_other_images_are_out_of_reach(world: World) -> None:
    (suggestion,) = suggest(world, new(0, 0))
    with world.database.write() as session:
        image = get_image(session, world.image_id)
        session.execute(Suggestion.__table__.update().values(image_id=image.id))
    from limner.store.suggestions import set_refused

    with world.database.write() as session:
        set_refused(session, world.image_id + 1, suggestion.uid, refused=True)
    assert counts(world)["open"] == 1


def test_exports_and_counts_know_nothing_of_them(world: World) -> None:
    suggest(world, new(0, 0))
    with world.database.read() as session:
        image = get_image(session, world.image_id)
        assert (image.annotation_count, image.revision) == (0, 0)
        assert annotations_of(session, image.id).annotations == []
    document = json.load(io.BytesIO(b"".join(export_coco(world.database, world.project_id))))
    assert document["annotations"] == []
    assert "suggestion" not in json.dumps(document)


def test_they_go_with_their_image_and_lose_a_category_that_is_deleted(world: World) -> None:
    with world.database.write() as session:
        dog = create_category(session, world.project_id, "dog")
    suggest(world, new(0, 0, category_id=dog.id))
    with world.database.write() as session:
        delete_category(session, session.merge(dog))
    assert [each.category_id for each in shown(world)] == [None]
    with world.database.write() as session:
        get_project(session, world.project_id)
        delete_image(session, get_image(session, world.image_id))
        assert session.scalars(select(Suggestion)).all() == []


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan")])
def test_an_origin_has_a_score_between_0_and_1(score: float, world: World) -> None:
    (suggestion,) = suggest(world, new(0, 0))
    suggestion.score = score
    with pytest.raises(ValidationError, match="score"):
        take(suggestion)


def test_the_iou_of_masks_is_that_of_their_pixels() -> None:
    assert mask_iou(square(0, 0), square(0, 0)) == 1
    assert mask_iou(square(0, 0), square(2, 0)) == pytest.approx(8 / 24)
    assert mask_iou(square(0, 0), square(4, 0)) == 0
    assert mask_iou(square(0, 0, 0), square(0, 0, 0)) == 0
