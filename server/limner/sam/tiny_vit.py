"""TinyViT (Wu et al. 2022, arXiv:2207.10666) as MobileSAM uses it (Zhang et al. 2023, arXiv:2306.14289).

A convolutional stem and stage, then three stages of attention inside windows with a depthwise convolution between
attention and MLP; the stride stays at 16 in the last stage, so that the output has SAM's (256, 64, 64). Parameter names
are those of the published checkpoint.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import LayerNorm2d, as_kind
from limner.sam.cpu.fused import Activation, activate, convolve, dense, one_by_one
from limner.sam.cpu.pieces import by_rows, by_tokens

EMBED_DIMS = (64, 128, 160, 320)
DEPTHS = (2, 2, 6, 2)
HEADS = (2, 4, 5, 10)
WINDOW_SIZES = (7, 7, 14, 7)  # cells per side; the first stage has no attention
DOWNSAMPLING_STRIDES = (2, 2, 1)  # after the first three stages
EXPANSION = 4  # of MBConv and of the MLP
OUT_CHANNELS = 256


class ConvNorm(nn.Module):
    """Convolution without bias, BatchNorm, and the activation that follows."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: Activation = "none",
    ) -> None:
        super().__init__()
        self.activation: Activation = activation
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.training or one_by_one():
            return activate(self.bn(self.c(x)), self.activation)
        mean, variance = self.bn.running_mean, self.bn.running_var
        assert mean is not None
        assert variance is not None
        gain = self.bn.weight * torch.rsqrt(variance + self.bn.eps)  # multiplied into the weights: maps are larger
        weight, bias = self.c.weight * gain[:, None, None, None], self.bn.bias - mean * gain
        stride, padding = self.c.stride, as_kind(self.c.padding, tuple)
        return convolve(x, weight, bias, self.activation, stride=stride, padding=padding, groups=self.c.groups)


class PatchEmbed(nn.Module):
    """(B, 3, S, S) -> (B, 64, S/4, S/4)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvNorm(3, dim // 2, 3, 2, activation="gelu"), nn.Identity(), ConvNorm(dim // 2, dim, 3, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = as_kind(self.seq[0], ConvNorm).c.out_channels
        widest = hidden * x.shape[3]  # two rows for each of the result, of half the width
        return by_rows(self.seq, x, widest, stride=4, training=self.training)


class MBConv(nn.Module):
    """Inverted bottleneck: widen, depthwise 3×3, narrow, add."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = dim * EXPANSION
        self.conv1 = ConvNorm(dim, hidden, activation="gelu")
        self.conv2 = ConvNorm(hidden, hidden, 3, groups=hidden, activation="gelu")
        self.conv3 = ConvNorm(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return by_rows(self._layers, x, self.conv1.c.out_channels * x.shape[3], training=self.training)

    def _layers(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.conv3(self.conv2(self.conv1(x))))


class PatchMerging(nn.Module):
    """(B, C, H, W) -> (B, C', H/stride, W/stride)."""

    def __init__(self, dim: int, out_dim: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = ConvNorm(dim, out_dim, activation="gelu")
        self.conv2 = ConvNorm(out_dim, out_dim, 3, stride, groups=out_dim, activation="gelu")
        self.conv3 = ConvNorm(out_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        widest = self.conv1.c.out_channels * x.shape[3] * self.stride
        return by_rows(self._layers, x, widest, stride=self.stride, training=self.training)

    def _layers(self, x: Tensor) -> Tensor:
        merged: Tensor = self.conv3(self.conv2(self.conv1(x)))
        return merged


class WindowAttention(nn.Module):
    """Attention among the cells of one window, with a learned bias for each |Δrow|, |Δcolumn|."""

    attention_bias_idxs: Tensor

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        cells = torch.arange(window * window, device="cpu")  # never meta: the buffer is in no checkpoint
        rows, columns = cells // window, cells % window
        offsets = (rows[:, None] - rows).abs() * window + (columns[:, None] - columns).abs()  # (window², window²)
        self.register_buffer("attention_bias_idxs", offsets, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        windows, cells, dim = x.shape
        qkv = dense(self.norm(x), self.qkv).view(windows, cells, self.heads, 3, dim // self.heads)
        q, k, v = qkv.permute(3, 0, 2, 1, 4)  # (windows, heads, cells, dim / heads) each
        bias = self.attention_biases[:, self.attention_bias_idxs]  # (heads, cells, cells)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[None].to(q.dtype))
        return dense(attended.transpose(1, 2).reshape(windows, cells, dim), self.proj)


class Mlp(nn.Module):
    """LayerNorm, widen, GELU, narrow."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, dim * EXPANSION)
        self.fc2 = nn.Linear(dim * EXPANSION, dim)

    def forward(self, x: Tensor) -> Tensor:
        return by_tokens(self._layers, x, self.fc1.out_features)

    def _layers(self, x: Tensor) -> Tensor:
        return dense(dense(self.norm(x), self.fc1, "gelu"), self.fc2)


class TinyViTBlock(nn.Module):
    """Window attention, a depthwise convolution that crosses the windows' borders, an MLP."""

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(dim, heads, window)
        self.local_conv = ConvNorm(dim, dim, 3, groups=dim)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        cells = x.permute(0, 2, 3, 1)  # (B, H, W, C), as the memory of channels-last images is: nothing is copied
        cells = cells + self._attend(cells)
        cells = self.local_conv(cells.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        cells = cells + self.mlp(cells)
        result: Tensor = cells.permute(0, 3, 1, 2)
        return result

    def _attend(self, cells: Tensor) -> Tensor:
        """Cut into windows, attend inside each, put together. Padding cells take part, as in the reference."""
        batch, height, width, dim = cells.shape
        side = self.window
        below, right = -height % side, -width % side
        padded = F.pad(cells, (0, 0, 0, right, 0, below))
        down, across = padded.shape[1] // side, padded.shape[2] // side
        windows = padded.view(batch, down, side, across, side, dim).transpose(2, 3)
        attended = self.attn(windows.reshape(-1, side * side, dim))
        whole = attended.view(batch, down, across, side, side, dim).transpose(2, 3).reshape(padded.shape)
        inside: Tensor = whole[:, :height, :width]
        return inside


class Stage(nn.Module):
    """Blocks of one width and, except after the last stage, the step to the next."""

    def __init__(self, blocks: list[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class TinyViT(nn.Module):
    """MobileSAM's image encoder: (B, 3, 1024, 1024) -> (B, 256, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(EMBED_DIMS[0])
        stages = []
        for index, (dim, depth, heads, window) in enumerate(zip(EMBED_DIMS, DEPTHS, HEADS, WINDOW_SIZES, strict=True)):
            blocks: list[nn.Module] = [
                MBConv(dim) if index == 0 else TinyViTBlock(dim, heads, window) for _ in range(depth)
            ]
            last = index == len(EMBED_DIMS) - 1
            step = None if last else PatchMerging(dim, EMBED_DIMS[index + 1], DOWNSAMPLING_STRIDES[index])
            stages.append(Stage(blocks, step))
        self.layers = nn.ModuleList(stages)
        self.neck = nn.Sequential(
            nn.Conv2d(EMBED_DIMS[-1], OUT_CHANNELS, 1, bias=False),
            LayerNorm2d(OUT_CHANNELS),
            nn.Conv2d(OUT_CHANNELS, OUT_CHANNELS, 3, padding=1, bias=False),
            LayerNorm2d(OUT_CHANNELS),
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed(images)  # (B, 64, S/4, S/4)
        for layer in self.layers:
            x = layer(x)
        embeddings: Tensor = self.neck(x)  # (B, 256, S/16, S/16)
        return embeddings
