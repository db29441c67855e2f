r"""Samlet's decoder rearranged for one prompt on a CPU: the same function in fewer and cheaper steps.

Maps are channel-first, C × M cells, throughout. Four things are different from :mod:`limner.sam.samlet.decoder`:

- **Attention** between N tokens and the image X projects on the side of the tokens, of which there are few. For each
  head, with the weights W_Q, W_K, W_V, W_O:

      tokens look at the image:   T = softmax((q · W_K) · (X + PE)),    answer = (T · Xᵀ) · W_Vᵀ
      the image looks at tokens:  P = softmax((k · W_Q) · (X + PE) + k · b_Q),    X + Σ (v · W_O)ᵀ · P

  Keys' biases shift all scores of a query alike and drop out.
- **Norms** over channels are written out: runtimes transpose for a norm along any but the last axis, and theirs is slow
  on few channels.
- **A previous mask that is not there costs nothing**: it is a tensor without rows. Runtimes whose convolutions take no
  such tensors, as WebGPU's, ask for rows of zeros with ``has_mask_input`` = -1.
- **Only cells that show the image are upscaled**, and ``HALO`` more, because three 3 × 3 convolutions look over the
  edge. The logits of the others are ``PADDING_LOGIT``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import as_kind
from limner.sam.factored.low_rank import softmax_over_tokens
from limner.sam.factored.upscaling import padded
from limner.sam.model import DecoderPrompt, Features, SplitDecoder
from limner.sam.samlet.decoder import LOGIT_CLAMP, Prepared, SamletDecoder, TwoWayBlock
from limner.sam.samlet.layers import Attention, BottleneckBlock, ChannelNorm
from limner.sam.samlet.prompt_maps import PromptGrid, dense_maps, similarity_to_points
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

NORM_EPS = 1e-5  # of all norms in Samlet
HALO = 2
"""Cells of the embedding. Beside an edge at cell R, the convolution at stride 8 is right up to row R - 1, the one at
stride 4 up to its row 2 (R - 1) - 1, the one at stride 2 up to its row 2 (2 R - 3) - 1 = 4 R - 7."""


class _Asked(NamedTuple):
    """What is known of a prompt once tokens and image have exchanged what they know.

    Attributes:
        tokens: (1, N, C), with the prompt's.
        image: (1, C, h/2, w/2).
        skip8: (1, at8, r, c), of the cells that show the image.
        dense: (1, 64, h, w), all prompt maps together.
        maps: (1, 8, h, w), of points and boxes.
        mask_input: (1, 1, 4h, 4w), logits.
        has_mask: (1,), whether they count.
    """

    tokens: Tensor
    image: Tensor
    skip8: Tensor
    dense: Tensor
    maps: Tensor
    mask_input: Tensor
    has_mask: Tensor


class FastSamlet(SplitDecoder):
    """The decoder of one Samlet, for one image and one prompt at a time.

    Args:
        decoder: whose weights it works with.
        cells: (h, w) of the embedding.
        stride: model pixels per cell.
    """

    prepared_names = Prepared._fields
    dynamic_axes: ClassVar[Mapping[str, dict[int, str]]] = {"skip8": {2: "upscaled_rows", 3: "upscaled_columns"}}

    position: Tensor  # (C, M), of the cells at stride 16

    def __init__(self, decoder: SamletDecoder, cells: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.cells = cells
        h, w = cells
        self.side = stride * w  # model pixels
        position = decoder.image_position(h // 2, w // 2, decoder.output_tokens.weight)[0].T
        self.register_buffer("position", position.detach().contiguous())

    def prepare(
        self, features: Features, valid_size: Tensor | None = None, whole: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        prepared: Prepared = self.decoder.prepare(features[IMAGE_EMBEDDINGS])
        if valid_size is None:
            return prepared
        halves = torch.minimum((valid_size + HALO + 1) // 2, torch.tensor(self.cells) // 2)  # cells at stride 16
        return prepared._replace(skip8=prepared.skip8[:, :, : 2 * halves[0], : 2 * halves[1]])

    def decode(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        asked = self._asked(Prepared(*prepared), prompt)
        return self._masks(asked), self.decoder.iou_head(asked.tokens[:, 0])

    def decode_above(
        self, least_iou: float, prepared: tuple[Tensor, ...], prompt: DecoderPrompt
    ) -> tuple[Tensor, Tensor]:
        """The ratings are known before the masks: where none is high enough, nothing is upscaled."""
        asked = self._asked(Prepared(*prepared), prompt)
        iou_predictions = self.decoder.iou_head(asked.tokens[:, 0])
        wanted = list(self.masks.chosen(multimask=True))
        passed = iou_predictions[0, wanted] > least_iou
        if not passed.any():
            h, w = self.cells
            return iou_predictions.new_empty(0, 4 * h, 4 * w), iou_predictions
        return self._masks(asked)[0, wanted][passed], iou_predictions

    def _asked(self, of: Prepared, prompt: DecoderPrompt) -> _Asked:
        decoder, (h, w) = self.decoder, self.cells
        point_coords, point_labels, mask_input, has_mask_input = prompt
        has_mask = (has_mask_input > 0).to(mask_input.dtype)  # (1,)
        rows_of_mask = (has_mask_input != 0).to(torch.int64)  # (1,)
        points = point_coords / self.side  # (1, N, 2), fractions of the padded square
        grid = PromptGrid.of(points, point_labels, h, w)
        sampling = grid.sampling_weights  # (1, N, hw)
        maps = dense_maps(grid, similarity_to_points(of.keys, sampling, decoder.log_temperature))  # (1, 8, h, w)
        dense = self._dense_prompt(maps, mask_input, has_mask, rows_of_mask)  # (1, 64, h, w)
        sampled = sampling @ of.embedding.flatten(2).transpose(1, 2)  # (1, N, E)
        tokens, padding_bias = decoder.prompt_tokens(points, point_labels, sampled)
        tokens, image = self._exchange(tokens, of.image16 + decoder.prompt_down(dense), padding_bias)
        return _Asked(tokens, image, of.skip8, dense, maps, mask_input, has_mask)

    def _masks(self, asked: _Asked) -> Tensor:
        """Logits (1, 4, 4h, 4w)."""
        decoder, (h, w) = self.decoder, self.cells
        painted = self._upscale(asked.image, asked.skip8, asked.dense, asked.maps)  # (1, at2, 4r, 4c)
        rows, columns = painted.shape[-2:]
        copied = torch.tanh(asked.mask_input[:, :, :rows, :columns] / 6) * asked.has_mask
        masks = decoder.paint(asked.tokens, torch.cat([painted, copied], 1))  # (1, 4, 4r, 4c)
        right_rows, right_columns = _right(rows, 4 * h), _right(columns, 4 * w)
        return padded(masks[:, :, :right_rows, :right_columns], 4 * h, 4 * w)

    def _dense_prompt(self, maps: Tensor, mask_input: Tensor, has_mask: Tensor, rows_of_mask: Tensor) -> Tensor:
        """All prompt maps together (1, 64, h, w). No work for the previous mask where it has no rows, (0,)."""
        decoder = self.decoder
        mix = as_kind(decoder.prompt_in[0], nn.Conv2d)
        weight, drawn = mix.weight[:, :, 0, 0], maps.shape[1]  # (64, 8 + 16)
        unshuffle, *but_the_first = decoder.mask_in
        mask = unshuffle(mask_input)[: rows_of_mask[0]].clamp(-LOGIT_CLAMP, LOGIT_CLAMP) / 4  # (0 or 1, 16, h, w)
        for layer in but_the_first:
            mask = layer(mask)
        seen = drawn + rows_of_mask * len(decoder.no_mask)  # (1,), 8 or 8 + 16
        rows = torch.cat([maps.flatten(), mask.flatten() * has_mask]).view(-1, maps.shape[2] * maps.shape[3])
        without = (weight[:, drawn:] @ decoder.no_mask) * (1 - has_mask)  # (64,)
        prompt = F.relu(weight[:, : seen[0]] @ rows + (bias_of(mix) + without)[:, None])
        return prompt.view(1, -1, *maps.shape[2:])

    def _exchange(self, tokens: Tensor, image: Tensor, padding_bias: Tensor) -> tuple[Tensor, Tensor]:
        """The transformer: tokens (1, N, C) and image (1, C, h/2, w/2) -> both, updated."""
        decoder, shape = self.decoder, image.shape
        hidden = padding_bias.reshape(1, -1, 1)  # (1, N, 1)
        token_position = tokens
        image = normalised(image.flatten(2)[0], decoder.norm16)  # (C, M)
        for layer, mix in zip(decoder.two_way, decoder.mix16, strict=True):
            block = as_kind(layer, TwoWayBlock)
            tokens = block.look_at_tokens(tokens, token_position, padding_bias)
            placed = image + self.position
            answer = look(block.token_to_image, tokens + token_position, image, placed)
            tokens = block.norm2(tokens + answer)
            tokens = block.norm3(tokens + block.mlp(tokens))
            painted = paint(block.image_to_token, tokens + token_position, tokens, placed, hidden)
            image = normalised(image + painted, block.norm4)
            for bottleneck in as_kind(mix, nn.Sequential):
                image = mixed(as_kind(bottleneck, BottleneckBlock), image.view(shape)).flatten(2)[0]
        answer = look(decoder.final_attention, tokens + token_position, image, image + self.position)
        return decoder.final_norm(tokens + answer), image.view(shape)

    def _upscale(self, image: Tensor, skip8: Tensor, prompt: Tensor, maps: Tensor) -> Tensor:
        """As :class:`MaskUpscaler`, of the (r, c) cells that ``skip8`` covers -> (1, at2, 4r, 4c)."""
        up, rows, columns = self.decoder.upscaler, skip8.shape[2], skip8.shape[3]
        x = (
            doubled(up.up8, image[:, :, : rows // 2, : columns // 2])
            + skip8
            + up.prompt8(prompt[:, :, :rows, :columns])
        )
        x = mixed(up.mix8, F.relu(normalised(x, up.norm8)))  # (1, at8, r, c)
        maps4 = F.interpolate(maps[:, :, :rows, :columns], scale_factor=2.0, mode="bilinear", align_corners=False)
        x = F.relu(normalised(doubled(up.up4, x) + up.prompt4(maps4), up.norm4))  # (1, at4, 2r, 2c)
        x = x + up.mix4(x)
        x = F.relu(doubled(up.up2, x))  # (1, at2, 4r, 4c)
        return torch.add(x, up.mix2(x))


def look(attention: Attention, tokens: Tensor, image: Tensor, placed: Tensor) -> Tensor:
    """Tokens (1, N, C) look at the image (C, M), by its cells with their positions -> (1, N, C)."""
    queries = by_head(attention, attention.query(tokens))  # (heads, N, d)
    heads, count, width = queries.shape
    through_keys = (queries * width**-0.5) @ attention.key.weight.view(heads, width, -1)  # (heads, N, C)
    seen = torch.softmax(through_keys.flatten(0, 1) @ placed, -1) @ image.T  # (heads·N, C)
    values = attention.value.weight.view(heads, width, -1).transpose(1, 2)  # (heads, C, d)
    answer = seen.view(heads, count, -1) @ values + attention.value.bias.view(heads, 1, width)
    joined: Tensor = attention.project(answer.transpose(0, 1).flatten(1)[None])
    return joined


def paint(attention: Attention, keys: Tensor, values: Tensor, placed: Tensor, hidden: Tensor) -> Tensor:
    """The image, by its cells with their positions (C, M), looks at tokens (1, N, C) -> what that adds to it (C, M).

    ``hidden`` (1, N, 1) is added to the scores of each token.
    """
    key = by_head(attention, attention.key(keys))  # (heads, N, d)
    heads, count, width = key.shape
    key = key * width**-0.5
    through_queries = key @ attention.query.weight.view(heads, width, -1)  # (heads, N, C)
    shift = key @ attention.query.bias.view(heads, width, 1) + hidden  # (heads, N, 1)
    scores = (through_queries.flatten(0, 1) @ placed).view(heads, count, -1) + shift
    weights = softmax_over_tokens(scores).flatten(0, 1)  # (heads·N, M)
    out = attention.project.weight.T.reshape(heads, width, -1)  # (heads, d, C)
    columns = (by_head(attention, attention.value(values)) @ out).flatten(0, 1)  # (heads·N, C)
    return columns.T @ weights + attention.project.bias[:, None]


def by_head(attention: Attention, projected: Tensor) -> Tensor:
    """(1, N, heads·d) -> (heads, N, d)."""
    return projected[0].view(projected.shape[1], attention.heads, -1).transpose(0, 1)


def mixed(block: BottleneckBlock, x: Tensor) -> Tensor:
    """A bottleneck block on (1, C, h, w), its norm written out."""
    inner = F.relu(block.spatial(F.relu(block.reduce(normalised(x, block.norm)))))
    return torch.add(x, block.expand(inner))


def normalised(x: Tensor, norm: ChannelNorm | nn.LayerNorm) -> Tensor:
    """A norm over the channels of (C, M) or (1, C, h, w)."""
    flat = x.reshape(norm.weight.shape[0], -1)  # (C, M): onnxruntime is quick with a mean along the first axis only
    flat = flat - flat.mean(0, keepdim=True)
    flat = flat * torch.rsqrt(flat.square().mean(0, keepdim=True) + NORM_EPS)
    return (flat * norm.weight[:, None] + norm.bias[:, None]).view(x.shape)


def doubled(up: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """A transposed convolution, 2 × 2 with stride 2, as a product and a shuffle: (1, C, h, w) -> (1, C', 2h, 2w)."""
    height, width = x.shape[2:]
    matrix = up.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (4·C', C)
    bias = bias_of(up).repeat(4)[:, None]
    y = torch.addmm(bias, matrix, x.flatten(2)[0]).view(2, 2, -1, height, width)
    return y.permute(2, 3, 0, 4, 1).reshape(1, -1, 2 * height, 2 * width)


def bias_of(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """The bias of a layer that has one."""
    assert layer.bias is not None
    return layer.bias


def _right(computed: int, whole: int) -> Tensor:
    """How many of the ``computed`` rows of ``whole`` no edge has an influence on. Both may be traced."""
    return computed - torch.as_tensor(whole - computed).clamp(max=4 * HALO)
