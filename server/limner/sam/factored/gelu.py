r"""GELU as exported graphs compute it: within 1e-7 everywhere, by operators that runtimes do fast.

The exact one goes through the error function, which onnxruntime in WebAssembly computes at 3.6 ns a value: a quarter
of a click. An addition or a multiplication takes .12. With u = |x| and Φ the normal distribution,

    2 GELU(x) = 2 x Φ(x) = x + u - 2 u Φ(-u),    2 u Φ(-u) = u erfc(u/√2) ≈ u / P(u)²⁷

where P is a polynomial of degree 5, much as in Abramowitz & Stegun 7.1.28 (where it is to the power of 16), fitted to
the product with u: GELU is off by 9e-8 at most. Three cubes are a step less than the four squares of that power, since
each is read and written once, and are nearer to it. P grows, so that what is far from 0 needs no case of its own; and
nothing here branches, as onnxruntime's Relu does for each value, at 4 ns where signs are mixed. x is in units in which
P begins with u⁵, which saves a multiplication, as the 2 does: those constants that x comes from, and goes to, are
multiplied instead.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SCALE = 0.12266475645240267  # of those units: SCALE·x is given, and 2·SCALE·GELU(x) comes
COEFFICIENTS = (-0.37131687454325724, 0.9302784192569916, 0.8118855069485508, 0.2409322116987565, 0.9999997600977317)
CUBES = 3  # to the power of 27


def gelu_scales() -> tuple[float, float]:
    """What :func:`gelu` wants its argument multiplied with, and what its answer is: 1 but in an exported graph."""
    return (SCALE, 2 * SCALE) if torch.onnx.is_in_onnx_export() else (1.0, 1.0)


def gelu(x: Tensor) -> Tensor:
    """s·x -> t·GELU(x), of any shape, with s and t of :func:`gelu_scales`; exact where no graph is exported."""
    return scaled_gelu(x) if torch.onnx.is_in_onnx_export() else F.gelu(x)


def scaled_gelu(x: Tensor) -> Tensor:
    """``SCALE``·x -> 2·``SCALE``·GELU(x), of any shape, within 1e-7 of GELU(x) but for what float32 rounds."""
    u = x.abs()
    first, *others = COEFFICIENTS
    p = u + first
    for coefficient in others:
        p = p * u + coefficient
    for _ in range(CUBES):
        p = p**3
    return (x + u) - u / p
