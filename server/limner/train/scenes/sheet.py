"""A contact sheet of procedural scenes: ``python -m limner.train.scenes.sheet OUT.jpg [SEED]``."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.generator import SceneGenerator

ROWS, SCENES_PER_ROW = 5, 4
SIZE = 192  # px, of a scene
MARGIN = 4  # px
QUALITY = 60  # of the JPEG: the picture stays under 250 KB
WHOLE, PART = 0, 1


def contact_sheet(seed: int) -> NDArray[np.uint8]:
    """Scenes, each beside its wholes and its parts in arbitrary colours; RGB."""
    scenes = SceneGenerator(seed)
    colours = np.random.default_rng(1).integers(40, 256, (256, 3)).astype(np.uint8)
    colours[0] = 0
    rows = []
    for row in range(ROWS):
        tiles: list[NDArray[Any]] = []
        for column in range(SCENES_PER_ROW):
            scene = scenes.scene(row * SCENES_PER_ROW + column, SIZE)
            tiles += [scene.image, colours[scene.labels[WHOLE]], colours[scene.labels[PART]]]
        padded = [np.pad(tile, ((0, MARGIN), (0, MARGIN), (0, 0)), constant_values=255) for tile in tiles]
        rows.append(np.concatenate(padded, axis=1))
    return np.concatenate(rows)


if __name__ == "__main__":
    sheet = contact_sheet(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
    cv2.imwrite(sys.argv[1], sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
