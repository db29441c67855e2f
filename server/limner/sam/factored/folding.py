"""The constants of :mod:`limner.sam.factored.decoder`: what depends on neither image nor prompt, multiplied once.

Products are made in float64 and rounded once. The letters are those of the derivation: C₀ centres columns, G₁ and G₂
are the diagonal gains and b₁, b₂ the biases of the norms after blocks 1 and 2, W₃ and b₃ the mask prompt's last
convolution, n the no-mask embedding, W_K, W_V, W_Q and W_O the projections of the attentions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import as_kind
from limner.sam.factored.upscaling import SUB_PIXELS
from limner.sam.mask_decoder import MaskDecoder
from limner.sam.prompt_encoder import PromptEncoder
from limner.sam.transformer import Attention, TwoWayBlock


class Folded(nn.Module):
    """The constants as buffers, in the number format of the model's weights. C = 256 channels, 8 heads of 16."""

    no_mask: Tensor  # (C, 1), n
    gain1: Tensor  # (C, 1), G₁
    of_image: Tensor  # (11·128, C + 1), products of A in all cells, each the rows that `product_rows` says, and zeros
    always: Tensor  # (37, C), those of the mask prompt's columns and of the constant ones
    upscaled: Tensor  # (256, C), the first transposed convolution of A, for the cells that show the image
    of_positions: Tensor  # (640, C), all prepared products of PE
    out1: Tensor  # (8, 16, F₁), W_O of block 1, through all that reads X₁ and X₂; see `reads1`
    mask1: Tensor  # (16, F₁), W₃ through the same
    mask_constant1: Tensor  # (1, F₁), b₃ - n through the same
    constant1: Tensor  # (1, F₁), what block 1 adds everywhere
    out2: Tensor  # (8, 16, F₂), W_O of block 2, through all that reads X₂; see `reads2`
    constant2: Tensor  # (1, F₂), what block 2 adds everywhere, and b₁
    see_mask: Tensor  # (384, 16), block 1's W_K, W_V, W_Q applied to W₃
    see_mask_constant: Tensor  # (384, 1), the same applied to b₃ - n
    query1_bias: Tensor  # (128, 1)
    query2_bias: Tensor  # (128, 1)
    value1_bias: Tensor  # (8, 1, 16)
    value2_bias: Tensor  # (8, 1, 16)
    constant3: Tensor  # (1, 512), what b₂ and the biases add to the last projections

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: MaskDecoder) -> None:
        super().__init__()
        transformer = mask_decoder.transformer
        block1, block2 = (as_kind(block, TwoWayBlock) for block in transformer.layers)
        self.num_heads = transformer.final_attn_token_to_image.num_heads
        self.inner = transformer.final_attn_token_to_image.q_proj.out_features  # 128
        self.head_dim = self.inner // self.num_heads
        self.product_rows: dict[str, slice] = {}  # of `of_image`
        self.reads1: tuple[int, ...] = ()  # rows of X₁ centred, of C₀G₁ of it, of block 2's and of the last projections
        self.reads2: tuple[int, ...] = ()  # rows of C₀X₂, and of the last projections of it
        dtype = transformer.final_attn_token_to_image.q_proj.weight.dtype
        with torch.no_grad():
            folded = self._fold(prompt_encoder, mask_decoder, block1, block2, transformer.final_attn_token_to_image)
        for name, matrix in folded.items():
            self.register_buffer(name, matrix.to(dtype).contiguous())

    def _fold(
        self,
        prompt_encoder: PromptEncoder,
        mask_decoder: MaskDecoder,
        block1: TwoWayBlock,
        block2: TwoWayBlock,
        final: Attention,
    ) -> dict[str, Tensor]:
        look1, look2 = block1.cross_attn_token_to_image, block2.cross_attn_token_to_image
        paint1, paint2 = block1.cross_attn_image_to_token, block2.cross_attn_image_to_token
        k1, v1, q1 = wide(look1.k_proj.weight), wide(look1.v_proj.weight), wide(paint1.q_proj.weight)
        k2, v2, q2 = wide(look2.k_proj.weight), wide(look2.v_proj.weight), wide(paint2.q_proj.weight)
        k3, v3 = wide(final.k_proj.weight), wide(final.v_proj.weight)
        g1, b1 = wide(block1.norm4.weight), wide(block1.norm4.bias)
        g2, b2 = wide(block2.norm4.weight), wide(block2.norm4.bias)
        centre = torch.eye(len(g1), dtype=torch.float64, device=g1.device) - 1 / len(g1)
        to_base2 = centre @ (g1[:, None] * centre)
        both = to_base2.T @ to_base2

        mask_out = as_kind(prompt_encoder.mask_downscaling[-1], nn.Conv2d)
        no_mask = wide(prompt_encoder.no_mask_embed.weight)[0]
        mask_columns = wide(mask_out.weight)[:, :, 0, 0]  # (C, 16)
        mask_constant = wide(mask_out.bias) - no_mask
        out1, constant1 = wide(paint1.out_proj.weight), wide(paint1.out_proj.bias)
        out2, constant2 = wide(paint2.out_proj.weight), wide(paint2.out_proj.bias) + b1

        up1 = as_kind(mask_decoder.output_upscaling[0], nn.ConvTranspose2d)
        up1_weight = wide(up1.weight).permute(2, 3, 1, 0)  # (2, 2, 64, C)
        up1_matrix = (up1_weight - up1_weight.mean(2, keepdim=True)).flatten(0, 2)  # centred, as its norm will
        up1_bias = (wide(up1.bias) - wide(up1.bias).mean()).repeat(SUB_PIXELS)

        see2 = torch.cat([k2, v2, q2]) * g1  # of X₁ before its gain
        see3 = torch.cat([k3, v3, up1_matrix]) * g2  # of X₂ before its gain
        read1 = (centre, to_base2, see2 @ centre, see3 @ to_base2)
        read2 = (centre, see3 @ centre)
        self.reads1, self.reads2 = tuple(len(read) for read in read1), tuple(len(read) for read in read2)
        through1, through2 = torch.cat(read1), torch.cat(read2)  # (F₁, C), (F₂, C)

        products = {
            "key1": k1,
            "value1": v1,
            "query1": q1,
            "key2": (k2 * g1) @ centre,
            "value2": (v2 * g1) @ centre,
            "query2": (q2 * g1) @ centre,
            "key3": (k3 * g2) @ to_base2,
            "value3": (v3 * g2) @ to_base2,
            "out1_dot_base1": 2 * out1.T @ centre,
            "out1_dot_base2": 2 * out1.T @ both,
            "out2_dot_base2": 2 * out2.T @ to_base2,
        }
        constants = (
            *(constant1 @ centre, constant1 @ both, constant2 @ to_base2),
            *(mask_constant @ centre, mask_constant @ both),
        )
        start = 0
        for name, matrix in products.items():
            self.product_rows[name] = slice(start, start + len(matrix))
            start += len(matrix)
        see1 = torch.cat([k1, v1, q1])
        return {
            "no_mask": no_mask[:, None],
            "gain1": g1[:, None],
            "of_image": F.pad(torch.cat(list(products.values())), (0, 1)),
            "always": 2 * torch.cat([mask_columns.T @ centre, mask_columns.T @ both, torch.stack(constants)]),
            "upscaled": (up1_matrix * g2) @ to_base2,
            "of_positions": torch.cat([k1, q1, k2, q2, k3]),
            "out1": self.by_head((through1 @ out1).T),
            "mask1": (through1 @ mask_columns).T,
            "mask_constant1": (through1 @ mask_constant)[None],
            "constant1": (through1 @ constant1)[None],
            "out2": self.by_head((through2 @ out2).T),
            "constant2": (through2 @ constant2)[None],
            "see_mask": see1 @ mask_columns,
            "see_mask_constant": (see1 @ mask_constant)[:, None],
            "query1_bias": wide(paint1.q_proj.bias)[:, None],
            "query2_bias": (q2 @ b1 + wide(paint2.q_proj.bias))[:, None],
            "value1_bias": self.by_token(wide(look1.v_proj.bias)),
            "value2_bias": self.by_token(v2 @ b1 + wide(look2.v_proj.bias)),
            "constant3": torch.cat(
                [torch.zeros_like(k3 @ b2), v3 @ b2 + wide(final.v_proj.bias), up1_matrix @ b2 + up1_bias]
            )[None],
        }

    def by_head(self, rows: Tensor) -> Tensor:
        """(k·8·16, M) -> (k·8, 16, M): several projections below each other, or one."""
        return rows.reshape(-1, self.head_dim, rows.shape[1])

    def by_token(self, tokens: Tensor) -> Tensor:
        """(N, 8·16) or (8·16,) -> (8, N, 16)."""
        return tokens.reshape(-1, self.num_heads, self.head_dim).transpose(0, 1)


def wide(parameter: Tensor | None) -> Tensor:
    """A parameter as float64, in which products are folded."""
    assert parameter is not None
    return parameter.detach().to(torch.float64)
