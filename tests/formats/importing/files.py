"""One mask in the files of every format, as their descriptions say, and what came of them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limner.formats.coco import ImportReport
from limner.formats.importing import import_files, of_bytes
from limner.formats.importing.voc import voc_color
from limner.store.annotations import AnnotationState, annotations_of
from limner.store.categories import list_categories
from limner.vocabulary import rle
from tests.formats.brush_encoder import encode_brush
from tests.formats.coco_world import World

SIZES = {"a.jpg": (40, 60), "deep/b.png": (31, 17), "café.png": (20, 30)}  # (height, width)
Files = dict[str, bytes]


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
