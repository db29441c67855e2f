"""What a person gives the model, and which of its answers is shown first.

``web/src/core/prompts.ts`` says the same in TypeScript; ``tests/golden/prompts.json`` holds both to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limner.errors import InvalidPrompt
from limner.vocabulary.counted import counted
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import SAM_MASKS, SAM_PROMPTS, MaskSpec, Padding

BACKGROUND, FOREGROUND, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING = 0, 1, 2, 3, -1  # SAM's point labels

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prompts:
    """Points, at most one box, and whether a mask is given too. Coordinates are image coordinates.

    Args:
        points: (x, y) pairs.
        labels: one per point, 1 foreground or 0 background.
        box: (x0, y0, x1, y1) with x0 < x1 and y0 < y1.
        has_mask: whether a mask prompt (``mask_input``) goes along.

    Raises:
        InvalidPrompt: for NaN, unknown labels, an empty or inverted box, or points and labels of different lengths.
    """

    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    has_mask: bool = False

    def __post_init__(self) -> None:
        if len(self.points) != len(self.labels):
            raise InvalidPrompt(
                f"{counted(len(self.points), 'point')} came with {counted(len(self.labels), 'label')}.",
                hint="Give one label for each point.",
            )
        for point, label in zip(self.points, self.labels, strict=True):
            if not all(math.isfinite(value) for value in point):
                raise InvalidPrompt(
                    f"The point {point} is not finite.", hint="Coordinates are numbers in image pixels."
                )
            if label not in (FOREGROUND, BACKGROUND):
                raise InvalidPrompt(f"The label {label} is unknown.", hint="Use 1 for foreground, 0 for background.")
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if not all(math.isfinite(value) for value in self.box) or x0 >= x1 or y0 >= y1:
                raise InvalidPrompt(
                    f"The box {self.box} has no area.",
                    hint="Give x0, y0, x1, y1 with x0 < x1 and y0 < y1, in image pixels.",
                )

    @property
    def empty(self) -> bool:
        """True when there is nothing to ask the model about."""
        return not self.points and self.box is None and not self.has_mask

    @property
    def ambiguous(self) -> bool:
        """True for exactly one point and nothing else: whole, part and subpart are all fair answers."""
        return len(self.points) == 1 and self.box is None and not self.has_mask

    def check_inside(self, height: int, width: int) -> None:
        """Make sure that every coordinate lies in the closed rectangle [0, width] × [0, height].

        Raises:
            InvalidPrompt: naming the first coordinate that lies outside.
        """
        corners: Sequence[Point] = (self.box[:2], self.box[2:]) if self.box else ()
        for x, y in (*self.points, *corners):
            if not (0 <= x <= width and 0 <= y <= height):
                raise InvalidPrompt(
                    f"({x:g}, {y:g}) lies outside the image.",
                    hint=f"The image is {counted(width, 'pixel')} wide and {height} high; "
                    "x runs to the right and y down.",
                )

    def model_inputs(
        self, geometry: ImageGeometry, padding: Padding = SAM_PROMPTS.padding
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``point_coords`` (1, N, 2) in model pixels and ``point_labels`` (1, N).

        A box becomes its two corners after the points. Without a box one padding point is appended, and with one where
        the model was trained so (``padding``): SAM was not, though its official export pads always; SAM 2 was.
        """
        coords = list(self.points)
        labels = list(self.labels)
        if self.box is not None:
            coords += [self.box[:2], self.box[2:]]
            labels += [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]
        model_coords = geometry.to_model(np.asarray(coords, np.float64).reshape(-1, 2))
        if self.box is None or padding == "always":
            model_coords = np.concatenate([model_coords, np.zeros((1, 2))])
            labels.append(PADDING)
        return model_coords[None].astype(np.float32), np.asarray(labels, np.float32)[None]


def choose_mask(iou_predictions: ArrayLike, prompts: Prompts, masks: MaskSpec = SAM_MASKS) -> int:
    """Index of the mask to show first, from ``iou_predictions`` (count,).

    One lone point is ambiguous, so the best of the masks for that (of SAM's four, 1–3); any richer prompt has one
    answer (mask 0; Kirillov et al. 2023, "Resolving ambiguity"). The padding point never counts as a prompt.
    """
    choices = masks.chosen(prompts.ambiguous)
    return choices[int(np.argmax(np.asarray(iou_predictions)[list(choices)]))]
