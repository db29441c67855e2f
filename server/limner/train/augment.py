"""Making more of few images: crops, scales, mirrors, colours, padding, and cut-outs of photos on other grounds."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.finish import normal_noise

Image = NDArray[Any]  # (H, W, 3) uint8 RGB
Labels = NDArray[Any]  # (3, H, W) uint8

MAX_LABEL = 254
CUT_OUT_AREA = (0.004, 0.5)  # of the photo: smaller ones are mush, larger ones no cut-outs
CUT_OUT_SIDE = (0.08, 0.5)  # of the image that it is pasted on


def random_view(rng: np.random.Generator, image: Image, labels: Labels, size: int) -> tuple[Image, Labels]:
    """A crop or the whole of a photo, at most `size` high and wide, possibly mirrored and recoloured."""
    scale = size / max(image.shape[:2])
    if rng.random() < 0.7:
        scale *= math.exp(rng.uniform(-0.1, 0.9))
    stretch = math.exp(rng.normal(0, 0.08))
    image, labels = resized(image, labels, scale * stretch, scale / stretch)
    height, width = image.shape[:2]
    top = int(rng.integers(max(0, height - size) + 1))
    left = int(rng.integers(max(0, width - size) + 1))
    image = image[top : top + size, left : left + size]
    labels = labels[:, top : top + size, left : left + size]
    if rng.random() < 0.5:
        image, labels = image[:, ::-1], labels[:, :, ::-1]
    if rng.random() < 0.6:
        image = recoloured(rng, image)
    return np.ascontiguousarray(image), np.ascontiguousarray(labels)


def resized(image: Image, labels: Labels, scale_x: float, scale_y: float) -> tuple[Image, Labels]:
    """Both scaled; labels stay labels.

    OpenCV's plain INTER_NEAREST reads at the corners of pixels, not in their middle: labels would lie half a pixel to
    the right of and below what they are of.
    """
    height, width = image.shape[:2]
    new_size = max(8, round(width * scale_x)), max(8, round(height * scale_y))
    interpolation = cv2.INTER_AREA if min(scale_x, scale_y) < 1 else cv2.INTER_LINEAR
    smaller = [cv2.resize(layer, new_size, interpolation=cv2.INTER_NEAREST_EXACT) for layer in labels]
    return cv2.resize(image, new_size, interpolation=interpolation), np.stack(smaller)


def recoloured(rng: np.random.Generator, image: Image) -> Image:
    """White balance, exposure and gamma; sometimes saturation, noise or blur."""
    gain = np.exp(rng.normal(0, 0.1, 3)) * math.exp(rng.normal(0, 0.15))
    curve = np.clip(np.linspace(0, 1, 256)[:, None] * gain, 0, 1) ** math.exp(rng.normal(0, 0.2))  # (256, RGB)
    changed: Image = cv2.LUT(image, np.round(255 * curve).astype(np.uint8)[None])
    if rng.random() < 0.3:
        saturation = rng.uniform(0, 1.6)
        changed = cv2.transform(changed, saturation * np.eye(3) + np.full((3, 3), (1 - saturation) / 3))
    if rng.random() < 0.15:
        changed = cv2.GaussianBlur(changed, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.15:
        height, width = changed.shape[:2]
        changed = cv2.add(changed, normal_noise(rng, (height, width, 3), rng.uniform(1, 10)), dtype=cv2.CV_8U)
    return changed


def letterboxed(rng: np.random.Generator, image: Image, labels: Labels) -> tuple[Image, Labels]:
    """A square cut down to a portrait or landscape format, as photos are."""
    size = image.shape[0]
    kept = int(size * rng.uniform(0.55, 1.0))
    if rng.random() < 0.5:
        return image[:kept], labels[:, :kept]
    return image[:, :kept], labels[:, :, :kept]


def paste_cut_out(
    rng: np.random.Generator, image: Image, labels: Labels, donor: Image, donor_labels: Labels
) -> tuple[Image, Labels]:
    """Paste one mask of a photo, with what is inside it, somewhere onto another image; both are left unchanged.

    Returns the given image when the donor has no suitable mask.
    """
    areas = np.bincount(donor_labels[0].ravel(), minlength=256)[1:] / donor_labels[0].size
    suitable = np.flatnonzero((areas > CUT_OUT_AREA[0]) & (areas < CUT_OUT_AREA[1])) + 1
    free = [int(layer.max()) for layer in labels]
    if not len(suitable) or free[0] >= MAX_LABEL:
        return image, labels
    cut_out = donor_labels[0] == suitable[rng.integers(len(suitable))]
    rows, columns = np.flatnonzero(cut_out.any(axis=1)), np.flatnonzero(cut_out.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    low, high = np.log(CUT_OUT_SIDE)
    wanted = math.exp(rng.uniform(low, high)) * min(image.shape[:2])  # px, longer side of what is pasted
    scale = wanted / max(cut_out[box].shape)
    stack = np.concatenate([donor_labels[1:, *box], cut_out[None, *box].astype(np.uint8)])
    piece, stack = resized(donor[box], stack, scale, scale)
    inside = stack[-1] > 0
    if rng.random() < 0.5:
        piece, stack, inside = piece[:, ::-1], stack[:, :, ::-1], inside[:, ::-1]
    if rng.random() < 0.5:
        piece = recoloured(rng, np.ascontiguousarray(piece))
    return _pasted(rng, image, labels, piece, inside, stack[:-1], free)


def _pasted(
    rng: np.random.Generator,
    image: Image,
    labels: Labels,
    piece: Image,
    inside: NDArray[np.bool_],
    finer: Labels,
    last_label: list[int],
) -> tuple[Image, Labels]:
    """Piece (h, w, 3) with its mask (h, w) and finer layers (2, h, w) at a random place, edges softened."""
    height, width = image.shape[:2]
    h, w = min(inside.shape[0], height), min(inside.shape[1], width)
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    place = np.s_[top : top + h, left : left + w]
    piece, inside, finer = piece[:h, :w], inside[:h, :w], finer[:, :h, :w]
    alpha = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), rng.uniform(0.4, 1.2))[..., None]
    image, labels = image.copy(), labels.copy()
    below = image[place].astype(np.float32)
    image[place] = (below + (piece.astype(np.float32) - below) * alpha).astype(np.uint8)
    labels[0][place][inside] = last_label[0] + 1
    for layer in (1, 2):
        numbers = finer[layer - 1].astype(np.int32)
        numbers = np.where((numbers > 0) & (numbers + last_label[layer] <= MAX_LABEL), numbers + last_label[layer], 0)
        labels[layer][place][inside] = numbers[inside].astype(np.uint8)
    return image, labels
