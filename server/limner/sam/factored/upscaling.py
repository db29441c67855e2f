"""SAM's mask upscaling on factored image tokens, each cell's sub-pixels kept apart until the very end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import LayerNorm2d
from limner.sam.factored.gelu import gelu, gelu_scales
from limner.sam.mask_decoder import MaskDecoder
from limner.sam.model import PADDING_LOGIT

SUB_PIXELS = 4  # of each transposed convolution: (sub y, sub x)


class Fine(NamedTuple):
    """What a model with fine features adds at one sub-pixel of the first transposed convolution.

    Attributes:
        before: (64, vh, vw), to that convolution, centred over the channels as its norm will.
        after: (4·32, vh, vw), to the second, its bias included.
    """

    before: Tensor
    after: Tensor


class Upscaling(nn.Module):
    """From the first transposed convolution, whose four sub-pixels come one by one, to the masks.

    One by one, so that the work stays in the processor's cache.
    """

    up2_matrix: Tensor  # (4·32, 64)
    up2_bias: Tensor  # (4·32, 1)
    constants: (
        Tensor  # (8353,), up2_matrix, the bias of one sub-pixel, the norm's gain, bias and eps, one after the other
    )

    def __init__(self, mask_decoder: MaskDecoder) -> None:
        super().__init__()
        norm, up2 = mask_decoder.output_upscaling[1], mask_decoder.output_upscaling[3]
        assert isinstance(norm, LayerNorm2d)
        assert isinstance(up2, nn.ConvTranspose2d)
        assert up2.bias is not None
        self.norm = norm
        up2_matrix = up2.weight.detach().permute(2, 3, 1, 0).flatten(0, 2).contiguous()
        self.register_buffer("up2_matrix", up2_matrix)
        self.register_buffer("up2_bias", up2.bias.detach().repeat(SUB_PIXELS)[:, None])
        constants = (up2_matrix, up2.bias, norm.weight, norm.bias, up2_matrix.new_tensor(norm.eps))
        self.register_buffer("constants", torch.cat([each.detach().flatten() for each in constants]))

    def forward(
        self,
        bases: Sequence[Tensor],
        columns: Tensor,
        rows: Tensor,
        inverse_scale: Tensor,
        weights: Tensor,
        fine: Sequence[Fine] | None = None,
    ) -> Tensor:
        """The masks (1, masks, 4vh, 4vw).

        Args:
            bases: four of (64, vh, vw), the first transposed convolution of the base, centred.
            columns: (4·64, R), the same of the columns of the image tokens.
            rows: (R, v), of the v = vh·vw cells.
            inverse_scale: (1, v), one over the scale of base and rows together.
            weights: (masks, 32), of the channels, one row for each mask.
            fine: four of what SAM 2 adds in between.
        """
        _, vh, vw = bases[0].shape
        weights = weights / gelu_scales()[1]
        eps = self.norm.eps * inverse_scale.square()  # (1, v)
        quarters = []
        for index, (base, part) in enumerate(zip(bases, columns.chunk(SUB_PIXELS), strict=True)):
            x, after = torch.addmm(base.flatten(1), part, rows), self.up2_bias
            if fine is not None:
                x = x + fine[index].before.flatten(1) * inverse_scale
                after = fine[index].after.flatten(1)
            quarters.append(self._quarter(x, eps, weights, after))
        x = torch.stack(quarters)  # (4, 4, masks, v)
        # In two steps, first whole rows and then what lies within them: in one, a runtime goes from value to value.
        x = x.view(2, 2, 2, 2, -1, vh, vw).permute(4, 5, 0, 2, 1, 3, 6)  # (masks, vh, 2, 2, 2, 2, vw)
        x = x.reshape(-1, 4, vw).transpose(1, 2)  # (masks·4vh, vw, 4)
        return x.reshape(1, -1, 4 * vh, 4 * vw)

    def _quarter(self, x: Tensor, eps: Tensor, weights: Tensor, after: Tensor) -> Tensor:
        """One sub-pixel of the first convolution (64, v), without its scale, which the norm takes away anyhow.

        ``after`` (4·32, 1 or v) is added to the second convolution.

        Returns:
            (4, masks, v): the sub-pixels of the second convolution, masks, cells.
        """
        scale, (s, t) = torch.rsqrt(x.square().mean(0, keepdim=True) + eps), gelu_scales()  # (1, v)
        x = gelu(x * scale * (s * self.norm.weight[:, None]) + s * self.norm.bias[:, None])
        x = gelu(torch.addmm(s * after, s / t * self.up2_matrix, x))  # (4·32, v)
        return weights @ x.view(SUB_PIXELS, weights.shape[1], -1)


def padded(masks: Tensor, height: int, width: int) -> Tensor:
    """Masks (1, masks, h', w') -> (1, masks, height, width), with ``PADDING_LOGIT`` at the bottom and right."""
    return F.pad(masks, (0, width - masks.shape[3], 0, height - masks.shape[2]), value=PADDING_LOGIT)
