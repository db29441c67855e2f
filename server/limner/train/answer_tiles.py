"""Tiles of pictures for Samlet's model card: a photo with an answer, the clicks that it is to, and a line below."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from limner.sam.samlet import Samlet
from limner.train.clicks import Click
from limner.vocabulary.prompts import Prompts

WIDTH, HEIGHT, CAPTION = 330, 250, 26  # px, of a tile's photo and of the line under it
MARGIN = 6  # px
ANSWER, ADDS, TAKES_AWAY = (255, 60, 30), (0, 120, 255), (255, 220, 0)  # RGB
QUALITY = 80  # of JPEG


def photo(file: str) -> NDArray[np.uint8]:
    """One that comes with scikit-image, by its file in ``skimage.data``; RGB (H, W, 3)."""
    stored: Any = cv2.imread(str(files("skimage.data") / file), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(stored[..., ::-1])


def tile(image: NDArray[np.uint8], mask: NDArray[np.bool_], clicks: Sequence[Click], caption: str) -> NDArray[np.uint8]:
    """RGB (HEIGHT + CAPTION + MARGIN, WIDTH + MARGIN, 3); the image is left as it is."""
    shown = image.copy()
    shown[mask] = (0.45 * shown[mask] + 0.55 * np.array(ANSWER)).astype(np.uint8)
    for click in clicks:
        cv2.circle(shown, (click.x, click.y), 9, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(shown, (click.x, click.y), 7, ADDS if click.foreground else TAKES_AWAY, -1, cv2.LINE_AA)
    scale = min(WIDTH / shown.shape[1], HEIGHT / shown.shape[0])
    small = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    whole = np.full((HEIGHT + CAPTION + MARGIN, WIDTH + MARGIN, 3), 255, np.uint8)
    whole[: small.shape[0], : small.shape[1]] = small
    place = (0, HEIGHT + CAPTION - 8)
    cv2.putText(whole, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return whole


def write(path: str, picture: NDArray[np.uint8]) -> None:
    """As JPEG."""
    cv2.imwrite(path, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def prompts_of(clicks: Sequence[Click]) -> Prompts:
    """The clicks, each in the middle of its pixel."""
    points = tuple((click.x + 0.5, click.y + 0.5) for click in clicks)
    return Prompts(points=points, labels=tuple(int(click.foreground) for click in clicks))


def samlet_of(path: Path) -> Samlet:
    """The model with the weights in a safetensors file."""
    model = Samlet()
    model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model
