"""Building blocks shared by Samlet's encoder and decoder."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and ReLU: (B, Cin, H, W) -> (B, Cout, H/stride, W/stride)."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1, relu: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        if relu:
            self.relu = nn.ReLU(inplace=True)


class ResidualBlock(nn.Module):
    """Two dense 3×3 convolutions beside a shortcut; the second starts small, so that depth does no harm."""

    def __init__(self, channels: int, bottleneck: float = 1.0):
        super().__init__()
        inner = int(channels * bottleneck)
        self.conv1 = ConvNorm(channels, inner)
        self.conv2 = ConvNorm(inner, channels, relu=False)
        nn.init.constant_(self.conv2.norm.weight, 0.2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(self.conv1(x)))


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        return F.layer_norm(channels_last, self.weight.shape, self.weight, self.bias).permute(0, 3, 1, 2)


class BottleneckBlock(nn.Module):
    """Pre-norm bottleneck with a dense 3×3.

    Depthwise convolutions multiply less, but on CPUs they train ten times slower than that says.
    """

    def __init__(self, channels: int, inner: int, dilation: int = 1):
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.reduce = nn.Conv2d(channels, inner, 1)
        self.spatial = nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation)
        self.expand = nn.Conv2d(inner, channels, 1)
        nn.init.normal_(self.expand.weight, 0, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.spatial(F.relu(self.reduce(self.norm(x)))))
        return torch.add(x, self.expand(inner))


class GlobalAttentionBlock(nn.Module):
    """A transformer block over all pixels of a small map, with a convolution as its position encoding."""

    def __init__(self, channels: int, heads: int = 4, mlp_ratio: int = 3):
        super().__init__()
        self.heads = heads
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.mlp1 = nn.Linear(channels, mlp_ratio * channels)
        self.mlp2 = nn.Linear(mlp_ratio * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position(x)
        B, C, H, W = x.shape
        tokens = x.flatten(2).transpose(1, 2)  # (B, HW, C)
        qkv = self.qkv(self.norm1(tokens)).view(B, H * W, 3, self.heads, C // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, HW, dim)
        attended = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.project(attended.transpose(1, 2).reshape(B, H * W, C))
        tokens = tokens + self.mlp2(F.gelu(self.mlp1(self.norm2(tokens))))
        mixed: Tensor = tokens.transpose(1, 2).reshape(B, C, H, W)
        return mixed


class Attention(nn.Module):
    """Multi-head attention with an inner width of its own, written out.

    With the handful of prompt tokens there are here, the backward pass of the fused kernel is slower on CPUs.
    """

    def __init__(self, channels: int, inner: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, inner)
        self.key = nn.Linear(channels, inner)
        self.value = nn.Linear(channels, inner)
        self.project = nn.Linear(inner, channels)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_bias: Tensor | None = None) -> Tensor:
        """Query (B, N, C), key and value (B, M, C), key_bias (B, 1, 1, M), added to scores -> (B, N, C)."""
        q = self._split(self.query(query))  # (B, heads, N, dim)
        k = self._split(self.key(key))  # (B, heads, M, dim)
        v = self._split(self.value(value))  # (B, heads, M, dim)
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))  # (B, heads, N, M)
        if key_bias is not None:
            scores = scores + key_bias
        weights = torch.softmax(scores.float(), dim=-1).to(v.dtype)
        joined: Tensor = self.project(torch.matmul(weights, v).transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        B, N, _ = x.shape
        return x.view(B, N, self.heads, -1).transpose(1, 2)


class Mlp(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, channels_in: int, hidden: int, channels_out: int, layers: int = 3):
        super().__init__()
        widths = [channels_in, *[hidden] * (layers - 1), channels_out]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.layers
        x = first(x)
        for layer in others:
            x = layer(F.relu(x))
        return x
