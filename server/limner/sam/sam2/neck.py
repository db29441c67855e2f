"""The feature pyramid between Hiera and the decoder: all strides at one width, the coarsest passed down one step."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import as_kind
from limner.sam.cpu.fused import convolve


class FeaturePyramid(nn.Module):
    """Maps at strides 4, 8, 16 and 32 -> at strides 4, 8 and 16, ``dim`` channels each.

    Only stride 16 gets what stride 32 knows; the finer ones are plain projections, as in the published models.
    """

    def __init__(self, widths: tuple[int, int, int, int], dim: int) -> None:
        super().__init__()
        # The published order is from the coarsest to the finest, each wrapped under the name "conv".
        self.convs = nn.ModuleList(nn.ModuleDict({"conv": nn.Conv2d(width, dim, 1)}) for width in reversed(widths))

    def forward(self, maps: list[Tensor], after4: nn.Conv2d, after8: nn.Conv2d) -> tuple[Tensor, Tensor, Tensor]:
        """Maps (B, C, h, w); strides 4 and 8 as the 1 × 1 convolutions leave them that the decoder has for them.

        Nothing else reads these two, so that each gets both matrices multiplied together: the maps of ``dim`` channels
        between them, of which the finest is 67 MB, are never made.
        """
        levels = (as_kind(level, nn.ModuleDict)["conv"] for level in self.convs)
        conv32, conv16, conv8, conv4 = (as_kind(conv, nn.Conv2d) for conv in levels)
        at4, at8, at16, at32 = maps
        coarse = _convolved(at16, conv16.weight.flatten(1), conv16.bias)
        coarser = _convolved(at32, conv32.weight.flatten(1), conv32.bias)
        coarse = coarse + F.interpolate(coarser.float(), scale_factor=2.0, mode="nearest")
        return _by_both(at4, conv4, after4), _by_both(at8, conv8, after8), coarse


def _by_both(x: Tensor, first: nn.Conv2d, second: nn.Conv2d) -> Tensor:
    assert first.bias is not None
    outer = second.weight.flatten(1)  # (C'', C')
    bias = outer @ first.bias
    return _convolved(x, outer @ first.weight.flatten(1), bias if second.bias is None else bias + second.bias)


def _convolved(x: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, h, w) by (C', C) -> (B, C', h, w)."""
    return convolve(x, matrix[:, :, None, None], bias, stride=(1, 1), padding=(0, 0))
