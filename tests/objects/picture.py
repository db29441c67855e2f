"""A picture of those of the thirteen objects whose photos are free, for Samlet's model card: answers as the page shows
them, after one, two and three clicks in the middle of what is wrong.

``python -m tests.objects.picture WEIGHTS OUT.jpg``
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from limner.sam.samlet import Samlet
from limner.train.clicks import Click, correcting_click
from limner.train.evaluation import ModelSubject, mask_iou
from limner.vocabulary import rle
from limner.vocabulary.prompts import Prompts

# By the file in skimage.data, where it has another name than here.
PHOTOS = {"astronaut": "astronaut.png", "cat": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}
CLICKS = 3
WIDTH, HEIGHT, CAPTION, MARGIN = 300, 225, 24, 6  # px
ANSWER, ADDS, TAKES = (255, 60, 30), (0, 120, 255), (255, 220, 0)  # RGB
QUALITY = 80


def picture(model: Samlet) -> NDArray[np.uint8]:
    """A row for each object; RGB."""
    subject = ModelSubject(model, tidy=True, clicks_alone=True)
    rows = []
    for name, file in PHOTOS.items():
        stored: Any = cv2.imread(str(files("skimage.data") / file), cv2.IMREAD_COLOR)
        image = np.ascontiguousarray(stored[..., ::-1])
        subject.open(image)
        drawn = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))["annotations"]
        rows += [_row(subject, image, each["label"], rle.decode(each["segmentation"])) for each in drawn]
    return np.concatenate(rows)


def _row(subject: ModelSubject, image: NDArray[Any], label: str, wanted: NDArray[np.bool_]) -> NDArray[Any]:
    clicks: list[Click] = []
    mask = np.zeros_like(wanted)
    tiles = []
    for count in range(1, CLICKS + 1):
        click = correcting_click(mask, wanted)
        if click is not None:
            clicks.append(click)
        points = tuple((each.x + 0.5, each.y + 0.5) for each in clicks)
        mask, _ = subject.answer(Prompts(points=points, labels=tuple(int(each.foreground) for each in clicks)), None)
        tiles.append(_tile(image, mask, clicks, f"{label}, {count}: IoU {mask_iou(mask, wanted):.2f}"))
    return np.concatenate(tiles, axis=1)


def _tile(image: NDArray[Any], mask: NDArray[np.bool_], clicks: list[Click], caption: str) -> NDArray[Any]:
    shown = image.copy()
    shown[mask] = (0.45 * shown[mask] + 0.55 * np.array(ANSWER)).astype(np.uint8)
    for each in clicks:
        cv2.circle(shown, (each.x, each.y), 9, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(shown, (each.x, each.y), 7, ADDS if each.foreground else TAKES, -1, cv2.LINE_AA)
    scale = min(WIDTH / shown.shape[1], HEIGHT / shown.shape[0])
    small = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((HEIGHT + CAPTION + MARGIN, WIDTH + MARGIN, 3), 255, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    place = (0, HEIGHT + CAPTION - 8)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    samlet = Samlet()
    samlet.load_state_dict({name: value.float() for name, value in load_file(Path(sys.argv[1])).items()})
    cv2.imwrite(sys.argv[2], picture(samlet)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
