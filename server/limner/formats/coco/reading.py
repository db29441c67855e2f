"""A COCO file -> entries that have been checked, without a look at any database.

Whatever is wrong with an entry is a :class:`BadEntry`, that names it by its place in the file and its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn, TypeGuard
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from limner.errors import InvalidFile, InvalidInput, InvalidPrompt, InvalidRle
from limner.store.operations import check_prompts
from limner.vocabulary import rle
from limner.vocabulary.names import check_text, one_line, shown
from limner.vocabulary.operations import Attributes, Provenance
from limner.vocabulary.polygons import MAX_COORDINATE
from limner.vocabulary.rle import Rle

MAX_NAME = 255
MAX_ATTRIBUTES = 100
COLOR = re.compile(r"#[0-9a-fA-F]{6}")
Size = tuple[int, int]  # height, width
Boxes = Literal["skip", "rectangle"]  # what becomes of a box that has no mask
_ATTRIBUTES: TypeAdapter[dict[str, Any]] = TypeAdapter(Attributes)


class BadEntry(InvalidFile):
    """An entry of a file that cannot be used; ``why`` is a sentence without its name."""

    def __init__(self, label: str, complaint: str, hint: str) -> None:
        super().__init__(f"{label} {complaint}.", hint=hint)
        self.label = label
        self.why = f"{complaint}. {hint}".strip()


@dataclass(frozen=True)
class CocoCategory:
    """A category of the file; ``name`` None stands for annotations without one."""

    id: int
    name: str | None
    supercategory: str
    color: str | None


@dataclass(frozen=True)
class CocoImage:
    """An image of the file; ``size`` and ``sha256`` when the file tells them. ``fields`` are all of its entry."""

    id: int
    file_name: str
    size: Size | None
    sha256: str | None
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def tags(self) -> Sequence[object]:
        """As they stand in the file. They are no part of COCO: where they are no list, others mean something else."""
        tags = self.fields.get("tags")
        return tags if isinstance(tags, list) else ()


@dataclass(frozen=True)
class CocoAnnotation:
    """An annotation of the file, not yet with its mask.

    Attributes:
        label: its place in the file and its id, for messages.
        category_id: None when it has none.
        uid: lower-case UUID, when the file tells one.
        segmentation: as it stands in the file; see :func:`mask_of`.
        box: likewise; see :func:`with_rectangle`.
    """

    label: str
    image_id: int
    category_id: int | None
    segmentation: object
    iscrowd: int
    uid: str | None
    attributes: dict[str, Any]
    provenance: dict[str, Any] | None
    box: object = None


def read_category(entry: object, index: int) -> CocoCategory:
    """An element of ``categories``.

    Raises:
        BadEntry: when it is not one.
    """
    label, fields = _fields("Category", entry, index)
    if fields.get("unlabelled") is True:
        return CocoCategory(_id(label, fields, "id"), None, "", None)
    name, supercategory = fields.get("name"), fields.get("supercategory") or ""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        _refuse(label, f"has the name {shown(name)}", f"A name is a text of 1 to {MAX_NAME} characters.")
    if not isinstance(supercategory, str) or len(supercategory) > MAX_NAME:
        _refuse(
            label, f"has the supercategory {shown(supercategory)}", f"Give a text of at most {MAX_NAME} characters."
        )
    try:
        name = one_line(check_text(name, "name"))
        supercategory = one_line(check_text(supercategory, "supercategory")) if supercategory else ""
    except InvalidInput as error:
        _refuse(label, f"has the name {shown(name)}, which cannot be kept", error.hint)
    color = fields.get("color")
    if not isinstance(color, str) or not COLOR.fullmatch(color):  # not part of COCO: others may mean something else
        color = None
    return CocoCategory(_id(label, fields, "id"), name, supercategory, color)


def read_image(entry: object, index: int) -> CocoImage:
    """An element of ``images``.

    Raises:
        BadEntry: when it is not one.
    """
    label, fields = _fields("Image", entry, index)
    file_name = fields.get("file_name", _path_of(fields.get("coco_url")))
    if not isinstance(file_name, str) or not file_name:
        _refuse(label, f"has the file_name {shown(file_name)}", "Give the name under which the project has the image.")
    _storable_text(label, "file_name", file_name)
    size = None
    if "height" in fields or "width" in fields:
        height, width = fields.get("height"), fields.get("width")
        if not _is_whole(height) or not _is_whole(width) or min(height, width) < 1:
            _refuse(
                label, f"has height {shown(height)} and width {shown(width)}", "Give both as whole numbers of pixels."
            )
        size = (int(height), int(width))
    sha256 = fields.get("sha256")
    content = sha256.lower() if isinstance(sha256, str) and sha256 else None
    return CocoImage(_id(label, fields, "id"), file_name, size, content, fields)


def _path_of(url: object) -> str | None:
    """LVIS names images by their addresses: ``http://images.cocodataset.org/train2017/000000391895.jpg``."""
    if not isinstance(url, str):
        return None
    try:
        return urlsplit(url).path.lstrip("/")
    except ValueError:  # an address with half of a bracket, for example
        return None


def read_annotation(entry: object, index: int, *, named: bool = False) -> CocoAnnotation:
    """An element of ``annotations``; with ``named`` its own ``name`` says where it comes from.

    Raises:
        BadEntry: when it is not one.
    """
    label, fields = _fields("Annotation", entry, index)
    label = f"Annotation {fields['name']}" if named else label
    iscrowd = fields.get("iscrowd", 0)
    if iscrowd not in (0, 1):
        _refuse(label, f"has iscrowd {shown(iscrowd)}", "Use 0 or 1.")
    attributes = fields.get("attributes")
    if not isinstance(attributes, dict):  # not part of COCO, so other tools may mean something else by it
        attributes = {}
    return CocoAnnotation(
        label=label,
        image_id=_id(label, fields, "image_id"),
        category_id=None if fields.get("category_id") is None else _id(label, fields, "category_id"),
        segmentation=fields.get("segmentation"),
        iscrowd=int(iscrowd),
        uid=_uid(label, fields.get("uid")),
        attributes=_storable_attributes(label, attributes),
        provenance=_provenance(label, fields.get("provenance")),
        box=fields.get("bbox"),
    )


def mask_of(annotation: CocoAnnotation, size: Size) -> tuple[Rle | None, int]:
    """The mask of an annotation on an image of this (height, width), from polygons or from either kind of RLE.

    Polygons are rasterised as pycocotools does, and united. Those of fewer than three points are dropped beside others.

    Returns:
        The RLE, None when the annotation has no mask, or polygons that cover no pixel; and how many parts were dropped.

    Raises:
        BadEntry: when the segmentation is of no kind that COCO knows, or does not fit the image.
    """
    segmentation = annotation.segmentation
    if not segmentation:
        return None, 0
    dropped = 0
    try:
        if isinstance(segmentation, dict):
            return _run_lengths(segmentation, size), 0
        polygons = _checked_polygons(segmentation)
        whole = [polygon for polygon in polygons if len(polygon) >= 6 or len(polygon) % 2]
        dropped = len(polygons) - len(whole)
        mask = rle.from_polygons(whole or polygons, size)
    except InvalidRle as error:
        complaint = f"has a segmentation that is not usable: {error.message.rstrip('.')}"
        raise BadEntry(annotation.label, complaint, error.hint) from error
    return (mask, dropped) if rle.area(mask) else (None, 0)


def with_rectangle(annotation: CocoAnnotation, size: Size) -> CocoAnnotation:
    """An annotation that has a box x, y, width, height and no mask, with the rectangle; the box is its prompt.

    One without a box stays as it is.

    Raises:
        BadEntry: the box is none, or lies outside its image.
    """
    box = annotation.box
    if box is None:
        return annotation
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_coordinate, box)):
        _refuse(annotation.label, f"has the bbox {shown(box)}", "Give x, y, width and height in image pixels.")
    x, y, width, height = map(float, box)
    x0, x1 = (min(max(each, 0.0), float(size[1])) for each in (x, x + width))
    y0, y1 = (min(max(each, 0.0), float(size[0])) for each in (y, y + height))
    if x1 <= x0 or y1 <= y0:
        _refuse(annotation.label, "has a box without area inside its image", "Mend or remove it.")
    prompts = {"points": [], "box": [x0, y0, x1, y1], "mask": False}
    provenance = _provenance(annotation.label, {"prompts": prompts})
    corners = [x0, y0, x1, y0, x1, y1, x0, y1]
    return replace(annotation, segmentation=[corners], provenance=provenance)


def _is_coordinate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_COORDINATE


def _run_lengths(segmentation: dict[str, Any], size: Size) -> Rle:
    counts = segmentation.get("counts")
    if not isinstance(counts, list):
        return rle.validate(segmentation, size)
    if segmentation.get("size") != list(size):
        raise InvalidRle(
            f"The RLE has the size {shown(segmentation.get('size'))}.",
            hint=f"This image has height {size[0]} and width {size[1]}; size is [height, width].",
        )
    if not all(isinstance(count, int) and not isinstance(count, bool) and count < 1 << 40 for count in counts):
        raise InvalidRle("RLE counts must be whole numbers.", hint="Give run lengths, background first.")
    return rle.from_counts(counts, size)


def _checked_polygons(polygons: object) -> list[list[float]]:
    if not isinstance(polygons, list) or not all(isinstance(polygon, list) for polygon in polygons):
        raise InvalidRle(
            "The segmentation is of no known kind.",
            hint="Give a list of polygons [[x0, y0, x1, y1, …], …], or an RLE with size and counts.",
        )
    for index, polygon in enumerate(polygons):
        for number in polygon:
            if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < MAX_COORDINATE:
                raise InvalidRle(
                    f"Polygon {index} contains {shown(number)}.", hint="Give x and y in image pixels, as numbers."
                )
    return polygons


def _storable_attributes(label: str, attributes: dict[str, Any]) -> dict[str, Any]:
    if len(attributes) > MAX_ATTRIBUTES:
        _refuse(label, f"has {len(attributes)} attributes", f"At most {MAX_ATTRIBUTES} are kept.")
    try:
        return _ATTRIBUTES.validate_python(attributes)
    except ValidationError as error:
        _refuse(label, f"has attributes that cannot be kept: {error.errors()[0]['msg']}", "Mend or leave them out.")


def _storable_text(label: str, name: str, text: str) -> None:
    """Databases keep neither NUL characters nor halves of surrogate pairs."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        _refuse(label, f"has the {name} {shown(text)}", "Use proper Unicode text without NUL characters.")


def check_prompts_inside(annotation: CocoAnnotation, size: Size) -> None:
    """Make sure that the prompts in an annotation's provenance lie on its image of this (height, width).

    Raises:
        BadEntry: when they do not.
    """
    if annotation.provenance is None:
        return
    try:
        check_prompts(annotation.provenance["prompts"], *size)
    except InvalidPrompt as error:
        _refuse(annotation.label, f"has a provenance that does not fit its image: {error.message}", "Leave it out.")


def _provenance(label: str, value: object) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    try:
        return Provenance.model_validate(value).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        _refuse(label, f"has a provenance that is not Limner's: {place}: {first['msg']}", "Leave it out.")


def _uid(label: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        return str(UUID(str(value)))
    except ValueError:
        _refuse(label, f"has the uid {shown(value)}", "A uid is a UUID; leave it out when there is none.")


def _fields(kind: str, entry: object, index: int) -> tuple[str, dict[str, Any]]:
    if not isinstance(entry, dict):
        _refuse(f"{kind} {index}", "is not an object", 'Give {"id": …, …}.')
    return f"{kind} {index} (id {entry['id']})" if "id" in entry else f"{kind} {index}", entry


def _id(label: str, fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if not _is_whole(value):
        _refuse(label, f"has the {name} {shown(value)}", "Ids are whole numbers of at most 63 bits.")
    return int(value)


def _is_whole(value: object) -> TypeGuard[int | float]:
    """Some tools write 7.0 for 7. Numbers beyond 63 bits are no ids."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63 and value % 1 == 0


def _refuse(label: str, complaint: str, hint: str) -> NoReturn:
    raise BadEntry(label, complaint, hint)
