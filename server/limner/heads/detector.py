"""A detector that reads an image's embedding instead of its pixels: boxes, objectness and categories.

Anchor-free and dense, after FCOS (Tian et al. 2019, arXiv:1904.01355): every cell of four grids says how much there is
an object whose middle lies near it, where its box is and of which category it is. The grids are those of the first
feature, at its own stride and at 2, 4 and 8 times that, joined as a feature pyramid (Lin et al. 2017,
arXiv:1612.03144). Objectness is trained to be the box's IoU (Li et al. 2020, arXiv:2006.04388), so that one number
ranks the boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.model import Features
from limner.vocabulary.specs import FeatureSpec

LEVELS = 4  # grids, each of half the rows and columns of the one before
TYPICAL_SIDE = 4.0  # cells; side of the box that a new network expects
LARGEST_LOG = 4.0  # of a side's logarithm in typical sides: keeps what is not trained finite
GROUPS = 8  # of group norm
PRIOR = 0.02  # objectness that a new network expects


@dataclass(frozen=True)
class DetectorConfig:
    """What decides the network's shape.

    Attributes:
        image_size: S, px; the square that the features are of.
        features: those that the model's manifest names; the first one's cells are the finest grid.
        categories: how many there are to tell apart; 0: objects only.
        widths: channels of the four grids.
        head: channels of the layers that all grids share.
    """

    image_size: int
    features: tuple[FeatureSpec, ...]
    categories: int = 0
    widths: tuple[int, int, int, int] = (64, 96, 128, 128)
    head: int = 64

    @property
    def cells(self) -> tuple[int, int]:
        """(rows, columns) of the finest grid."""
        return self.features[0].height, self.features[0].width

    @property
    def stride(self) -> tuple[float, float]:
        """(x, y): model pixels per cell of the finest grid."""
        rows, columns = self.cells
        return self.image_size / columns, self.image_size / rows


class Detections(NamedTuple):
    """What the network says of N cells of B images.

    Attributes:
        boxes: (B, N, 4), x0, y0, x1, y1 in model pixels.
        objectness: (B, N), logits.
        categories: (B, N, K), logits; K is 0 where there are none to tell apart.
    """

    boxes: Tensor
    objectness: Tensor
    categories: Tensor


class Detector(nn.Module):
    """The network. Parameters are float32; features may be of any floating-point type."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        channels = sum(spec.channels for spec in config.features)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        w0, *coarser = config.widths
        self.entries = nn.ModuleList(_entry(spec, config.features[0], w0) for spec in config.features)
        self.finest = _Block(w0)
        self.down = nn.ModuleList(
            nn.Sequential(_Conv(before, width, stride=2), _Block(width))
            for before, width in zip(config.widths, coarser, strict=False)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, config.head, 1) for width in config.widths)
        self.tower = nn.Sequential(_Conv(config.head, config.head), _Conv(config.head, config.head))
        self.answer = nn.Conv2d(config.head, 5 + config.categories, 3, padding=1)  # objectness, box, categories
        self.scales = nn.Parameter(torch.ones(LEVELS))  # of the logarithms of sides, by grid
        nn.init.normal_(self.answer.weight, std=0.01)
        assert self.answer.bias is not None, "convolutions have one unless told otherwise"
        with torch.no_grad():
            self.answer.bias.zero_()
            self.answer.bias[0] = torch.logit(torch.tensor(PRIOR))

    @torch.no_grad()
    def normalise_by(self, mean: Tensor, deviation: Tensor) -> None:
        """Take these means and standard deviations (channels of all features,) away before anything else."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp_min(1e-6))

    def forward(self, features: Features) -> Detections:
        """Features (B, C, h, w) by name -> what each of the N cells of all grids says, the finest grid first."""
        parts, at = [], 0
        for spec, entry in zip(self.config.features, self.entries, strict=True):
            some = slice(at, at + spec.channels)
            mean, deviation = self.mean[some, None, None], self.deviation[some, None, None]
            entered = entry((features[spec.name].to(self.mean.dtype) - mean) / deviation)
            parts.append(_to_grid(entered, self.config.cells))
            at += spec.channels
        grids = [self.finest(F.relu(torch.stack(parts).sum(0)))]
        for down in self.down:
            grids.append(down(grids[-1]))
        joined = self.lateral[-1](grids[-1])
        pyramid = [joined]
        for grid, lateral in zip(grids[-2::-1], list(self.lateral)[-2::-1], strict=True):
            joined = lateral(grid) + F.interpolate(joined, grid.shape[-2:], mode="nearest")
            pyramid.insert(0, joined)
        answers = [self.answer(self.tower(level)) for level in pyramid]  # (B, 5 + K, h, w)
        boxes = [self._boxes(answer[:, 1:5], level) for level, answer in enumerate(answers)]
        flat = [answer.flatten(2).transpose(1, 2) for answer in answers]  # (B, h·w, 5 + K)
        return Detections(
            torch.cat(boxes, 1), torch.cat([each[..., 0] for each in flat], 1), torch.cat([e[..., 5:] for e in flat], 1)
        )

    def _boxes(self, deltas: Tensor, level: int) -> Tensor:
        """(B, 4, h, w): the middle relative to the cell's, and logarithms of the sides -> corners (B, h·w, 4)."""
        stride = _steps(self.config, level).to(deltas)  # (2,)
        middles = cell_middles(self.config, level).to(deltas)  # (h·w, 2)
        per_cell = deltas.flatten(2).transpose(1, 2)  # (B, h·w, 4)
        middle = middles + per_cell[..., :2] * stride
        logarithms = (per_cell[..., 2:] * self.scales[level]).clamp(-LARGEST_LOG, LARGEST_LOG)
        half = 0.5 * TYPICAL_SIDE * stride * torch.exp(logarithms)
        return torch.cat([middle - half, middle + half], -1)


def grid_of(config: DetectorConfig, level: int) -> tuple[int, int]:
    """(rows, columns) of a grid, 0 being the finest."""
    rows, columns = config.cells
    for _ in range(level):
        rows, columns = -(-rows // 2), -(-columns // 2)
    return rows, columns


def cell_middles(config: DetectorConfig, level: int) -> Tensor:
    """(h·w, 2): x and y of the cells' middles in model pixels, row by row."""
    rows, columns = grid_of(config, level)
    step_x, step_y = _steps(config, level).tolist()
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) * step_y, (torch.arange(columns) + 0.5) * step_x, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


def all_middles(config: DetectorConfig) -> Tensor:
    """(N, 2): those of all grids, in the order in which the network answers."""
    return torch.cat([cell_middles(config, level) for level in range(LEVELS)])


def _steps(config: DetectorConfig, level: int) -> Tensor:
    x, y = config.stride
    return torch.tensor([x * float(1 << level), y * float(1 << level)], dtype=torch.float64)


class _Conv(nn.Sequential):
    """3 × 3 convolution, group norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.GroupNorm(GROUPS, outputs),
            nn.ReLU(),
        )


class _Block(nn.Module):
    """Two convolutions beside the identity (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Conv(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        out: Tensor = F.relu(x + self.second(self.first(x)))
        return out


def _entry(spec: FeatureSpec, finest: FeatureSpec, width: int) -> nn.Sequential:
    """From a feature to the finest grid's channels; one with finer cells is brought to that grid on the way."""
    rows, columns = spec.height // finest.height, spec.width // finest.width
    fits = rows >= 1 and columns >= 1 and (rows * finest.height, columns * finest.width) == (spec.height, spec.width)
    kernel = (rows, columns) if fits else (1, 1)
    return nn.Sequential(
        nn.Conv2d(spec.channels, width, kernel, stride=kernel, bias=False), nn.GroupNorm(GROUPS, width)
    )


def _to_grid(values: Tensor, cells: tuple[int, int]) -> Tensor:
    if tuple(values.shape[-2:]) == cells:
        return values
    return F.interpolate(values, cells, mode="bilinear", align_corners=False)
