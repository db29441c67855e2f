"""A project of three images with annotations of every kind, as COCO gives and takes it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from limner.formats.coco import ImportReport, export_coco, import_coco
from limner.store import Database
from limner.store.annotations import annotations_of, iterate_images
from limner.store.categories import create_category, list_categories
from limner.store.images import NewImage, add_image, lock_image
from limner.store.operations import apply_operation
from limner.store.projects import create_project
from limner.store.tables import Annotation
from limner.vocabulary import rle
from limner.vocabulary.operations import CreateOperation

SIZES = {"wide.png": (20, 30), "tall.png": (31, 17), "empty.png": (9, 9)}  # (height, width)
PROVENANCE = {
    "model_sha256": "a" * 64,
    "mask_index": 2,
    "predicted_iou": 0.1 + 0.2,
    "prompts": {"points": [[1.5, 2.25, 1]], "box": None, "mask": False},
    "seconds": 3.5,
}


@dataclass(frozen=True)
class World:
    database: Database
    project_id: int
    images: dict[str, int]

    def create(self, file_name: str, mask: NDArray[np.bool_], category_id: int | None = None, **fields: Any) -> str:
        uid = str(uuid.uuid4())
        operation = CreateOperation.model_validate(
            {"kind": "create", "uid": uid, "category_id": category_id, "segmentation": rle.encode(mask), **fields}
        )
        self.apply(file_name, operation)
        return uid

    def apply(self, file_name: str, operation: Any) -> None:
        with self.database.write() as session:
            image = lock_image(session, self.images[file_name])
            apply_operation(session, image, str(uuid.uuid4()), operation, revision=None, user_id=None)

    def category(self, name: str) -> int:
        with self.database.write() as session:
            return create_category(session, self.project_id, name).id

    def export(self, **options: Any) -> bytes:
        return b"".join(export_coco(self.database, self.project_id, **options))

    def take(self, document: object) -> ImportReport:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return import_coco(self.database, self.project_id, data)

    def content(self) -> dict[str, Any]:
        """Everything that an export must bring back: no ids, no times."""
        with self.database.read() as session:
            categories = list_categories(session, self.project_id)
            names = {category.id: category.name for category in categories} | {None: None}
            images = {image.file_name: image.id for image in iterate_images(session, self.project_id)}
            return {
                "categories": [(c.name, c.supercategory, c.color) for c in categories],
                "annotations": {
                    name: [
                        (
                            names[state.category_id],
                            state.segmentation,
                            state.area,
                            state.bbox,
                            state.iscrowd,
                            state.attributes,
                            state.provenance,
                        )
                        for state in annotations_of(session, image_id).annotations
                    ]
                    for name, image_id in images.items()
                },
            }

    def uids(self) -> set[str]:
        with self.database.read() as session:
            live = select(Annotation.uid).where(Annotation.deleted.is_(None))
            return set(session.scalars(live.where(Annotation.image_id.in_(self.images.values()))))


def new_world(database: Database, name: str = "Project") -> World:
    with database.write() as session:
        project = create_project(session, name)
        images = {}
        for index, (file_name, (height, width)) in enumerate(SIZES.items()):
            new = NewImage(file_name, width, height, f"{index:064x}", 10, "PNG", "image/png")
            images[file_name] = add_image(session, project.id, new)[0].id
    return World(database, project.id, images)


def random_mask(file_name: str, seed: int = 0, share: float = 0.4) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(SIZES[file_name]) < share
