"""Projects that are exported and imported."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from limner.store import Database
from limner.store.migrate import migrate
from limner.vocabulary.operations import DeleteOperation
from tests.formats.coco_world import PROVENANCE, SIZES, World, new_world, random_mask


@pytest.fixture
def world(database: Database) -> World:
    """A project that has something of everything."""
    world = new_world(database)
    cat, dog = world.category("cat"), world.category("dog ‹é›")
    for seed in range(4):
        world.create("wide.png", random_mask("wide.png", seed), cat)
    world.create("tall.png", random_mask("tall.png", 7), dog, iscrowd=1, attributes={"b": [1, 2.5], "a": "ü"})
    world.create("tall.png", random_mask("tall.png", 8), None, provenance=PROVENANCE)
    world.create("tall.png", np.zeros(SIZES["tall.png"], np.bool_), cat)
    world.create("tall.png", np.ones(SIZES["tall.png"], np.bool_), cat)
    gone = world.create("wide.png", random_mask("wide.png", 9), cat)
    world.apply("wide.png", DeleteOperation(kind="delete", uid=uuid.UUID(gone)))
    return world


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    """The same images in a project on another server."""
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    migrate(database)
    yield new_world(database)
    database.close()
