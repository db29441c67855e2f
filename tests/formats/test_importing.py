"""YOLO, labelme, CVAT, Label Studio, Pascal VOC and PNG masks into a project, from files as their descriptions say."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from limner.errors import InvalidFile
from limner.formats.coco import ImportReport
from limner.formats.exports import FOLDER_FORMATS
from limner.formats.files import zip_chunks
from limner.formats.importing import import_files, of_bytes, of_stream
from limner.formats.importing.sniffing import sniff
from limner.formats.importing.voc import voc_color, voc_index
from limner.store import Database
from limner.store.annotations import AnnotationState, annotations_of
from limner.store.categories import list_categories
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.vocabulary import rle
from tests.formats.brush_encoder import encode_brush
from tests.formats.test_coco import World

SIZES = {"a.jpg": (40, 60), "deep/b.png": (31, 17), "café.png": (20, 30)}  # (height, width)
Files = dict[str, bytes]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    with database.write() as session:
        project = create_project(session, "Project")
        images = {
            name: add_image(session, project.id, NewImage(name, width, height, f"{n:064x}", 1, "PNG", "image/png"))[
                0
            ].id
            for n, (name, (height, width)) in enumerate(SIZES.items())
        }
    yield World(database, project.id, images)
    database.close()


def take(world: World, files: Files, **options: Any) -> ImportReport:
    return import_files(world.database, world.project_id, of_bytes(files.items()), **options)


def found(world: World, image: str) -> list[tuple[str | None, NDArray[np.bool_]]]:
    """Categories and masks of an image."""
    with world.database.read() as session:
        names = {category.id: category.name for category in list_categories(session, world.project_id)}
        states = annotations_of(session, world.images[image]).annotations
        return [(names.get(state.category_id or 0), rle.decode(state.segmentation)) for state in states]


def states(world: World, image: str) -> list[AnnotationState]:
    with world.database.read() as session:
        return list(annotations_of(session, world.images[image]).annotations)


def box(image: str, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
    mask = np.zeros(SIZES[image], np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def png(values: NDArray[Any], palette: list[int] | None = None) -> bytes:
    picture = Image.fromarray(values)
    if palette is not None:
        picture = picture.convert("P")
        picture.putpalette(palette)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def reasons(report: ImportReport) -> str:
    return "\n".join(f"{each.what}: {each.why}" for each in report.skipped)


# A rectangle of pixels (rows 10 to 30, columns 6 to 24) of a.jpg, in every format.
MASK = (10, 30, 6, 24)
CORNERS = [[6, 10], [24, 10], [24, 30], [6, 30]]

YOLO: Files = {
    "data.yaml": b"path: .\ntrain: images/train\nnames:\n  0: cat\n  1: dog\n",
    "labels/train/a.txt": b"1 0.1 0.25 0.4 0.25 0.4 0.75 0.1 0.75\n",
    "images/train/a.jpg": b"not read",
}
LABELME: Files = {
    "a.json": json.dumps(
        {
            "version": "5.5.0",
            "flags": {},
            "shapes": [
                {"label": "dog", "points": CORNERS, "group_id": None, "shape_type": "polygon", "flags": {"wet": True}}
            ],
            "imagePath": "a.jpg",
            "imageData": None,
            "imageHeight": 40,
            "imageWidth": 60,
        }
    ).encode()
}
CVAT: Files = {
    "annotations.xml": b"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
  <meta><task><labels><label><name>cat</name><color>#ff00ff</color></label>
  <label><name>dog</name><color>#00ff00</color></label></labels></task></meta>
  <image id="0" name="a.jpg" subset="default" width="60" height="40">
    <mask label="dog" source="manual" occluded="1" rle="0, 360" left="6" top="10" width="18" height="20" z_order="0">
      <attribute name="age">3</attribute></mask>
  </image>
</annotations>"""
}
LABEL_STUDIO: Files = {
    "export.json": json.dumps(
        [
            {
                "id": 7,
                "data": {"image": "/data/upload/3/0a1b2c3d-a.jpg"},
                "annotations": [
                    {
                        "id": 1,
                        "was_cancelled": False,
                        "result": [
                            {
                                "id": "r1",
                                "type": "brushlabels",
                                "original_width": 60,
                                "original_height": 40,
                                "value": {
                                    "format": "rle",
                                    "rle": encode_brush(box("a.jpg", *MASK)),
                                    "brushlabels": ["dog"],
                                },
                            }
                        ],
                    }
                ],
            }
        ]
    ).encode()
}
VOC_PALETTE = [value for index in range(256) for value in voc_color(index)]
VOC: Files = {
    "Annotations/a.xml": b"""<annotation><folder>VOC2012</folder><filename>a.jpg</filename>
<size><width>60</width><height>40</height><depth>3</depth></size><segmented>1</segmented>
<object><name>dog</name><difficult>1</difficult>
<bndbox><xmin>7</xmin><ymin>11</ymin><xmax>24</xmax><ymax>30</ymax></bndbox></object></annotation>""",
    "SegmentationClass/a.png": png(box("a.jpg", *MASK).astype(np.uint8) * 12, VOC_PALETTE),
    "SegmentationObject/a.png": png(box("a.jpg", *MASK).astype(np.uint8), VOC_PALETTE),
}
MASKS: Files = {
    "masks/a.png": png(box("a.jpg", *MASK).astype(np.uint8) * 2),
    "labels.json": b'{"1": "cat", "2": "dog"}',
}
ALL = {
    "yolo": YOLO,
    "labelme": LABELME,
    "cvat": CVAT,
    "label-studio": LABEL_STUDIO,
    "voc": VOC,
    "masks": MASKS,
}


@pytest.mark.parametrize("form", ALL)
def test_a_mask_of_every_format_comes_in_to_the_pixel_and_only_once(world: World, form: str) -> None:
    preview = take(world, ALL[form], preview=True)
    assert (preview.format, preview.annotations, preview.images, preview.unmatched) == (form, 1, 1, 0)
    assert preview.by_category == {"dog": 1}
    assert preview.skipped == []
    assert found(world, "a.jpg") == []
    with world.database.read() as session:
        assert not list_categories(session, world.project_id)

    report = take(world, ALL[form])
    assert (report.annotations, report.images, report.categories) == (1, 1, preview.categories)
    assert report.skipped == []
    ((category, mask),) = found(world, "a.jpg")
    assert category == "dog"
    assert np.array_equal(mask, box("a.jpg", *MASK))

    for again in (take(world, ALL[form], preview=True), take(world, ALL[form])):
        assert again.annotations == 0
        assert "there already" in reasons(again)


@pytest.mark.parametrize("form", ALL)
def test_a_zip_archive_is_read_like_its_files(world: World, form: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in ALL[form].items():
            archive.writestr(f"set/{name}", data)
        archive.writestr("__MACOSX/set/._a.json", b"\0\5\x16\7")
    report = import_files(world.database, world.project_id, of_stream("set.zip", buffer))
    assert (report.format, report.annotations, report.skipped) == (form, 1, [])


@pytest.mark.parametrize("form", ALL)
def test_images_that_the_project_lacks_are_counted_and_named(world: World, form: str) -> None:
    other = {name.replace("a.", "gone."): data.replace(b"a.jpg", b"gone.jpg") for name, data in ALL[form].items()}
    report = take(world, other, preview=True, form=form)
    assert report.annotations == 0
    assert "gone" in reasons(report)
    assert "the project has no image of this name" in reasons(report).lower()


@pytest.mark.parametrize("form", ["yolo", "png"])
def test_what_limner_exports_comes_back(world: World, tmp_path: Path, form: str) -> None:
    for name, categories in {"a.jpg": ("cat", "dog"), "deep/b.png": ("dog",), "café.png": ("cat",)}.items():
        for number, category in enumerate(categories):
            with world.database.read() as session:
                known = {each.name: each.id for each in list_categories(session, world.project_id)}
            mask = box(name, 2 + 9 * number, 9 + 9 * number, 3, 12)
            mask[4, 5] = False
            world.create(name, mask, known.get(category) or world.category(category))
    exported = {file.path: file.data for file in FOLDER_FORMATS[form](world.database, world.project_id, images=None)}
    with world.database.write() as session:
        project = create_project(session, "Other")
        images = {}
        for number, (name, (height, width)) in enumerate(SIZES.items()):
            new = NewImage(name, width, height, f"{number:064x}", 1, "PNG", "image/png")
            images[name] = add_image(session, project.id, new)[0].id
    other = World(world.database, project.id, images)
    report = take(other, {name: data for name, data in exported.items() if isinstance(data, bytes)})
    assert (report.annotations, report.skipped) == (4, [])
    for name in SIZES:
        pairs = zip(*(sorted(found(each, name), key=lambda one: one[0] or "") for each in (other, world)), strict=True)
        for (category, mask), (wanted_category, wanted) in pairs:
            assert category == wanted_category
            assert np.array_equal(mask, wanted)


def test_boxes_are_listed_or_become_rectangles_with_the_box_as_their_prompt(world: World) -> None:
    detection = {"classes.txt": b"cat\n", "labels/a.txt": b"0 0.25 0.5 0.3 0.5\n0 0.25 0.5 0.3 0.5 0.875\n"}
    report = take(world, detection)
    assert report.annotations == 0
    assert "line 1 of labels/a.txt, line 2 of labels/a.txt: it is a box without a mask" in reasons(report)
    assert "--boxes rectangle" in reasons(report)

    report = take(world, detection, boxes="rectangle")
    assert report.annotations == 1  # the second is the same
    (state,) = states(world, "a.jpg")
    assert np.array_equal(rle.decode(state.segmentation), box("a.jpg", 10, 30, 6, 24))
    assert state.provenance is not None
    assert state.provenance["prompts"]["box"] == [6, 10, 24, 30]


BOXES: dict[str, Files] = {
    "labelme": {
        "a.json": LABELME["a.json"]
        .replace(b'"polygon"', b'"rectangle"')
        .replace(json.dumps(CORNERS).encode(), b"[[24, 10], [6, 30]]")
    },
    "cvat": {
        "a.xml": b'<annotations><image id="0" name="a.jpg" width="60" height="40">'
        b'<box label="dog" xtl="6.0" ytl="10.0" xbr="24.0" ybr="30.0"/></image></annotations>'
    },
    "label-studio": {
        "a.json": json.dumps(
            [
                {
                    "data": {"image": "s3://bucket/a.jpg"},
                    "annotations": [
                        {
                            "result": [
                                {
                                    "type": "rectanglelabels",
                                    "original_width": 60,
                                    "original_height": 40,
                                    "value": {
                                        "x": 10,
                                        "y": 25,
                                        "width": 30,
                                        "height": 50,
                                        "rotation": 0,
                                        "rectanglelabels": ["dog"],
                                    },
                                }
                            ]
                        }
                    ],
                }
            ]
        ).encode()
    },
    "voc": {"Annotations/a.xml": VOC["Annotations/a.xml"]},
}


@pytest.mark.parametrize("form", BOXES)
def test_boxes_of_every_format_are_the_same_rectangle(world: World, form: str) -> None:
    assert "it is a box without a mask" in reasons(take(world, BOXES[form]))
    assert take(world, BOXES[form], boxes="rectangle").annotations == 1
    ((category, mask),) = found(world, "a.jpg")
    assert category == "dog"
    assert np.array_equal(mask, box("a.jpg", *MASK))


def test_labelme_joins_groups_and_reads_circles_and_masks(world: World) -> None:
    patch = np.ones((5, 4), np.uint8) * 255
    patch[0, 0] = 0
    shapes = [
        {"label": "cat", "points": [[1, 1], [5, 1], [5, 5], [1, 5]], "group_id": 4, "shape_type": "polygon"},
        {"label": "cat", "points": [[10, 1], [15, 1], [15, 5], [10, 5]], "group_id": 4, "shape_type": "polygon"},
        {"label": "dog", "points": [[30, 20], [36, 20]], "shape_type": "circle"},
        {
            "label": "hen",
            "points": [[50, 30], [53, 34]],
            "shape_type": "mask",
            "mask": base64.b64encode(png(patch)).decode(),
        },
        {"label": "cat", "points": [[1, 1]], "shape_type": "point"},
        {"label": "", "points": CORNERS, "shape_type": "polygon"},
        {"label": "cat", "points": [[1, 1], [2, "x"], [3, 3]], "shape_type": "polygon"},
        {"label": "cat", "points": [[1, 1], [2, 2]], "shape_type": "polygon"},
        {
            "label": "cat",
            "points": [[58, 1], [59, 4]],
            "shape_type": "mask",
            "mask": base64.b64encode(png(patch)).decode(),
        },
        "nothing",
    ]
    document = {"shapes": shapes, "imagePath": "..\\photos\\a.jpg", "imageHeight": 40, "imageWidth": 60}
    report = take(world, {"a.json": json.dumps(document).encode()})
    assert report.by_category == {"cat": 1, "dog": 1, "hen": 1}
    masks = dict(found(world, "a.jpg"))
    assert np.array_equal(masks["cat"], box("a.jpg", 1, 5, 1, 5) | box("a.jpg", 1, 5, 10, 15))
    y, x = np.mgrid[:40, :60]
    inside = (x + 0.5 - 30) ** 2 + (y + 0.5 - 20) ** 2 <= 36
    assert (masks["dog"] ^ inside).sum() <= 4
    wanted = np.zeros((40, 60), np.bool_)
    wanted[30:35, 50:54] = patch > 0
    assert np.array_equal(masks["hen"], wanted)
    assert "shape 4 of a.json: It is a point, which has no area." in reasons(report)
    assert "shape 5 of a.json: Its label is ''." in reasons(report)
    assert "shape 6 of a.json: Its y is 'x'. Give a number." in reasons(report)
    assert "shape 7 of a.json: It is a polygon of 2 points." in reasons(report)
    assert "shape 8 of a.json: Its mask of 4 × 5 pixels at (58, 1) does not lie inside its image." in reasons(report)
    assert "shape 9 of a.json: It is not an object." in reasons(report)


def test_cvat_reads_polygons_and_ellipses_and_names_the_rest(world: World) -> None:
    text = """<annotations><image id="0" name="a.jpg" width="60" height="40">
    <polygon label="dog" points="6.0,10.0;24.0,10.0;24.0,30.0;6.0,30.0"/>
    <ellipse label="hen" cx="40" cy="20" rx="8" ry="4" rotation="90"/>
    <mask label="bad" rle="1, 2" left="0" top="0" width="5" height="5"/>
    <mask label="bad" rle="x" left="0" top="0" width="5" height="5"/>
    <mask label="bad" rle="25" left="58" top="0" width="5" height="5"/>
    <polyline label="line" points="1,1;2,2"/><tag label="sunny"/><polygon points="1,1;2,2;3,1"/>
    <polygon label="bad" points="1,1;2,2"/><polygon label="bad" points="1,nan;2,2;3,1"/><other label="x"/>
    </image><image id="1" name="deep/b.png" width="9" height="9"/><image id="2" name="" width="9" height="9"/>
    <track id="0" label="cat"><box frame="0" xtl="0" ytl="0" xbr="1" ybr="1"/></track></annotations>"""
    report = take(world, {"a.xml": text.encode()})
    assert report.by_category == {"dog": 1, "hen": 1}
    masks = dict(found(world, "a.jpg"))
    assert np.array_equal(masks["dog"], box("a.jpg", *MASK))
    rows, columns = np.nonzero(masks["hen"])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 27, 36, 43)  # upright: it is turned
    said = reasons(report)
    assert "2 (mask) of a.jpg: Its run lengths add up to 3 pixels. 5 × 5 need 25." in said
    assert "3 (mask) of a.jpg: Its rle is 'x'." in said
    assert "4 (mask) of a.jpg: Its mask of 5 × 5 pixels at (58, 0) does not lie inside" in said
    assert "5 (polyline) of a.jpg: it is a polyline, which has no area" in said
    assert "6 (tag) of a.jpg: it is a tag of the whole image" in said
    assert "7 (polygon) of a.jpg: It has no label." in said
    assert "8 (polygon) of a.jpg: Its points are '1,1;2,2'." in said
    assert "9 (polygon) of a.jpg: Its corner is 'nan'. Give a finite number." in said
    assert "10 (other) of a.jpg: It is a <other>." in said
    assert "image deep/b.png: it has height 9 and width 9, in the project 31 and 17." in said
    assert "track 0 of a.xml: it is a track through a video" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><annotations>&b;</annotations>', "entities"),
        (b'<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><annotations/>', "entities"),
        (b'<annotations><image name="a.jpg"', "not well-formed XML"),
        (b"<annotations><image></annotations>", "not well-formed XML"),
        (b"<other/>", "begins with <other>"),
    ],
)
def test_xml_that_is_broken_or_declares_entities_is_refused_and_nothing_is_written(
    world: World, text: bytes, message: str
) -> None:
    good = b'<annotations><image id="0" name="a.jpg" width="60" height="40">'
    good += b'<polygon label="dog" points="6,10;24,10;24,30;6,30"/></image></annotations>'
    with pytest.raises(InvalidFile, match=message):
        take(world, {"a.xml": good, "b.xml": text}, form="cvat")
    assert found(world, "a.jpg") == []
    voc = {"Annotations/a.xml": text, "Annotations/deep/b.xml": VOC["Annotations/a.xml"]}
    report = take(world, voc, form="voc", boxes="rectangle")
    assert report.annotations == 1  # files of their own: the other one goes in
    assert "document Annotations/a.xml" in reasons(report)


def test_label_studio_takes_the_ground_truth_and_labels_from_beside(world: World) -> None:
    size = {"original_width": 60, "original_height": 40}
    polygon = {"points": [[10, 25], [40, 25], [40, 75], [10, 75]], "closed": True}
    task = {
        "id": 3,
        "data": {"photo": "/data/local-files/?d=deep%2Fa.jpg", "text": "no picture"},
        "annotations": [
            {"id": 1, "was_cancelled": True, "result": "not read"},
            {
                "id": 2,
                "ground_truth": True,
                "result": [
                    {"id": "x", "type": "polygon", **size, "value": polygon},
                    {"id": "x", "type": "labels", **size, "value": {"labels": ["dog"]}},
                    {"id": "y", "type": "choices", "value": {"choices": ["sunny"]}},
                    {"id": "k", "type": "keypointlabels", **size, "value": {"keypointlabels": ["tip"], "x": 1, "y": 1}},
                    {
                        "id": "e",
                        "type": "ellipselabels",
                        **size,
                        "value": {
                            "x": 50,
                            "y": 50,
                            "radiusX": 20,
                            "radiusY": 10,
                            "rotation": 0,
                            "ellipselabels": ["hen"],
                        },
                    },
                    {
                        "id": "b",
                        "type": "brushlabels",
                        **size,
                        "value": {"format": "rle", "rle": [1, 2, 3], "brushlabels": ["cut"]},
                    },
                    {
                        "id": "c",
                        "type": "brushlabels",
                        **size,
                        "value": {
                            "format": "rle",
                            "rle": encode_brush(box("café.png", 1, 2, 1, 2)),
                            "brushlabels": ["w"],
                        },
                    },
                ],
            },
            {"id": 9, "result": []},
        ],
    }
    report = take(world, {"x.json": json.dumps([task, 5, {"id": 4, "data": {"text": "no"}}]).encode()})
    assert report.by_category == {"dog": 1, "hen": 1}
    assert np.array_equal(dict(found(world, "a.jpg"))["dog"], box("a.jpg", *MASK))
    said = reasons(report)
    assert "9 of task 3 of x.json: another annotation of the same task was taken" in said
    assert "region k of task 3 of x.json: It is a keypoint, which is not read." in said
    assert "region b of task 3 of x.json: Its rle breaks off." in said
    assert "region c of task 3 of x.json: Its rle is of 2400 values. A picture of 60 × 40 pixels has 9600." in said
    assert "1 of x.json: It is no task with its data." in said
    assert "4 of x.json: It names no image." in said


def test_yolo_names_lines_that_cannot_be_used_and_keeps_their_neighbours(world: World) -> None:
    lines = (
        b"0 .1 .25 .4 .25 .4 .75 .1 .75\n0 1 2\n7 .1 .1 .1 .1\nx .1 .1 .1 .1\n0 600 1 2 3 4 5\n\n0 nan .1 .2 .3 .4 .5\n"
    )
    report = take(world, {"data.yaml": b"names: [cat]", "labels/a.txt": lines, "labels/cafe.txt": b"\xff"})
    assert report.annotations == 1
    said = reasons(report)
    assert "line 2 of labels/a.txt: It has 3 numbers. A box has 5" in said
    assert "line 3 of labels/a.txt: Its class is 7, and the files name no such class." in said
    assert "line 4 of labels/a.txt: Its class is 'x'. Give a number." in said
    assert "line 5 of labels/a.txt: It has 600 for a coordinate. Give shares of width and height, 0 to 1." in said
    assert "line 7 of labels/a.txt: Its line is 'nan'." in said
    for broken in (b"names: {x: cat}", b"names: 5", b"[", b"- 1"):
        with pytest.raises(InvalidFile, match=r"data\.yaml"):
            take(world, {"data.yaml": broken, "labels/a.txt": lines})


def test_label_files_without_a_clear_image_are_left_out(world: World) -> None:
    line = YOLO["labels/train/a.txt"]
    with world.database.write() as session:
        add_image(session, world.project_id, NewImage("a.png", 60, 40, "f" * 64, 1, "PNG", "image/png"))
    report = take(world, {"labels/a.txt": line, "labels/other/b.txt": line})
    assert report.annotations == 0
    assert "labels/a.txt: The project has several images of this name, but for the suffix." in reasons(report)
    assert "labels/other/b.txt: The project has no image of this name." in reasons(report)  # deep/b.png is another


def test_names_in_either_form_of_unicode_are_the_same(world: World) -> None:
    for name in ("cafe\u0301", "caf\u00e9"):
        report = take(world, {f"labels/{name}.txt": b"0 .1 .25 .4 .25 .4 .75 .1 .75", "classes.txt": b"cafe\xcc\x81"})
        assert report.skipped == [] or "there already" in reasons(report)
    assert [category for category, _ in found(world, "café.png")] == ["caf\u00e9"]


def test_voc_in_colours_with_a_label_map_and_objects_beyond_the_xml(world: World) -> None:
    classes = np.zeros((40, 60, 3), np.uint8)
    objects = np.zeros((40, 60, 3), np.uint8)
    first, second, void = box("a.jpg", *MASK), box("a.jpg", 2, 8, 40, 50), box("a.jpg", 30, 31, 6, 24)
    for mask, color, index in ((first, (10, 20, 30), 1), (second, (200, 0, 0), 2)):
        classes[mask], objects[mask] = color, voc_color(index)
    classes[void] = objects[void] = (224, 224, 192)
    report = take(
        world,
        {
            "labelmap.txt": b"# label:color_rgb:parts:actions\nbackground:0,0,0::\na: dog:10,20,30::\nred:200,0,0::\n",
            "SegmentationClass/a.png": png(classes),
            "SegmentationObject/a.png": png(objects),
        },
    )
    assert report.skipped == []
    masks = dict(found(world, "a.jpg"))
    assert sorted(masks) == ["a: dog", "red"]
    assert np.array_equal(masks["a: dog"], first)
    assert np.array_equal(masks["red"], second)


def test_the_standards_colours_turn_back_into_their_numbers() -> None:
    assert [voc_color(index) for index in (0, 1, 2, 15, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]
    assert [voc_index(voc_color(index)) for index in range(256)] == list(range(256))


def test_masks_without_names_and_of_wrong_kinds(world: World) -> None:
    two = box("deep/b.png", 1, 5, 1, 5).astype(np.uint8) + np.uint8(2) * box("deep/b.png", 9, 12, 1, 5)
    report = take(
        world,
        {
            "masks/a_mask.png": png(box("a.jpg", *MASK).astype(np.uint8) * 255),
            "masks/deep/b.png": png(two),
            "masks/café.png": png(np.zeros((4, 4), np.uint8)),
            "masks/gone.png": png(two),
        },
        form="masks",
    )
    assert report.by_category == {None: 1, "class 1": 1, "class 2": 1}
    assert np.array_equal(found(world, "a.jpg")[0][1], box("a.jpg", *MASK))
    said = reasons(report)
    assert "café.png: it has height 4 and width 4, in the project 20 and 30." in said
    assert "masks/gone.png: The project has no image of this name." in said
    big = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    with world.database.write() as session:
        add_image(session, world.project_id, NewImage("big.png", 100, 100, "e" * 64, 1, "PNG", "image/png"))
    for name, data, why in (
        ("big.png", png(big), "colours: it is a picture"),
        ("big.png", png(big)[:900], "It is damaged"),
        ("big.png", b"JFIF", "It is no PNG file"),
    ):
        assert why in reasons(take(world, {name: data}, form="masks"))


def test_files_of_no_or_several_formats_are_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidFile, match="No annotations of a known format") as error:
        take(world, {"notes.txt": b"hello", "a.json": b'{"a": 1}'})
    assert "coco, sa1b, yolo, labelme, cvat, label-studio, voc, masks" in str(error.value.hint)
    with pytest.raises(InvalidFile, match="cvat and labelme"):
        take(world, {**CVAT, **LABELME})
    assert take(world, {**CVAT, **LABELME}, form="labelme").annotations == 1


def test_archives_that_are_broken_encrypted_or_bombs_are_refused(world: World) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", LABELME["a.json"])
        archive.writestr("bomb.json", b" " * (400 << 20))
    with pytest.raises(InvalidFile, match="unpacks to far more"):
        of_stream("x.zip", whole)
    with pytest.raises(InvalidFile, match="archive cannot be read"):
        of_stream("x.zip", io.BytesIO(whole.getvalue()[:200]))
    small = b"".join(zip_chunks([]))
    assert not of_stream("x.zip", io.BytesIO(small)).files
    sealed = bytearray()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.json", LABELME["a.json"])
    sealed[:] = buffer.getvalue()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        sealed[sealed.index(mark) + place] |= 1
    with pytest.raises(InvalidFile, match="is encrypted"):
        of_stream("x.zip", io.BytesIO(bytes(sealed)))
    damaged = bytearray(buffer.getvalue())
    damaged[60] ^= 255
    report = import_files(
        world.database, world.project_id, of_stream("x.zip", io.BytesIO(bytes(damaged))), form="labelme"
    )
    assert "It cannot be read" in reasons(report)


@pytest.mark.parametrize("form", ALL)
def test_files_cut_or_changed_anywhere_are_refused_or_read_without_any_other_error(world: World, form: str) -> None:
    generator = np.random.default_rng(5)
    refused: list[str] = []
    for _ in range(60):
        files = dict(ALL[form])
        name = str(generator.choice(sorted(files)))
        data = bytearray(files[name])
        if generator.random() < 0.4:
            data = data[: generator.integers(0, len(data))]
        else:
            for place in generator.integers(0, len(data), 3):
                data[place] = generator.integers(0, 256)
        files[name] = bytes(data)
        try:
            report = take(world, files, form=form, boxes="rectangle", preview=True)
        except InvalidFile as error:
            refused.append(error.hint)
        else:
            assert report.annotations <= 1
    assert all(refused)
    assert found(world, "a.jpg") == []


def test_the_formats_are_told_apart_by_what_is_in_them() -> None:
    for form, files in ALL.items():
        assert sniff(of_bytes(files.items())) == form
