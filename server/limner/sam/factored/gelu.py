r"""GELU as exported graphs compute it: within 1.5e-6 everywhere, by operators that runtimes do fast.

The exact one goes through the error function, which onnxruntime in WebAssembly computes at 3.6 ns a value: a quarter
of a click. An addition or a multiplication takes .12. With u = |x| and Φ the normal distribution,

    GELU(x) = x Φ(x) = max(x, 0) - u Φ(-u),    u Φ(-u) = u erfc(u/√2) / 2 ≈ u / Q(u)¹⁶

where Q is a polynomial of degree 5, as in Abramowitz & Stegun 7.1.28, fitted to the product with u: its largest error
is 1.5e-6. Q grows, so that what is far from 0 needs no case of its own. x is in units in which Q begins with u⁵, which
saves a multiplication: those constants that x comes from, and goes to, are multiplied instead.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SCALE = 0.15857790001457156  # of those units: x is given, and GELU(x) comes, times this
COEFFICIENTS = (-0.19341335207377314, 0.9213371101568593, 0.8704321800190924, 0.3287776328263557, 1.0442674041096098)
SQUARINGS = 4  # to the power of 16


def gelu_scale() -> float:
    """What :func:`gelu` wants its argument multiplied with: 1 but in a graph that is being exported."""
    return SCALE if torch.onnx.is_in_onnx_export() else 1.0


def gelu(x: Tensor) -> Tensor:
    """s·x -> s·GELU(x), of any shape, with s of :func:`gelu_scale`; exact where no graph is exported."""
    return scaled_gelu(x) if torch.onnx.is_in_onnx_export() else F.gelu(x)


def scaled_gelu(x: Tensor) -> Tensor:
    """``SCALE``·x -> ``SCALE``·GELU(x), of any shape, within 1.5e-6 of GELU(x) but for what float32 rounds."""
    u = x.abs()
    first, *others = COEFFICIENTS
    q = u + first
    for coefficient in others:
        q = q * u + coefficient
    for _ in range(SQUARINGS):
        q = q * q
    return x.relu() - u / q
