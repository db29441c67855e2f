"""Pascal VOC: ``Annotations/x.xml`` names the objects with their boxes, ``SegmentationObject/x.png`` has their pixels.

In the PNG files 0 (black) is background and 255 (cream) the void around objects; object k is the k-th of the XML file.
What an object is, ``SegmentationClass/x.png`` tells by the number or colour that ``labelmap.txt`` lists, or else the
standard's twenty classes; without it the XML file does. Without ``SegmentationObject`` each class of an image is one
annotation. Objects without pixels are boxes, from 1-based pixels as the standard writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidFile
from limner.formats.importing.label_pngs import Colors, LabelPng
from limner.formats.importing.names import image_paths
from limner.formats.importing.shapes import masks_by_value, number, of_box, pixels
from limner.formats.importing.sources import SourceFile, Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading, Size
from limner.formats.importing.xml_documents import read_xml
from limner.vocabulary import rle

XML, OBJECTS, CLASSES, PICTURES = "annotations", "segmentationobject", "segmentationclass", "jpegimages"
FOLDERS = (XML, OBJECTS, CLASSES)
BACKGROUND, VOID = (0, 0, 0), (224, 224, 192)
VOID_INDEX = 255
STANDARD: tuple[str, ...] = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
MAX_LABEL_MAP = 1 << 20  # bytes
FLAGS = ("difficult", "truncated", "occluded")


@dataclass
class _Files:
    """What belongs to one image."""

    path: PurePosixPath
    by_folder: dict[str, SourceFile] = field(default_factory=dict)


@dataclass(frozen=True)
class _Object:
    name: str
    box: tuple[float, float, float, float] | None
    attributes: dict[str, Any]


@dataclass(frozen=True)
class _Label:
    name: str
    color: tuple[int, int, int]


def read_voc(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """The images of which there is an XML file or a segmentation, in the order of their names."""
    labels = _labels(sources)
    for label in labels:
        if label.name != "background" and sources.called("labelmap.txt"):
            yield ReadCategory(label.name, "#{:02x}{:02x}{:02x}".format(*label.color))
    for files in _by_image(sources):
        name = (files.by_folder.get(XML) or next(iter(files.by_folder.values()))).shown
        try:
            yield _image(files, labels, reading)
        except InvalidFile as error:
            reading.leave_out("document", name, error)


def _by_image(sources: Sources) -> list[_Files]:
    found: dict[str, _Files] = {}
    for file in sources.with_suffix(".xml", ".png"):
        path = PurePosixPath(file.path)
        folders = [part.lower() for part in path.parent.parts]
        kind = next((part for part in reversed(folders) if part in FOLDERS), XML if file.suffix == ".xml" else None)
        if kind is None or (kind == XML) != (file.suffix == ".xml"):
            continue
        key = image_paths(path, FOLDERS)[-1]
        found.setdefault(key, _Files(path)).by_folder[kind] = file
    return list(found.values())


def _image(files: _Files, labels: Sequence[_Label], reading: Reading) -> ReadImage:
    told_name, told_size, objects = None, None, list[_Object]()
    if XML in files.by_folder:
        told_name, told_size, objects = _read_xml(files.by_folder[XML])
    paths = image_paths(files.path, FOLDERS)
    if told_name:
        parents = [PurePosixPath(path).parent for path in paths]
        file_name = reading.images.named(
            [*((parent / told_name).as_posix() for parent in reversed(parents)), told_name]
        )
        size = told_size or reading.images.size_of(file_name)
    else:
        named = reading.images.of_stem(paths)
        file_name, size = named.file_name, named.size
    maps = {kind: LabelPng(files.by_folder[kind]) for kind in (OBJECTS, CLASSES) if kind in files.by_folder}
    for kind, picture in maps.items():
        if size is not None and picture.size != size:
            raise InvalidFile(
                f"{files.by_folder[kind].shown} is {picture.size[1]} × {picture.size[0]} pixels.",
                hint=f"Its image is {size[1]} × {size[0]}.",
            )
        size = picture.size
    if size is None:
        raise InvalidFile("It tells no size, and the project has no image of its name.", hint="Add the image first.")
    if not reading.is_of(file_name, size):
        return ReadImage(file_name, size, [])
    annotations = list(_masks(files, maps, labels, objects))
    masked = {int(each.name.split()[1]) for each in annotations} if OBJECTS in maps else set()
    for index, each in enumerate(objects, start=1):
        if index in masked or (OBJECTS not in maps and CLASSES in maps) or each.box is None:
            continue
        name = f"object {index} of {files.by_folder[XML].shown}"
        box = of_box(reading, name, each.name, each.box, size, attributes=each.attributes)
        annotations += [box] if box is not None else []
    return ReadImage(file_name, size, annotations)


def _masks(
    files: _Files, maps: dict[str, LabelPng], labels: Sequence[_Label], objects: Sequence[_Object]
) -> Iterator[ReadAnnotation]:
    classes, class_colors = maps[CLASSES].values() if CLASSES in maps else (None, {})
    if OBJECTS in maps:
        values, colors = maps[OBJECTS].values()
        for value, mask in masks_by_value(values):
            index = _index(value, colors)
            if index is None:
                continue
            listed = objects[index - 1] if index <= len(objects) else None
            category = listed.name if listed else None
            if classes is not None:
                category = _most(classes, rle.decode(mask), class_colors, labels) or category
            attributes = listed.attributes if listed and listed.name == category else {}
            yield ReadAnnotation(f"object {index} of {files.by_folder[OBJECTS].shown}", category, mask, attributes)
    elif classes is not None:
        for value, mask in masks_by_value(classes):
            category = _class(value, class_colors, labels)
            if category is not None:
                yield ReadAnnotation(f"class {category} of {files.by_folder[CLASSES].shown}", category, mask)


def _most(classes: NDArray[Any], mask: NDArray[np.bool_], colors: Colors, labels: Sequence[_Label]) -> str | None:
    """The class of most of a mask's pixels that have one."""
    values, counts = np.unique(classes[mask], return_counts=True)
    for value in values[np.argsort(-counts, kind="stable")].tolist():
        if (name := _class(int(value), colors, labels)) is not None:
            return name
    return None


def _class(value: int, colors: Colors, labels: Sequence[_Label]) -> str | None:
    """The class that a pixel's number or colour means; None for background and void."""
    color = colors.get(value)
    if value == 0 or color == VOID or (color is None and value == VOID_INDEX):
        return None
    for label in labels:
        if label.color == color:
            return None if label.name == "background" else label.name
    if value < len(labels) and value < VOID_INDEX:
        return labels[value].name
    return None if value == VOID_INDEX else f"class {value}"


def _index(value: int, colors: Colors) -> int | None:
    """Which object a pixel's number or colour means, from 1; None for background and void."""
    color = colors.get(value)
    if color in (BACKGROUND, VOID) or value in (0, VOID_INDEX):
        return None
    return value if value < VOID_INDEX or color is None else voc_index(color)


def voc_color(index: int) -> tuple[int, int, int]:
    """The standard's colour of an index, 0 to 255: its bits are dealt out to red, green and blue."""
    color = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            color[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return color[0], color[1], color[2]


def voc_index(color: tuple[int, int, int]) -> int:
    """The index whose colour this is, 0 to 2^24 - 1; the other way round of :func:`voc_color`."""
    return sum(((color[channel] >> (7 - bit)) & 1) << (3 * bit + channel) for bit in range(8) for channel in range(3))


def _labels(sources: Sources) -> list[_Label]:
    """Classes by number: those of ``labelmap.txt`` (``name:red,green,blue:parts:actions``), or the standard's."""
    listing = sources.called("labelmap.txt")
    if listing is None:
        return [_Label(name, voc_color(index)) for index, name in enumerate(STANDARD)]
    labels: list[_Label] = []
    for line in listing.text(MAX_LABEL_MAP).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        words = line.rsplit(":", 3)
        name, color = words[0], words[1] if len(words) > 1 else ""
        try:
            red, green, blue = map(int, color.split(",")) if color else voc_color(len(labels))
        except ValueError:
            raise InvalidFile(
                f"{listing.shown} has the line {line[:80]!r}.", hint="Give name:red,green,blue::"
            ) from None
        labels.append(_Label(name, (red, green, blue)))
    return labels


def _read_xml(file: SourceFile) -> tuple[str | None, Size | None, list[_Object]]:
    """Name and size of the image, when they are told, and the objects."""
    root = read_xml(file)
    if root.tag != "annotation":
        raise InvalidFile(f"It begins with <{root.tag}>.", hint="VOC's files begin with <annotation>.")
    size = None
    if root.find("size") is not None:
        size = pixels(root.findtext("size/height"), "height"), pixels(root.findtext("size/width"), "width")
    objects = []
    for each in root.findall("object"):
        name, box = (each.findtext("name") or "").strip(), each.find("bndbox")
        corners = None
        if not name:
            raise InvalidFile("One of its objects has no name.", hint="Give <object><name>…</name>.")
        if box is not None:
            x0, y0, x1, y1 = (number(box.findtext(key), key) for key in ("xmin", "ymin", "xmax", "ymax"))
            corners = (x0 - 1, y0 - 1, x1, y1)
        attributes = {flag: True for flag in FLAGS if (each.findtext(flag) or "").strip() == "1"}
        objects.append(_Object(name, corners, attributes))
    return (root.findtext("filename") or "").strip() or None, size, objects
