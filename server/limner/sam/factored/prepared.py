"""What SAM's rearranged decoder computes once per image: all that does not depend on the prompt.

:mod:`limner.sam.factored.decoder` derives it, and has the letters: A is the image embedding with the no-mask
embedding, PE its positional encoding, C₀ centres columns, G₁ and G₂ are gains, the W projections.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from limner.sam.factored.folding import Folded
from limner.sam.factored.upscaling import SUB_PIXELS

MASK_CHANNELS = 16  # of the mask prompt before its last convolution


class Prepared(NamedTuple):
    """What one image contributes. M = h·w cells, 8 heads of 16 channels; B₂ = C₀G₁C₀A."""

    key1: Tensor  # (8, 16, M)   W_K (A + PE)
    value1: Tensor  # (8, M, 16)   (W_V A)ᵀ
    query1: Tensor  # (8, 16, M)   W_Q (A + PE)
    key2: Tensor  # (8, 16, M)   W_K G₁ C₀A
    value2: Tensor  # (8, M, 16)   (W_V G₁ C₀A)ᵀ
    query2: Tensor  # (8, 16, M)   W_Q G₁ C₀A
    key3: Tensor  # (8, 16, M)   W_K G₂ B₂
    value3: Tensor  # (8, M, 16)   (W_V G₂ B₂)ᵀ
    upscaled00: Tensor  # (64, vh, vw)  first transposed convolution of G₂ B₂, sub-pixel (y, x) = (0, 0)
    upscaled01: Tensor  # (64, vh, vw)  (0, 1)
    upscaled10: Tensor  # (64, vh, vw)  (1, 0)
    upscaled11: Tensor  # (64, vh, vw)  (1, 1)
    out1_dot_base1: Tensor  # (8, 16, M)   2 W_Oᵀ C₀A
    out1_dot_base2: Tensor  # (8, 16, M)   2 (C₀G₁C₀W_O)ᵀ B₂, of block 1
    out2_dot_base2: Tensor  # (8, 16, M)   2 W_Oᵀ B₂, of block 2
    mask_dot_base: Tensor  # (2, 16, M)   2 W₃ᵀ C₀A and 2 (C₀G₁C₀W₃)ᵀ B₂
    constants: Tensor  # (7, M)   ‖C₀A‖², ‖B₂‖², then twice the products with the constant columns
    image: Tensor  # (C + 1, M)   A and a row of zeros, where the products with `of_image` were left out; else (1, M)
    of_image: Tensor  # (11·8, 16, C + 1)   these matrices, likewise; else (11·8, 16, 1)


def prepare(
    folded: Folded,
    image_embeddings: Tensor,
    products_of_positions: Tensor,
    cells: tuple[int, int],
    valid_size: Tensor | None,
    whole: Tensor | None,
) -> Prepared:
    """Prepare one image.

    Args:
        folded: the constants.
        image_embeddings: (1, C, h, w).
        products_of_positions: (256, M), W_K PE and W_Q PE of block 1.
        cells: (h, w).
        valid_size: (2,), int64, how many rows and columns are to be upscaled; None for all.
        whole: (1,), int64, 0 to leave out the products with ``folded.of_image``; 1 or None for everything.
    """
    by_head, (h, w) = folded.by_head, cells
    valid_h, valid_w = (h, w) if valid_size is None else (valid_size[0], valid_size[1])
    image = image_embeddings.flatten(2)[0] + folded.no_mask  # (C, M), A
    now = len(image) if whole is None else len(image) * whole[0]  # C, or 0: no products, but zeros in their place
    products = folded.of_image[:, :now] @ image[:now]
    # Slices, one by one: a kernel that split them would have more tensors than WebGPU gives it.
    of = {name: products[rows] for name, rows in folded.product_rows.items()}
    left = folded.of_image[:, now:]  # (11·128, C + 1 or 1)
    always = folded.always @ image
    masks = 2 * MASK_CHANNELS
    shown = image.view(-1, h, w)[:, :valid_h, :valid_w]  # (C, vh, vw); what is not upscaled is not multiplied
    upscaled = (folded.upscaled @ shown.flatten(1)).view(SUB_PIXELS, -1, *shown.shape[1:]).unbind()
    key1_pe, query1_pe = products_of_positions.chunk(2)
    base1 = _centred(image)  # (C, M), C₀A
    bases = (base1, _centred(folded.gain1 * base1))  # and B₂
    norms = [base.square().sum(0, keepdim=True) for base in bases]
    return Prepared(
        key1=by_head(of["key1"] + key1_pe),
        value1=by_head(of["value1"]).transpose(1, 2).contiguous(),
        query1=by_head(of["query1"] + query1_pe + folded.query1_bias),
        key2=by_head(of["key2"]),
        value2=by_head(of["value2"]).transpose(1, 2).contiguous(),
        query2=by_head(of["query2"]),
        key3=by_head(of["key3"]),
        value3=by_head(of["value3"]).transpose(1, 2).contiguous(),
        upscaled00=upscaled[0],
        upscaled01=upscaled[1],
        upscaled10=upscaled[2],
        upscaled11=upscaled[3],
        out1_dot_base1=by_head(of["out1_dot_base1"]),
        out1_dot_base2=by_head(of["out1_dot_base2"]),
        out2_dot_base2=by_head(of["out2_dot_base2"]),
        mask_dot_base=always[:masks].view(2, MASK_CHANNELS, -1),
        constants=torch.cat([*norms, always[masks:]]),
        # With zeros, so that no tensor is empty: runtimes and exporters do not know all shapes of nothing.
        image=torch.cat([image, torch.zeros_like(image[:1])])[now:],
        of_image=left.view(-1, folded.head_dim, left.shape[1]),
    )


def _centred(columns: Tensor) -> Tensor:
    """C₀ of (C, M), without a multiplication of matrices."""
    return columns - columns.mean(0, keepdim=True)
