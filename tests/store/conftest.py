"""A project with a category and an image, and operations on it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from limner.store import Database
from limner.store.categories import create_category
from limner.store.images import NewImage, add_image, lock_image
from limner.store.operations import Applied, apply_operation
from limner.store.projects import create_project
from limner.vocabulary import rle
from limner.vocabulary.operations import Operation

HEIGHT, WIDTH = 12, 16
OPERATION: TypeAdapter[Any] = TypeAdapter(Operation)


def new_image(index: int = 0) -> NewImage:
    return NewImage(f"{index}.png", WIDTH, HEIGHT, f"{index:064x}", 100, "PNG", "image/png")


def mask_rle(seed: int = 0) -> dict[str, Any]:
    return dict(rle.encode(np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.3))


def operation(**fields: Any) -> Any:
    return OPERATION.validate_python(fields)


def create(uid: str, category_id: int | None = None, seed: int = 0, **fields: Any) -> Any:
    return operation(kind="create", uid=uid, category_id=category_id, segmentation=mask_rle(seed), **fields)


@dataclass(frozen=True)
class World:
    database: Database
    project_id: int
    category_id: int
    image_id: int

    def apply(
        self, op: Any, revision: int | None, operation_id: str | None = None, user_id: int | None = None
    ) -> Applied:
        with self.database.write() as session:
            return apply_operation(
                session,
                lock_image(session, self.image_id),
                operation_id or str(uuid.uuid4()),
                op,
                revision=revision,
                user_id=user_id,
            )


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as session:
        project = create_project(session, "Cats")
        category = create_category(session, project.id, "cat")
        image, _ = add_image(session, project.id, new_image())
    return World(database, project.id, category.id, image.id)
