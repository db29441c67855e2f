"""EfficientNet-Lite2 without its classifier: the features that Samlet's pyramid is built on.

EfficientNet (Tan and Le 2019, arXiv:1905.11946) in its Lite form: ReLU6 instead of swish, no squeeze-and-excitation,
stem and last block of the same width in every size. Its batch norms keep the statistics that they were published with,
and are multiplied into the convolutions before them when the published weights are taken over: what is left is
convolutions with biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.errors import WrongWeights

STEM = 32  # channels at stride 2
NORM_EPS = 1e-3  # of the published batch norms
PUBLISHED_MEAN, PUBLISHED_STD = 127.0, 128.0  # the published weights expect (pixel - 127) / 128


class Stage(NamedTuple):
    """Blocks of one width."""

    expansion: int  # of the channels inside a block
    channels: int
    blocks: int
    stride: int  # of the first block
    kernel: int  # px, of the depthwise convolutions


STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 3, 2, 3),
    Stage(6, 48, 3, 2, 5),
    Stage(6, 88, 4, 2, 3),
    Stage(6, 120, 4, 1, 5),
    Stage(6, 208, 5, 2, 5),
    Stage(6, 352, 1, 1, 3),
)
CHANNELS = {4: 24, 8: 48, 16: 120, 32: 352}  # of the last features of each stride


class Features(NamedTuple):
    """The last features of each stride, for images of side S."""

    at4: Tensor  # (B, 24, S/4, S/4)
    at8: Tensor  # (B, 48, S/8, S/8)
    at16: Tensor  # (B, 120, S/16, S/16)
    at32: Tensor  # (B, 352, S/32, S/32)


class EfficientNetLite2(nn.Module):
    """Normalised images (B, 3, S, S), S a multiple of 32 -> features at strides 4 to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, STEM, kernel=3, stride=2)
        self.stages = nn.ModuleList()
        channels = STEM
        for stage in STAGES:
            blocks = [InvertedResidual(channels, stage, stage.stride)]
            blocks += [InvertedResidual(stage.channels, stage, stride=1) for _ in range(stage.blocks - 1)]
            self.stages.append(nn.Sequential(*blocks))
            channels = stage.channels

    def forward(self, images: Tensor) -> Features:
        x, stride = self.stem(images), 2  # (B, 32, S/2, S/2)
        last: dict[int, Tensor] = {}
        for blocks, stage in zip(self.stages, STAGES, strict=True):
            x, stride = blocks(x), stride * stage.stride
            last[stride] = x
        return Features(last[4], last[8], last[16], last[32])


class InvertedResidual(nn.Module):
    """Widen, look around in every channel by itself, narrow; beside a shortcut where the shapes allow one."""

    def __init__(self, channels_in: int, stage: Stage, stride: int):
        super().__init__()
        inner = channels_in * stage.expansion
        self.expand = Conv(channels_in, inner) if stage.expansion > 1 else nn.Identity()
        self.depthwise = Conv(inner, inner, stage.kernel, stride, groups=inner)
        self.project = Conv(inner, stage.channels, relu=False)
        self.shortcut = stride == 1 and channels_in == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class Conv(nn.Conv2d):
    """Convolution and, unless told otherwise, ReLU6: (B, Cin, H, W) -> (B, Cout, H/stride, W/stride)."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
    ):
        super().__init__(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups)
        self.relu = relu
        nn.init.kaiming_normal_(self.weight, mode="fan_in", nonlinearity="relu" if relu else "linear")
        nn.init.zeros_(_bias(self))

    def forward(self, x: Tensor) -> Tensor:
        if self.groups > 1 and self.stride == (2, 2) and x.requires_grad and not self.weight.requires_grad:
            # Every second place of stride 1 is the same, and its gradient takes CPUs a quarter of the time.
            y = F.conv2d(x, self.weight, self.bias, padding=self.padding, groups=self.groups)[:, :, ::2, ::2]
        else:
            y = super().forward(x)
        return F.relu6(y, inplace=True) if self.relu else y


def features_from_published(
    state: Mapping[str, Tensor], pixel_mean: tuple[float, ...], pixel_std: tuple[float, ...]
) -> EfficientNetLite2:
    """The published network up to its last block, its norms multiplied in.

    Args:
        state: of the published checkpoint, in the names of lukemelas/EfficientNet-PyTorch.
        pixel_mean: that is subtracted from our images, per channel, on the scale 0..255.
        pixel_std: that they are then divided by.

    Raises:
        WrongWeights: when a tensor is missing or has another shape.
    """
    network = EfficientNetLite2()
    try:
        _fold(network.stem, state, "_conv_stem", "_bn0")
        for number, block in enumerate(block for stage in network.stages for block in _blocks(stage)):
            theirs = f"_blocks.{number}"
            if isinstance(block.expand, Conv):
                _fold(block.expand, state, f"{theirs}._expand_conv", f"{theirs}._bn0")
            _fold(block.depthwise, state, f"{theirs}._depthwise_conv", f"{theirs}._bn1")
            _fold(block.project, state, f"{theirs}._project_conv", f"{theirs}._bn2")
    except (KeyError, RuntimeError) as error:
        raise WrongWeights(f"These are no weights of EfficientNet-Lite2: {error}") from error
    _take_normalised(network.stem, torch.tensor(pixel_mean), torch.tensor(pixel_std))
    return network


@torch.no_grad()
def _fold(conv: Conv, state: Mapping[str, Tensor], weight: str, norm: str) -> None:
    """Gain · (W x - mean) + shift, with gain = weight / √(variance + ε), in one convolution; made in float64."""
    of_norm = {part: state[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")}
    gain = of_norm["weight"] * torch.rsqrt(of_norm["running_var"] + NORM_EPS)
    conv.weight.copy_(state[f"{weight}.weight"].double() * gain[:, None, None, None])
    _bias(conv).copy_(of_norm["bias"] - of_norm["running_mean"] * gain)


@torch.no_grad()
def _take_normalised(stem: Conv, mean: Tensor, std: Tensor) -> None:
    """Let the stem, which expects (pixel - 127) / 128, take (pixel - mean) / std.

    At the image's edge the two differ: zeros stand for the pixel 127 there, and for the mean here.
    """
    shift = (stem.weight * ((mean - PUBLISHED_MEAN) / PUBLISHED_STD)[None, :, None, None]).sum((1, 2, 3))
    stem.weight.mul_((std / PUBLISHED_STD)[None, :, None, None])
    _bias(stem).add_(shift)


def _blocks(stage: nn.Module) -> list[InvertedResidual]:
    return [block for block in stage.children() if isinstance(block, InvertedResidual)]


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
