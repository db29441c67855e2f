"""SA-1B documents into a project: rewritten as one COCO file, so that both go through the same checks.

A document that cannot be read, and a mask that does not fit its image, is left out and listed; all others go in.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from math import isfinite
from typing import IO, Any

from limner.errors import InvalidFile, InvalidRle
from limner.formats.coco.exporting import unlabelled_category
from limner.formats.coco.importing import SPOOL_BYTES, import_coco
from limner.formats.coco.report import ImportReport, SkipList
from limner.formats.sa1b.document import Entry, open_document
from limner.store import Database
from limner.vocabulary import rle

KEPT = ("segmentation", "uid", "iscrowd", "attributes", "provenance")
PEEK_BYTES = 1 << 16
UNLABELLED_ID = 0  # in the COCO file that is written between


def import_sa1b(
    database: Database, project_id: int, documents: Iterable[tuple[str, bytes]], *, user_id: int | None = None
) -> ImportReport:
    """Add the masks of SA-1B documents to the images that the project has.

    What cannot be used is left out and listed with its reason, all at once. Images are found as
    :func:`limner.formats.coco.import_coco` finds them. Masks without a ``category`` get none. Scores of the model that
    made a mask (``predicted_iou``, ``point_coords``) become its provenance.

    Args:
        database: where the project is.
        project_id: the project.
        documents: name of each file, for messages, and its bytes.
        user_id: who imports.

    Raises:
        NotFound: no such project.
    """
    categories: dict[str | None, int] = {None: UNLABELLED_ID}
    images: list[Entry] = []
    skipped = SkipList()
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        spool.write(b'{"annotations":[')
        count = 0
        for name, data in documents:
            try:
                document = open_document(data, name)
                image = _image(document["image"], len(images) + 1, name)
            except InvalidFile as error:
                skipped.add("document", name, f"{error.message} {error.hint}".strip())
                continue
            images.append(image)
            for index, annotation in enumerate(document["annotations"]):
                try:
                    rle.validate(annotation["segmentation"], (image["height"], image["width"]))
                except InvalidRle as error:
                    skipped.add("annotation", f"{index} of {name}", f"{error.message} {error.hint}".strip())
                    continue
                try:
                    entry = _annotation(annotation, image["id"], count + 1, categories)
                    text = json.dumps(entry, allow_nan=False)
                except ValueError:  # what is no JSON would have the whole file refused
                    skipped.add("annotation", f"{index} of {name}", "It has a number that is not finite.")
                    continue
                spool.write((b"," if count else b"") + text.encode())
                count += 1
        listed = [
            unlabelled_category(UNLABELLED_ID),
            *({"id": number, "name": name} for name, number in categories.items() if name),
        ]
        spool.write(f'],"images":{json.dumps(images)},"categories":{json.dumps(listed)}}}'.encode())
        spool.seek(0)
        return import_coco(database, project_id, spool, user_id=user_id, skipped=skipped)


def is_sa1b(file: IO[bytes]) -> bool:
    """Whether a JSON file looks like an SA-1B document rather than COCO: it is about one ``image``."""
    file.seek(0)
    head = file.read(PEEK_BYTES)
    if b'"images"' in head or b'"categories"' in head:
        return False
    if b'"image"' in head:
        return True
    while piece := file.read(PEEK_BYTES):  # its annotations come first, and are long
        if b'"image"' in head[-len(b'"image"') :] + piece:
            return True
        head = piece
    return False


def _image(image: Entry, number: int, document: str) -> Entry:
    file_name = image.get("file_name")
    if not isinstance(file_name, str) or not file_name:
        raise InvalidFile(f"{document} does not name its image.", hint='Give {"image": {"file_name": …}}.')
    facts = {"id": number, "file_name": file_name, "height": image["height"], "width": image["width"]}
    return {**facts, **({"sha256": image["sha256"]} if isinstance(image.get("sha256"), str) else {})}


def _annotation(annotation: Entry, image_id: int, number: int, categories: dict[str | None, int]) -> Entry:
    category = annotation.get("category")
    if not isinstance(category, str) or not category:
        category = None
    entry: Entry = {key: annotation[key] for key in KEPT if key in annotation}
    entry |= {"id": number, "image_id": image_id, "category_id": categories.setdefault(category, len(categories))}
    if "provenance" not in entry and (provenance := _provenance(annotation)):
        entry["provenance"] = provenance
    return entry


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
