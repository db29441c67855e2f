"""Layers with their activation: the same numbers whichever way they go."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.cpu import fused
from limner.sam.cpu.fused import Activation, convolve, dense, layers_one_by_one

ACTIVATIONS: tuple[Activation, ...] = ("none", "gelu", "relu")
EXACT = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tokens", [fused.MIN_TOKENS // 2, 2 * fused.MIN_TOKENS])
def test_a_linear_layer(activation: Activation, bias: bool, tokens: int) -> None:
    layer = nn.Linear(24, 40, bias=bias)
    windows = torch.randn(tokens // 4, 2, 24, 2).transpose(2, 3)  # (…, 2, 2, 24), as a window is cut out of a map
    with torch.inference_mode():
        made = dense(windows, layer, activation)
        with layers_one_by_one():
            torch.testing.assert_close(made, dense(windows, layer, activation), **EXACT)
    exact = F.linear(windows.double(), layer.weight.double(), layer.bias.double() if bias else None)
    expected = {"none": exact, "gelu": F.gelu(exact), "relu": F.relu(exact)}[activation]
    torch.testing.assert_close(made.double(), expected, **EXACT)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 2, 1), (3, 1, 16), (3, 2, 16)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution(
    activation: Activation,
    kernel: int,
    stride: int,
    groups: int,
    layout: torch.memory_format,
) -> None:
    x = torch.randn(2, 16, 21, 18).to(memory_format=layout)
    weight, bias = torch.randn(32, 16 // groups, kernel, kernel), torch.randn(32)

    def run() -> Tensor:
        half = kernel // 2
        return convolve(x, weight, bias, activation, stride=(stride, stride), padding=(half, half), groups=groups)

    with torch.inference_mode():
        made = run()
        with layers_one_by_one():
            torch.testing.assert_close(made, run(), **EXACT)


def test_gradients_and_other_formats_take_torchs_own_way() -> None:
    layer, x = nn.Linear(8, 8), torch.randn(2 * fused.MIN_TOKENS, 8)
    dense(x, layer, "gelu").sum().backward()
    assert layer.weight.grad is not None
    with torch.inference_mode():
        assert dense(x.double(), layer.double(), "gelu").dtype == torch.float64
        with torch.autocast("cpu", torch.bfloat16):
            assert dense(x, layer.float(), "gelu").dtype == torch.bfloat16


def test_this_torch_has_the_fused_layers() -> None:
    """Otherwise encoding is slower than the documentation says, and nobody would notice."""
    assert fused._AVAILABLE
