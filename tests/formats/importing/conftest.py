"""A project with the images that files of other tools name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.store import Database
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from tests.formats.coco_world import World
from tests.formats.importing.files import SIZES


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    with database.write() as session:
        project = create_project(session, "Project")
        images = {
            name: add_image(session, project.id, NewImage(name, width, height, f"{n:064x}", 1, "PNG", "image/png"))[
                0
            ].id
            for n, (name, (height, width)) in enumerate(SIZES.items())
        }
    yield World(database, project.id, images)
    database.close()
