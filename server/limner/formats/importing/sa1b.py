"""SA-1B: a JSON document per image. A document that cannot be read, and a mask that does not fit, is left out."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from limner.errors import InvalidFile, InvalidRle
from limner.formats.importing.sources import Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading
from limner.formats.sa1b.document import Entry, open_document
from limner.vocabulary import rle


def read_sa1b(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """The images of SA-1B documents.

    Masks without a ``category`` get none. Scores of the model that made a mask (``predicted_iou``, ``point_coords``)
    become its provenance.
    """
    for file in sources.with_suffix(".json"):
        try:
            document = open_document(file.json(), file.shown)
            name = _image_name(document["image"], file.shown)
        except InvalidFile as error:
            reading.leave_out("document", file.shown, error)
            continue
        image = document["image"]
        size, sha256 = (image["height"], image["width"]), image.get("sha256")
        annotations = list(_annotations(file.shown, document["annotations"], size, reading))
        yield ReadImage(name, size, annotations, sha256 if isinstance(sha256, str) else None)


def _annotations(
    document: str, entries: list[Entry], size: tuple[int, int], reading: Reading
) -> Iterator[ReadAnnotation]:
    for index, entry in enumerate(entries):
        name = f"{index} of {document}"
        try:
            mask = rle.validate(entry["segmentation"], size)
        except InvalidRle as error:
            reading.leave_out("annotation", name, f"{error.message} {error.hint}".strip())
        else:
            category = entry.get("category")
            yield ReadAnnotation(
                name=name,
                category=category if isinstance(category, str) and category else None,
                segmentation=mask,
                attributes=entry.get("attributes") or {},
                provenance=entry.get("provenance") or _provenance(entry),
                iscrowd=entry.get("iscrowd", 0),
                uid=entry.get("uid"),
            )


def _image_name(image: Entry, document: str) -> str:
    file_name = image.get("file_name")
    if not isinstance(file_name, str) or not file_name:
        raise InvalidFile(f"{document} does not name its image.", hint='Give {"image": {"file_name": …}}.')
    return file_name


def _provenance(annotation: Entry) -> dict[str, Any] | None:
    """What SA-1B says of how a mask came about: the model's score, and the point that it was found from."""
    provenance: dict[str, Any] = {}
    if _is_finite(annotation.get("predicted_iou")):
        provenance["predicted_iou"] = annotation["predicted_iou"]
    points = annotation.get("point_coords")
    if isinstance(points, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_finite, point)) for point in points
    ):
        provenance["prompts"] = {"points": [[x, y, 1] for x, y in points], "box": None, "mask": False}
    return provenance or None


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
