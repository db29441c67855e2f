"""What an import reads of the store does not grow with the square of its annotations, nor with their order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from limner.formats.coco import writing
from limner.store import Database
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from tests.formats.coco_world import World

IMAGES = 20


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    with database.write() as session:
        project = create_project(session, "Project")
        new = [NewImage(f"{n}.png", 40, 40, f"{n:064x}", 1, "PNG", "image/png") for n in range(IMAGES)]
        images = {each.file_name: add_image(session, project.id, each)[0].id for each in new}
    yield World(database, project.id, images)
    database.close()


def annotations(image: int, count: int) -> list[dict[str, Any]]:
    """So many squares of different places and sizes on one image, without uids."""
    corners = [(n % 20, n // 20 % 20, 2 + n // 400) for n in range(count)]
    return [
        {"image_id": image, "segmentation": [[x, y, x + side, y, x + side, y + side, x, y + side]]}
        for x, y, side in corners
    ]


def document(entries: list[dict[str, Any]]) -> bytes:
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(IMAGES)]
    numbered = [{"id": number, **entry} for number, entry in enumerate(entries)]
    return json.dumps({"images": images, "annotations": numbered, "categories": []}).encode()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images whose masks were read, in the order of reading."""
    numbers: list[int] = []
    contents = writing.contents_of

    def noted(session: Any, image_id: int) -> Any:
        numbers.append(image_id)
        return contents(session, image_id)

    monkeypatch.setattr(writing, "contents_of", noted)
    return numbers


def test_however_many_annotations_an_image_gets_what_it_has_is_read_once(world: World, read: list[int]) -> None:
    assert world.take(document(annotations(0, 1000))).annotations == 1000
    assert read == [world.images["0.png"]]
    assert world.take(document(annotations(0, 1000))).annotations == 0
    assert read == 2 * [world.images["0.png"]]


def test_annotations_of_many_images_in_any_order_cost_what_they_cost_sorted(world: World, read: list[int]) -> None:
    of_images = [annotations(image, 10) for image in range(IMAGES)]
    interleaved = [entry for row in zip(*of_images, strict=True) for entry in row]
    assert world.take(document(interleaved)).annotations == 10 * IMAGES
    assert sorted(read) == sorted(world.images.values())
