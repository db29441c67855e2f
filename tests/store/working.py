"""Work on images of a project, and what its sums say of it."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from sqlalchemy import select

from limner.store.categories import count_annotations
from limner.store.embeddings import EmbeddingKey
from limner.store.folders import folders_of
from limner.store.images import lock_image
from limner.store.operations import apply_operation
from limner.store.projects import ProjectCounts, count_projects
from limner.store.statistics import (
    effort,
    progress,
)
from limner.store.tables import (
    Annotation,
    Image,
)
from limner.vocabulary.names import folder_of
from limner.vocabulary.states import EffortBy
from tests.store.conftest import World, operation

MODELS = ("a" * 64, "b" * 64)


def new_uid() -> str:
    return str(uuid.uuid4())


def provenance(model: str | None, seconds: float | None = None, clicks: int | None = None) -> dict[str, Any]:
    return {"model_sha256": model, "seconds": seconds, "clicks": clicks}


def save(world: World, image_id: int, op: Any, user_id: int | None = None) -> None:
    with world.database.write() as session:
        apply_operation(session, lock_image(session, image_id), new_uid(), op, revision=None, user_id=user_id)


def mark(state: str) -> Any:
    return operation(kind="mark", uid=new_uid(), state=state, note="for a reason")


def efforts(world: World, by: EffortBy, user_id: int | None = None) -> dict[Any, tuple[int, int, float, int, int]]:
    with world.database.read() as session:
        found = effort(session, world.project_id, by, user_id)
    return {each.key: (each.masks, each.timed, each.seconds, each.clicked, each.clicks) for each in found}


def states(world: World) -> list[dict[str, int]]:
    with world.database.read() as session:
        days = progress(session, world.project_id)
    return [{state: count for state, count in day.images.items() if count} for day in days]


def check_sizes(world: World) -> None:
    """Sizes of the project, and of its folders, and how many annotations its categories have, are those of the rows."""
    with world.database.read() as session:
        images = session.scalars(select(Image).where(Image.project_id == world.project_id)).all()
        masks = session.scalars(
            select(Annotation)
            .join(Image, Image.id == Annotation.image_id)
            .where(Image.project_id == world.project_id, Annotation.deleted.is_(None))
        ).all()
        found = count_projects(session, {world.project_id: EmbeddingKey.of(MODELS[0])}).get(world.project_id)
        by_category = count_annotations(session, [world.project_id])
        folders = folders_of(session, world.project_id, 9)
    states = Counter(image.state for image in images)
    named = {state: states[state] for state in ("submitted", "skipped", "approved", "returned")}
    annotated = sum(image.annotation_count > 0 for image in images)
    assert found == (ProjectCounts(len(images), annotated, len(masks), **named) if images else None)
    assert by_category == Counter(mask.category_id for mask in masks if mask.category_id)
    assert dict(folders) == Counter(folder_of(image.file_name) for image in images if "/" in image.file_name)
