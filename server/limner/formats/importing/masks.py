"""PNG masks: for every image a picture of the same size and name, whose numbers or colours are classes.

Limner's own label maps (``classes/``, ``instances/``, ``labels.json``) come back as objects; otherwise each class of an
image is one annotation. ``labels.json`` ({"1": "cat"} or {"cat": 1}) or ``classes.txt`` names the numbers; without
names they are called by number, or by colour. A mask of 0 and one other value (1 or 255) is one object without a
category.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidFile
from limner.formats.importing.label_pngs import Colors, LabelPng
from limner.formats.importing.names import NamedImage, image_paths
from limner.formats.importing.shapes import masks_by_value
from limner.formats.importing.sources import SourceFile, Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading
from limner.vocabulary import rle

CLASSES, INSTANCES = "classes", "instances"
FOLDERS = (CLASSES, "masks", "mask", "labels", "annotations", "segmentation", "segmentations")
PICTURES = ("images", "jpegimages", INSTANCES)
ENDS = ("_mask", "-mask", "_masks", "_label", "_labels", "_seg")
VOID = 255
MAX_LISTING = 1 << 20  # bytes of classes.txt
ONE_OBJECT = (1, VOID)


def read_masks(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """The images of which there is a mask, in the order of the files."""
    names = _names(sources)
    for name in names.values():
        yield ReadCategory(name)
    instances = {file.path: file for file in sources.with_suffix(".png") if _below(file.path, INSTANCES) is not None}
    for file in mask_files(sources):
        try:
            image = _image_of(file, reading)
            picture = LabelPng(file)
            if picture.size != image.size:  # named and left out as an image of another size
                yield ReadImage(image.file_name, picture.size, [])
                continue
            beside = instances.get(_beside(file.path))
            annotations = list(_annotations(file, picture, beside, names))
        except InvalidFile as error:
            reading.leave_out("document", file.shown, error)
        else:
            yield ReadImage(image.file_name, picture.size, annotations)


def mask_files(sources: Sources) -> list[SourceFile]:
    """PNG files below a folder of masks; without one all that do not lie among images."""
    pngs = [file for file in sources.with_suffix(".png") if not _is_below(file.path, PICTURES)]
    return [file for file in pngs if _is_below(file.path, FOLDERS)] or pngs


def _annotations(
    file: SourceFile, picture: LabelPng, beside: SourceFile | None, names: dict[int, str]
) -> Iterator[ReadAnnotation]:
    values, colors = picture.values()
    if beside is None:
        found = np.unique(values).tolist()
        alone = not names and len([each for each in found if each]) == 1 and max(found) in ONE_OBJECT
        for value, mask in masks_by_value(values):
            if value == VOID and VOID not in names and not alone and len(colors) != len(found):
                continue
            category = None if alone else _name(value, colors, names)
            yield ReadAnnotation(f"value {value} of {file.shown}", category, mask)
        return
    instances = LabelPng(beside)
    if instances.size != picture.size:
        raise InvalidFile(f"{beside.shown} is of another size.", hint="Both maps have the size of their image.")
    objects, _ = instances.values()
    for value, mask in masks_by_value(objects):
        number = int(values[_first_pixel(mask, values)])
        if number:
            yield ReadAnnotation(f"object {value} of {beside.shown}", _name(number, colors, names), mask)


def _first_pixel(mask: rle.Rle, values: NDArray[Any]) -> tuple[int, int]:
    """Row and column of the first pixel of a mask that is not empty."""
    first = int(rle.counts_of(mask)[0])
    return first % values.shape[0], first // values.shape[0]


def _name(value: int, colors: Colors, names: dict[int, str]) -> str:
    if value in names:
        return names[value]
    if names:
        return f"class {value}"
    return "#{:02x}{:02x}{:02x}".format(*colors[value]) if value > VOID and value in colors else f"class {value}"


def _image_of(file: SourceFile, reading: Reading) -> NamedImage:
    path = PurePosixPath(file.path)
    candidates = image_paths(path, FOLDERS)
    end = next((end for end in ENDS if path.stem.lower().endswith(end)), None)
    if end is not None:
        candidates += image_paths(path.with_name(path.stem[: -len(end)] + path.suffix), FOLDERS)
    return reading.images.of_stem(candidates)


def _names(sources: Sources) -> dict[int, str]:
    """Names of numbers, but for that of the background."""
    if (listing := sources.called("labels.json")) is not None:
        try:
            content = json.loads(listing.json().removeprefix(codecs.BOM_UTF8))
        except (ValueError, RecursionError) as error:
            raise InvalidFile(f"{listing.shown} is not JSON: {error}.", hint='Give {"1": "cat", …}.') from error
        pairs = content.items() if isinstance(content, dict) else ()
        turned = [(name, key) if isinstance(name, int) else (key, name) for key, name in pairs]
        try:
            return {int(key): str(name) for key, name in turned if int(key)}
        except ValueError:
            raise InvalidFile(f"{listing.shown} names no numbers.", hint='Give {"1": "cat", …}.') from None
    if (listing := sources.called("classes.txt")) is not None:
        lines = [line.strip() for line in listing.text(MAX_LISTING).splitlines() if line.strip()]
        first = 0 if lines and lines[0].lower() in ("background", "_background_", "__background__") else 1
        return {number: name for number, name in enumerate(lines, start=first) if number}
    return {}


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(part.lower() in folders for part in PurePosixPath(path).parent.parts)


def _beside(path: str) -> str:
    """The path of the instances that go with a map of classes."""
    split = _below(path, CLASSES)
    return "" if split is None else "/".join([*split[0], INSTANCES, *split[1]])


def _below(path: str, folder: str) -> tuple[list[str], list[str]] | None:
    """What comes before the last folder of this name, and after it."""
    parts = path.split("/")
    places = [index for index, part in enumerate(parts[:-1]) if part == folder]
    return (parts[: places[-1]], parts[places[-1] + 1 :]) if places else None
