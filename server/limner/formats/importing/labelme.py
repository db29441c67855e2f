"""labelme: a JSON file per image with its shapes. Shapes of one label and ``group_id`` are one object.

Polygons, circles and masks have an area and become masks; rectangles are boxes; points, lines and what labelme does not
know are left out. labelme keeps corners in pixels of the image as it is shown, after EXIF orientation, as Limner does.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import io
import json
import math
import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from limner.errors import InvalidFile, InvalidRle
from limner.formats.importing.shapes import ellipse, number, of_box, pixels, placed, united
from limner.formats.importing.sources import SourceFile, Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading, Size
from limner.vocabulary.counted import counted
from limner.vocabulary.names import shown

BOXES = ("rectangle",)
WITHOUT_AREA = ("point", "points", "line", "linestrip")


def read_labelme(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """The images of labelme's documents; JSON files of other forms are left out."""
    for file in sources.with_suffix(".json"):
        try:
            document = _document(file)
            image_name = _image_name(file, document, reading)
            size = _size(document, image_name, reading)
        except InvalidFile as error:
            reading.leave_out("document", file.shown, error)
            continue
        shapes = document["shapes"] if reading.is_of(image_name, size) else []
        yield ReadImage(image_name, size, list(_annotations(file, shapes, size, reading)))


def _document(file: SourceFile) -> dict[str, Any]:
    try:
        document = json.loads(file.json().removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"It is not JSON: {error}.", hint="Save it again in labelme.") from error
    if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
        raise InvalidFile("It is no labelme file.", hint='It needs {"imagePath": …, "shapes": […]}.')
    document.pop("imageData", None)  # the picture itself
    return document


def _image_name(file: SourceFile, document: dict[str, Any], reading: Reading) -> str:
    path = document.get("imagePath")
    if not isinstance(path, str) or not path:
        raise InvalidFile("It does not name its image.", hint='Give {"imagePath": …}.')
    path = path.replace("\\", "/")
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), path))
    return reading.images.named([beside, path])


def _size(document: dict[str, Any], image_name: str, reading: Reading) -> Size:
    height, width = document.get("imageHeight"), document.get("imageWidth")
    if height is None and width is None:
        known = reading.images.size_of(image_name)
        if known is None:
            raise InvalidFile("It tells no size, and the project has no image of its name.", hint="Add the image.")
        return known
    return pixels(height, "imageHeight"), pixels(width, "imageWidth")


def _annotations(file: SourceFile, shapes: list[Any], size: Size, reading: Reading) -> Iterator[ReadAnnotation]:
    groups: dict[tuple[str, object], list[ReadAnnotation]] = {}
    for index, shape in enumerate(shapes):
        name = f"shape {index} of {file.shown}"
        try:
            annotation = _annotation(name, shape, size, reading)
        except InvalidFile as error:
            reading.leave_out("annotation", name, error)
            continue
        if annotation is None:
            continue
        group = shape.get("group_id")
        if isinstance(group, int | str) and group != "":
            groups.setdefault((annotation.category or "", group), []).append(annotation)
        else:
            yield annotation
    for members in groups.values():
        first = members[0]
        try:
            whole = united([member.segmentation for member in members], size)
        except InvalidRle as error:
            reading.leave_out("annotation", first.name, f"{error.message} {error.hint}")
        else:
            provenance = first.provenance if len(members) == 1 else None
            yield ReadAnnotation(first.name, first.category, whole, first.attributes, provenance)


def _annotation(name: str, shape: Any, size: Size, reading: Reading) -> ReadAnnotation | None:
    if not isinstance(shape, dict):
        raise InvalidFile("It is not an object.", hint='Give {"label": …, "points": […], "shape_type": …}.')
    label, kind = shape.get("label"), shape.get("shape_type") or "polygon"
    if not isinstance(label, str) or not label:
        raise InvalidFile(f"Its label is {shown(label)}.", hint="A label is a text.")
    if kind in WITHOUT_AREA:
        raise InvalidFile(f"It is a {kind}, which has no area.", hint="Only what has an area becomes a mask.")
    points = _points(shape.get("points"))
    attributes = _attributes(shape)
    if kind in BOXES:
        if len(points) < 2:
            raise InvalidFile(f"It is a rectangle of {counted(len(points), 'point')}.", hint="A rectangle has 2.")
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (min(xs), min(ys), max(xs), max(ys))
        return of_box(reading, name, label, box, size, attributes=attributes)
    if kind == "polygon" or kind == "oriented_rectangle":
        if len(points) < 3:
            raise InvalidFile(f"It is a polygon of {counted(len(points), 'point')}.", hint="A polygon has 3 or more.")
        return ReadAnnotation(name, label, [[value for point in points for value in point]], attributes)
    if kind == "circle":
        if len(points) != 2:
            raise InvalidFile(
                f"It is a circle of {counted(len(points), 'point')}.", hint="Give its centre and a point on it."
            )
        (x, y), (x1, y1) = points
        radius = math.hypot(x1 - x, y1 - y)
        return ReadAnnotation(name, label, [ellipse(x, y, radius, radius)], attributes)
    if kind == "mask":
        return ReadAnnotation(name, label, _mask(shape, points, size), attributes)
    raise InvalidFile(f"It has the shape_type {shown(kind)}.", hint="polygon, rectangle, circle and mask are read.")


def _points(points: Any) -> list[tuple[float, float]]:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise InvalidFile(f"Its points are {shown(points)}.", hint="Give a list of [x, y].")
    return [(number(x, "x"), number(y, "y")) for x, y in points]


def _mask(shape: dict[str, Any], points: list[tuple[float, float]], size: Size) -> Any:
    """A PNG that fills the rectangle between its two points."""
    if not points or not isinstance(shape.get("mask"), str):
        raise InvalidFile("It is a mask without points or pixels.", hint="Save the file again in labelme.")
    try:
        data = base64.b64decode(shape["mask"], validate=True)
        with PillowImage.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.height > size[0] or picture.width > size[1]:
                raise InvalidFile("Its mask is larger than its image.", hint="Save the file again in labelme.")
            patch = np.asarray(picture.convert("L"), np.uint8) > 0
    except (binascii.Error, OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError) as error:
        raise InvalidFile("Its mask is no PNG in base64.", hint="Save the file again in labelme.") from error
    return placed(patch, round(points[0][0]), round(points[0][1]), size)


def _attributes(shape: dict[str, Any]) -> dict[str, Any]:
    flags = shape.get("flags")
    attributes: dict[str, Any] = {}
    if isinstance(flags, dict):
        attributes = {flag: value for flag, value in flags.items() if isinstance(value, bool) and value}
    if isinstance(shape.get("description"), str) and shape["description"]:
        attributes["description"] = shape["description"]
    return attributes
