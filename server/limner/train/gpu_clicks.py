"""Correcting clicks for a whole batch at once, on the device where the masks are.

On a GPU the masks of a step would otherwise all go to the CPU and through one distance transform each, for longer than
the rest of the step takes. The same rules as `clicks.simulated_correction`; depth is measured by peeling.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PEELS = 32  # deeper than so many cells counts as equally deep
SPREAD = 0.3  # a click goes anywhere that is at least (1 − spread) of the deepest
ANYWHERE = 0.35  # share of clicks that go anywhere in any error, as in SAM's paper


def simulated_corrections(predicted: Tensor, target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One click for each of P conversations.

    Args:
        predicted: (P, h, w) bool.
        target: (P, h, w) bool.
        generator: on the same device.

    Returns:
        Places (P, 2), x and y of the centres of cells, and labels (P,), 1 for foreground: where the prediction is
        wrong, or anywhere in the target if it is right, or at the first cell if there is nothing to click on.
    """
    P, _, width = target.shape
    missing, surplus = target & ~predicted, predicted & ~target
    depths = torch.stack([depth(missing), depth(surplus)])  # (2, P, h, w)
    deepest = depths.amax((2, 3))  # (2, P)
    larger = deepest.argmax(0)  # (P,) whether the surplus is the deeper error
    rows = torch.arange(P, device=target.device)
    deep = depths[larger, rows] >= (1 - SPREAD) * deepest[larger, rows].clamp(min=1)[:, None, None]
    anywhere = torch.rand(P, device=target.device, generator=generator) < ANYWHERE
    allowed = torch.where(anywhere[:, None, None], missing | surplus, deep)
    correct = (predicted == target).flatten(1).all(1)
    allowed = torch.where(correct[:, None, None], target, allowed).flatten(1)  # (P, h·w)
    scores = torch.rand(allowed.shape, device=target.device, generator=generator)
    cell = torch.where(allowed, scores + 1, torch.zeros_like(scores)).argmax(1)  # (P,)
    cell = torch.where(allowed.any(1), cell, torch.zeros_like(cell))
    places = torch.stack([cell % width, cell // width], dim=1).float() + 0.5
    return places, target.flatten(1)[rows, cell].float()


def depth(mask: Tensor) -> Tensor:
    """How often each cell of (P, h, w) survives peeling off the outermost cells, at most `PEELS` times.

    Squares and crosses take turns, so that the peeled shapes stay octagons; the border of the grid counts as outside.
    """
    left = mask[:, None].to(torch.bfloat16 if mask.is_cuda else torch.float32)
    total = left.clone()
    for peel in range(PEELS - 1):
        outside = F.pad(1 - left, (1, 1, 1, 1), value=1.0)
        if peel % 2:
            worn = F.max_pool2d(outside, 3, stride=1)
        else:
            across, down = outside[:, :, 1:-1], outside[..., 1:-1]
            worn = torch.maximum(F.max_pool2d(across, (1, 3), stride=1), F.max_pool2d(down, (3, 1), stride=1))
        left = 1 - worn
        total += left
    return total[:, 0]
