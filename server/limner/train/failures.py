"""A picture of where Samlet fails, for its model card: ``python -m limner.train.failures WEIGHTS OUT.jpg``.

The photos come with scikit-image (public domain or CC0). The prompts are fixed: run it again for new weights, and
choose others when these no longer fail.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from limner.sam.samlet import Samlet
from limner.train.evaluation import ModelSubject
from limner.vocabulary.prompts import Prompts

COLUMNS = 3
WIDTH, HEIGHT, CAPTION = 330, 250, 26  # px, of a tile's photo and of the line under it
MARGIN = 6  # px
ANSWER, PROMPT = (255, 60, 30), (0, 120, 255)  # RGB
QUALITY = 80


@dataclass(frozen=True)
class Case:
    """A prompt that is answered badly, and what was wanted."""

    photo: str  # file of skimage.data
    wanted: str
    click: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None

    @property
    def prompts(self) -> Prompts:
        """The click or box, the click in the middle of its pixel."""
        if self.click is not None:
            return Prompts(points=((self.click[0] + 0.5, self.click[1] + 0.5),), labels=(1,))
        return Prompts(box=self.box)


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
    tiles = [_tile(subject, case) for case in CASES]
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


def _tile(subject: ModelSubject, case: Case) -> NDArray[Any]:
    stored: Any = cv2.imread(str(files("skimage.data") / case.photo), cv2.IMREAD_COLOR)
    image: NDArray[Any] = np.ascontiguousarray(stored[..., ::-1])
    subject.open(image)
    mask, _ = subject.answer(case.prompts, None)
    image[mask] = (0.45 * image[mask] + 0.55 * np.array(ANSWER)).astype(np.uint8)
    if case.click is not None:
        cv2.circle(image, case.click, 9, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, case.click, 7, PROMPT, -1, cv2.LINE_AA)
    if case.box is not None:
        cv2.rectangle(image, case.box[:2], case.box[2:], PROMPT, 4)
    scale = min(WIDTH / image.shape[1], HEIGHT / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((HEIGHT + CAPTION + MARGIN, WIDTH + MARGIN, 3), 255, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    place = (0, HEIGHT + CAPTION - 8)
    cv2.putText(tile, case.wanted, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    samlet = Samlet()
    samlet.load_state_dict({name: value.float() for name, value in load_file(Path(sys.argv[1])).items()})
    cv2.imwrite(sys.argv[2], failures(samlet)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
