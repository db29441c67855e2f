"""Hiera (Ryali et al. 2023, arXiv:2306.00989): a hierarchical ViT whose queries are pooled between stages.

Parameter names are those of the published SAM 2 checkpoints, below ``image_encoder.trunk``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import NumberedMlp
from limner.sam.cpu.attention import attend
from limner.sam.cpu.fused import dense
from limner.sam.cpu.pieces import by_window_rows

POOLED_STAGES = 3  # of the four stages, those whose first block halves the map
PATCH_STRIDE = 4  # model pixels per cell of the first stage


@dataclass(frozen=True)
class HieraConfig:
    """One size of the trunk.

    Attributes:
        width: channels of the first stage; they double from stage to stage, and so do the heads.
        heads: of the first stage.
        depths: blocks of each stage.
        global_blocks: numbers of the blocks that attend to the whole map.
        windows: side of the attention windows of each stage, in cells; a stage's first block still has the window of
            the stage before.
        position_cells: side of the learned grid of positions that is stretched over the map.
    """

    width: int
    heads: int
    depths: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    position_cells: int = 7

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of each stage."""
        return self.width, 2 * self.width, 4 * self.width, 8 * self.width


HIERA_TINY = HieraConfig(96, 1, (1, 2, 7, 2), (5, 7, 9))
HIERA_SMALL = HieraConfig(96, 1, (1, 2, 11, 2), (7, 10, 13))
HIERA_BASE_PLUS = HieraConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), position_cells=14)
HIERA_LARGE = HieraConfig(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8))


class Hiera(nn.Module):
    """(B, 3, S, S) -> the maps at the end of each stage, at strides 4, 8, 16 and 32: (B, C, h, w) each."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.width, config.position_cells, config.position_cells))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, config.width, config.windows[0], config.windows[0]))
        self.stage_ends = tuple(count - 1 for count in accumulate(config.depths))
        self.blocks = nn.ModuleList()
        width, heads, stage = config.width, config.heads, 0
        for number in range(sum(config.depths)):
            window = 0 if number in config.global_blocks else config.windows[stage]
            pooled = False
            out = width
            if number - 1 in self.stage_ends:
                pooled = stage < POOLED_STAGES
                out, heads, stage = 2 * width, 2 * heads, stage + 1
            self.blocks.append(MultiScaleBlock(width, out, heads, window, pooled=pooled))
            width = out

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.patch_embed(images)  # (B, h, w, C)
        x = x + self._positions(x.shape[1], x.shape[2])
        ends = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.stage_ends:
                ends.append(x.permute(0, 3, 1, 2))
        return ends

    def _positions(self, height: int, width: int) -> Tensor:
        """(1, h, w, C): a coarse grid stretched over the map, and one that repeats from window to window."""
        window = self.pos_embed_window.shape[-1]
        coarse = F.interpolate(self.pos_embed, size=(height, width), mode="bicubic")
        return (coarse + self.pos_embed_window.tile(1, 1, height // window, width // window)).permute(0, 2, 3, 1)


class PatchEmbed(nn.Module):
    """Overlapping 7 × 7 patches at stride 4 -> (B, h, w, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 7, PATCH_STRIDE, 3)

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.proj(images).permute(0, 2, 3, 1)
        return patches


class MultiScaleBlock(nn.Module):
    """Attention, in windows or everywhere, and an MLP. With ``pooled`` the map's sides are halved."""

    def __init__(self, width: int, out: int, heads: int, window: int, *, pooled: bool) -> None:
        super().__init__()
        self.window, self.pooled = window, pooled
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = MultiScaleAttention(width, out, heads, pooled=pooled)
        self.norm2 = nn.LayerNorm(out, eps=1e-6)
        self.mlp = NumberedMlp(out, 4 * out, "gelu")
        if width != out:
            self.proj = nn.Linear(width, out)
        self.widened = width != out

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, h', w', C')."""
        return by_window_rows(self._layers, x, self.window, self.mlp.hidden_dim) if self.window else self._layers(x)

    def _layers(self, x: Tensor) -> Tensor:
        """Of a whole map, or of some rows of windows."""
        normed = self.norm1(x)
        if self.widened:
            x = dense(normed, self.proj)
            x = pooled(x) if self.pooled else x
        height, width = map(int, x.shape[1:3])
        if self.window:
            windows, grid = in_windows(normed, self.window)
            y = self.attn(windows)
            y = out_of_windows(y, grid, height, width)
        else:
            y = self.attn(normed)
        x = x + y
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed


class MultiScaleAttention(nn.Module):
    """Multi-head attention over (B, h, w, C) maps; pooled queries give a map of half the size."""

    def __init__(self, width: int, out: int, heads: int, *, pooled: bool) -> None:
        super().__init__()
        self.heads, self.pooled = heads, pooled
        self.qkv = nn.Linear(width, 3 * out)
        self.proj = nn.Linear(out, out)

    def forward(self, x: Tensor) -> Tensor:
        B, h, w, _ = map(int, x.shape)  # plain numbers: a traced graph is of one size
        query, key, value = dense(x, self.qkv).view(B, h, w, 3, -1).unbind(3)  # (B, h, w, C) each
        if self.pooled:
            query = pooled(query)
        h, w = map(int, query.shape[1:3])
        answer = attend(self._by_head(query), self._by_head(key), self._by_head(value))  # (B·heads, h·w, d)
        joined = answer.view(B, self.heads, h * w, -1).transpose(1, 2).reshape(B, h, w, -1)
        return dense(joined, self.proj)

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B·heads, h·w, d)."""
        B, h, w, C = map(int, x.shape)
        return x.reshape(B, h * w, self.heads, C // self.heads).transpose(1, 2).flatten(0, 1)


def pooled(x: Tensor) -> Tensor:
    """The largest of each 2 × 2 cells of (B, h, w, C)."""
    rows = torch.maximum(x[:, :-1:2], x[:, 1::2])
    return torch.maximum(rows[:, :, :-1:2], rows[:, :, 1::2])


def in_windows(x: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """(B, h, w, C) -> windows (B · rows · columns, side, side, C), padded with zeros, and (rows, columns)."""
    B, h, w, C = map(int, x.shape)
    rows, columns = -(-h // side), -(-w // side)
    if h % side or w % side:
        x = F.pad(x, (0, 0, 0, columns * side - w, 0, rows * side - h))
    windows = x.view(B, rows, side, columns, side, C).transpose(2, 3).reshape(-1, side, side, C)
    return windows, (rows, columns)


def out_of_windows(windows: Tensor, grid: tuple[int, int], height: int, width: int) -> Tensor:
    """The map (B, height, width, C) that windows (B · rows · columns, side, side, C) are of, padding cut off."""
    rows, columns = grid
    side, C = windows.shape[1], windows.shape[3]
    x = windows.view(-1, rows, columns, side, side, C).transpose(2, 3)
    return x.reshape(-1, rows * side, columns * side, C)[:, :height, :width]
