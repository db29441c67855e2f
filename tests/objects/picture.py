"""A picture of those of the thirteen objects whose photos are free, for Samlet's model card: answers as the page shows
them, after one, two and three clicks in the middle of what is wrong.

``python -m tests.objects.picture WEIGHTS OUT.jpg``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limner.sam.samlet import Samlet
from limner.train.answer_tiles import photo, prompts_of, samlet_of, tile, write
from limner.train.clicks import Click, correcting_click
from limner.train.evaluation import ModelSubject, mask_iou
from limner.vocabulary import rle

PHOTOS = {"astronaut": "astronaut.png", "cat": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}
CLICKS = 3


def picture(model: Samlet) -> NDArray[np.uint8]:
    """A row for each object; RGB."""
    subject = ModelSubject(model, tidy=True, clicks_alone=True)
    rows = []
    for name, file in PHOTOS.items():
        image = photo(file)
        subject.open(image)
        drawn = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))["annotations"]
        rows += [_row(subject, image, each["label"], rle.decode(each["segmentation"])) for each in drawn]
    return np.concatenate(rows)


def _row(subject: ModelSubject, image: NDArray[np.uint8], label: str, wanted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    clicks: list[Click] = []
    mask = np.zeros_like(wanted)
    tiles = []
    for count in range(1, CLICKS + 1):
        click = correcting_click(mask, wanted)
        if click is not None:
            clicks.append(click)
        mask, _ = subject.answer(prompts_of(clicks), None)
        tiles.append(tile(image, mask, clicks, f"{label}, {count}: IoU {mask_iou(mask, wanted):.2f}"))
    return np.concatenate(tiles, axis=1)


if __name__ == "__main__":
    write(sys.argv[2], picture(samlet_of(Path(sys.argv[1]))))
