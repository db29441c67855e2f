"""Linear layers and convolutions of an encoder, with the activation that follows.

Encoding an image on a CPU in float32 goes to oneDNN, which applies the activation while a result is still in the cache,
and whose products are faster: a ViT-B takes 0.87 and MobileSAM 0.73 of the time (one thread of a Zen 4). Everywhere
else (gradients, other number formats, export, other devices) these are torch's own layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["none", "gelu", "gelu_tanh", "relu"]  # GELU is the exact one, gelu_tanh its usual approximation

# As oneDNN's operators call them: the activation, and which way of computing it.
_NAMES = {"none": ("none", "none"), "relu": ("relu", "none"), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh")}
MIN_TOKENS = 1024  # with fewer, laying the weights out anew costs more than it saves
_ONE_BY_ONE = ContextVar("one_by_one", default=False)
# What torch.compile fuses layers into as well; not public, so that a build of torch may be without.
_AVAILABLE = all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_convolution_pointwise"))


@contextmanager
def layers_one_by_one() -> Iterator[None]:
    """Inside, nothing is fused or folded: each layer runs by itself, as in the published packages. To compare with."""
    token = _ONE_BY_ONE.set(True)
    try:
        yield
    finally:
        _ONE_BY_ONE.reset(token)


def one_by_one() -> bool:
    """Whether this runs inside :func:`layers_one_by_one`."""
    return not torch.compiler.is_compiling() and _ONE_BY_ONE.get()  # torch.compile cannot follow context variables


def dense(x: Tensor, layer: nn.Linear, activation: Activation = "none") -> Tensor:
    """The activation of ``layer(x)``: (..., Cin) -> (..., Cout)."""
    if x.numel() >= MIN_TOKENS * layer.in_features and _for_onednn(x):
        name, way = _NAMES[activation]
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x, layer.weight, layer.bias, name, [], way)
        return fused
    return activate(layer(x), activation)


def product(x: Tensor, matrix: Tensor) -> Tensor:
    """(N, C) by (K, C) -> x · matrixᵀ, (N, K)."""
    if not _for_onednn(x):
        return F.linear(x, matrix)
    answer: Tensor = torch.ops.mkldnn._linear_pointwise(x, matrix, None, "none", [], "none")
    return answer


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    activation: Activation = "none",
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    groups: int = 1,
) -> Tensor:
    """The activation of a convolution: (B, Cin, H, W) -> (B, Cout, H/stride, W/stride)."""
    if _for_onednn(x):
        name, way = _NAMES[activation]
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, padding, stride, (1, 1), groups, name, [], way
        )
        return fused
    return activate(F.conv2d(x, weight, bias, stride, padding, groups=groups), activation)


def encoding_on_cpu(x: Tensor) -> bool:
    """Whether this is an encoding on a CPU and nothing else: no gradients, no tracing, nothing to compare with."""
    traced = torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling()
    return x.device.type == "cpu" and not traced and not torch.is_grad_enabled() and not one_by_one()


def _for_onednn(x: Tensor) -> bool:
    plain = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return _AVAILABLE and plain and encoding_on_cpu(x)


def activate(x: Tensor, activation: Activation) -> Tensor:
    """The activation alone, as a step of its own: any shape."""
    if activation == "gelu":
        return F.gelu(x)
    if activation == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    return F.relu(x) if activation == "relu" else x
