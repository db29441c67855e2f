"""Which format files are in, by what is in them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal, get_args

from limner.errors import InvalidFile
from limner.formats.importing.masks import CLASSES as CLASS_MAPS
from limner.formats.importing.sources import ZIP_MAGIC, SourceFile, Sources
from limner.formats.importing.voc import CLASSES, OBJECTS, PICTURES
from limner.formats.importing.yolo import CLASS_FILES, label_files

ImportFormat = Literal["coco", "sa1b", "yolo", "labelme", "cvat", "label-studio", "voc", "masks"]
FORMATS: tuple[ImportFormat, ...] = get_args(ImportFormat)
PEEK_BYTES = 1 << 16
_FIRST_TAG = re.compile(rb"<([A-Za-z_][\w.-]*)")
_YOLO_LINE = re.compile(rb"\s*[0-9]+(\s+[0-9.eE+-]+){4,}\s*")


def sniff(sources: Sources) -> ImportFormat:
    """The format of files that are all in one.

    Raises:
        InvalidFile: when they are of none that is known, or of several.
    """
    found = formats_of(sources)
    if len(found) == 1:
        return found.pop()
    known = ", ".join(FORMATS)
    if not found:
        packed = next((file.shown for file in sources if file.head(len(ZIP_MAGIC[0])) in ZIP_MAGIC), None)
        if packed is not None:
            raise InvalidFile(f"{packed} is an archive of its own.", hint="Unpack it, and import what is in it.")
        raise InvalidFile(
            "No annotations of a known format were found.", hint=f"Name the format; it is one of {known}."
        )
    several = " and ".join(sorted(found))
    raise InvalidFile(f"Annotations of several formats were found: {several}.", hint="Name the one that is meant.")


def formats_of(sources: Sources, *, guess_masks: bool = True) -> set[ImportFormat]:
    """All formats that some files are in; ``guess_masks`` takes PNG files for masks where nothing else is there."""
    found: set[ImportFormat] = set()
    for file in sources.with_suffix(".json"):
        if (kind := json_format(file)) is not None:
            found.add(kind)
    for file in sources.with_suffix(".xml"):
        tag = _FIRST_TAG.search(re.sub(rb"<!--.*?-->|<[?!][^>]*>", b"", file.head(PEEK_BYTES), flags=re.DOTALL))
        if tag is not None and tag[1] in (b"annotations", b"annotation"):
            found.add("cvat" if tag[1] == b"annotations" else "voc")
    if _is_yolo(sources):
        found.add("yolo")
    pngs = [PurePosixPath(file.path) for file in sources.with_suffix(".png")]
    folders = {part.lower() for path in pngs for part in path.parent.parts}
    if folders & {OBJECTS, CLASSES}:
        found.add("voc")
    elif CLASS_MAPS in folders and sources.called("labels.json") is not None:
        found.add("masks")
    if (
        guess_masks
        and not found
        and any("images" not in path.parent.parts and PICTURES not in path.parent.parts for path in pngs)
    ):
        found.add("masks")
    return found


def json_format(file: SourceFile) -> ImportFormat | None:
    """The format of a JSON file, by its first characters and the names in it."""
    head = file.head(PEEK_BYTES)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "coco"  # UTF-16, of which the reader says what is wrong
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return "label-studio" if b'"data"' in head or b'"result"' in head else None
    if not text.startswith(b"{"):
        return None
    if b'"shapes"' in head:
        return "labelme"
    if b'"images"' in head or b'"categories"' in head:
        return "coco"
    with file.open() as opened:
        tail = b""
        while piece := opened.read(PEEK_BYTES):  # annotations may come first, and are long
            if b'"image"' in tail + piece:
                return "sa1b"
            if b'"images"' in tail + piece or b'"categories"' in tail + piece:
                return "coco"
            if b'"shapes"' in tail + piece:
                return "labelme"
            tail = piece[-len(b'"categories"') :]
    return None


def _is_yolo(sources: Sources) -> bool:
    texts = label_files(sources)
    if not texts:
        return False
    if sources.called("data.yaml", "data.yml", *CLASS_FILES) is not None:
        return True
    first = next((head for head in (file.head(PEEK_BYTES) for file in texts[:100]) if head.strip()), b"")
    return _YOLO_LINE.fullmatch(first.strip().split(b"\n")[0]) is not None
