"""Small layers that several boxes of the figure share. Parameter names are those of the published checkpoints."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.cpu.fused import Activation, dense
from limner.sam.cpu.pieces import by_tokens

Kind = TypeVar("Kind")


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of a (B, C, H, W) map."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(1, keepdim=True)  # (B, C, H, W)
        variance = centred.square().mean(1, keepdim=True)  # (B, 1, H, W)
        return centred * torch.rsqrt(variance + self.eps) * self.weight[:, None, None] + self.bias[:, None, None]


class Mlp(nn.Module):
    """The two-layer perceptron of a transformer block."""

    def __init__(self, dim: int, hidden_dim: int, activation: Activation) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden_dim)
        self.activation: Activation = activation
        self.lin2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return by_tokens(self._layers, x, self.lin1.out_features)

    def _layers(self, x: Tensor) -> Tensor:
        return dense(dense(x, self.lin1, self.activation), self.lin2)


class NumberedMlp(nn.Module):
    """The same with the names of SAM 2's checkpoints."""

    def __init__(self, dim: int, hidden_dim: int, activation: Activation) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)])
        self.activation: Activation = activation
        self.hidden_dim = hidden_dim

    def forward(self, x: Tensor) -> Tensor:
        return by_tokens(self._layers, x, self.hidden_dim)

    def _layers(self, x: Tensor) -> Tensor:
        first, last = (as_kind(layer, nn.Linear) for layer in self.layers)
        return dense(dense(x, first, self.activation), last)


class Head(nn.Module):
    """A perceptron with ReLU between its layers, which turns an output token into numbers."""

    def __init__(self, dim: int, hidden_dim: int, out_dim: int, depth: int = 3) -> None:
        super().__init__()
        dims = [dim, *[hidden_dim] * (depth - 1), out_dim]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(dims))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        y: Tensor = self.layers[-1](x)
        return y


def as_kind(value: object, kind: type[Kind]) -> Kind:
    """``value`` as what it is known to be."""
    assert isinstance(value, kind)
    return value
