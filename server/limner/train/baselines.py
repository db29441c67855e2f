"""What a model has to beat: segmentation from the same prompts without any learning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.evaluation import Image, Mask, Subject
from limner.vocabulary.prompts import Box, Prompts

GRABCUT_SIZE = 256  # px, longest side it works on
GRABCUT_ROUNDS = 4
GRABCUT_REACH = 0.25  # of the longest side: probable foreground around a click
WALKER_SIZE = 160  # px, longest side it works on
WALKER_BETA = 300
WALKER_SEED = 2  # px, radius of the seed at a click


class _Shrunken:
    """Works on a smaller copy of the image and answers at full size."""

    size: int

    def open(self, image: Image) -> None:
        """Take the image."""
        self.full_size = image.shape[1], image.shape[0]
        self.scale = min(1.0, self.size / max(image.shape[:2]))
        small = max(2, round(image.shape[1] * self.scale)), max(2, round(image.shape[0] * self.scale))
        self.image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)

    def cell(self, point: tuple[float, float]) -> tuple[int, int]:
        """Column and row in the smaller copy."""
        height, width = self.image.shape[:2]
        return min(int(point[0] * self.scale), width - 1), min(int(point[1] * self.scale), height - 1)

    def enlarged(self, mask: NDArray[Any]) -> Mask:
        """The answer at full size."""
        return cv2.resize(mask.astype(np.uint8), self.full_size, interpolation=cv2.INTER_NEAREST_EXACT) > 0


class GrabCut(_Shrunken):
    """Colour models and graph cuts (Rother et al. 2004), from a box or from clicks."""

    clicks = boxes = True
    size = GRABCUT_SIZE

    def open(self, image: Image) -> None:
        """Take the image; a box will be looked at more closely."""
        super().open(image)
        self.full_image = image

    def answer(self, prompts: Prompts, previous: Any) -> tuple[Mask, None]:
        """Foreground inside the box, or the regions of the foreground that contain a click."""
        return (self._in_box(prompts.box) if prompts.box else self._from_clicks(prompts)), None

    def _in_box(self, box: Box) -> Mask:
        """Works on the box and as much again around it, so that small objects keep their pixels."""
        height, width = self.full_image.shape[:2]
        x0, y0, x1, y1 = (round(side) for side in box)
        margin_x, margin_y = max(4, (x1 - x0) // 2), max(4, (y1 - y0) // 2)
        left, top = max(0, x0 - margin_x), max(0, y0 - margin_y)
        right, bottom = min(width, x1 + margin_x), min(height, y1 + margin_y)
        near = _Shrunken()
        near.size = self.size
        near.open(self.full_image[top:bottom, left:right])
        (c0, r0), (c1, r1) = near.cell((x0 - left, y0 - top)), near.cell((x1 - left, y1 - top))
        trimap = np.full(near.image.shape[:2], cv2.GC_BGD, np.uint8)
        trimap[r0 : r1 + 1, c0 : c1 + 1] = cv2.GC_PR_FGD
        mask = np.zeros((height, width), np.bool_)
        mask[top:bottom, left:right] = near.enlarged(_cut(near.image, trimap))
        return mask

    def _from_clicks(self, prompts: Prompts) -> Mask:
        trimap = np.full(self.image.shape[:2], cv2.GC_PR_BGD, np.uint8)
        longest = max(trimap.shape)
        clicks = [(self.cell(point), label) for point, label in zip(prompts.points, prompts.labels, strict=True)]
        for cell, label in clicks:
            if label:
                cv2.circle(trimap, cell, int(GRABCUT_REACH * longest), cv2.GC_PR_FGD, -1)
        for cell, label in clicks:
            cv2.circle(trimap, cell, max(4, longest // 50), cv2.GC_FGD if label else cv2.GC_BGD, -1)
        if not (trimap == cv2.GC_BGD).any():  # it needs some background: the frame
            for side in (trimap[0], trimap[-1], trimap[:, 0], trimap[:, -1]):
                side[side != cv2.GC_FGD] = cv2.GC_BGD
        mask = _cut(self.image, trimap)
        _, regions = cv2.connectedComponents(mask.astype(np.uint8))
        clicked = {int(regions[row, column]) for (column, row), label in clicks if label} - {0}
        return self.enlarged(np.isin(regions, list(clicked)) if clicked else mask)


def _cut(image: NDArray[Any], trimap: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The foreground that GrabCut finds; the trimap's own when it leaves nothing to find."""
    if (trimap == cv2.GC_BGD).any() and (trimap != cv2.GC_BGD).any():
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
        mode = cv2.GC_INIT_WITH_MASK
        cv2.grabCut(image, trimap, (0, 0, 1, 1), background, foreground, GRABCUT_ROUNDS, mode)
    return np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD))


class RandomWalker(_Shrunken):
    """Random walks from the clicks and the frame (Grady 2006)."""

    clicks, boxes = True, False
    size = WALKER_SIZE

    def answer(self, prompts: Prompts, previous: Any) -> tuple[Mask, None]:
        """Where a walk more probably ends at a foreground click."""
        from skimage.segmentation import random_walker

        seeds = np.zeros(self.image.shape[:2], np.int32)
        for point, label in zip(prompts.points, prompts.labels, strict=True):
            cv2.circle(seeds, self.cell(point), WALKER_SEED, 1 if label else 2, -1)
        for side in (seeds[0], seeds[-1], seeds[:, 0], seeds[:, -1]):
            side[side == 0] = 2
        if (seeds == 1).any() and (seeds == 0).any():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # it recommends solvers that are not installed
                seeds = random_walker(
                    self.image.astype(np.float32) / 255,
                    seeds,
                    beta=WALKER_BETA,
                    mode="cg_j",
                    tol=1e-2,
                    channel_axis=-1,
                )
        return self.enlarged(seeds == 1), None


class BoxFill:
    """The box itself."""

    clicks, boxes = False, True

    def open(self, image: Image) -> None:
        """Take the image's size."""
        self.shape = image.shape[:2]

    def answer(self, prompts: Prompts, previous: Any) -> tuple[Mask, None]:
        """Every pixel in the box."""
        assert prompts.box is not None, "asked about boxes only"
        x0, y0, x1, y1 = (round(side) for side in prompts.box)
        mask = np.zeros(self.shape, np.bool_)
        mask[y0:y1, x0:x1] = True
        return mask, None


BASELINES: dict[str, Callable[[], Subject]] = {
    "random-walker": RandomWalker,
    "grabcut": GrabCut,
    "box-fill": BoxFill,
}
