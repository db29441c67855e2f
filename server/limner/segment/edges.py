"""Edges of an image from the masks of a grid of points (SAM paper, section 7.2, appendix D.2).

Every point of the grid gives up to three masks; of those whose boxes nearly coincide one stays. The slope of each
mask's probability counts along its outline alone, the largest over all masks is kept, and what is left is thinned to
lines.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.segment.automatic.boxes import suppress
from limner.segment.automatic.decoding import PointDecoder
from limner.segment.automatic.generator import Progress
from limner.segment.automatic.grid import point_grid
from limner.segment.automatic.resample import Logits, Patch, Upsampler
from limner.segment.predictor import Predictor

EdgeMap = NDArray[np.float32]

POINTS_PER_SIDE = 16  # as in the paper
LEVEL = -4.0  # logits: below it a probability is under 0.02, and its slope none
KEPT_SHARE = 0.99  # of a neighbour's strength, from which on an edge is not thinned away
RIM = 5.0  # pixels; along the image's rim strengths fade out
SMOOTHING = 2.0  # pixels; of the strengths whose curvature says which way an edge runs


def edge_map(
    predictor: Predictor,
    image: NDArray[np.uint8],
    points_per_side: int = POINTS_PER_SIDE,
    pred_iou_thresh: float = 0.0,
    box_nms_thresh: float = 0.7,
    on_progress: Progress | None = None,
) -> EdgeMap:
    """How much of an edge every pixel is.

    Args:
        predictor: whose model finds the masks.
        image: RGB (H, W, 3) uint8.
        points_per_side: of the grid of points.
        pred_iou_thresh: masks that the model itself rates at or below this do not count.
        box_nms_thresh: of two masks whose boxes overlap more, the better rated counts.
        on_progress: called with (points done, points in all) after every row of points; raise in it to cancel.

    Returns:
        (H, W) in [0, 1], lines about a pixel wide; all 0 when nothing was found.
    """
    height, width, _ = image.shape
    embedding = predictor.embed(image)
    upsampler = Upsampler(embedding.geometry, predictor.model.config.low_res_size)
    decode = PointDecoder(predictor, embedding, pred_iou_thresh, upsampler.needed_cells)
    grid = point_grid(points_per_side) * (width, height)
    patches: list[Patch] = []
    boxes: list[tuple[int, int, int, int]] = []
    ratings: list[float] = []
    for start in range(0, len(grid), points_per_side):
        for rated in decode(grid[start : start + points_per_side]):
            patch = upsampler.patch(rated.low_res, LEVEL)
            box = None if patch is None else _box(patch, upsampler.logits(patch))
            if patch is not None and box is not None:
                patches.append(patch)
                boxes.append(box)
                ratings.append(rated.predicted_iou)
        if on_progress is not None:
            on_progress(min(start + points_per_side, len(grid)), len(grid))
    strength: EdgeMap = np.zeros((height, width), np.float32)
    for index in suppress(np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(ratings), box_nms_thresh):
        patch = patches[index]
        place = strength[patch.rows, patch.columns]
        np.maximum(place, _slope(patch, upsampler.logits(patch), height, width), out=place)
    return thinned(_spread(strength * _away_from_rim(height, width)))


def thinned(strength: EdgeMap) -> EdgeMap:
    """Only pixels that are not weaker than their neighbours across the edge, as in Canny (1986).

    Across is where the smoothed strengths (H, W) are curved downwards most: the eigenvector of the smaller eigenvalue
    of their second derivatives.
    """
    smooth = cv2.GaussianBlur(strength, (0, 0), SMOOTHING)
    dy, dx = np.gradient(smooth)
    dyy, dyx = np.gradient(dy)
    dxx = np.gradient(dx, axis=1)
    across = 0.5 * np.arctan2(2 * dyx, dxx - dyy) + np.pi / 2
    y, x = np.mgrid[: strength.shape[0], : strength.shape[1]].astype(np.float32)
    cos, sin = np.cos(across).astype(np.float32), np.sin(across).astype(np.float32)
    neighbours = [
        cv2.remap(strength, x + side * cos, y + side * sin, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for side in (-1, 1)
    ]
    kept = strength >= KEPT_SHARE * np.maximum(*neighbours)
    return np.asarray(np.where(kept, strength, 0), np.float32)


def _box(patch: Patch, logits: Logits) -> tuple[int, int, int, int] | None:
    """First and last pixels x0, y0, x1, y1 of the mask on its patch; None when it has none."""
    inside = logits > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    left, top = patch.columns.start, patch.rows.start
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]), top + int(rows[-1])


def _slope(patch: Patch, logits: Logits, height: int, width: int) -> EdgeMap:
    """Of the probability, by Sobel's filter, along the outer outline of the mask; elsewhere 0. (rows, columns)."""
    probability = np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    beyond = float(1 / (1 + np.exp(-LEVEL)))  # at most so much is outside the patch; the image's rim is no edge
    around = cv2.copyMakeBorder(probability, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    if patch.rows.start > 0:
        around[0] = beyond
    if patch.rows.stop < height:
        around[-1] = beyond
    if patch.columns.start > 0:
        around[:, 0] = beyond
    if patch.columns.stop < width:
        around[:, -1] = beyond
    dx, dy = (cv2.Sobel(around, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    outline = np.zeros(around.shape, np.uint8)
    contours, _ = cv2.findContours((around > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outline, contours, -1, 1, thickness=1)
    beside = cv2.dilate(outline, np.ones((3, 3), np.uint8))
    return np.asarray((np.hypot(dx, dy) * beside)[1:-1, 1:-1], np.float32)


def _away_from_rim(height: int, width: int) -> EdgeMap:
    """(H, W): 1 inside, falling to 0 at the image's rim, where models mark edges that are none."""
    y, x = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    down, across = np.minimum(y, y[::-1]), np.minimum(x, x[::-1])
    return np.asarray(np.minimum(np.minimum(down[:, None], across[None]) / RIM, 1), np.float32)


def _spread(strength: EdgeMap) -> EdgeMap:
    """Linearly to [0, 1]."""
    lowest, highest = float(strength.min()), float(strength.max())
    return strength if highest <= lowest else (strength - lowest) / (highest - lowest)
