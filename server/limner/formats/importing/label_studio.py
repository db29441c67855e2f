"""Label Studio's JSON: a list of tasks, each with its image and annotations, whose ``result`` are regions.

Brush masks (``format: rle``), polygons and ellipses become masks, rectangles are boxes; coordinates are per cent of
``original_width`` and ``original_height``. A region's label stands in the region, or in another result of the same id.
Of several annotations of a task the ground truth counts, else the newest that was not cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from limner.errors import InvalidFile
from limner.formats.importing.brush import decode_brush
from limner.formats.importing.shapes import ellipse, number, of_box, pixels, turned
from limner.formats.importing.sources import Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading, Size
from limner.formats.json_stream import iterate_list
from limner.vocabulary import rle
from limner.vocabulary.names import shown

UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the names of uploads
SHAPES = ("brush", "polygon", "ellipse", "rectangle")
PICTURE = re.compile(r"\.(jpe?g|png|webp|tiff?|bmp|jfif)$", re.IGNORECASE)


def read_label_studio(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """The images of tasks, one after the other.

    Raises:
        InvalidFile: when a file is no list of tasks.
    """
    for file in sources.with_suffix(".json"):
        with file.open() as opened:
            for index, task in enumerate(iterate_list(opened)):
                name = f"task {task.get('id', index) if isinstance(task, dict) else index} of {file.shown}"
                try:
                    image = _image(name, task, reading)
                except InvalidFile as error:
                    reading.leave_out("task", name.removeprefix("task "), error)
                else:
                    if image is not None:
                        yield image


def _image(name: str, task: Any, reading: Reading) -> ReadImage | None:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise InvalidFile("It is no task with its data.", hint="Export from Label Studio as JSON, not as JSON-MIN.")
    file_name = reading.images.named(_names(task))
    results = _results(name, task.get("annotations"), reading)
    regions = [each for each in results if _shape(each) is not None]
    if not regions:
        return ReadImage(file_name, None, [])
    sizes = {_size(region) for region in regions}
    if len(sizes) > 1:
        raise InvalidFile(f"Its regions are of images of {len(sizes)} sizes.", hint="Give tasks of one image each.")
    size = sizes.pop()
    if not reading.is_of(file_name, size):
        return ReadImage(file_name, size, [])
    labels = _labels(results)
    annotations = []
    for index, region in enumerate(regions):
        region_name = f"region {region.get('id', index)} of {name}"
        try:
            annotation = _annotation(region_name, region, labels, size, reading)
        except InvalidFile as error:
            reading.leave_out("annotation", region_name, error)
        else:
            annotations += [annotation] if annotation is not None else []
    return ReadImage(file_name, size, annotations)


def _names(task: dict[str, Any]) -> list[str]:
    """Paths that the image of a task may have in the project, the longest first."""
    data = task["data"]
    values = [value for value in data.values() if isinstance(value, str)]
    given = data.get("image") or next((value for value in values if _is_picture(value)), None)
    names = []
    if isinstance(given, str):
        address, query = _address(given)
        path = parse_qs(query).get("d", [unquote(address)])[0].lstrip("/")  # local files: /data/local-files/?d=
        path = path.removeprefix("data/upload/")
        names = [path, re.sub(r"^[0-9]+/", "", path)]
    if isinstance(task.get("file_upload"), str):
        names.append(task["file_upload"])
    short = []
    for name in names:
        last = PurePosixPath(name).name
        short += [name, *([UPLOADED.sub("", last)] if UPLOADED.match(last) else [])]
    if not short:
        raise InvalidFile("It names no image.", hint='Give {"data": {"image": …}}.')
    unprefixed = [name for name in short if not UPLOADED.match(PurePosixPath(name).name)]
    return [*short, *unprefixed] if not unprefixed else [*unprefixed, *short]


def _is_picture(value: str) -> bool:
    return any(PICTURE.search(unquote(text)) for text in _address(value))


def _address(text: str) -> tuple[str, str]:
    """Path and query of what may be an address; the whole text as a path when it is none."""
    try:
        parts = urlsplit(text)
    except ValueError:  # half of a bracket, for example
        return text, ""
    return parts.path, parts.query


def _results(name: str, annotations: Any, reading: Reading) -> list[dict[str, Any]]:
    """The results of the annotation that counts."""
    if annotations is None:
        return []
    if not isinstance(annotations, list):
        raise InvalidFile(f"Its annotations are {shown(annotations)}.", hint="Give a list.")
    done = [each for each in annotations if isinstance(each, dict) and not each.get("was_cancelled")]
    if not done:
        return []
    best = max(
        range(len(done)),
        key=lambda index: (done[index].get("ground_truth") is True, str(done[index].get("updated_at", "")), index),
    )
    for index, other in enumerate(done):
        if index != best:
            reading.leave_out(
                "annotation", f"{other.get('id', index)} of {name}", "another annotation of the same task was taken"
            )
    result = done[best].get("result")
    if not isinstance(result, list):
        raise InvalidFile(f"Its result is {shown(result)}.", hint="Give a list of regions.")
    return [each for each in result if isinstance(each, dict)]


def _shape(region: dict[str, Any]) -> str | None:
    """What a result is; None for those that are no regions: choices, texts, labels of others."""
    kind = region.get("type")
    if not isinstance(kind, str):
        return None
    kind = kind.removesuffix("labels")
    return kind if kind in SHAPES or kind in ("keypoint", "vector", "bitmask") else None


def _size(region: dict[str, Any]) -> Size:
    return pixels(region.get("original_height"), "original_height"), pixels(
        region.get("original_width"), "original_width"
    )


def _labels(results: list[dict[str, Any]]) -> dict[object, str]:
    """By region id, the first label that any result of it has."""
    labels: dict[object, str] = {}
    for result in results:
        value = result.get("value")
        for key, texts in value.items() if isinstance(value, dict) else ():
            if str(key).endswith("labels") and isinstance(texts, list) and texts and isinstance(texts[0], str):
                labels.setdefault(_id(result), texts[0])
    return labels


def _id(result: dict[str, Any]) -> object:
    identity = result.get("id")
    return identity if isinstance(identity, str | int) else id(result)


def _annotation(
    name: str, region: dict[str, Any], labels: dict[object, str], size: Size, reading: Reading
) -> ReadAnnotation | None:
    value, shape, category = region.get("value"), _shape(region), labels.get(_id(region))
    if not isinstance(value, dict):
        raise InvalidFile(f"Its value is {shown(value)}.", hint="Give an object.")
    if shape == "brush":
        if value.get("format") != "rle" or not isinstance(value.get("rle"), list):
            raise InvalidFile("It is a brush mask without rle.", hint="Export as JSON, with brush masks as rle.")
        return ReadAnnotation(name, category, rle.encode(decode_brush(value["rle"], *size)))
    if shape == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise InvalidFile(f"Its points are {shown(points)}.", hint="Give a list of [x, y], in per cent.")
        return ReadAnnotation(
            name, category, [[_share(each, axis, size) for p in points for axis, each in enumerate(p)]]
        )
    if shape not in ("ellipse", "rectangle"):
        raise InvalidFile(f"It is a {shape}, which is not read.", hint="brush, polygon, ellipse and rectangle are.")
    x, y = _share(value.get("x"), 0, size), _share(value.get("y"), 1, size)
    degrees = number(value.get("rotation", 0) or 0, "rotation")
    if shape == "ellipse":
        rx, ry = _share(value.get("radiusX"), 0, size), _share(value.get("radiusY"), 1, size)
        return ReadAnnotation(name, category, [turned(ellipse(x, y, rx, ry), degrees, x, y)])
    width, height = _share(value.get("width"), 0, size), _share(value.get("height"), 1, size)
    if degrees:  # around its top-left corner; a box here is turned around its centre
        corners = turned([x + width / 2, y + height / 2], degrees, x, y)
        x, y = corners[0] - width / 2, corners[1] - height / 2
    return of_box(reading, name, category, (x, y, x + width, y + height), size, degrees=degrees)


def _share(value: object, axis: int, size: Size) -> float:
    """Per cent of the image's width (axis 0) or height (axis 1), in pixels."""
    return number(value, "xy"[axis]) / 100 * (size[0] if axis else size[1])
