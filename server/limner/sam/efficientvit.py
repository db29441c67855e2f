"""EfficientViT-L0 (Cai et al., arXiv:2205.14756) as EfficientViT-SAM uses it (Zhang et al. 2024, arXiv:2402.05008).

Convolutions down to a sixteenth of the input's side, then linear attention: with ReLU in the place of softmax, keys and
values are multiplied first, so that the cost grows with the cells and not with their square. A neck adds the last three
stages at an eighth of the side, which gives SAM's (256, 64, 64) from an input of 512 px. Parameter names are those of
the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.common import LayerNorm2d, as_kind
from limner.sam.cpu.fused import Activation, activate, convolve, one_by_one
from limner.sam.cpu.pieces import by_rows

IMAGE_SIZE = 512  # px, the side of the encoder's square
WIDTHS = (32, 64, 128, 256, 512)  # of the stages, each of half the side of the one before
DEPTHS = (1, 1, 1, 4, 4)  # blocks of each stage after the one that makes the map smaller
HEAD_DIM = 32  # channels of a head of attention
NEIGHBOURHOOD = 5  # cells per side that the second scale of attention looks at
OUT_CHANNELS = 256
NECK_DEPTH = 4
NORM_EPS = 1e-6  # of every norm in the model that is torch's own
DIVISION_EPS = 1e-15


class Layer(nn.Module):
    """A convolution, BatchNorm (or a bias instead) and the activation that follows."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        norm: bool = True,
        bias: bool = False,
        activation: Activation = "none",
    ) -> None:
        super().__init__()
        self.activation: Activation = activation
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)
        if norm:
            self.norm = nn.BatchNorm2d(outputs, eps=NORM_EPS)
        self.normed = norm

    def forward(self, x: Tensor) -> Tensor:
        if self.training or one_by_one():
            x = self.conv(x)
            return activate(self.norm(x) if self.normed else x, self.activation)
        weight, bias = self.conv.weight, self.conv.bias
        if self.normed:
            mean, variance = self.norm.running_mean, self.norm.running_var
            assert mean is not None
            assert variance is not None
            gain = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
            weight, bias = weight * gain[:, None, None, None], self.norm.bias - mean * gain
        stride, padding = self.conv.stride, as_kind(self.conv.padding, tuple)
        return convolve(x, weight, bias, self.activation, stride=stride, padding=padding, groups=self.conv.groups)


class ResBlock(nn.Module):
    """Two 3 × 3 convolutions."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = Layer(dim, dim, 3, activation="gelu_tanh")
        self.conv2 = Layer(dim, dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        return y


class FusedMBConv(nn.Module):
    """Widen by a 3 × 3 convolution, narrow: (B, C, H, W) -> (B, C', H/stride, W/stride)."""

    def __init__(self, dim: int, out_dim: int, expansion: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.spatial_conv = Layer(dim, dim * expansion, 3, stride, activation="gelu_tanh")
        self.point_conv = Layer(dim * expansion, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        widest = self.spatial_conv.conv.out_channels * x.shape[3] // self.stride
        return by_rows(self._layers, x, widest, stride=self.stride, training=self.training)

    def _layers(self, x: Tensor) -> Tensor:
        y: Tensor = self.point_conv(self.spatial_conv(x))
        return y


class MBConv(nn.Module):
    """Widen, depthwise 3 × 3, narrow; a norm at the end only: (B, C, H, W) -> (B, C', H/stride, W/stride)."""

    def __init__(self, dim: int, out_dim: int, expansion: int, stride: int = 1) -> None:
        super().__init__()
        hidden = dim * expansion
        self.stride = stride
        self.inverted_conv = Layer(dim, hidden, norm=False, bias=True, activation="gelu_tanh")
        self.depth_conv = Layer(hidden, hidden, 3, stride, hidden, norm=False, bias=True, activation="gelu_tanh")
        self.point_conv = Layer(hidden, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        widest = self.inverted_conv.conv.out_channels * x.shape[3] * self.stride
        return by_rows(self._layers, x, widest, stride=self.stride, training=self.training)

    def _layers(self, x: Tensor) -> Tensor:
        y: Tensor = self.point_conv(self.depth_conv(self.inverted_conv(x)))
        return y


class LinearAttention(nn.Module):
    """Attention with ReLU kernels among all cells, at two scales: the cells, and their neighbourhoods."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        heads = dim // HEAD_DIM
        self.qkv = Layer(dim, 3 * dim, norm=False)
        depthwise = nn.Conv2d(3 * dim, 3 * dim, NEIGHBOURHOOD, padding=NEIGHBOURHOOD // 2, groups=3 * dim, bias=False)
        self.aggreg = nn.ModuleList(
            [nn.Sequential(depthwise, nn.Conv2d(3 * dim, 3 * dim, 1, groups=3 * heads, bias=False))]
        )
        self.proj = Layer(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        own = self.qkv(x)  # (B, 3C, H, W), of each head q, k and v
        both = torch.cat([own, *[scale(own) for scale in self.aggreg]], 1)  # (B, 6C, H, W)
        q, k, v = both.float().view(batch, -1, 3, HEAD_DIM, height * width).unbind(2)  # (B, 2 heads, 32, HW)
        q, k = F.relu(q), F.relu(k)
        answer = (v @ k.transpose(2, 3)) @ q  # (B, 2 heads, 32, HW)
        weights = k.sum(3, keepdim=True).transpose(2, 3) @ q  # (B, 2 heads, 1, HW)
        mean = (answer / (weights + DIVISION_EPS)).reshape(batch, -1, height, width)  # (B, 2C, H, W)
        y: Tensor = self.proj(mean.to(both.dtype))
        return y


class Residual(nn.Module):
    """``main``, added to what goes in where that has the same shape."""

    def __init__(self, main: nn.Module, *, added: bool = True) -> None:
        super().__init__()
        self.main = main
        self.added = added

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.main(x)
        return x + y if self.added else y


class EfficientViTBlock(nn.Module):
    """Attention among all cells, then convolutions among neighbours."""

    def __init__(self, dim: int, expansion: int) -> None:
        super().__init__()
        self.context_module = Residual(LinearAttention(dim))
        self.local_module = Residual(MBConv(dim, dim, expansion))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.local_module(self.context_module(x))
        return y


class Chain(nn.Module):
    """One layer after the other."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.op_list = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.op_list:
            x = layer(x)
        return x


class Backbone(nn.Module):
    """(B, 3, S, S) -> the maps of all stages: (B, WIDTHS[i], S/2^(i+1), S/2^(i+1))."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, fifth = WIDTHS
        stem = Layer(3, first, 3, 2, activation="gelu_tanh")
        self.stages = nn.ModuleList(
            [
                Chain([stem, *[Residual(ResBlock(first)) for _ in range(DEPTHS[0])]]),
                self._stage(FusedMBConv, first, second, DEPTHS[1]),
                self._stage(FusedMBConv, second, third, DEPTHS[2]),
                self._stage(MBConv, third, fourth, DEPTHS[3]),
                Chain(
                    [
                        Residual(MBConv(fourth, fifth, 24, 2), added=False),
                        *[EfficientViTBlock(fifth, 6) for _ in range(DEPTHS[4])],
                    ]
                ),
            ]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    @staticmethod
    def _stage(kind: type[FusedMBConv | MBConv], dim: int, out_dim: int, depth: int) -> Chain:
        smaller = Residual(kind(dim, out_dim, 16, 2), added=False)
        return Chain([smaller, *[Residual(kind(out_dim, out_dim, 4)) for _ in range(depth)]])


class Neck(nn.Module):
    """The last three stages' maps, added at the size of the largest -> (B, 256, S/8, S/8)."""

    def __init__(self) -> None:
        super().__init__()
        self.input_ops = nn.ModuleList(Chain([Layer(width, OUT_CHANNELS)]) for width in reversed(WIDTHS[2:]))
        self.middle = Chain([Residual(FusedMBConv(OUT_CHANNELS, OUT_CHANNELS, 1)) for _ in range(NECK_DEPTH)])
        self.output_ops = nn.ModuleList([Chain([Layer(OUT_CHANNELS, OUT_CHANNELS, norm=False, bias=True)])])

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of the last three stages, the smallest last."""
        size = maps[0].shape[2:]
        deep, middle, fine = (project(stage) for project, stage in zip(self.input_ops, reversed(maps), strict=True))
        added = fine + _larger(middle, size) + _larger(deep, size)
        y: Tensor = self.output_ops[0](self.middle(added))
        return y


class EfficientViT(nn.Module):
    """EfficientViT-SAM-L0's image encoder: (B, 3, 512, 512) -> (B, 256, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.norm = LayerNorm2d(OUT_CHANNELS, eps=NORM_EPS)

    def forward(self, images: Tensor) -> Tensor:
        embeddings: Tensor = self.norm(self.neck(self.backbone(images)[2:]))  # (B, 256, S/8, S/8)
        return embeddings


def _larger(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size=size, mode="bicubic", align_corners=False)
