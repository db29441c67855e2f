"""Wrong values at every place of the files of every format: named, or left out, and never another error."""

from __future__ import annotations

import base64
import copy
import io
import json
import random
import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from limner.errors import LimnerError
from limner.formats.importing import ImportFormat, import_files, of_stream
from limner.formats.importing.sources import MAX_VALUES
from limner.formats.importing.xml_documents import MAX_ELEMENTS
from limner.vocabulary import rle
from tests.formats.brush_encoder import encode_brush
from tests.formats.coco_world import World
from tests.formats.importing.files import ALL, MASK, VOC, Files, box, found, png, reasons, take
from tests.formats.importing.test_every_format import BOXES

TRIES = 150  # of each set of files
UID = "6a2f41a3-c54c-4ce8-92d2-0324e1c32e2"


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 7.0, 2**31, 2**63, -(2**63), 10**400, 1e300, -1e308),
    *(float("nan"), float("inf"), "", "x", "x" * 300, "x" * 100_000, "\ud800", "\0", "a\nb", "\u202e", "1", "-1"),
    *("1e400", "nan", "http://[half", "../../etc/passwd", "/", ".", "..", "C:\\x", "utf-7", "!!timestamp x"),
    *([], {}, [[]], [None], {"a": 1}, [1, 2, 3], [[1, 2], [3, 4], [5, 6]], [["a"]], {"size": [40, 60], "counts": "x"}),
    *({"counts": [1, 2]}, {"size": [10**6, 10**6], "counts": [10**12]}, nested(900), [0] * 2000, [[1e300, 1e300]] * 3),
]


def document(content: object) -> bytes:
    return json.dumps(content).encode()


def brush(shape: str, **value: Any) -> dict[str, Any]:
    kind = f"{shape}labels"
    size = {"original_width": 60, "original_height": 40}
    return {"id": shape, "type": kind, **size, "value": {**value, kind: ["dog"]}}


RUNS = dict(rle.encode(box("a.jpg", *MASK)))
PROMPTS = {"points": [[1, 1, 1]], "box": [1, 1, 5, 5], "mask": False}
COCO: Files = {
    "c.json": document(
        {
            "info": {},
            "images": [
                {
                    **{"id": 1, "file_name": "a.jpg", "height": 40, "width": 60, "tags": ["x"], "sha256": f"{0:064x}"},
                    **{"neg_category_ids": [2], "not_exhaustive_category_ids": [1]},
                },
                {"id": 2, "coco_url": "http://x/deep/b.png"},
            ],
            "categories": [
                {"id": 1, "name": "dog", "supercategory": "animal", "color": "#ff0000"},
                {"id": 2, "name": "cat"},
            ],
            "annotations": [
                {
                    **{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [1, 2, 3, 4], "area": 12},
                    **{"segmentation": [[6, 10, 24, 10, 24, 30]], "uid": UID + "2", "attributes": {"a": 1}},
                    "provenance": {"prompts": PROMPTS},
                },
                {"id": 2, "image_id": 1, "category_id": 2, "segmentation": {"size": [40, 60], "counts": [0, 5, 2395]}},
                {"id": 3, "image_id": 2, "category_id": 2, "bbox": [1, 1, 3, 3]},
            ],
        }
    )
}
SA1B: Files = {
    "a.json": document(
        {
            "image": {"image_id": 1, "width": 60, "height": 40, "file_name": "a.jpg", "sha256": f"{0:064x}"},
            "annotations": [
                {
                    **{"id": 1, "segmentation": RUNS, "predicted_iou": 0.9, "point_coords": [[1, 2]], "uid": UID + "3"},
                    **{"category": "dog", "attributes": {"x": 1}, "provenance": {"prompts": PROMPTS}, "iscrowd": 0},
                }
            ],
        }
    )
}
CIRCLE = {"label": "dog", "points": [[10, 10], [12, 12]], "shape_type": "circle", "group_id": 1}
PATCH = base64.b64encode(png(np.full((4, 4), 255, np.uint8))).decode()
LABELME: Files = {
    "a.json": document(
        {
            "shapes": [
                CIRCLE,
                {**CIRCLE, "points": [[1, 1], [5, 5]], "shape_type": "mask", "mask": PATCH, "flags": {"wet": True}},
                {"label": "cat", "points": [[1, 1], [5, 5]], "shape_type": "rectangle", "description": "x"},
            ],
            **{"imagePath": "a.jpg", "imageHeight": 40, "imageWidth": 60},
        }
    )
}
LABEL_STUDIO: Files = {
    "e.json": document(
        [
            {
                "id": 1,
                "data": {"image": "s3://b/a.jpg", "other": "http://x/b.png"},
                "file_upload": "0a1b2c3d-a.jpg",
                "annotations": [
                    {
                        **{"id": 1, "ground_truth": True, "updated_at": "2024"},
                        "result": [
                            brush("ellipse", x=50, y=50, radiusX=10, radiusY=10, rotation=30),
                            brush("polygon", points=[[1, 1], [50, 1], [50, 50]]),
                            brush("rectangle", x=5, y=5, width=10, height=10, rotation=30),
                            brush("brush", format="rle", rle=encode_brush(box("a.jpg", *MASK))),
                        ],
                    }
                ],
            }
        ]
    )
}
CVAT: Files = {
    "a.xml": b"""<?xml version="1.0" encoding="utf-8"?><annotations><meta><task><labels><label><name>cat</name>
<color>#ff00ff</color></label></labels></task></meta><image id="0" name="a.jpg" width="60" height="40">
<ellipse label="cat" cx="10" cy="10" rx="5" ry="4" rotation="20"/><polygon label="cat" points="1,1;20,1;20,20"/>
<box label="cat" xtl="1" ytl="1" xbr="5" ybr="6" rotation="3"/>
<mask label="dog" occluded="1" rle="0, 360" left="6" top="10" width="18" height="20"/></image></annotations>"""
}
YOLO: Files = {
    "data.yaml": b"names: [cat, dog]\n",
    "names.csv": b"name,label\na.jpg,labels/a.txt\n",
    "labels/a.txt": b"0 0.5 0.5 0.1 0.1 0.9\n1 0.1 0.1 0.2 0.1 0.2 0.2 0.7\n",
}
SETS: list[tuple[ImportFormat, Files]] = [
    *(("coco", COCO), ("sa1b", SA1B), ("labelme", LABELME), ("label-studio", LABEL_STUDIO), ("cvat", CVAT)),
    ("yolo", YOLO),
    *(("voc", ALL["voc"]), ("masks", ALL["masks"]), ("voc", BOXES["voc"])),
]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(inside)[:12]:
        yield from places(each, (*at, key))


def changed(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """A document with something else at a place; nothing there when ``new`` is the class ``object``."""
    if not at:
        return new
    document = copy.copy(value)
    if len(at) == 1 and new is object:
        del document[at[0]]
    else:
        document[at[0]] = changed(document[at[0]], at[1:], new)
    return document


def vary(data: bytes, name: str, choose: random.Random) -> bytes:
    """A file with one odd value in it."""
    odd = choose.choice([*ODD, object])
    if name.endswith(".json"):
        content = json.loads(data)
        at = choose.choice(list(places(content)))
        return document(changed(content, at, None if odd is object and not at else odd))
    text = data.decode()
    marks = list(re.finditer(r'"([^"]*)"|>([^<>]+)<|</?(\w+)' if name.endswith(".xml") else r"([^\s,]+)", text))
    mark = choose.choice(marks)
    begin, end = mark.span(mark.lastindex or 0)
    new = "" if odd is object else odd if isinstance(odd, str) else json.dumps(odd)
    return (text[:begin] + new + text[end:]).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(("form", "files"), SETS, ids=[f"{form}-{len(files)}" for form, files in SETS])
def test_an_odd_value_anywhere_is_named_or_left_out_and_writes_nothing_impossible(
    world: World, form: ImportFormat, files: Files
) -> None:
    choose = random.Random(form)
    names = [name for name in files if not name.endswith((".png", ".jpg"))]
    hints: list[str] = []
    for _ in range(TRIES):
        name = choose.choice(names)
        varied = {**files, name: vary(files[name], name, choose)}
        try:
            report = take(world, varied, form=choose.choice([form, None]), boxes="rectangle", preview=True)
        except LimnerError as error:
            hints.append(error.hint)
            said = error.message
        else:
            said = reasons(report)
        assert "object at 0x" not in said
        assert "Error(" not in said
    assert all(hints)


@pytest.mark.parametrize("form", ALL)
def test_a_damaged_archive_is_refused_or_read_without_any_other_error(world: World, form: ImportFormat) -> None:
    choose = random.Random(form)
    hints: list[str] = []
    for _ in range(TRIES):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", choose.choice([0, 8, 12, 14])) as archive:
            for name, content in ALL[form].items():
                archive.writestr(name, content)
        data = bytearray(packed.getvalue())
        directory = data.index(b"PK\1\2") if choose.random() < 0.5 else 0
        for _ in range(choose.choice([1, 2, 8])):
            data[choose.randrange(directory, len(data))] = choose.randrange(256)
        if choose.random() < 0.2:
            del data[choose.randrange(len(data)) :]
        try:
            sources = of_stream("x.zip", io.BytesIO(bytes(data)))
            import_files(world.database, world.project_id, sources, form=form, preview=True)
        except LimnerError as error:
            hints.append(error.hint)
    assert all(hints)


HUGE = 10**6  # px: a mask of this square would take a terabyte
TOLD: dict[ImportFormat, Files] = {
    "cvat": {
        "a.xml": f"""<annotations><image name="a.jpg" width="{HUGE}" height="{HUGE}">
        <mask label="dog" rle="{HUGE * HUGE}" left="0" top="0" width="{HUGE}" height="{HUGE}"/></image>
        <image name="other.jpg" width="{HUGE}" height="{HUGE}">
        <mask label="dog" rle="{HUGE * HUGE}" left="0" top="0" width="{HUGE}" height="{HUGE}"/></image>
        </annotations>""".encode()
    },
    "labelme": {
        f"{name}.json": document(
            {
                "shapes": [{**CIRCLE, "shape_type": "mask", "mask": PATCH}, {**CIRCLE, "points": [[9, 9], [HUGE, 9]]}],
                **{"imagePath": f"{name}.jpg", "imageHeight": HUGE, "imageWidth": HUGE},
            }
        )
        for name in ("a", "other")
    },
    "label-studio": {
        "e.json": document(
            [
                {
                    "data": {"image": name},
                    "annotations": [
                        {
                            "result": [
                                {
                                    **brush("brush", format="rle", rle=[255, 255, 255, 252] + [0] * 40),
                                    **{"original_width": 32767, "original_height": 32768},
                                }
                            ]
                        }
                    ],
                }
                for name in ("a.jpg", "other.jpg")
            ]
        )
    },
    "voc": {
        f"Annotations/{name}.xml": VOC["Annotations/a.xml"]
        .replace(b"a.jpg", f"{name}.jpg".encode())
        .replace(b">60<", b">9000<")
        .replace(b">40<", b">9000<")
        for name in ("a", "other")
    }
    | {f"SegmentationObject/{name}.png": png(np.ones((9000, 9000), np.uint8)) for name in ("a", "other")},
}


@pytest.mark.parametrize("form", TOLD)
def test_masks_cost_what_the_projects_images_cost_whatever_size_a_file_tells(world: World, form: ImportFormat) -> None:
    tracemalloc.start()
    try:
        report = take(world, TOLD[form], form=form)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert (report.annotations, report.unmatched) == (0, 2)
    said = reasons(report)
    assert "it has height " in said
    assert "the project has no image of this name" in said
    assert found(world, "a.jpg") == []


def test_documents_of_endless_values_are_refused_before_they_are_in_memory(world: World) -> None:
    elements = b"<a/>" * (MAX_ELEMENTS + 1)
    refused: dict[ImportFormat, tuple[Files, str]] = {
        "labelme": ({"a.json": b'{"shapes":[' + b"[]," * MAX_VALUES + b"0]}"}, "more than 1,000,000 values"),
        "sa1b": ({"a.json": b'{"image":[' + b"[]," * MAX_VALUES + b"0]}"}, "more than 1,000,000 values"),
        "masks": (
            {"labels.json": b"[" + b"[]," * MAX_VALUES + b"0]", "masks/a.png": ALL["masks"]["masks/a.png"]},
            "more than 1,000,000 values",
        ),
        "voc": ({"Annotations/a.xml": b"<annotation>" + b"<a/>" * (1 << 20) + b"</annotation>"}, "a.xml is too large"),
        "cvat": (
            {"a.xml": b"<annotations><image>" + elements + b"</image></annotations>"},
            "more than 200,000 elements in one",
        ),
        "yolo": (
            {"data.yaml": b"names: [" + b"a," * (1 << 19) + b"a]", "labels/a.txt": b""},
            "data.yaml is too large",
        ),
    }
    for form, (files, said) in refused.items():
        try:
            told = reasons(take(world, files, form=form))
        except LimnerError as error:
            told = error.message
        assert said in told, form


LONG: dict[ImportFormat, Files] = {
    "yolo": {"data.yaml": YOLO["data.yaml"], "labels/a.txt": b"0 " + b"0.5 0.5 " * (3 << 20)},
    "cvat": {
        "a.xml": b"""<annotations><image name="a.jpg" width="60" height="40"><polygon label="a" points="%s"/>
        <polygon label="dog" points="6,10;24,10;24,30;6,30"/></image></annotations>"""
        % (b"1,1;" * (1 << 20))
    },
    "labelme": {
        "a.json": document(
            {
                "shapes": [
                    {"label": "a", "shape_type": "polygon", "points": [[1.23456789012345678] * 2] * 300_000},
                    {"label": "dog", "shape_type": "polygon", "points": [[6, 10], [24, 10], [24, 30], [6, 30]]},
                ],
                **{"imagePath": "a.jpg", "imageHeight": 40, "imageWidth": 60},
            }
        )
    },
}


@pytest.mark.parametrize("form", LONG)
def test_an_outline_without_end_is_left_out_and_its_neighbours_are_not(world: World, form: ImportFormat) -> None:
    report = take(world, LONG[form], form=form)
    said = reasons(report)
    assert "too many corners" in said or "labels/a.txt is too large" in said
    assert report.by_category == ({} if form == "yolo" else {"dog": 1})


@pytest.mark.parametrize("listing", ["classes.txt", "names.csv", "labelmap.txt"])
def test_lists_without_end_are_refused_by_name(world: World, listing: str) -> None:
    files = {listing: b"a,b\n" * 600_000, "labels/a.txt": b"0 0 0 1 1", "Annotations/a.xml": b"<annotation/>"}
    form: ImportFormat = "voc" if listing == "labelmap.txt" else "yolo"
    with pytest.raises(LimnerError, match=rf"{listing} (is too large|has more than 500,000 lines)"):
        take(world, files, form=form)


def test_names_of_classes_are_texts_whatever_yaml_makes_of_them(world: World) -> None:
    listing = b"names:\n  0: yes\n  1: 007\n  2: !!timestamp x\n  3: 2024-13-45\n"
    take(world, {"data.yaml": listing, "labels/a.txt": b"1 0.1 0.1 0.2 0.1 0.2 0.2"})
    assert found(world, "a.jpg")[0][0] == "007"
    merged = b"a0: &a0 {x: 1}\n" + b"".join(
        b"a%d: &a%d {<<: [*a%d, *a%d]}\n" % (n, n, n - 1, n - 1) for n in range(1, 60)
    )
    with pytest.raises(LimnerError, match="names no classes"):
        take(world, {"data.yaml": merged, "labels/a.txt": b""})
