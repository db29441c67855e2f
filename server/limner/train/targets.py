"""Which masks of a labelled image to ask for, and with which first prompt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.clicks import first_click, noisy_box, tight_box
from limner.train.config import PromptMix

SAMLET_STRIDE = 2  # model pixels per cell of Samlet's masks
NESTED = 3  # masks that a click may mean: the intended one and up to two others
SAME = 0.93  # two masks with more IoU than this are one
SMALLEST = 5e-4  # of the image: smaller masks are not asked for


class FirstPrompt(IntEnum):
    """How a simulated conversation begins."""

    CLICK = 0
    BOX = 1
    BOX_AND_CLICK = 2


@dataclass(frozen=True)
class Target:
    """One mask to ask for."""

    masks: NDArray[np.uint8]  # (3, S/stride, S/stride): the intended mask, then others under the same click
    present: NDArray[np.float32]  # (3,) which of them exist
    click: NDArray[np.float32]  # (2,) x, y in pixels
    box: NDArray[np.float32]  # (4,) x0, y0, x1, y1 in pixels
    prompt: FirstPrompt


def choose_targets(
    rng: np.random.Generator, labels: NDArray[Any], mix: PromptMix, stride: int = SAMLET_STRIDE
) -> list[Target]:
    """`mix.per_image` targets from label layers (3, S, S); none when nothing is large enough.

    `stride` is how many model pixels a cell of the model's masks covers.
    """
    candidates = [candidate for candidate in _candidates(labels) if mix.layers[candidate[0]] > 0]
    if not candidates:
        return []
    weights = np.array([mix.layers[layer] * area**mix.area_exponent for layer, _, area in candidates])
    weights /= weights.sum()
    targets: list[Target] = []
    for _ in range(3 * mix.per_image):
        if len(targets) == mix.per_image:
            break
        prompt = _first_prompt(rng, mix)
        layer, number, _ = candidates[rng.choice(len(candidates), p=weights)]
        if prompt != FirstPrompt.CLICK and rng.random() < mix.concave_boxes:
            rival = candidates[rng.choice(len(candidates), p=weights)]
            layer, number = min((layer, number), rival[:2], key=lambda item: _box_filled(labels[item[0]] == item[1]))
        target = _target(rng, labels, layer, number, prompt, stride)
        if target is not None:
            targets.append(target)
    while targets and len(targets) < mix.per_image:
        targets.append(targets[int(rng.integers(len(targets)))])
    return targets


def shrunk(mask: NDArray[Any], stride: int) -> NDArray[np.uint8]:
    """(S, S) bool -> (S/stride, S/stride): cells at least half covered."""
    size = mask.shape[1] // stride, mask.shape[0] // stride
    covered = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    return (covered > 127).astype(np.uint8)


def _candidates(labels: NDArray[Any]) -> list[tuple[int, int, int]]:
    """Layer, number and area of every mask that is large enough."""
    smallest = max(16, int(SMALLEST * labels[0].size))
    found = []
    for layer in range(len(labels)):
        areas = np.bincount(labels[layer].ravel(), minlength=256)
        areas[0] = 0
        found += [(layer, int(number), int(areas[number])) for number in np.flatnonzero(areas >= smallest)]
    return found


def _first_prompt(rng: np.random.Generator, mix: PromptMix) -> FirstPrompt:
    draw = rng.random()
    if draw < mix.boxes:
        return FirstPrompt.BOX
    if draw < mix.boxes + mix.boxes_with_click:
        return FirstPrompt.BOX_AND_CLICK
    return FirstPrompt.CLICK


def _box_filled(mask: NDArray[np.bool_]) -> float:
    x0, y0, x1, y1 = tight_box(mask)
    return float(mask.sum() / ((x1 - x0) * (y1 - y0)))


def _target(
    rng: np.random.Generator, labels: NDArray[Any], layer: int, number: int, prompt: FirstPrompt, stride: int
) -> Target | None:
    intended = labels[layer] == number
    click = first_click(intended, rng)
    nested = [intended]
    for other in range(len(labels)):
        under_click = labels[other, click.y, click.x]
        if other != layer and under_click:
            mask = labels[other] == under_click
            if all((mask & known).sum() < SAME * (mask | known).sum() for known in nested):
                nested.append(mask)
    small = [shrunk(mask, stride) for mask in nested]
    if not small[0].any():
        return None
    masks = np.zeros((NESTED, *small[0].shape), np.uint8)
    masks[: len(small)] = small
    return Target(
        masks=masks,
        present=np.asarray(masks.any(axis=(1, 2)), np.float32),
        click=np.array([click.x + 0.5, click.y + 0.5], np.float32),
        box=noisy_box(intended, rng),
        prompt=prompt,
    )
