"""YOLO segmentation: a text file of polygons per image, and ``data.yaml`` with the names of the classes.

One line is one annotation: its class, then x and y of every corner as shares of width and height. A mask of several
parts is one line too: the parts are joined by cuts of no width, as holes are (``limner.formats.coco.polygons``), so
that even-odd filling gives back the same pixels. Masks may overlap. The format knows neither crowds nor empty masks:
both are left out. Attributes and provenance are lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import ColumnElement

from limner.blobs import BlobStore
from limner.formats.coco.exporting import numbered_snapshot
from limner.formats.coco.polygons import polygons_of
from limner.formats.dataset import IMAGES, Places, Split, image_file
from limner.formats.files import ExportFile
from limner.formats.labels import list_labels
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE, annotations_of, iterate_images
from limner.store.projects import get_project
from limner.vocabulary import rle

_NOT_IN_YAML = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def export_yolo(
    database: Database,
    project_id: int,
    *,
    chosen: ColumnElement[bool] = EVERY_IMAGE,
    images: BlobStore | None = None,
    split: Split | None = None,
    tolerance: float = 0.0,
) -> Iterator[ExportFile]:
    """``data.yaml``, then ``labels/<name>.txt`` and ``images/<name>.<suffix>`` for every image.

    Trainers take the label's path from the image's: the same name under ``labels`` instead of ``images``, ``.txt``
    instead of the last suffix. Where two images would share a label, or a name is none that every system has, the image
    comes along under another; ``names.csv`` says so. With a split there is a folder for each part in both.

    Args:
        database: where the project is.
        project_id: which.
        chosen: what holds of the images that come along.
        images: where images come from; None leaves them out, then they have to be called as ``names.csv`` says.
        split: parts of the images; None makes all of them both training and validation.
        tolerance: px that polygons may be simpler by; 0 gives back the same pixels.

    Raises:
        NotFound: no such project; at the first file.
    """
    places = Places(split, with_images=images is not None)
    with numbered_snapshot(database, project_id) as session:
        get_project(session, project_id)
        labels = list_labels(session, project_id)
        number_of = {label.category_id: number for number, label in enumerate(labels)}
        filled = (
            {split.part_of(image.sha256) for image in iterate_images(session, project_id, chosen=chosen)}
            if split
            else set[str]()
        )
        yield ExportFile("data.yaml", classes_yaml([label.name for label in labels], split, filled))
        for image in iterate_images(session, project_id, chosen=chosen):
            states = annotations_of(session, image.id).annotations
            lines = [
                line_of(state.segmentation, number_of[state.category_id], tolerance)
                for state in states
                if state.area and not state.iscrowd
            ]
            placed = places.of(image)
            yield ExportFile(placed.under("labels", ".txt"), "".join(lines).encode())
            if images is not None:
                yield image_file(images, image, placed)
        yield from places.names_file()


def line_of(mask: rle.Rle, number: int, tolerance: float = 0.0) -> str:
    """The line of a mask that has pixels; ``number`` is its class, ``tolerance`` px its corners may be fewer for."""
    height, width = mask["size"]
    corners = joined(polygons_of(rle.decode(mask), tolerance))
    shares = (value / (height if index % 2 else width) for index, value in enumerate(corners))
    return f"{number} {' '.join(f'{share:.7g}' for share in shares)}\n"


def joined(polygons: Sequence[Sequence[int]]) -> list[int]:
    """Several polygons [x0, y0, x1, y1, …] as one line: to each of the others from the first one's start and back."""
    first, *others = polygons
    line = list(first)
    for other in others:
        line += [*first[:2], *other, *other[:2]]
    return line


def _yaml_text(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def classes_yaml(classes: Sequence[str], split: Split | None = None, filled: Collection[str] = ()) -> bytes:
    """``data.yaml``. Without a ``path`` the folder of this file counts, wherever training starts.

    JSON's strings are YAML's too, but for characters that YAML wants escaped. Trainers insist on images for training
    and validation: a part that has none is that of the other.
    """
    folders = {"train": IMAGES, "val": IMAGES}
    if split is not None:
        some = sorted(filled, key=split.parts.index)
        folders = {part: f"{IMAGES}/{part}" for part in some}
        for part in ("train", "val"):
            folders.setdefault(part, f"{IMAGES}/{some[0]}" if some else IMAGES)
    parts = "".join(f"{part}: {folders[part]}\n" for part in ("train", "val", "test") if part in folders)
    names = "".join(f"  {number}: {_yaml_text(name)}\n" for number, name in enumerate(classes))
    return f"{parts}names:{' {}' if not classes else ''}\n{names}".encode()
