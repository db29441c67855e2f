"""The image encoder: a ViT with windowed attention and decomposed relative positions.

As in ViTDet (Li et al. 2022, arXiv:2203.16527), most blocks attend within 14 × 14 windows and four blocks
attend globally; the relative positions are those of MViTv2 (Li et al. 2021, arXiv:2112.01526, section
4.1). Inside, maps are channel-last: (B, h, w, C).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import LayerNorm2d, Mlp
from limner.sam.cpu.fused import dense
from limner.sam.relative_positions import attend, relative


@dataclass(frozen=True)
class VitConfig:
    """Size of the encoder.

    Attributes:
        embed_dim: channels inside.
        global_blocks: indices of the blocks that attend to the whole image.
        image_size: px, side of the padded input.
        patch_size: px, side of one token.
        window_size: tokens, side of the windows in which the other blocks attend.
        out_channels: C, channels of the image embedding.
    """

    embed_dim: int
    depth: int
    num_heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 1024
    patch_size: int = 16
    window_size: int = 14
    mlp_ratio: int = 4
    out_channels: int = 256

    @property
    def grid_size(self) -> int:
        """Tokens along one side."""
        return self.image_size // self.patch_size


VIT_B = VitConfig(embed_dim=768, depth=12, num_heads=12, global_blocks=(2, 5, 8, 11))
VIT_L = VitConfig(embed_dim=1024, depth=24, num_heads=16, global_blocks=(5, 11, 17, 23))
VIT_H = VitConfig(embed_dim=1280, depth=32, num_heads=16, global_blocks=(7, 15, 23, 31))


class ImageEncoderViT(nn.Module):
    """Normalised images (B, 3, S, S) -> image embeddings (B, C, S/16, S/16)."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        size, dim = config.grid_size, config.embed_dim
        self.patch_embed = PatchEmbed(config.patch_size, dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, size, size, dim))
        self.blocks = nn.ModuleList(
            Block(config, window_size=0 if index in config.global_blocks else config.window_size)
            for index in range(config.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(dim, config.out_channels, 1, bias=False),
            LayerNorm2d(config.out_channels),
            nn.Conv2d(config.out_channels, config.out_channels, 3, padding=1, bias=False),
            LayerNorm2d(config.out_channels),
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed(images) + self.pos_embed  # (B, h, w, dim)
        for block in self.blocks:
            x = block(x)
        embeddings: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return embeddings  # (B, C, h, w)


class PatchEmbed(nn.Module):
    """Each patch becomes one token: (B, 3, S, S) -> (B, h, w, dim)."""

    def __init__(self, patch_size: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch_size, patch_size)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.proj(images)  # (B, dim, h, w)
        return tokens.permute(0, 2, 3, 1).contiguous()  # every layer norm would copy it otherwise


class Block(nn.Module):
    """Pre-norm transformer block; ``window_size`` 0 means global attention."""

    def __init__(self, config: VitConfig, window_size: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.attn = Attention(config.embed_dim, config.num_heads, window_size or config.grid_size)
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=1e-6)
        self.mlp = Mlp(config.embed_dim, config.embed_dim * config.mlp_ratio, "gelu")

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, _ = map(int, x.shape)
        y = self.norm1(x)
        if self.window_size:
            windows = self.attn(to_windows(y, self.window_size))
            y = from_windows(windows, self.window_size, height, width)
        else:
            y = self.attn(y)
        x = x + y
        x = x + self.mlp(self.norm2(x))
        return x


class Attention(nn.Module):
    """Self-attention on a square map with relative positions.

    The score of query q at (y, x) and key k at (y', x') is q·k / sqrt(d) + q·R_h[y - y'] + q·R_w[x - x'],
    with q unscaled in the last two terms.
    """

    def __init__(self, dim: int, num_heads: int, size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        head_dim = dim // num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * size - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * size - 1, head_dim))

    def forward(self, x: Tensor) -> Tensor:
        B, h, w, dim = map(int, x.shape)  # plain numbers: a traced graph is of one size
        qkv = dense(x, self.qkv).view(B, h * w, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.flatten(1, 2).unbind(0)  # each (B·heads, h·w, d)
        queries = q.view(B * self.num_heads, h, w, -1)
        bias_h = torch.einsum("nywd,ykd->nywk", queries, relative(self.rel_pos_h, h))  # (B·heads, h, w, h)
        bias_w = torch.einsum("nyxd,xkd->nyxk", queries, relative(self.rel_pos_w, w))  # (B·heads, h, w, w)
        y = attend(queries, k, v, bias_h.contiguous(), bias_w.contiguous())  # (B·heads, h·w, d)
        y = y.view(B, self.num_heads, h * w, -1).transpose(1, 2).reshape(B, h, w, dim)
        return dense(y, self.proj)


def to_windows(x: Tensor, size: int) -> Tensor:
    """(B, h, w, C) -> (B·windows, size, size, C), padded with zeros at the bottom and right.

    The padding takes part in the attention, as it did when the weights were trained.
    """
    B, h, w, C = map(int, x.shape)
    x = F.pad(x, (0, 0, 0, -w % size, 0, -h % size))
    x = x.view(B, x.shape[1] // size, size, x.shape[2] // size, size, C)
    return x.transpose(2, 3).reshape(-1, size, size, C)


def from_windows(windows: Tensor, size: int, h: int, w: int) -> Tensor:
    """The inverse of :func:`to_windows`, padding removed: (B·windows, size, size, C) -> (B, h, w, C)."""
    rows, columns = -(-h // size), -(-w // size)
    x = windows.view(-1, rows, columns, size, size, windows.shape[-1]).transpose(2, 3)
    x = x.reshape(-1, rows * size, columns * size, windows.shape[-1])
    return x[:, :h, :w]
