"""Whether the blobs of an image are there and whole: what a power loss or a failing disk may have done to them."""

from __future__ import annotations

import hashlib
import io
from typing import Literal

from PIL import Image as Picture
from PIL import UnidentifiedImageError

from limner.blobs import Blob, BlobStore, display_key, image_key, thumbnail_key

Fault = Literal["missing", "damaged"]
ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}


def image_faults(blobs: BlobStore, sha256: str, *, thorough: bool = False) -> dict[str, Fault]:
    """What is wrong with the blobs of an image, by key; empty when nothing is.

    The original is compared with its hash, and so is what is shown when it is the original. What was made from it is
    looked at where damage by a power loss shows, at its beginning and end; with ``thorough`` all of it is decoded.

    Raises:
        Unavailable: the blob store does not answer.
    """
    original = image_key(sha256)
    faults = {original: _fault_of_original(blobs.find(original), sha256)}
    for key in (display_key(sha256), thumbnail_key(sha256)):
        faults[key] = _fault_of_picture(blobs.find(key), sha256, thorough=thorough)
    return {key: fault for key, fault in faults.items() if fault is not None}


def _fault_of_original(blob: Blob | None, sha256: str) -> Fault | None:
    if blob is None:
        return "missing"
    digest = hashlib.sha256()
    for chunk in blob.chunks():
        digest.update(chunk)
    return None if digest.hexdigest() == sha256 else "damaged"


def _fault_of_picture(blob: Blob | None, original_sha256: str, *, thorough: bool) -> Fault | None:
    if blob is None:
        return "missing"
    data = blob.read()
    if hashlib.sha256(data).hexdigest() == original_sha256:
        return None
    try:
        with Picture.open(io.BytesIO(data)) as picture:
            if thorough:
                picture.load()
            return None if _ends_well(data, picture.format) else "damaged"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Picture.DecompressionBombError):
        return "damaged"


def _ends_well(data: bytes, form: str | None) -> bool:
    if form == "WEBP":  # RIFF: the size of what follows the first eight bytes
        return len(data) == 8 + int.from_bytes(data[4:8], "little")
    return data.endswith(ENDS.get(form or "", b""))
