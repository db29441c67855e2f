"""One SA-1B document: ``{"image": {…}, "annotations": [{"segmentation": {"size", "counts"}, …}]}``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from limner.errors import InvalidFile, InvalidRle
from limner.vocabulary import rle
from limner.vocabulary.names import shown
from limner.vocabulary.rle import Rle

Entry = dict[str, Any]


def image_entry(image_id: int, file_name: str, height: int, width: int, **more: object) -> Entry:
    """What a document says about its image; ``more`` for keys that SA-1B does not have."""
    return {"image_id": image_id, "file_name": file_name, "height": height, "width": width, **more}


def annotation_entry(number: int, mask: Rle, **more: object) -> Entry:
    """One mask; ``area`` and ``bbox`` [x, y, width, height] are derived from it.

    Args:
        number: its id within the document.
        mask: of the image's size.
        more: ``predicted_iou``, ``stability_score``, ``crop_box``, ``point_coords``, and what SA-1B does not have.
    """
    return {"id": number, "segmentation": dict(mask), "area": rle.area(mask), "bbox": rle.bbox(mask), **more}


def document_bytes(image: Mapping[str, object], annotations: Sequence[Mapping[str, object]], **more: object) -> bytes:
    """The document's bytes; the same content gives the same bytes."""
    content = {"image": image, "annotations": annotations, **more}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def open_document(data: bytes, name: str) -> Entry:
    """A document of SA-1B's form, whose masks have not been looked at.

    Args:
        data: the bytes.
        name: of the file, for messages.

    Raises:
        InvalidFile: when the bytes are not in SA-1B's form.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _other_form(name, f"it is not JSON: {error}") from error
    image, annotations = (
        (content.get("image"), content.get("annotations")) if isinstance(content, dict) else (None, None)
    )
    if not isinstance(image, dict) or not isinstance(annotations, list):
        raise _other_form(name, "it has no image, or no list of annotations")
    for side in ("height", "width"):
        if isinstance(image.get(side), bool) or not isinstance(image.get(side), int) or image[side] < 1:
            raise _other_form(name, f"the {side} of its image is {shown(image.get(side))}, no number of pixels")
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or "segmentation" not in annotation:
            raise _other_form(name, f"annotation {index} has no segmentation")
    return dict(content)


def read_document(data: bytes, name: str) -> Entry:
    """A document whose image has a size and whose masks fit it.

    Args:
        data: the bytes.
        name: of the file, for messages.

    Raises:
        InvalidFile: when the bytes are not in SA-1B's form, or a mask does not fit.
    """
    content = open_document(data, name)
    size = content["image"]["height"], content["image"]["width"]
    try:
        for annotation in content["annotations"]:
            rle.validate(annotation["segmentation"], size)
    except InvalidRle as error:
        raise InvalidFile(f"{name}: {error.message}", hint=error.hint) from error
    return content


def _other_form(name: str, why: str) -> InvalidFile:
    return InvalidFile(
        f"{name} is not in the form of SA-1B: {why}.",
        hint='It needs {"image": {"height", "width"}, "annotations": [{"segmentation": {"size", "counts"}}]}.',
    )
