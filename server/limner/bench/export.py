"""Taking a project out as COCO: Limner's stream, and what a script of twenty lines would do in its place.

Both write the same masks of the same rows. The script reads all rows at once, makes one document of them and writes it
with ``json.dumps``; polygons it finds with OpenCV, one decoded mask after the other. Limner's stream holds a row at a
time and sorts keys, so that the same project always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from sqlalchemy import insert, select

from limner.bench.harness import Result, compare, progress
from limner.formats.coco import Segmentations, export_coco, import_coco
from limner.store import Database
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Annotation, Image
from limner.store.types import utc_now
from limner.vocabulary import rle

SIZES = (500, 5_000)  # annotations of a project
PER_IMAGE = 20
MASKS = 50  # different ones
SIDE = 512  # px of the images


def run(sizes: Sequence[int] = SIZES, rounds: int = 3) -> Iterator[Result]:
    """All measurements of ``limner bench export``.

    Args:
        sizes: annotations of each project that is taken out.
        rounds: timed exports of each contender.
    """
    for size in sizes:
        progress(f"Filling a project with {size:,} annotations")
        with project_of(size) as (database, project_id):
            for segmentations in ("rle", "polygon"):
                progress(f"Taking it out as {segmentations}")
                yield _compared(database, project_id, size, segmentations, rounds)


def _compared(database: Database, project_id: int, size: int, segmentations: Segmentations, rounds: int) -> Result:
    def ours() -> int:
        return sum(map(len, export_coco(database, project_id, segmentations)))

    def theirs() -> int:
        return len(script(database, project_id, segmentations))

    compared = compare(
        f"{size:,} annotations as {segmentations}", ("limner", ours), ("all rows, json.dumps", theirs), rounds=rounds
    )
    bytes_out, (our_peak, their_peak) = ours(), (peak_megabytes(ours), peak_megabytes(theirs))
    notes = f"{bytes_out / 1e6:.1f} MB; memory at its highest {our_peak:.1f} MB, of the script {their_peak:.1f} MB"
    return replace(compared, notes=notes)


@contextmanager
def project_of(annotations: int) -> Iterator[tuple[Database, int]]:
    """A database of its own with one project of so many annotations, ``PER_IMAGE`` an image."""
    with tempfile.TemporaryDirectory(prefix="limner-export-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'limner.db'}")
        migrate(database)
        images = -(-annotations // PER_IMAGE)
        with database.write() as session:
            project_id = create_project(session, "Bench").id
            session.execute(insert(Image), [_image(project_id, number) for number in range(images)])
        masks = [_mask(seed) for seed in range(MASKS)]
        document = {
            "images": [{"id": n, "file_name": f"{n}.png"} for n in range(images)],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [
                {"id": n, "image_id": n // PER_IMAGE, "category_id": 1, "segmentation": masks[n % MASKS]}
                for n in range(annotations)
            ],
        }
        report = import_coco(database, project_id, io.BytesIO(json.dumps(document).encode()))
        assert not report.skipped
        try:
            yield database, project_id
        finally:
            database.close()


def script(database: Database, project_id: int, segmentations: Segmentations) -> bytes:
    """The project as somebody would write it who has the database and an hour."""
    with database.read() as session:
        images = session.scalars(select(Image).where(Image.project_id == project_id)).all()
        rows = session.execute(
            select(Annotation, Image.height, Image.width)
            .join(Image, Image.id == Annotation.image_id)
            .where(Image.project_id == project_id, Annotation.deleted.is_(None))
        ).all()
        document = {
            "images": [
                {"id": image.id, "file_name": image.file_name, "height": image.height, "width": image.width}
                for image in images
            ],
            "annotations": [_entry(each, height, width, segmentations) for each, height, width in rows],
        }
    return json.dumps(document).encode()


def _entry(annotation: Annotation, height: int, width: int, segmentations: Segmentations) -> dict[str, Any]:
    mask = {"size": [height, width], "counts": annotation.counts}
    return {
        "id": annotation.id,
        "image_id": annotation.image_id,
        "category_id": annotation.category_id,
        "iscrowd": annotation.iscrowd,
        "area": annotation.area,
        "bbox": [annotation.bbox_x, annotation.bbox_y, annotation.bbox_width, annotation.bbox_height],
        "segmentation": mask if segmentations == "rle" else _contours(mask),
    }


def _contours(mask: dict[str, Any]) -> list[list[float]]:
    pixels = rle.decode(cast(rle.Rle, mask)).astype(np.uint8)
    contours, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [contour.ravel().astype(float).tolist() for contour in contours]


def peak_megabytes(call: Callable[[], object]) -> float:
    """Memory that Python and NumPy hold at most during a call, above what they held before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def _image(project_id: int, number: int) -> dict[str, object]:
    fixed = {"width": SIDE, "height": SIDE, "bytes": 1, "format": "PNG", "display_type": "image/png"}
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return {"project_id": project_id, "file_name": f"{number}.png", "sha256": sha256, "created": utc_now(), **fixed}


def _mask(seed: int) -> dict[str, object]:
    """A blob whose edge is rough by half a pixel."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    (x, y), radius = noise.uniform(0.35, 0.65, 2) * SIDE, noise.uniform(0.1, 0.33) * SIDE
    return dict(rle.encode(np.hypot(rows - y, columns - x) + noise.normal(0, 0.5, (SIDE, SIDE)) < radius))
