"""A picture of where Samlet fails, for its model card: ``python -m limner.train.failures WEIGHTS OUT.jpg``.

The photos come with scikit-image (public domain or CC0). The clicks are fixed: run it again for new weights, and
choose others when these no longer fail.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limner.sam.samlet import Samlet
from limner.train.answer_tiles import photo, prompts_of, samlet_of, tile, write
from limner.train.clicks import Click
from limner.train.evaluation import ModelSubject

COLUMNS = 3


@dataclass(frozen=True)
class Case:
    """A click that is answered badly, and what was wanted."""

    photo: str  # file of skimage.data
    wanted: str
    click: tuple[int, int]


CASES = (
    Case("astronaut.png", "wanted: the face", click=(225, 115)),
    Case("astronaut.png", "wanted: the helmet", click=(430, 420)),
    Case("astronaut.png", "wanted: the shuttle with its tank", click=(400, 90)),
    Case("coffee.png", "wanted: the cup", click=(300, 200)),
    Case("coffee.png", "wanted: the spoon", click=(375, 240)),
    Case("rocket.jpg", "wanted: the rocket", click=(320, 220)),
)


def failures(model: Samlet) -> NDArray[np.uint8]:
    """All cases with the model's answers; RGB."""
    subject = ModelSubject(model)
    tiles = [_answered(subject, case) for case in CASES]
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


def _answered(subject: ModelSubject, case: Case) -> NDArray[np.uint8]:
    image = photo(case.photo)
    subject.open(image)
    clicks = [Click(*case.click, foreground=True)]
    mask, _ = subject.answer(prompts_of(clicks), None)
    return tile(image, mask, clicks, case.wanted)


if __name__ == "__main__":
    write(sys.argv[2], failures(samlet_of(Path(sys.argv[1]))))
