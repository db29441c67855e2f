"""What a prompt says, drawn on the embedding's grid.

Sparse tokens alone are hard to learn from scratch. Three cheap maps tell the decoder what it would otherwise have
to discover: disks where the clicks are (as in RITM, Sofiiuk et al. 2021), the box as a soft rectangle, and how
similar every place looks to the places that were clicked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

DENSE_MAPS = 8
"""Narrow and wide disks of foreground and of background, box, has box, similarity to foreground, to background."""

NARROW_DISK = 1.0  # 1 / cells², falls to 1/e one cell from the click
WIDE_DISK = 1 / 32.0  # 1 / cells², falls to 1/e about six cells away
SAMPLING_SHARPNESS = 1.5  # 1 / cells², how local the embedding is sampled under a click
BOX_SHARPNESS = 2.0  # 1 / cells, slope of the box's soft edge


@dataclass(frozen=True)
class PromptGrid:
    """The geometry of a batch of prompts on an (h, w) grid, computed once and used by several maps."""

    points: Tensor  # (B, N, 2) float, x and y in cells
    squared_distance: Tensor  # (B, N, h, w), from every cell's centre to every point, in cells²
    foreground: Tensor  # (B, N, 1, 1) float 0 or 1
    background: Tensor  # (B, N, 1, 1)
    top_left: Tensor  # (B, N)
    bottom_right: Tensor  # (B, N)

    @classmethod
    def of(cls, points: Tensor, labels: Tensor, height: int, width: int) -> PromptGrid:
        """Points (B, N, 2) as fractions of the padded square in [0, 1], labels (B, N) as SAM numbers them."""
        x = points[..., 0:1] * width
        y = points[..., 1:2] * height
        along_x = (_centres(width, points.device) - x) ** 2  # (B, N, w)
        along_y = (_centres(height, points.device) - y) ** 2  # (B, N, h)
        return cls(
            points=torch.cat([x, y], dim=-1),
            squared_distance=along_y[..., :, None] + along_x[..., None, :],
            foreground=(labels == 1).float()[..., None, None],
            background=(labels == 0).float()[..., None, None],
            top_left=(labels == 2).float(),
            bottom_right=(labels == 3).float(),
        )

    @property
    def sampling_weights(self) -> Tensor:
        """(B, N, h·w), rows that sum to one: where the embedding is read for each point."""
        return torch.softmax(-self.squared_distance.flatten(2) * SAMPLING_SHARPNESS, dim=-1)


def dense_maps(grid: PromptGrid, similarity: Tensor) -> Tensor:
    """Similarity (B, N, h, w) of every cell to what is under each point, in [0, 1] -> (B, 8, h, w)."""
    narrow = torch.exp(-NARROW_DISK * grid.squared_distance)
    wide = torch.exp(-WIDE_DISK * grid.squared_distance)
    box, has_box = _box_map(grid)
    return torch.stack(
        [
            (narrow * grid.foreground).amax(1),
            (wide * grid.foreground).amax(1),
            (narrow * grid.background).amax(1),
            (wide * grid.background).amax(1),
            box,
            has_box.expand_as(box),
            (similarity * grid.foreground).amax(1),
            (similarity * grid.background).amax(1),
        ],
        dim=1,
    )


def similarity_to_points(keys: Tensor, sampling_weights: Tensor, log_temperature: Tensor) -> Tensor:
    """Cosine similarity to the key under each point, sharpened: exp(t·(cos − 1)).

    keys (B or 1, C, h, w) of unit length, sampling_weights (B, N, h·w) -> (B, N, h, w).
    """
    height, width = keys.shape[-2:]
    flat = keys.flatten(2)  # (B, C, hw)
    under_point = F.normalize(torch.matmul(sampling_weights, flat.transpose(1, 2)), dim=-1)  # (B, N, C)
    cosine = torch.matmul(under_point, flat).view(-1, sampling_weights.shape[1], height, width)
    return torch.exp(torch.exp(log_temperature) * (cosine - 1))


def _box_map(grid: PromptGrid) -> tuple[Tensor, Tensor]:
    """The box as a soft rectangle (B, h, w), zero without a box, and whether there is one (B, 1, 1)."""
    height, width = grid.squared_distance.shape[-2:]
    has_box = (grid.top_left.sum(1) > 0).float()[:, None, None]
    corner0 = (grid.points * grid.top_left[..., None]).sum(1)  # (B, 2)
    corner1 = (grid.points * grid.bottom_right[..., None]).sum(1)
    x0, y0, x1, y1 = corner0[:, :1], corner0[:, 1:], corner1[:, :1], corner1[:, 1:]  # each (B, 1)
    columns, rows = _centres(width, grid.points.device), _centres(height, grid.points.device)
    inside_x = torch.sigmoid(BOX_SHARPNESS * (columns - x0)) * torch.sigmoid(BOX_SHARPNESS * (x1 - columns))
    inside_y = torch.sigmoid(BOX_SHARPNESS * (rows - y0)) * torch.sigmoid(BOX_SHARPNESS * (y1 - rows))
    return inside_y[:, :, None] * inside_x[:, None, :] * has_box, has_box


def _centres(cells: int, device: torch.device) -> Tensor:
    return torch.arange(cells, device=device, dtype=torch.float32) + 0.5
