"""Samlet's prompt encoder and mask decoder in one: prompts on an embedding -> masks and their predicted IoUs.

What depends on the image alone is computed once per image (:meth:`SamletDecoder.prepare`); a click costs about a third
of a GMAC at 512 px, most of it at stride 16.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.model import DecoderPrompt
from limner.sam.samlet.layers import Attention, BottleneckBlock, ChannelNorm, Mlp
from limner.sam.samlet.prompt_maps import DENSE_MAPS, PromptGrid, dense_maps, similarity_to_points

NUM_MASKS = 4  # token 0 answers every prompt; tokens 1 to 3 the whole, part and subpart of an ambiguous click
POINT_LABELS = 5  # background, foreground, top-left, bottom-right, padding
KEY_CHANNELS = 48  # of the vectors that the similarity maps compare
MASK_CHANNELS = 16  # of the previous mask at stride 8
PROMPT_CHANNELS = 64  # of all prompt maps together at stride 8
MASKED_OUT = -1e4  # added to the attention scores of padding points
LOGIT_CLAMP = 12.0  # a previous mask counts no more than this
SMOOTHING = 0.7  # cells at stride 2, σ of the Gaussian that evens out the last upscaling
NOT_PAINTED = 2  # mask coefficients beside those of the upscaled channels: the previous mask and a bias


class Prepared(NamedTuple):
    """All that depends on the image alone, for one image or a batch of images."""

    embedding: Tensor  # (B, E, h, w), read under each point
    keys: Tensor  # (B, 48, h, w), of unit length, for the similarity maps
    image16: Tensor  # (B, C, h/2, w/2), the image's share of what the tokens attend to
    skip8: Tensor  # (B, U, h, w), the image's share of the upscaler


class TwoWayBlock(nn.Module):
    """Self-attention of the tokens, tokens to image, MLP, image to tokens; as in SAM."""

    def __init__(self, channels: int, first: bool):
        super().__init__()
        self.first = first
        self.self_attention = Attention(channels, channels)
        self.token_to_image = Attention(channels, channels // 2)
        self.image_to_token = Attention(channels, channels // 2)
        self.mlp = Mlp(channels, 2 * channels, channels, layers=2)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)
        self.norm4 = nn.LayerNorm(channels)

    def forward(
        self, tokens: Tensor, image: Tensor, token_position: Tensor, image_position: Tensor, padding_bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, C), image (B, M, C), padding_bias (B, 1, 1, N) -> both, updated."""
        tokens = self.look_at_tokens(tokens, token_position, padding_bias)
        tokens = self.norm2(tokens + self.token_to_image(tokens + token_position, image + image_position, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        update = self.image_to_token(image + image_position, tokens + token_position, tokens, padding_bias)
        return tokens, self.norm4(image + update)

    def look_at_tokens(self, tokens: Tensor, token_position: Tensor, padding_bias: Tensor) -> Tensor:
        """Self-attention of the tokens and its norm: (B, N, C) -> (B, N, C)."""
        if self.first:
            tokens = self.self_attention(tokens, tokens, tokens, padding_bias)
        else:
            placed = tokens + token_position
            tokens = tokens + self.self_attention(placed, placed, tokens, padding_bias)
        normed: Tensor = self.norm1(tokens)
        return normed


@torch.no_grad()
def smooth(mix: nn.Conv2d) -> None:
    """Have `x + mix(x)`, depthwise 3 × 3, followed by a Gaussian of `SMOOTHING` cells.

    Together they would be 5 × 5; the little that lies outside 3 × 3 is spread over it.
    The four quarters of a cell are upscaled without knowing of each other, and a convolution that begins as zeros
    learns so slowly to even them out that masks are speckled for thousands of steps.
    """
    row = torch.exp(-(torch.arange(-1.0, 2.0) ** 2) / (2 * SMOOTHING**2))
    gaussian = torch.outer(row, row) / row.sum() ** 2  # (3, 3)
    itself = torch.zeros_like(mix.weight)
    itself[:, :, 1, 1] = 1
    wide = F.conv2d(F.pad(mix.weight + itself, (2, 2, 2, 2)), gaussian[None, None])  # (C, 1, 5, 5)
    narrow = wide[:, :, 1:-1, 1:-1]
    lost = (wide.sum((2, 3)) - narrow.sum((2, 3)))[..., None, None]
    mix.weight.copy_(narrow + lost / 9 - itself)


class MaskUpscaler(nn.Module):
    """From stride 16 to the channels at stride 2 that masks are linear combinations of."""

    def __init__(self, channels: int, upscale: tuple[int, int, int]):
        super().__init__()
        at8, at4, at2 = upscale
        self.up8 = nn.ConvTranspose2d(channels, at8, 2, stride=2)
        self.prompt8 = nn.Conv2d(PROMPT_CHANNELS, at8, 1)
        self.norm8 = ChannelNorm(at8)
        self.mix8 = BottleneckBlock(at8, at8 // 4)
        self.up4 = nn.ConvTranspose2d(at8, at4, 2, stride=2)
        self.prompt4 = nn.Conv2d(DENSE_MAPS, at4, 1)
        self.norm4 = ChannelNorm(at4)
        self.mix4 = nn.Conv2d(at4, at4, 3, padding=1, groups=at4)
        self.up2 = nn.ConvTranspose2d(at4, at2, 2, stride=2)
        self.mix2 = nn.Conv2d(at2, at2, 3, padding=1, groups=at2)  # each cell's four quarters learn of each other
        nn.init.zeros_(self.mix2.weight)
        nn.init.zeros_(self.mix2.bias)  # type: ignore[arg-type]
        smooth(self.mix2)

    def forward(self, image16: Tensor, skip8: Tensor, prompt: Tensor, maps: Tensor) -> Tensor:
        """Image (B, C, h/2, w/2), image skip (B, U, h, w), prompt, prompt maps -> (B, at2, 4h, 4w)."""
        x = self.up8(image16) + skip8 + self.prompt8(prompt)
        x = self.mix8(F.relu(self.norm8(x)))  # (B, at8, h, w)
        maps4 = F.interpolate(self.prompt4(maps), scale_factor=2.0, mode="bilinear", align_corners=False)
        x = F.relu(self.norm4(self.up4(x) + maps4))  # (B, at4, 2h, 2w)
        x = x + self.mix4(x)
        x = F.relu(self.up2(x))  # (B, at2, 4h, 4w)
        return torch.add(x, self.mix2(x))


class SamletDecoder(nn.Module):
    """Tokens and image exchange what they know at stride 16; masks are painted at stride 2."""

    point_frequencies: Tensor

    def __init__(self, embed_dim: int, channels: int, upscale: tuple[int, int, int], depth: int = 2):
        super().__init__()
        self.key = nn.Conv2d(embed_dim, KEY_CHANNELS, 1)
        self.image_in = nn.Conv2d(embed_dim, channels, 1)
        self.image_norm = ChannelNorm(channels)
        self.image_mix = BottleneckBlock(channels, KEY_CHANNELS)
        self.image_down = nn.Conv2d(channels, channels, 2, stride=2)
        self.image_skip = nn.Conv2d(channels, upscale[0], 1)

        self.register_buffer("point_frequencies", torch.randn(2, channels // 2))
        self.point_label = nn.Embedding(POINT_LABELS, channels)
        self.point_sample = nn.Linear(embed_dim, channels)
        self.log_temperature = nn.Parameter(torch.tensor(2.0))
        self.mask_in = nn.Sequential(
            nn.PixelUnshuffle(4), nn.Conv2d(16, 32, 1), nn.ReLU(), nn.Conv2d(32, MASK_CHANNELS, 1), nn.ReLU()
        )
        self.no_mask = nn.Parameter(torch.zeros(MASK_CHANNELS))
        self.prompt_in = nn.Sequential(nn.Conv2d(DENSE_MAPS + MASK_CHANNELS, PROMPT_CHANNELS, 1), nn.ReLU())
        self.prompt_down = nn.Conv2d(PROMPT_CHANNELS, channels, 2, stride=2)

        self.norm16 = nn.LayerNorm(channels)
        self.output_tokens = nn.Embedding(1 + NUM_MASKS, channels)  # the IoU token, then one per mask
        self.two_way = nn.ModuleList(TwoWayBlock(channels, first=i == 0) for i in range(depth))
        self.mix16 = nn.ModuleList(
            nn.Sequential(BottleneckBlock(channels, channels // 4), BottleneckBlock(channels, channels // 4, 2))
            for _ in range(depth)
        )
        self.final_attention = Attention(channels, channels // 2)
        self.final_norm = nn.LayerNorm(channels)
        self.upscaler = MaskUpscaler(channels, upscale)
        self.mask_heads = nn.ModuleList(Mlp(channels, channels, upscale[2] + NOT_PAINTED) for _ in range(NUM_MASKS))
        self.iou_head = Mlp(channels, channels, NUM_MASKS)

    def prepare(self, embedding: Tensor) -> Prepared:
        """Embedding (B, E, h, w) -> what all prompts on these images share."""
        keys = F.normalize(self.key(embedding).float(), dim=1)
        at8 = self.image_mix(self.image_norm(self.image_in(embedding)))  # (B, C, h, w)
        return Prepared(embedding, keys, self.image_down(at8), self.image_skip(at8))

    def forward(self, prepared: Prepared, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        """Four masks per prompt.

        Args:
            prepared: of one image, or of B.
            prompt: B of them, points as fractions of the padded square.

        Returns:
            logits (B, 4, 4h, 4w) and predicted IoUs (B, 4), float32.
        """
        dtype = prepared.image16.dtype
        height, width = prepared.embedding.shape[-2:]
        points, labels, mask_input, switch = prompt
        has_mask = switch.to(dtype)[:, None, None, None]
        grid = PromptGrid.of(points, labels, height, width)
        sampling = grid.sampling_weights  # (B, N, hw)

        similarity = similarity_to_points(prepared.keys, sampling, self.log_temperature)  # (B, N, h, w)
        maps = dense_maps(grid, similarity).to(dtype)  # (B, 8, h, w)
        dense = self._dense_prompt(maps, mask_input.to(dtype), has_mask)  # (B, 64, h, w)
        sampled = torch.matmul(sampling.to(dtype), prepared.embedding.to(dtype).flatten(2).transpose(1, 2))
        tokens, padding_bias = self.prompt_tokens(points, labels, sampled)

        image = prepared.image16 + self.prompt_down(dense)  # (B, C, h/2, w/2)
        tokens, image = self._exchange(tokens, image, padding_bias)
        painted = self.upscaler(image, prepared.skip8, dense, maps)  # (B, at2, 4h, 4w)
        copied = torch.tanh(mask_input.to(dtype) / 6) * has_mask  # lets a good previous mask through as it is
        logits = self.paint(tokens, torch.cat([painted, copied], dim=1))
        return logits.float(), self.iou_head(tokens[:, 0]).float()

    def position(self, xy: Tensor) -> Tensor:
        """Random Fourier features of fractions (..., 2) -> (..., C), as in SAM's prompt encoder."""
        angles = (2 * xy - 1) @ self.point_frequencies * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def _dense_prompt(self, maps: Tensor, mask_input: Tensor, has_mask: Tensor) -> Tensor:
        mask = self.mask_in(mask_input.clamp(-LOGIT_CLAMP, LOGIT_CLAMP) / 4)  # (B, 16, h, w)
        mask = mask * has_mask + self.no_mask.to(mask.dtype)[None, :, None, None] * (1 - has_mask)
        prompt: Tensor = self.prompt_in(torch.cat([maps, mask], dim=1))
        return prompt

    def prompt_tokens(self, points: Tensor, labels: Tensor, sampled: Tensor) -> tuple[Tensor, Tensor]:
        """Output and point tokens (B, 5 + N, C), and the score bias that hides padding (B, 1, 1, 5 + N)."""
        dtype = sampled.dtype
        kinds = torch.where(labels < 0, torch.full_like(labels, POINT_LABELS - 1), labels).long()
        real = (labels >= 0).to(dtype)  # (B, N)
        clicked = ((labels == 0) | (labels == 1)).to(dtype)
        point_tokens = (
            self.point_label(kinds).to(dtype)
            + self.position(points).to(dtype) * real[..., None]
            + self.point_sample(sampled) * clicked[..., None]
        )
        outputs = self.output_tokens.weight.to(dtype)[None].expand(points.shape[0], -1, -1)
        padding_bias = F.pad((1 - real) * MASKED_OUT, (1 + NUM_MASKS, 0))
        return torch.cat([outputs, point_tokens], dim=1), padding_bias[:, None, None, :]

    def _exchange(self, tokens: Tensor, image: Tensor, padding_bias: Tensor) -> tuple[Tensor, Tensor]:
        """The transformer: tokens (B, N, C) and image (B, C, h/2, w/2) -> both, updated."""
        B, C, H, W = image.shape
        token_position = tokens
        image_position = self.image_position(H, W, tokens)  # (1, HW, C)
        image = self.norm16(image.flatten(2).transpose(1, 2))  # (B, HW, C)
        for two_way, mix in zip(self.two_way, self.mix16, strict=True):
            tokens, image = two_way(tokens, image, token_position, image_position, padding_bias)
            image = mix(image.transpose(1, 2).reshape(B, C, H, W)).flatten(2).transpose(1, 2)
        attended = self.final_attention(tokens + token_position, image + image_position, image)
        return self.final_norm(tokens + attended), image.transpose(1, 2).reshape(B, C, H, W)

    def image_position(self, height: int, width: int, like: Tensor) -> Tensor:
        y = (torch.arange(height, device=like.device, dtype=torch.float32) + 0.5) / height
        x = (torch.arange(width, device=like.device, dtype=torch.float32) + 0.5) / width
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        return self.position(torch.stack([columns, rows], dim=-1).flatten(0, 1)).to(like.dtype)[None]

    def paint(self, tokens: Tensor, channels: Tensor) -> Tensor:
        """Each mask token's linear combination of the channels (B, at2 + 1, 4h, 4w), plus a bias."""
        coefficients = torch.stack([head(tokens[:, 1 + i]) for i, head in enumerate(self.mask_heads)], dim=1)
        masks = torch.matmul(coefficients[..., :-1], channels.flatten(2)) + coefficients[..., -1:]
        return masks.view(-1, NUM_MASKS, channels.shape[-2], channels.shape[-1])
