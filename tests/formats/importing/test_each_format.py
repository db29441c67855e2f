"""What is particular to labelme, CVAT, Label Studio, YOLO, Pascal VOC and PNG masks."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from limner.errors import InvalidFile
from limner.formats.importing.voc import voc_color, voc_index
from limner.store.images import NewImage, add_image
from tests.formats.brush_encoder import encode_brush
from tests.formats.coco_world import World
from tests.formats.importing.files import (
    CORNERS,
    MASK,
    VOC,
    YOLO,
    box,
    found,
    png,
    reasons,
    take,
)


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
