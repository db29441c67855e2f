r"""SAM's decoder rearranged: what depends on the image alone is computed once per image, exactly.

The published decoder spends nearly all of a click on projections of the 4096 image tokens, which the prompt
barely changes. Here the image tokens are never written down. They are kept as *prepared base + low rank*, and
every projection of them is read off in that form. Only the order of multiplications changes, not the function.

Notation. Maps are channel-first, C × M with C = 256 channels and M = 4096 cells. E is the image embedding, PE its
positional encoding, n the no-mask embedding, A = E + n 1ᵀ. There are N tokens (5 output tokens and the prompts)
and H = 8 heads of 16 channels. C₀ = I - 11ᵀ/256 centres columns, as a layer norm does; G₁, G₂ are the diagonal
gains and b₁, b₂ the biases of the norms after blocks 1 and 2; r₁, r₂ (1 × M) their scales.

**The mask prompt** ends in a 1 × 1 convolution W₃, b₃ of 16 channels m. With s = 1 where there is a mask and 0 where
there is none, the image that enters the transformer is

    X₀ = A + [W₃  s(b₃ - n)] · [m; 1]          16 s + 1 rows

**Tokens look at the image** with queries a (scaled) and a softmax T over cells. For X = r∘B + U·R (B the base, R the
rows, U the columns) keys and values are never formed:

    scores = r∘(a · W_K B) + a · W_K PE + (a · W_K U) · R
    answer = (T∘r) · (W_V B)ᵀ + (T Rᵀ) · (W_V U)ᵀ

W_K B, W_V B and W_K PE are prepared. Key biases shift all scores of a query alike and drop out.

**The image looks at tokens**: P (H·N × M), a softmax over *tokens*, from the queries W_Q X read off in the same way,
adds Σ_h (V_h W_O,h)ᵀ P_h. The softmax sums to one, so one token per head can go into the constant:
P_h,0 = 1 - Σ P_h,n. This is low rank, so the image stays in factored form (above 16 further tokens the rank is that of
W_O: its 128 columns, with the rows V_hᵀ P_h):

    X₁ = G₁ · r₁∘(C₀A + U₁R₁) + b₁,    R₁ = [P without token 0; m; 1],    8(N-1) + 16 s + 1 rows

**The norm's scale** needs no cell of X₁ either:

    1/r₁² = (‖C₀A‖² + 2 Σ R₁∘(U₁ᵀ C₀A) + Σ R₁∘(U₁ᵀU₁ R₁)) / 256 + ε      (norms and sums over each column)

where W_Oᵀ C₀A, W₃ᵀ C₀A and the constants' products are prepared. The second block is the same with the base
C₀G₁C₀A, to be scaled by r₁, and the rows R₂ = [r₁∘R₁; P' without token 0; 1]:

    X₂ = G₂ · r₂∘(r₁∘C₀G₁C₀A + U₂R₂) + b₂,    U₂ = C₀[G₁U₁  (V'W_O')ᵀ  const + b₁]

**Upscaling**: the first transposed convolution is linear and folds likewise, with the centring of the norm that
follows folded into its weights. The second follows a GELU and is done on the cells. All cells are attended to, as the
published decoder does, but only those that show a part of the image, v of the M, are upscaled; the logits of the others
are ``PADDING_LOGIT``.

In float64 the result equals the plain decoder's to rounding (``tests/sam/test_factored.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import LayerNorm2d
from limner.sam.model import PADDING_LOGIT, Sam, SplitDecoder
from limner.sam.transformer import Attention, TwoWayBlock

OUTPUT_TOKENS = 5  # one for the IoU, one for each mask
MASK_CHANNELS = 16  # of the mask prompt before its last convolution
MAX_KEPT_TOKENS = 17  # with more, the rows of W_O are fewer than those of the tokens

Layer = TypeVar("Layer", bound=nn.Module)


class Prepared(NamedTuple):
    """What one image contributes. M = h·w cells, 8 heads of 16 channels."""

    key1: Tensor  # (8, 16, M)   W_K (A + PE)
    value1: Tensor  # (8, M, 16)   (W_V A)ᵀ
    query1: Tensor  # (8, 16, M)   W_Q (A + PE)
    key2: Tensor  # (8, 16, M)   W_K G₁ C₀A
    value2: Tensor  # (8, M, 16)   (W_V G₁ C₀A)ᵀ
    query2: Tensor  # (8, 16, M)   W_Q G₁ C₀A
    key3: Tensor  # (8, 16, M)   W_K G₂ C₀G₁C₀A
    value3: Tensor  # (8, M, 16)   (W_V G₂ C₀G₁C₀A)ᵀ
    upscaled: Tensor  # (256, vh, vw)  first transposed convolution of G₂ C₀G₁C₀A, of the cells that show the image
    out1_dot_base1: Tensor  # (8, 16, M)   W_Oᵀ C₀A
    out1_dot_base2: Tensor  # (8, 16, M)   (C₀G₁C₀W_O)ᵀ C₀G₁C₀A, of block 1
    out2_dot_base2: Tensor  # (8, 16, M)   W_Oᵀ C₀G₁C₀A, of block 2
    mask_dot_base: Tensor  # (2, 16, M)   W₃ᵀ C₀A and (C₀G₁C₀W₃)ᵀ C₀G₁C₀A
    constants: Tensor  # (7, M)   ‖C₀A‖², ‖C₀G₁C₀A‖², then products with the constant columns


class Factors(NamedTuple):
    """The image tokens as scale ∘ base + columns · rows; of the base only its projections are at hand."""

    columns: Tensor  # (C, R)
    rows: Tensor  # (R, M), already multiplied by the norm's scale
    scale: Tensor | None  # (1, M), of the base; None where it is 1


class View(NamedTuple):
    """One projection of the image tokens, in factored form: keys, values or queries of 8 heads."""

    base: Tensor  # (8, 16, M); values are transposed, (8, M, 16)
    columns: Tensor  # (8, 16, R)
    pe: Tensor | None = None  # (8, 16, M), of the positions, where the base does not contain it


class FactoredDecoder(SplitDecoder):
    """The decoder of one SAM with its constant matrices multiplied together; see the module's text.

    Tokens are few and go through the model's own layers. Folding is done in float64 and then rounded.
    """

    prepared_names = Prepared._fields
    dynamic_axes: ClassVar[Mapping[str, dict[int, str]]] = {"upscaled": {1: "valid_rows", 2: "valid_columns"}}

    no_mask: Tensor  # (C, 1), n
    mask_columns: Tensor  # (C, 16), W₃
    mask_constant: Tensor  # (C, 1), b₃ - n
    gain1: Tensor  # (C, 1), the diagonal of G₁
    to_base2: Tensor  # (C, C), C₀G₁C₀
    out1: Tensor  # (8, 16, C), W_O of the image's look at the tokens, block 1
    out2: Tensor  # (8, 16, C), block 2
    constant1: Tensor  # (C, 1), what block 1 adds everywhere
    constant2: Tensor  # (C, 1), what block 2 adds everywhere, and b₁
    of_image: Tensor  # (1701, C), all prepared products of A
    of_positions: Tensor  # (640, C), all prepared products of PE
    see1: Tensor  # (384, C), W_K, W_V, W_Q applied to columns of X₀
    see2: Tensor  # (384, C), the same for columns of X₁
    see3: Tensor  # (512, C), W_K, W_V and the first transposed convolution, for columns of X₂
    query1_bias: Tensor  # (128, 1)
    query2_bias: Tensor  # (128, 1)
    value1_bias: Tensor  # (8, 1, 16)
    value2_bias: Tensor  # (8, 1, 16)
    value3_bias: Tensor  # (8, 1, 16)
    up1_bias: Tensor  # (4·64, 1)
    up2_matrix: Tensor  # (4·32, 64)
    up2_bias: Tensor  # (4·32, 1)

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.prompt_encoder = sam.prompt_encoder
        self.mask_decoder = sam.mask_decoder
        transformer = sam.mask_decoder.transformer
        self.block1 = layer(transformer.layers[0], TwoWayBlock)
        self.block2 = layer(transformer.layers[1], TwoWayBlock)
        self.final = transformer.final_attn_token_to_image
        self.final_norm = transformer.norm_final_attn
        self.up_norm = layer(sam.mask_decoder.output_upscaling[1], LayerNorm2d)
        self.num_heads = self.final.num_heads
        self.inner = self.final.q_proj.out_features  # 128
        self.head_dim = self.inner // self.num_heads
        self._fold()

    @torch.no_grad()
    def _fold(self) -> None:
        """Multiply together what depends on neither image nor prompt."""
        look1, look2 = self.block1.cross_attn_token_to_image, self.block2.cross_attn_token_to_image
        paint1, paint2 = self.block1.cross_attn_image_to_token, self.block2.cross_attn_image_to_token
        k1, v1, q1 = wide(look1.k_proj.weight), wide(look1.v_proj.weight), wide(paint1.q_proj.weight)
        k2, v2, q2 = wide(look2.k_proj.weight), wide(look2.v_proj.weight), wide(paint2.q_proj.weight)
        k3, v3 = wide(self.final.k_proj.weight), wide(self.final.v_proj.weight)
        g1, b1 = wide(self.block1.norm4.weight), wide(self.block1.norm4.bias)
        g2, b2 = wide(self.block2.norm4.weight), wide(self.block2.norm4.bias)
        centre = torch.eye(len(g1), dtype=torch.float64, device=g1.device) - 1 / len(g1)
        to_base2 = centre @ (g1[:, None] * centre)
        both = to_base2.T @ to_base2

        mask_out = layer(self.prompt_encoder.mask_downscaling[-1], nn.Conv2d)
        no_mask = wide(self.prompt_encoder.no_mask_embed.weight)[0]
        mask_columns = wide(mask_out.weight)[:, :, 0, 0]
        mask_constant = wide(mask_out.bias) - no_mask
        out1, constant1 = wide(paint1.out_proj.weight), wide(paint1.out_proj.bias)
        out2, constant2 = wide(paint2.out_proj.weight), wide(paint2.out_proj.bias) + b1

        upscaling = self.mask_decoder.output_upscaling
        up1, up2 = layer(upscaling[0], nn.ConvTranspose2d), layer(upscaling[3], nn.ConvTranspose2d)
        up1_weight = wide(up1.weight).permute(2, 3, 1, 0)  # (2, 2, 64, C)
        up1_matrix = (up1_weight - up1_weight.mean(2, keepdim=True)).flatten(0, 2)  # centred, as its norm will
        up1_bias = centred(wide(up1.bias)).repeat(4)

        products = {
            "key1": k1,
            "value1": v1,
            "query1": q1,
            "key2": (k2 * g1) @ centre,
            "value2": (v2 * g1) @ centre,
            "query2": (q2 * g1) @ centre,
            "key3": (k3 * g2) @ to_base2,
            "value3": (v3 * g2) @ to_base2,
            "upscaled": (up1_matrix * g2) @ to_base2,
            "out1_dot_base1": out1.T @ centre,
            "out1_dot_base2": out1.T @ both,
            "out2_dot_base2": out2.T @ to_base2,
            "mask_dot_base": torch.cat([mask_columns.T @ centre, mask_columns.T @ both]),
            "constants": torch.stack(
                [
                    constant1 @ centre,
                    constant1 @ both,
                    constant2 @ to_base2,
                    mask_constant @ centre,
                    mask_constant @ both,
                ]
            ),
        }
        self.product_rows = {name: len(matrix) for name, matrix in products.items()}
        folded = {
            "no_mask": no_mask[:, None],
            "mask_columns": mask_columns,
            "mask_constant": mask_constant[:, None],
            "gain1": g1[:, None],
            "to_base2": to_base2,
            "out1": self._by_head(out1.T),
            "out2": self._by_head(out2.T),
            "constant1": constant1[:, None],
            "constant2": constant2[:, None],
            "of_image": torch.cat(list(products.values())),
            "of_positions": torch.cat([k1, q1, k2, q2, k3]),
            "see1": torch.cat([k1, v1, q1]),
            "see2": torch.cat([k2, v2, q2]) * g1,
            "see3": torch.cat([k3, v3, up1_matrix]) * g2,
            "query1_bias": wide(paint1.q_proj.bias)[:, None],
            "query2_bias": (q2 @ b1 + wide(paint2.q_proj.bias))[:, None],
            "value1_bias": self._by_token(wide(look1.v_proj.bias)),
            "value2_bias": self._by_token(v2 @ b1 + wide(look2.v_proj.bias)),
            "value3_bias": self._by_token(v3 @ b2 + wide(self.final.v_proj.bias)),
            "up1_bias": (up1_matrix @ b2 + up1_bias)[:, None],
            "up2_matrix": wide(up2.weight).permute(2, 3, 1, 0).flatten(0, 2),
            "up2_bias": wide(up2.bias).repeat(4)[:, None],
        }
        for name, matrix in folded.items():
            rounded = matrix.to(self.final.q_proj.weight.dtype).contiguous()
            self.register_buffer(name, rounded, persistent=False)

    def prepare(self, image_embeddings: Tensor, valid_size: Tensor | None = None) -> tuple[Tensor, ...]:
        h, w = self.prompt_encoder.embedding_size
        valid_h, valid_w = (h, w) if valid_size is None else (valid_size[0], valid_size[1])
        image = image_embeddings.flatten(2)[0] + self.no_mask  # (C, M), A
        products = torch.split(self.of_image @ image, list(self.product_rows.values()))
        of = dict(zip(self.product_rows, products, strict=True))
        key1_pe, query1_pe = (self.of_positions[: 2 * self.inner] @ self._positions()).chunk(2)
        bases = (centred(image), self.to_base2 @ image)  # (C, M) each
        norms = [base.square().sum(0, keepdim=True) for base in bases]
        return Prepared(
            key1=self._by_head(of["key1"] + key1_pe),
            value1=self._by_head(of["value1"]).transpose(1, 2).contiguous(),
            query1=self._by_head(of["query1"] + query1_pe + self.query1_bias),
            key2=self._by_head(of["key2"]),
            value2=self._by_head(of["value2"]).transpose(1, 2).contiguous(),
            query2=self._by_head(of["query2"]),
            key3=self._by_head(of["key3"]),
            value3=self._by_head(of["value3"]).transpose(1, 2).contiguous(),
            upscaled=of["upscaled"].view(-1, h, w)[:, :valid_h, :valid_w],
            out1_dot_base1=self._by_head(of["out1_dot_base1"]),
            out1_dot_base2=self._by_head(of["out1_dot_base2"]),
            out2_dot_base2=self._by_head(of["out2_dot_base2"]),
            mask_dot_base=of["mask_dot_base"].view(2, MASK_CHANNELS, -1),
            constants=torch.cat([*norms, of["constants"]]),
        )

    def decode(
        self,
        prepared: tuple[Tensor, ...],
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        p = Prepared(*prepared)
        norm1, norm2, constant1_dot, constant1_dot2, constant2_dot, mask_constant_dot, mask_constant_dot2 = torch.split(
            p.constants, 1
        )  # (1, M) each
        key2_pe, query2_pe, key3_pe = (self.of_positions[2 * self.inner :] @ self._positions()).chunk(3)  # (128, M)
        prompts = self.prompt_encoder.embed_points(point_coords, point_labels)
        kept, capped = self._ranks(point_labels)
        pe = torch.cat([self.mask_decoder.output_tokens(), prompts], 1)  # (1, N, C)

        # X₀: the image and the mask prompt.
        has_mask = (has_mask_input[0] > 0).to(torch.int64)  # 1 or 0, s
        mask_rows = self._mask_rows(mask_input, has_mask)  # (16 s, M), m
        mask_columns = self.mask_columns[:, : has_mask * MASK_CHANNELS]  # (C, 16 s)
        mask_constant = has_mask.to(mask_rows.dtype) * self.mask_constant  # (C, 1)
        one = torch.ones_like(norm1)  # (1, M)
        x0 = Factors(torch.cat([mask_columns, mask_constant], 1), torch.cat([mask_rows, one]), None)

        # Block 1.
        key, value, query = self._by_head(self.see1 @ x0.columns).chunk(3)
        tokens = self._tokens_look(self.block1, pe, pe, x0, View(p.key1, key), View(p.value1, value), self.value1_bias)
        weights1, values1 = self._image_looks(self.block1, tokens + pe, tokens, x0, View(p.query1, query))
        columns, rows, constant = painted(weights1, values1, self.out1, kept, capped)
        constant = constant + self.constant1 + mask_constant
        columns = centred(torch.cat([columns, mask_columns, constant], 1))  # (C, R₁), U₁
        rows = torch.cat([rows, mask_rows, one])  # (R₁, M)
        mask_dot, mask_dot2 = (mask_rows * p.mask_dot_base[:, : has_mask * MASK_CHANNELS]).sum(1, keepdim=True)
        switch = has_mask.to(mask_rows.dtype)
        dot = inner(weights1, values1, p.out1_dot_base1) + constant1_dot + mask_dot + switch * mask_constant_dot
        scale1 = torch.rsqrt(mean_square(norm1, dot, columns, rows) + self.block1.norm4.eps)  # (1, M), r₁
        x1 = Factors(columns, scale1 * rows, scale1)

        # Block 2.
        key, value, query = self._by_head(self.see2 @ x1.columns).chunk(3)
        tokens = self._tokens_look(
            self.block2,
            tokens,
            pe,
            x1,
            View(p.key2, key, self._by_head(key2_pe)),
            View(p.value2, value),
            self.value2_bias,
        )
        query2_pe = self._by_head(query2_pe + self.query2_bias)
        weights2, values2 = self._image_looks(self.block2, tokens + pe, tokens, x1, View(p.query2, query, query2_pe))
        columns, rows, constant = painted(weights2, values2, self.out2, kept, capped)
        columns = centred(torch.cat([columns, constant + self.constant2], 1))
        columns = torch.cat([centred(self.gain1 * x1.columns), columns], 1)  # (C, R₂), U₂
        rows = torch.cat([x1.rows, rows, one])  # (R₂, M)
        dot1 = inner(weights1, values1, p.out1_dot_base2) + constant1_dot2 + mask_dot2 + switch * mask_constant_dot2
        dot2 = inner(weights2, values2, p.out2_dot_base2) + constant2_dot
        dot = scale1 * (scale1 * dot1 + dot2)
        scale2 = torch.rsqrt(
            mean_square(scale1.square() * norm2, dot, columns, rows) + self.block2.norm4.eps
        )  # (1, M), r₂
        x2 = Factors(columns, scale2 * rows, scale1 * scale2)

        # The last look, and the masks.
        seen = self.see3 @ x2.columns  # (512, R₂)
        key, value = self._by_head(seen[: -len(self.up1_bias)]).chunk(2)
        outputs, output_pe = tokens[:, :OUTPUT_TOKENS], pe[:, :OUTPUT_TOKENS]  # nobody asks the prompts any more
        queries = self._queries(self.final, outputs + output_pe)
        answer = self._attend(
            queries, x2, View(p.key3, key, self._by_head(key3_pe)), View(p.value3, value), self.value3_bias
        )
        outputs = self.final_norm(outputs + self.final.out_proj(answer))  # (1, 5, C)
        on_base = self._shown(scale1 * scale2, p.upscaled) * p.upscaled.flatten(1)  # (256, v)
        upscaled = seen[-len(self.up1_bias) :] @ self._shown(x2.rows, p.upscaled) + on_base + self.up1_bias
        masks = self._masks(upscaled, self.mask_decoder.mask_weights(outputs)[0], p.upscaled)
        return masks, self.mask_decoder.iou_prediction_head(outputs[:, 0])

    def _positions(self) -> Tensor:
        """PE, (C, M). It depends on constants alone: a runtime computes its products when it loads the graph."""
        return self.prompt_encoder.dense_pe().flatten(2)[0]

    def _ranks(self, point_labels: Tensor) -> tuple[Tensor, Tensor]:
        """How many tokens of each head are rows of their own, and how many channels: all and none, or none and all.

        As tensors, and both always computed, so that a traced graph takes any number of points.
        """
        count = torch.ones_like(point_labels, dtype=torch.int64).sum() + OUTPUT_TOKENS  # N
        few = (count <= MAX_KEPT_TOKENS).to(torch.int64)
        return few * (count - 1), (1 - few) * self.head_dim

    def _shown(self, rows: Tensor, like: Tensor) -> Tensor:
        """Of (R, M) the cells that ``like`` (_, vh, vw) covers: (R, v)."""
        h, w = self.prompt_encoder.embedding_size
        return rows.view(-1, h, w)[:, : like.shape[1], : like.shape[2]].flatten(1)

    def _mask_rows(self, mask_input: Tensor, has_mask: Tensor) -> Tensor:
        """The mask prompt's channels (16, M), or none, (0, M), and no work when there is no mask."""
        h, w = self.prompt_encoder.embedding_size
        but_the_last = self.prompt_encoder.mask_downscaling[:-1]
        channels: Tensor = but_the_last(mask_input[:has_mask])  # (s, 16, h, w)
        rows = has_mask * MASK_CHANNELS  # a tensor, so that a traced graph does not freeze it
        return torch.reshape(channels, (rows, h * w))  # type: ignore[arg-type]

    def _tokens_look(
        self,
        block: TwoWayBlock,
        tokens: Tensor,
        pe: Tensor,
        image: Factors,
        keys: View,
        values: View,
        value_bias: Tensor,
    ) -> Tensor:
        """A block's token side, at each other, at the image, and the MLP: (1, N, C) -> (1, N, C)."""
        attention = block.cross_attn_token_to_image
        tokens = block.look_at_tokens(tokens, pe)
        answer = self._attend(self._queries(attention, tokens + pe), image, keys, values, value_bias)
        tokens = block.norm2(tokens + attention.out_proj(answer))
        mixed: Tensor = block.norm3(tokens + block.mlp(tokens))
        return mixed

    def _attend(self, queries: Tensor, image: Factors, keys: View, values: View, value_bias: Tensor) -> Tensor:
        """Queries (8, N, 16) look at the image -> (1, N, 128)."""
        attention = torch.softmax(scores(queries, image, keys), -1)  # (8, N, M), T
        on_base = attention if image.scale is None else attention * image.scale
        on_rows = (attention.flatten(0, 1) @ image.rows.T).view(*attention.shape[:2], -1)  # (8, N, R)
        answer = on_base @ values.base + on_rows @ values.columns.transpose(1, 2) + value_bias  # (8, N, 16)
        return answer.transpose(0, 1).flatten(1)[None]

    def _image_looks(
        self, block: TwoWayBlock, keys: Tensor, values: Tensor, image: Factors, queries: View
    ) -> tuple[Tensor, Tensor]:
        """The image's look at tokens (1, N, C): its weights (8, N, M), and the values (8, N, 16) to be weighted."""
        attention = block.cross_attn_image_to_token
        keys = self._by_token(attention.k_proj(keys)[0]) * attention.scale  # (8, N, 16)
        weights = softmax_over_tokens(scores(keys, image, queries))
        return weights, self._by_token(attention.v_proj(values)[0])

    def _queries(self, attention: Attention, tokens: Tensor) -> Tensor:
        """Tokens (1, N, C) -> scaled queries (8, N, 16)."""
        queries: Tensor = attention.q_proj(tokens)[0]  # (N, 128)
        return self._by_token(queries) * attention.scale

    def _masks(self, upscaled: Tensor, weights: Tensor, like: Tensor) -> Tensor:
        """From the first transposed convolution (4·64, v), centred, to the masks (1, 4, 4h, 4w).

        Sub-pixels (sub y, sub x) stay apart until the very end. Those of the first convolution are done one by one, so
        that the work stays in the processor's cache. ``like`` (_, vh, vw) tells how many cells are shown.
        """
        vh, vw = like.shape[1], like.shape[2]
        x = torch.stack([self._quarter(quarter, weights) for quarter in upscaled.chunk(4)])  # (4, 4, 4, v)
        x = x.view(2, 2, 2, 2, -1, vh, vw).permute(4, 5, 0, 2, 6, 1, 3)  # (4, vh, 2, 2, vw, 2, 2)
        x = x.reshape(1, -1, 4 * vh, 4 * vw)
        h, w = self.prompt_encoder.embedding_size
        return F.pad(x, (0, 4 * (w - vw), 0, 4 * (h - vh)), value=PADDING_LOGIT)

    def _quarter(self, x: Tensor, weights: Tensor) -> Tensor:
        """One sub-pixel of the first convolution (64, v) -> (4, 4, v): sub-pixels of the second, masks, cells."""
        scale = torch.rsqrt(x.square().mean(0, keepdim=True) + self.up_norm.eps)  # (1, v)
        x = F.gelu(x * scale * self.up_norm.weight[:, None] + self.up_norm.bias[:, None])
        x = F.gelu(torch.addmm(self.up2_bias, self.up2_matrix, x))  # (4·32, v)
        return weights @ x.view(4, weights.shape[1], -1)

    def _by_head(self, rows: Tensor) -> Tensor:
        """(8·16, M) -> (8, 16, M); several projections below each other: (k·8·16, M) -> (k·8, 16, M)."""
        return rows.view(-1, self.head_dim, rows.shape[1])

    def _by_token(self, tokens: Tensor) -> Tensor:
        """(N, 8·16) or (8·16,) -> (8, N, 16)."""
        return tokens.reshape(-1, self.num_heads, self.head_dim).transpose(0, 1)


def scores(queries: Tensor, image: Factors, keys: View) -> Tensor:
    """Queries (8, N, 16) against the cells of the image -> (8, N, M)."""
    on_base = queries @ keys.base  # (8, N, M)
    if image.scale is not None:
        on_base = on_base * image.scale
    if keys.pe is not None:
        on_base = on_base + queries @ keys.pe
    on_columns = (queries @ keys.columns).flatten(0, 1)  # (8 N, R)
    return on_base + (on_columns @ image.rows).view_as(on_base)


def softmax_over_tokens(scores: Tensor) -> Tensor:
    """Softmax of (8, N, M) over N, written out: runtimes transpose for a softmax along any but the last axis."""
    powers = torch.exp(scores - scores.amax(1, keepdim=True))
    return powers * (1 / powers.sum(1, keepdim=True))


def painted(
    weights: Tensor, values: Tensor, out: Tensor, kept: Tensor, capped: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What the tokens add to the image: weights (8, N, M), values (8, N, 16), output projection (8, 16, C).

    Returns columns (C, R), rows (R, M) and a constant column (C, 1). With ``kept`` = N - 1 and ``capped`` = 0 there are
    R = 8(N-1) rows: the weights of each head sum to one over the tokens, so that the first token needs none. With
    ``kept`` = 0 and ``capped`` = 16 there are R = 8·16, whatever N.
    """
    differences = values[:, 1 : 1 + kept] - values[:, :1]  # (8, N-1 or 0, 16)
    columns = torch.cat([(differences @ out).flatten(0, 1), out[:, :capped].flatten(0, 1)])  # (R, C)
    channels = values[:, :, :capped].transpose(1, 2) @ weights  # (8, 0 or 16, M)
    rows = torch.cat([weights[:, 1 : 1 + kept].flatten(0, 1), channels.flatten(0, 1)])  # (R, M)
    constant = (values[:, :1] @ out).sum(0) * (capped == 0).to(out.dtype)  # (1, C)
    return columns.T, rows, constant.T


def inner(weights: Tensor, values: Tensor, out_dot_base: Tensor) -> Tensor:
    """For each cell, the base's inner product with what the tokens add: (8, N, M), (8, N, 16), (8, 16, M) -> (1, M)."""
    return (weights * (values @ out_dot_base)).flatten(0, 1).sum(0, keepdim=True)


def mean_square(base: Tensor, dot: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Mean over channels of (base + columns · rows)², for each cell: (1, M).

    From the squared norm of the base (1, M), its inner product with the rest (1, M), and columns (C, R), rows (R, M).
    """
    gram = columns.T @ columns  # (R, R)
    rest = (rows * (gram @ rows)).sum(0, keepdim=True)
    return (base + 2 * dot + rest) / len(columns)


def centred(columns: Tensor) -> Tensor:
    """C₀ applied to (C, ...): each column less its mean."""
    return columns - columns.mean(0, keepdim=True)


def wide(parameter: Tensor | None) -> Tensor:
    """A parameter as float64, in which products are folded."""
    assert parameter is not None
    return parameter.detach().to(torch.float64)


def layer(module: nn.Module, kind: type[Layer]) -> Layer:
    """``module`` as what it is known to be."""
    assert isinstance(module, kind)
    return module
