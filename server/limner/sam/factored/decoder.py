r"""SAM's decoder rearranged: what depends on the image alone is computed once per image, exactly.

The published decoder spends nearly all of a click on projections of the 4096 image tokens, which the prompt
barely changes. Here the image tokens are never written down. They are kept as *scale ∘ (prepared base + low rank)*,
and every projection of them is read off in that form. Only the order of multiplications changes, not the function.

Notation. Maps are channel-first, C × M with C = 256 channels and M = 4096 cells. E is the image embedding, PE its
positional encoding, n the no-mask embedding, A = E + n 1ᵀ. There are N tokens (5 output tokens and the prompts)
and H = 8 heads of 16 channels. C₀ = I - 11ᵀ/256 centres columns, as a layer norm does; G₁, G₂ are the diagonal
gains and b₁, b₂ the biases of the norms after blocks 1 and 2; r₁, r₂ (1 × M) their scales.

**The mask prompt** ends in a 1 × 1 convolution W₃, b₃ of 16 channels m. With s = 1 where there is a mask and 0 where
there is none, the image that enters the transformer is

    X₀ = A + [W₃  s(b₃ - n)] · [m; 1]          16 s + 1 rows

Runtimes whose convolutions take no empty tensors, as WebGPU's, ask for s = 0 with 16 rows of zeros as m.

**Tokens look at the image** with queries a (scaled) and a softmax T over cells. For X = r∘(B + U·R) (B the base, R the
rows, U the columns) keys and values are never formed:

    scores = r∘(a · W_K B + (a · W_K U) · R) + a · W_K PE
    answer = (T∘r) · (W_V B)ᵀ + ((T∘r) Rᵀ) · (W_V U)ᵀ

W_K B, W_V B and W_K PE are prepared. Key biases shift all scores of a query alike and drop out.

**The image looks at tokens**: P (H·N × M), a softmax over *tokens*, from the queries W_Q X read off in the same way,
adds Σ_h (V_h W_O,h)ᵀ P_h. The softmax sums to one, so one token per head can go into the constant:
P_h,0 = 1 - Σ P_h,n. This is low rank, so the image stays in factored form (above 16 further tokens the rank is that of
W_O: its 128 columns, with the rows V_hᵀ P_h):

    X₁ = G₁ · r₁∘(C₀A + U₁R₁) + b₁,    R₁ = [P without token 0; m; 1],    8(N-1) + 16 s + 1 rows

**The norm's scale** needs no cell of X₁ either:

    1/r₁² = (‖C₀A‖² + Σ R₁∘(2 U₁ᵀC₀A + U₁ᵀU₁ R₁)) / 256 + ε      (norms and sums over each column)

where W_Oᵀ C₀A, W₃ᵀ C₀A and the constants' products are prepared. The second block is the same on the base C₀G₁C₀A, with
r₁ taken out of the bracket, so that the first block's rows stay as they are:

    X₂ = G₂ · r₁r₂∘(C₀G₁C₀A + U₂R₂) + b₂,    R₂ = [R₁; P' without token 0 / r₁; 1/r₁],
                                             U₂ = C₀[G₁U₁  (V'W_O')ᵀ  const + b₁]
    1/r₂² = r₁² (‖C₀G₁C₀A‖² + Σ R₂∘(2 U₂ᵀC₀G₁C₀A + U₂ᵀU₂ R₂)) / 256 + ε

**The first click does not wait** for all that is prepared. Most of it can be left out: then zeros take its place, and
A itself is C more rows of each X, with the matrices that would have made those products of it as columns. Such a click
costs two others, and what is still prepared a fifth.

The columns U are themselves products with W_O or W₃, so whatever is applied to them is folded into those once and for
all. b₂ is one more row, 1/(r₁r₂).

**Upscaling**: the first transposed convolution is linear and folds likewise, with the centring of the norm that
follows folded into its weights; that norm takes the scale r₁r₂ away again but for its ε. The second follows a GELU and
is done on the cells. All cells are attended to, as the published decoder does, but only those that show a part of the
image, v of the M, are upscaled; the logits of the others are ``PADDING_LOGIT``.

In float64 the result equals the plain decoder's to rounding (``tests/sam/test_factored.py``). The constants are folded
in :mod:`limner.sam.factored.folding`, :mod:`limner.sam.factored.prepared` has what depends on the image alone, and
:mod:`limner.sam.factored.low_rank` the formulas for X = r∘(B + U·R) in general.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from limner.sam.common import as_kind
from limner.sam.factored.folding import Folded
from limner.sam.factored.low_rank import Factors, TokenUpdate, View, attend, scores, softmax_over_tokens, squares
from limner.sam.factored.prepared import MASK_CHANNELS, Prepared, prepare
from limner.sam.factored.upscaling import Fine, Upscaling, padded
from limner.sam.mask_decoder import MaskDecoder
from limner.sam.model import ANSWERS, DecoderPrompt, Features, SplitDecoder
from limner.sam.prompt_encoder import PromptEncoder
from limner.sam.transformer import Attention, TwoWayBlock
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

MAX_KEPT_TOKENS = 17  # with more, the rows of W_O are fewer than those of the tokens
FACTORS = ("upscaling_rows", "upscaling_columns", "upscaling_constants", "mask_weights")  # what masks are made of
LEFT_AXES = {"image": {0: "left_channels"}, "of_image": {2: "left_channels"}}  # of what `prepare` has left out


class Answer(NamedTuple):
    """What the transformer leaves of one prompt; the masks are what is still to be made of it."""

    outputs: Tensor  # (1, 5, C)  the output tokens; 6 of SAM 2
    rows: Tensor  # (R, M)  of X₂, and then those of the image that `prepare` has left
    columns: Tensor  # (256, R)  the first transposed convolution of U₂


class FactoredDecoder(SplitDecoder):
    """The decoder of one SAM with its constant matrices multiplied together; see the module's text.

    Tokens are few and go through the model's own layers.
    """

    of_positions: Tensor  # (640, M)  all prepared products of PE

    prepared_names: tuple[str, ...] = Prepared._fields
    answer_names: tuple[str, ...] = (*ANSWERS, *FACTORS)
    dynamic_axes: ClassVar[Mapping[str, dict[int, str]]] = {
        **{name: {1: "valid_rows", 2: "valid_columns"} for name in Prepared._fields if name.startswith("upscaled")},
        **LEFT_AXES,
    }

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: MaskDecoder) -> None:
        super().__init__()
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder
        self.output_tokens = mask_decoder.output_tokens().shape[1]
        transformer = mask_decoder.transformer
        self.block1, self.block2 = (as_kind(block, TwoWayBlock) for block in transformer.layers)
        self.final = transformer.final_attn_token_to_image
        self.final_norm = transformer.norm_final_attn
        self.folded = Folded(prompt_encoder, mask_decoder)
        self.upscaling = Upscaling(mask_decoder)
        with torch.no_grad():
            self.register_buffer("of_positions", self.folded.of_positions @ self._positions(), persistent=False)

    def prepare(
        self, features: Features, valid_size: Tensor | None = None, whole: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        cells, embedding = self.prompt_encoder.embedding_size, features[IMAGE_EMBEDDINGS]
        return prepare(self.folded, embedding, self._products_of_positions(0, 2), cells, valid_size, whole)

    def decode(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        masks, iou_predictions, *_ = self.answer(prepared, prompt)
        return masks, iou_predictions

    def answer(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, ...]:
        """As :meth:`decode`, and what masks are made of: the page can do so itself (``web/src/decoder/upscaling``)."""
        p = Prepared(*prepared)
        answer = self._transform(p, prompt)
        weights = self.mask_decoder.mask_weights(answer.outputs)[0]  # (4, 32)
        masks = self._masks(p, answer, weights)
        iou_predictions = self.mask_decoder.iou_prediction_head(answer.outputs[:, 0])
        return masks, iou_predictions, answer.rows, answer.columns, self.upscaling.constants, weights

    def decode_above(
        self, least_iou: float, prepared: tuple[Tensor, ...], prompt: DecoderPrompt
    ) -> tuple[Tensor, Tensor]:
        """The ratings are known before the masks, and more than a third of the work is for the masks alone."""
        p = Prepared(*prepared)
        answer = self._transform(p, prompt)
        iou_predictions = self.mask_decoder.iou_prediction_head(answer.outputs[:, 0])  # (1, 4)
        passed = torch.nonzero(iou_predictions[0, 1:] > least_iou)[:, 0]  # (K,), of masks 1 to 3
        if not len(passed):
            h, w = self.prompt_encoder.embedding_size
            return iou_predictions.new_empty(0, 4 * h, 4 * w), iou_predictions
        weights = self.mask_decoder.mask_weights(answer.outputs)[0, 1:][passed]  # (K, 32)
        return self._masks(p, answer, weights)[0], iou_predictions

    def _masks(self, prepared: Prepared, answer: Answer, weights: Tensor, fine: Sequence[Fine] | None = None) -> Tensor:
        """The masks (1, K, 4h, 4w) of these rows of weights (K, 32)."""
        bases = (prepared.upscaled00, prepared.upscaled01, prepared.upscaled10, prepared.upscaled11)
        shown = self._shown(answer.rows, answer.columns.shape[1], bases[0])  # (R + R' + 1, v)
        masks = self.upscaling(bases, answer.columns, shown, shown[-1:], weights, fine)
        h, w = self.prompt_encoder.embedding_size
        return padded(masks, 4 * h, 4 * w)

    def _transform(self, p: Prepared, prompt: DecoderPrompt) -> Answer:
        """The transformer of one prompt, both blocks and the tokens' last look at the image."""
        folded, by_head = self.folded, self.folded.by_head
        norm1, norm2, constant1_dot1, constant1_dot2, constant2_dot2, mask_constant_dot1, mask_constant_dot2 = (
            torch.split(p.constants, 1)
        )  # (1, M) each
        key2_pe, query2_pe, key3_pe = self._products_of_positions(2, 5).chunk(3)  # (128, M)
        prompts = self.prompt_encoder.embed_points(prompt.point_coords, prompt.point_labels)
        kept, capped = self._ranks(prompt.point_labels)
        pe = torch.cat([self.mask_decoder.output_tokens(), prompts], 1)  # (1, N, C)

        # X₀: the image and the mask prompt.
        has_mask = (prompt.has_mask_input > 0).to(norm1.dtype)  # (1,), s
        masks = (prompt.has_mask_input[0] != 0).to(torch.int64)  # 0, or 1 also where the mask's rows are zeros
        channels = masks * MASK_CHANNELS  # 16 s
        one = torch.ones_like(norm1)  # (1, M)
        mask_rows = self._mask_rows(prompt.mask_input, masks) * has_mask  # (16 s, M), m
        x0 = Factors(torch.cat([mask_rows, one, p.image]), None)

        def left(name: str) -> Tensor:
            """The matrix (8, 16, C + 1) of a product that `prepare` has left out; else (8, 16, 1), zeros."""
            rows = folded.product_rows[name]
            return p.of_image[rows.start // folded.head_dim : rows.stop // folded.head_dim]

        def view(name: str, base: Tensor, columns: Tensor, pe: Tensor | None = None) -> View:
            return View(base, torch.cat([columns, left(name)], -1), pe)

        # Block 1.
        seen = torch.cat([folded.see_mask[:, :channels], has_mask * folded.see_mask_constant], 1)  # (384, 16 s + 1)
        key, value, query = by_head(seen).chunk(3)
        keys, values = view("key1", p.key1, key), view("value1", p.value1, value)
        tokens = self._token_side(self.block1, pe, pe, x0, keys, values, folded.value1_bias)
        weights1, values1 = self._image_looks(self.block1, tokens + pe, tokens, x0, view("query1", p.query1, query))
        update1 = TokenUpdate(values1, kept, capped)
        rows1 = torch.cat([update1.rows(weights1), mask_rows, one])  # (R, M), R₁

        def columns1(out: Tensor, mask: Tensor, constant: Tensor, mask_constant: Tensor) -> Tensor:
            """All columns of U₁, transposed, through one reading: (R, F)."""
            columns, everywhere = update1.columns(out)
            return torch.cat([columns, mask[:channels], everywhere + constant + has_mask * mask_constant])

        all1 = columns1(folded.out1, folded.mask1, folded.constant1, folded.mask_constant1)
        u1, u2a, seen2, seen3a = torch.split(all1, list(folded.reads1), 1)  # (R, ...) each

        def left1(name: str) -> Tensor:
            """As the columns through the matrix of a product that was left out: (R, C + 1), or (R, 1) of zeros."""
            nothing = torch.zeros_like(p.of_image[0, :1])  # what masks and constants need was not left out
            return columns1(left(name), nothing.expand(MASK_CHANNELS, -1), nothing, nothing)

        more_rows1 = torch.cat([rows1, p.image])
        dot1 = columns1(p.out1_dot_base1, p.mask_dot_base[0], constant1_dot1, mask_constant_dot1)  # (R, M)
        square = norm1 + squares(u1, rows1, dot1, left1("out1_dot_base1"), more_rows1)  # (1, M)
        scale1 = torch.rsqrt(square / u1.shape[1] + self.block1.norm4.eps)  # (1, M), r₁
        x1 = Factors(more_rows1, scale1)

        # Block 2.
        key, value, query = by_head(seen2.T).chunk(3)
        keys, values = view("key2", p.key2, key, by_head(key2_pe)), view("value2", p.value2, value)
        tokens = self._token_side(self.block2, tokens, pe, x1, keys, values, folded.value2_bias)
        queries = view("query2", p.query2, query, by_head(query2_pe + folded.query2_bias))
        weights2, values2 = self._image_looks(self.block2, tokens + pe, tokens, x1, queries)
        update2 = TokenUpdate(values2, kept, capped)
        rows2 = torch.cat([update2.rows(weights2), one]) * (1 / scale1)  # (R', M), the new rows of R₂
        columns2, constant2 = update2.columns(folded.out2)
        u2b, seen3b = torch.split(torch.cat([columns2, constant2 + folded.constant2]), list(folded.reads2), 1)
        dot2a = columns1(p.out1_dot_base2, p.mask_dot_base[1], constant1_dot2, mask_constant_dot2)  # (R, M)
        columns2, constant2 = update2.columns(p.out2_dot_base2)
        dot2b = torch.cat([columns2, constant2 + constant2_dot2])  # (R', M)
        left2 = torch.cat(update2.columns(left("out2_dot_base2")))  # (R', C + 1 or 1)
        # U₂ᵀU₂ is symmetric: the block off the diagonal is needed once, twice as large.
        with_new = torch.addmm(dot2a, 2 * u2a @ u2b.T, rows2)
        square = norm2 + squares(u2a, rows1, with_new, left1("out1_dot_base2"), more_rows1)  # (1, M)
        square = square + squares(u2b, rows2, dot2b, left2, torch.cat([rows2, p.image]))
        scale2 = torch.rsqrt(scale1.square() * square / u1.shape[1] + self.block2.norm4.eps)  # (1, M), r₂
        scale = scale1 * scale2
        x2 = Factors(torch.cat([rows1, rows2, 1 / scale, p.image]), scale)

        # The last look.
        seen3 = torch.cat([seen3a, seen3b, folded.constant3]).T  # (512, R + R' + 1)
        key, value = by_head(seen3[: 2 * folded.inner]).chunk(2)
        outputs, output_pe = (
            tokens[:, : self.output_tokens],
            pe[:, : self.output_tokens],
        )  # nobody asks the prompts any more
        queries3 = self._queries(self.final, outputs + output_pe)
        keys, values = view("key3", p.key3, key, by_head(key3_pe)), view("value3", p.value3, value)
        answer = attend(queries3, x2, keys, values)
        outputs = self.final_norm(outputs + self._joined(self.final, answer))  # (1, 5, C)
        return Answer(outputs, x2.rows, seen3[2 * folded.inner :])

    def _products_of_positions(self, first: int, last: int) -> Tensor:
        """Some of the five products of PE, one after the other, (128 (last - first), M).

        An exported graph does not hold them: a runtime computes them from smaller constants when it loads the graph.
        """
        some = slice(first * self.folded.inner, last * self.folded.inner)
        if torch.onnx.is_in_onnx_export():
            return self.folded.of_positions[some] @ self._positions()
        return self.of_positions[some]

    def _positions(self) -> Tensor:
        """PE, (C, M)."""
        return self.prompt_encoder.dense_pe().flatten(2)[0]

    def _ranks(self, point_labels: Tensor) -> tuple[Tensor, Tensor]:
        """How many tokens of each head are rows of their own, and how many channels: all and none, or none and all.

        As tensors, and both always computed, so that a traced graph takes any number of points.
        """
        count = torch.ones_like(point_labels, dtype=torch.int64).sum() + self.output_tokens  # N
        few = (count <= MAX_KEPT_TOKENS).to(torch.int64)
        return few * (count - 1), (1 - few) * self.folded.head_dim

    def _shown(self, rows: Tensor, count: int, like: Tensor) -> Tensor:
        """Of the first ``count`` rows of (R, M) the cells that ``like`` (_, vh, vw) covers: (count, v)."""
        h, w = self.prompt_encoder.embedding_size
        return rows.view(-1, h, w)[:count, : like.shape[1], : like.shape[2]].flatten(1)

    def _mask_rows(self, mask_input: Tensor, masks: Tensor) -> Tensor:
        """The mask prompt's channels (16, M); of no masks none, (0, M), and no work."""
        h, w = self.prompt_encoder.embedding_size
        but_the_last = self.prompt_encoder.mask_downscaling[:-1]
        channels: Tensor = but_the_last(mask_input[:masks])  # (s, 16, h, w)
        rows = masks * MASK_CHANNELS  # a tensor, so that a traced graph does not freeze it
        return torch.reshape(channels, (rows, h * w))  # type: ignore[arg-type]

    def _token_side(
        self, block: TwoWayBlock, tokens: Tensor, pe: Tensor, image: Factors, keys: View, values: View, bias: Tensor
    ) -> Tensor:
        """A block's tokens look at each other and at the image, and the MLP: (1, N, C) -> (1, N, C).

        ``bias`` (8, 1, 16) is what the image's values have everywhere.
        """
        attention = block.cross_attn_token_to_image
        tokens = block.look_at_tokens(tokens, pe)
        answer = attend(self._queries(attention, tokens + pe), image, keys, values) + bias
        tokens = block.norm2(tokens + self._joined(attention, answer))
        mixed: Tensor = block.norm3(tokens + block.mlp(tokens))
        return mixed

    def _image_looks(
        self, block: TwoWayBlock, keys: Tensor, values: Tensor, image: Factors, queries: View
    ) -> tuple[Tensor, Tensor]:
        """The image's look at tokens (1, N, C): its weights (8, N, M), and the values (8, N, 16) to be weighted."""
        attention = block.cross_attn_image_to_token
        keys = self.folded.by_token(attention.k_proj(keys)[0]) * attention.scale  # (8, N, 16)
        weights = softmax_over_tokens(scores(keys, image, queries))
        return weights, self.folded.by_token(attention.v_proj(values)[0])

    def _queries(self, attention: Attention, tokens: Tensor) -> Tensor:
        """Tokens (1, N, C) -> scaled queries (8, N, 16)."""
        return self.folded.by_token(attention.q_proj(tokens)[0]) * attention.scale

    def _joined(self, attention: Attention, answer: Tensor) -> Tensor:
        """The heads' answers (8, N, 16) -> (1, N, C)."""
        joined: Tensor = attention.out_proj(answer.transpose(0, 1).flatten(1)[None])
        return joined
