"""The prompt encoder: points and boxes become tokens, a mask becomes a map that is added to the image embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from limner.sam.common import LayerNorm2d


class PromptEncoder(nn.Module):
    """Prompts in model pixels -> embeddings of ``embed_dim`` channels.

    Args:
        embed_dim: C.
        embedding_size: (h, w) of the image embedding.
        image_size: S, px; side of the padded input, to which coordinates refer.
        mask_channels: channels of the mask just before the last, 1 × 1, convolution.
        shift: px that are added to coordinates, as the weights were trained.
    """

    def __init__(
        self,
        embed_dim: int,
        embedding_size: tuple[int, int],
        image_size: int,
        mask_channels: int = 16,
        shift: float = 0.5,
    ) -> None:
        super().__init__()
        self.shift = shift
        self.embedding_size = embedding_size
        self.image_size = image_size
        self.pe_layer = RandomFourierPositions(embed_dim)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, embed_dim) for _ in range(4))  # labels 0..3
        self.not_a_point_embed = nn.Embedding(1, embed_dim)  # label -1
        self.no_mask_embed = nn.Embedding(1, embed_dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, mask_channels // 4, 2, 2),
            LayerNorm2d(mask_channels // 4),
            nn.GELU(),
            nn.Conv2d(mask_channels // 4, mask_channels, 2, 2),
            LayerNorm2d(mask_channels),
            nn.GELU(),
            nn.Conv2d(mask_channels, embed_dim, 1),
        )

    def embed_points(self, point_coords: Tensor, point_labels: Tensor) -> Tensor:
        """(B, N, 2) in model pixels and (B, N) labels -> (B, N, C).

        Labels: 1 foreground, 0 background, 2 top-left and 3 bottom-right of a box, -1 padding.
        """
        at: Tensor = self.pe_layer((point_coords + self.shift) / self.image_size)
        is_point = (point_labels != -1).to(at.dtype)[..., None]  # (B, N, 1)
        table = torch.cat(
            [self.not_a_point_embed.weight, *[e.get_parameter("weight") for e in self.point_embeddings]]
        )  # (5, C)
        return at * is_point + table[point_labels.to(torch.int64) + 1]  # (B, N, C)

    def embed_masks(self, mask_input: Tensor, has_mask_input: Tensor) -> Tensor:
        """Logits (B, 1, 4h, 4w) and a switch (B,), 1 or 0 -> (B, C, h, w)."""
        switch = has_mask_input.view(-1, 1, 1, 1)
        no_mask = self.no_mask_embed.weight.view(1, -1, 1, 1)
        mask: Tensor = self.mask_downscaling(mask_input)
        return switch * mask + (1 - switch) * no_mask

    def dense_pe(self) -> Tensor:
        """Positional encoding of the centre of every embedding cell: (1, C, h, w)."""
        h, w = self.embedding_size
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        y = (torch.arange(h, device=matrix.device, dtype=matrix.dtype) + 0.5) / h
        x = (torch.arange(w, device=matrix.device, dtype=matrix.dtype) + 0.5) / w
        xy = torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1)  # (h, w, 2)
        positions: Tensor = self.pe_layer(xy)  # (h, w, C)
        return positions.permute(2, 0, 1)[None]


class RandomFourierPositions(nn.Module):
    """Random Fourier features of positions (Tancik et al. 2020, arXiv:2006.10739)."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, embed_dim // 2))

    def forward(self, xy: Tensor) -> Tensor:
        """Positions (..., 2) in [0, 1] -> (..., C)."""
        angle = 2 * math.pi * ((2 * xy - 1) @ self.positional_encoding_gaussian_matrix)  # (..., C/2)
        return torch.cat([angle.sin(), angle.cos()], -1)
