"""One SA-1B document: ``{"image": {…}, "annotations": [{"segmentation": {"size", "counts"}, …}]}``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from limner.errors import InvalidFile, InvalidRle
from limner.vocabulary import rle
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


def read_document(data: bytes, name: str) -> Entry:
    """A document whose image has a size and whose masks fit it.

    Args:
        data: the bytes.
        name: of the file, for messages.

    Raises:
        InvalidFile: when the bytes are not in SA-1B's form.
    """
    try:
        content = json.loads(data)
        image, annotations = content["image"], content["annotations"]
        size = int(image["height"]), int(image["width"])
        segmentations = [annotation["segmentation"] for annotation in annotations]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidFile(
            f"{name} is not in the form of SA-1B: {error!r}.",
            hint='It needs {"image": {"height", "width"}, "annotations": [{"segmentation": {"size", "counts"}}]}.',
        ) from error
    try:
        for segmentation in segmentations:
            rle.validate(segmentation, size)
    except InvalidRle as error:
        raise InvalidFile(f"{name}: {error.message}", hint=error.hint) from error
    return dict(content)
