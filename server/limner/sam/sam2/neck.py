"""The feature pyramid between Hiera and the decoder: all strides at one width, the coarsest passed down one step."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class FeaturePyramid(nn.Module):
    """Maps at strides 4, 8, 16 and 32 -> at strides 4, 8 and 16, ``dim`` channels each.

    Only stride 16 gets what stride 32 knows; the finer ones are plain projections, as in the published models.
    """

    def __init__(self, widths: tuple[int, int, int, int], dim: int) -> None:
        super().__init__()
        # The published order is from the coarsest to the finest, each wrapped under the name "conv".
        self.convs = nn.ModuleList(nn.ModuleDict({"conv": nn.Conv2d(width, dim, 1)}) for width in reversed(widths))

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        at32, at16, at8, at4 = (
            level["conv"](each)  # type: ignore[index]
            for level, each in zip(self.convs, reversed(maps), strict=True)
        )
        return at4, at8, at16 + F.interpolate(at32.float(), scale_factor=2.0, mode="nearest")
