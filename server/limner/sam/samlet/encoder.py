"""Samlet's image encoders: one pyramid up to stride 8 on two kinds of features.

Dense 3×3 convolutions of its own, trained from scratch, were the first; EfficientNet-Lite2, which begins with what
others taught it on ImageNet, is the present one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.samlet.efficientnet import CHANNELS, EfficientNetLite2
from limner.sam.samlet.layers import ChannelNorm, ConvNorm, GlobalAttentionBlock, ResidualBlock


class Levels(NamedTuple):
    """What the pyramid is made of, for images of side S."""

    at4: Tensor  # (B, w4, S/4, S/4)
    at8: Tensor  # (B, w8, S/8, S/8)
    at16: Tensor  # (B, w16, S/16, S/16)
    at32: Tensor  # (B, w32, S/32, S/32)


class PyramidEncoder(nn.Module, ABC):
    """Normalised image (B, 3, S, S) -> embedding (B, embed_dim, S/8, S/8), S a multiple of 32.

    Stride-4 detail, which crisp mask edges need, is folded into the channels, so that nothing but the embedding has
    to be stored.
    """

    def __init__(self, w4: int, w8: int, w16: int, w32: int, embed_dim: int):  # channels at strides 4 to 32
        super().__init__()
        self.lateral32 = ConvNorm(w32, w16, kernel=1, relu=False)
        self.merge16 = ResidualBlock(w16, bottleneck=0.5)
        self.lateral16 = ConvNorm(w16, embed_dim, kernel=1, relu=False)
        self.lateral8 = ConvNorm(w8, embed_dim, kernel=1, relu=False)
        self.lateral4 = ConvNorm(w4, embed_dim // 4, kernel=1)
        self.fold4 = ConvNorm(embed_dim, embed_dim, kernel=1, relu=False)
        self.merge8 = ResidualBlock(embed_dim, bottleneck=0.5)
        self.output = nn.Conv2d(embed_dim, embed_dim, 1)
        self.norm = ChannelNorm(embed_dim)

    @abstractmethod
    def levels(self, images: Tensor) -> Levels:
        """The features of the images at each stride."""

    def forward(self, images: Tensor) -> Tensor:
        at4, at8, at16, at32 = self.levels(images)
        context = F.interpolate(self.lateral32(at32), scale_factor=2.0, mode="nearest")
        pyramid16 = self.merge16(F.relu(at16 + context))  # (B, w16, S/16, S/16)
        context = F.interpolate(self.lateral16(pyramid16), scale_factor=2.0, mode="bilinear", align_corners=False)
        detail = self.fold4(F.pixel_unshuffle(self.lateral4(at4), 2))  # (B, embed_dim, S/8, S/8)
        pyramid8 = self.merge8(F.relu(self.lateral8(at8) + detail + context))
        embedding: Tensor = self.norm(self.output(pyramid8))
        return embedding


class ConvolutionEncoder(PyramidEncoder):
    """Dense 3×3 convolutions down to stride 16, global attention at stride 32."""

    def __init__(self, widths: tuple[int, int, int, int, int], depths: tuple[int, int, int, int], embed_dim: int):
        w2, w4, w8, w16, w32 = widths  # channels at strides 2 to 32
        super().__init__(w4, w8, w16, w32, embed_dim)
        self.stem = ConvNorm(3, w2, stride=2)
        self.stage4 = _stage(w2, w4, [ResidualBlock(w4) for _ in range(depths[0])])
        self.stage8 = _stage(w4, w8, [ResidualBlock(w8) for _ in range(depths[1])])
        self.stage16 = _stage(w8, w16, [ResidualBlock(w16) for _ in range(depths[2])])
        self.stage32 = _stage(w16, w32, [GlobalAttentionBlock(w32) for _ in range(depths[3])])

    def levels(self, images: Tensor) -> Levels:
        at4 = self.stage4(self.stem(images))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        return Levels(at4, at8, at16, self.stage32(at16))


class EfficientNetEncoder(PyramidEncoder):
    """The features of EfficientNet-Lite2, those at strides 16 and 32 brought to the pyramid's widths; global attention
    at stride 32.
    """

    def __init__(self, w16: int, w32: int, attention_blocks: int, embed_dim: int):
        super().__init__(CHANNELS[4], CHANNELS[8], w16, w32, embed_dim)
        self.backbone = EfficientNetLite2()
        self.enter16 = ConvNorm(CHANNELS[16], w16, kernel=1)
        self.enter32 = ConvNorm(CHANNELS[32], w32, kernel=1)
        self.attention32 = nn.Sequential(*[GlobalAttentionBlock(w32) for _ in range(attention_blocks)])

    def levels(self, images: Tensor) -> Levels:
        at4, at8, at16, at32 = self.backbone(images)
        return Levels(at4, at8, self.enter16(at16), self.attention32(self.enter32(at32)))


def _stage(channels_in: int, channels_out: int, blocks: list[nn.Module]) -> nn.Sequential:
    return nn.Sequential(ConvNorm(channels_in, channels_out, stride=2), *blocks)
