"""Where a person would click: first into what they want, then into the largest error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[Any]  # (H, W) bool


@dataclass(frozen=True)
class Click:
    """One click at the centre of a pixel."""

    x: int  # column
    y: int  # row
    foreground: bool


def depth(mask: Mask) -> NDArray[Any]:
    """Distance of every pixel of a mask to the nearest pixel outside it; the border of the image counts as outside."""
    padded = cv2.copyMakeBorder(np.asarray(mask).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]


def deepest_point(mask: Mask) -> tuple[int, int, float]:
    """Column, row and depth of the point farthest from the mask's boundary."""
    distance = depth(mask)
    index = int(distance.argmax())
    row, column = divmod(index, mask.shape[1])
    return column, row, float(distance[row, column])


def deep_point(mask: Mask, rng: np.random.Generator, spread: float) -> tuple[int, int, float]:
    """Any point whose depth is at least (1 − spread) of the deepest; with that deepest depth."""
    distance = depth(mask)
    deepest = float(distance.max())
    candidates = np.flatnonzero(distance.ravel() > deepest * (1 - spread))
    row, column = divmod(int(candidates[rng.integers(len(candidates))]), mask.shape[1])
    return column, row, deepest


def any_point(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Column and row of any pixel of a mask that has some."""
    candidates = np.flatnonzero(np.asarray(mask).ravel())
    row, column = divmod(int(candidates[rng.integers(len(candidates))]), mask.shape[1])
    return column, row


def likely_point(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """Column and row where a person might click who means this mask: in the part around its deepest point, any pixel,
    in proportion to its depth. People click near the middle, not in it (Antonov et al. 2024, RClicks).
    """
    distance = depth(mask)
    _, parts = cv2.connectedComponents(np.asarray(mask).astype(np.uint8), connectivity=4)
    part = parts.ravel() == parts.ravel()[distance.argmax()]
    summed = np.cumsum(np.where(part, distance.ravel(), 0), dtype=np.float64)
    index = int(np.searchsorted(summed, rng.random() * summed[-1], side="right"))
    row, column = divmod(min(index, len(summed) - 1), mask.shape[1])
    return column, row


def first_click(target: Mask, rng: np.random.Generator) -> Click:
    """For training: half the time anywhere in the target, half the time well inside."""
    if rng.random() < 0.5:
        column, row = any_point(target, rng)
    else:
        column, row, _ = deep_point(target, rng, spread=0.6)
    return Click(column, row, foreground=True)


def correcting_click(predicted: Mask, target: Mask, rng: np.random.Generator | None = None) -> Click | None:
    """The standard protocol: the deepest point of the largest error; with `rng`, a likely point of it instead.

    None when there is no error.
    """
    missing, surplus = target & ~predicted, predicted & ~target
    best: Click | None = None
    best_depth = 0.0
    for error, foreground in ((missing, True), (surplus, False)):
        if error.any():
            column, row, distance = deepest_point(error)
            if distance > best_depth:
                best, best_depth = Click(column, row, foreground), distance
    if best is None or rng is None:
        return best
    return Click(*likely_point(missing if best.foreground else surplus, rng), best.foreground)


def simulated_correction(predicted: Mask, target: Mask, rng: np.random.Generator) -> Click:
    """For training: mostly near the middle of the largest error, often anywhere in any error (as in SAM's paper)."""
    missing, surplus = target & ~predicted, predicted & ~target
    error = missing | surplus
    if not error.any():
        column, row = any_point(target, rng) if target.any() else (0, 0)
        return Click(column, row, foreground=bool(target[row, column]))
    if rng.random() < 0.35:
        column, row = any_point(error, rng)
        return Click(column, row, foreground=bool(missing[row, column]))
    found = [
        (*deep_point(part, rng, spread=0.3), foreground)
        for part, foreground in ((missing, True), (surplus, False))
        if part.any()
    ]
    column, row, _, foreground = max(found, key=lambda item: item[2])
    return Click(column, row, foreground)


def noisy_box(target: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """The box x0, y0, x1, y1 around a mask, each side moved by a tenth of the box's size (σ), at most 3 % of the image.

    Kirillov et al. 2023, appendix A, has at most 20 px of 1024.
    """
    size = max(target.shape)
    box = tight_box(target)
    width, height = box[2] - box[0], box[3] - box[1]
    sigma = 0.1 * np.array([width, height, width, height])
    moved = box + np.clip(rng.normal(0, 1, 4) * sigma, -0.03 * size, 0.03 * size)
    return np.clip(moved, 0, size).astype(np.float32)


def tight_box(mask: Mask) -> NDArray[np.float32]:
    """x0, y0, x1, y1 around a mask that has pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
