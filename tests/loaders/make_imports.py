"""Annotations of two masks as the libraries of other tools write them; runs without Limner. See README.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIZE = (48, 64)  # height, width
NAME = "a.png"


def masks() -> np.ndarray:
    """Two masks (2, H, W) that do not overlap, the first with a hole, the second with ragged edges."""
    both = np.zeros((2, *SIZE), bool)
    both[0, 4:20, 5:30] = True
    both[0, 9:12, 10:14] = False
    both[1, 25:45] = np.random.default_rng(3).random((20, SIZE[1])) < 0.7
    return both


def datumaro_set(form: str, folder: Path) -> None:
    """By datumaro's exporters."""
    import datumaro
    from datumaro.components.annotation import Mask
    from datumaro.components.media import Image as Picture

    pixels = np.zeros((*SIZE, 3), np.uint8)
    items = [
        datumaro.DatasetItem(
            id="a",
            subset="train",
            media=Picture.from_numpy(pixels, ext=".png"),
            annotations=[Mask(mask, label=n, id=n + 1, group=n + 1) for n, mask in enumerate(masks())],
        )
    ]
    dataset = datumaro.Dataset.from_iterable(items, categories=["first", "second"], media_type=Picture)
    dataset.export(str(folder), form, save_media=False)


def voc(folder: Path) -> None:
    datumaro_set("voc", folder)


def coco(folder: Path) -> None:
    datumaro_set("coco_instances", folder)


def cvat(folder: Path) -> None:
    datumaro_set("cvat", folder)


def label_studio(folder: Path) -> None:
    """By the brush encoder of label_studio_sdk."""
    from label_studio_sdk.converter.brush import mask2rle

    result = [
        {
            "id": f"r{n}",
            "type": "brushlabels",
            "original_width": SIZE[1],
            "original_height": SIZE[0],
            "value": {"format": "rle", "rle": mask2rle(mask.astype(np.uint8) * 255), "brushlabels": [name]},
        }
        for n, (name, mask) in enumerate(zip(("first", "second"), masks(), strict=True))
    ]
    task = {"id": 1, "data": {"image": f"/data/upload/1/0123abcd-{NAME}"}, "annotations": [{"id": 1, "result": result}]}
    (folder / "export.json").write_text(json.dumps([task]))


def labelme(folder: Path) -> None:
    """A document with masks as labelme packs them, cut to their boxes."""
    from labelme import utils

    shapes = []
    for name, mask in zip(("first", "second"), masks(), strict=True):
        rows, columns = np.nonzero(mask)
        top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
        shapes.append(
            {
                "label": name,
                "points": [[int(left), int(top)], [int(right), int(bottom)]],
                "group_id": None,
                "shape_type": "mask",
                "flags": {},
                "description": "",
                "mask": utils.img_arr_to_b64(mask[top : bottom + 1, left : right + 1].astype(np.uint8)),
            }
        )
    document = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": NAME, "imageData": None}
    (folder / "a.json").write_text(json.dumps({**document, "imageHeight": SIZE[0], "imageWidth": SIZE[1]}))


def main() -> None:
    """Write a folder for every format, and the masks that they have to bring."""
    root, failed = Path(sys.argv[1]), []
    makers: dict[str, Callable[[Path], None]] = {
        "coco": coco,
        "cvat": cvat,
        "voc": voc,
        "label-studio": label_studio,
        "labelme": labelme,
    }
    for form, make in makers.items():
        folder = root / form
        folder.mkdir(parents=True, exist_ok=True)
        try:
            make(folder)
        except Exception as error:  # noqa: BLE001 - the others are made all the same
            failed.append(form)
            print(f"FAILED {form}: {type(error).__name__}: {error}")
    np.savez(root / "expected.npz", masks=masks())
    print(json.dumps({"failed": failed}))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
