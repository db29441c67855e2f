"""CVAT for images 1.1: one XML document; its images hold polygons, masks, ellipses and boxes.

A mask's ``rle`` are run lengths, background first, row by row inside the rectangle ``left``, ``top``, ``width``,
``height``. Polylines, points, cuboids and skeletons have no area, tags no place; tracks are of videos.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any
from xml.etree.ElementTree import Element

import numpy as np

from limner.errors import InvalidFile
from limner.formats.importing.shapes import ellipse, number, of_box, pixels, placed, turned
from limner.formats.importing.sources import SourceFile, Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading, Size
from limner.formats.importing.xml_documents import iterate_xml
from limner.vocabulary.counted import counted
from limner.vocabulary.names import shown

COLOR = re.compile(r"#[0-9a-fA-F]{6}")
MAX_OUTLINE = 2 << 20  # characters: each corner takes a hundred times as much while it is read
NOT_READ = {
    "polyline": "it is a polyline, which has no area",
    "points": "it is a set of points, which has no area",
    "cuboid": "it is a cuboid, which is no mask",
    "skeleton": "it is a skeleton, which has no area",
    "tag": "it is a tag of the whole image",
}
A_TRACK = "it is a track through a video; export the task as 'CVAT for images 1.1'"


def read_cvat(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """The images of CVAT's documents, element by element.

    Raises:
        InvalidFile: for XML that is broken, or declares entities.
    """
    for file in sources.with_suffix(".xml"):
        with file.open() as opened:
            yield from _read(file, opened, reading)


def _read(file: SourceFile, opened: IO[bytes], reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    path: list[Element] = []
    for event, element in iterate_xml(file, opened):
        if event == "start":
            if not path and element.tag != "annotations":
                raise InvalidFile(f"{file.shown} begins with <{element.tag}>.", hint="CVAT's begin with <annotations>.")
            path.append(element)
            continue
        path.pop()
        if element.tag == "image" and len(path) == 1:
            yield from _image(file, element, reading)
        elif element.tag == "track" and len(path) == 1:
            reading.leave_out("annotation", f"track {element.get('id', '')} of {file.shown}", A_TRACK)
        elif element.tag == "label" and len(path) > 1 and path[1].tag == "meta":
            name, color = element.findtext("name"), element.findtext("color")
            if name:
                yield ReadCategory(name, color if color and COLOR.fullmatch(color) else None)
        if len(path) == 1:
            path[0].clear()


def _image(file: SourceFile, image: Element, reading: Reading) -> Iterator[ReadImage]:
    image_name = image.get("name") or ""
    try:
        size = pixels(image.get("height"), "height"), pixels(image.get("width"), "width")
        file_name = reading.images.named([image_name])
    except InvalidFile as error:
        reading.leave_out("image", image_name or f"{image.get('id')} of {file.shown}", error)
        return
    annotations = []
    for index, shape in enumerate(image if reading.is_of(file_name, size) else ()):
        name = f"{index} ({shape.tag}) of {image_name}"
        if shape.tag in NOT_READ:
            reading.leave_out("annotation", name, NOT_READ[shape.tag])
            continue
        try:
            annotation = _annotation(name, shape, size, reading)
        except InvalidFile as error:
            reading.leave_out("annotation", name, error)
        else:
            annotations += [annotation] if annotation is not None else []
    yield ReadImage(file_name, size, annotations)


def _annotation(name: str, shape: Element, size: Size, reading: Reading) -> ReadAnnotation | None:
    label = shape.get("label")
    if not label:
        raise InvalidFile("It has no label.", hint='Give label="…".')
    attributes: dict[str, Any] = {
        each.get("name") or "": each.text or "" for each in shape.findall("attribute") if each.get("name")
    }
    if shape.get("occluded") == "1":
        attributes.setdefault("occluded", True)
    degrees = number(shape.get("rotation", "0"), "rotation")
    if shape.tag == "polygon":
        return ReadAnnotation(name, label, [_points(shape.get("points"))], attributes)
    if shape.tag == "mask":
        return ReadAnnotation(name, label, _mask(shape, size), attributes)
    if shape.tag == "box":
        x0, y0, x1, y1 = (number(shape.get(key), key) for key in ("xtl", "ytl", "xbr", "ybr"))
        return of_box(reading, name, label, (x0, y0, x1, y1), size, degrees=degrees, attributes=attributes)
    if shape.tag == "ellipse":
        x, y, rx, ry = (number(shape.get(key), key) for key in ("cx", "cy", "rx", "ry"))
        return ReadAnnotation(name, label, [turned(ellipse(x, y, rx, ry), degrees, x, y)], attributes)
    raise InvalidFile(f"It is a <{shape.tag}>.", hint="polygon, mask, box and ellipse are read.")


def _points(text: str | None) -> list[float]:
    if len(text or "") > MAX_OUTLINE:
        raise InvalidFile("Its outline has too many corners.", hint="Give a mask.")
    corners = [pair.split(",") for pair in (text or "").split(";") if pair.strip()]
    if len(corners) < 3 or not all(len(pair) == 2 for pair in corners):
        raise InvalidFile(f"Its points are {shown(text)}.", hint='Give three or more, as "x,y;x,y;x,y".')
    return [number(value, "corner") for pair in corners for value in pair]


def _mask(shape: Element, size: Size) -> Any:
    width, height = pixels(shape.get("width"), "width"), pixels(shape.get("height"), "height")
    left, top = int(number(shape.get("left"), "left")), int(number(shape.get("top"), "top"))
    if width > size[1] or height > size[0]:
        raise InvalidFile("Its mask is larger than its image.", hint=f"The image has {size[1]} × {size[0]} pixels.")
    text = shape.get("rle") or ""
    try:
        counts = np.array([int(count) for count in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise InvalidFile(f"Its rle is {shown(text)}.", hint="Give run lengths, separated by commas.") from None
    if (counts < 0).any() or (counts > width * height).any() or int(counts.sum()) != width * height:
        raise InvalidFile(
            f"Its run lengths add up to {counted(int(counts.sum()), 'pixel')}.",
            hint=f"{width} × {height} need {width * height}.",
        )
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return placed(flat.reshape(height, width), left, top, size)
