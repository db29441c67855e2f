"""Layers of an encoder over one piece of a map after the other.

Between layers that widen, a map is several times larger than what goes in and comes out. An encoder on a CPU makes it
in pieces, which stay in the cache and in memory that the process has already: the results are the same, and a MobileSAM
takes 0.9 of the time. Everywhere else (gradients, export, other devices) the map is one piece.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from limner.sam.cpu.fused import encoding_on_cpu

MAP_PIECE = 2 << 20  # numbers in the widest map of a piece: 8 MB of float32, in the cache of most CPUs
# Linear layers lay their weights out anew for every piece, so theirs are larger: just small enough (24 MB) for the C
# library to give the same memory again, where more than 32 MB would come fresh, and as zeros, from the system.
TOKENS_PIECE = 6 << 20

Layers = Callable[[Tensor], Tensor]


def by_tokens(layers: Layers, tokens: Tensor, widest: int) -> Tensor:
    """``layers(tokens)`` for layers that look at each token by itself: (..., C) -> (..., C').

    Args:
        layers: what to compute.
        tokens: its input.
        widest: channels of the widest map inside.
    """
    if not encoding_on_cpu(tokens):  # asked first: in a traced graph, sizes may be unknown
        return layers(tokens)
    count = tokens.numel() // tokens.shape[-1]
    pieces = -(-count * widest // TOKENS_PIECE)
    if pieces == 1:
        return layers(tokens)
    rows = torch.split(tokens.flatten(0, -2), -(-count // pieces))
    return torch.cat([layers(piece) for piece in rows]).view(*tokens.shape[:-1], -1)


def by_window_rows(layers: Layers, x: Tensor, side: int, widest: int) -> Tensor:
    """``layers(x)`` for layers that look at windows of ``side`` cells by themselves: (B, h, w, C) -> (B, h', w', C').

    Args:
        layers: what to compute; of a map with fewer rows, it gives as many fewer.
        x: its input, whose rows are cut into windows from the top.
        side: of a window.
        widest: channels of the widest map inside.
    """
    if not encoding_on_cpu(x):
        return layers(x)
    batch, height, width, _ = x.shape
    rows = max(1, TOKENS_PIECE // (batch * side * width * widest)) * side
    if rows >= height:
        return layers(x)
    return torch.cat([layers(piece) for piece in torch.split(x, rows, dim=1)], dim=1)


def by_rows(layers: Layers, x: Tensor, widest: int, *, stride: int = 1, training: bool = False) -> Tensor:
    """``layers(x)`` for padded convolutions: (B, C, H, W) -> (B, C', H/stride, W/stride).

    A row of the result may depend on rows of `x` up to a stride away from its own, no further: each piece is computed
    with one row of the result more at both ends, wrong because padded with zeros, and dropped. At the borders of the
    map the zeros are right.

    Args:
        layers: what to compute.
        x: its input; H is a multiple of the stride.
        widest: numbers that the widest map inside has for each row of the result.
        stride: of all layers together.
        training: the layers' mode; norms that are training look at the whole map, which is one piece then.
    """
    if training or not encoding_on_cpu(x):
        return layers(x)
    height = x.shape[2] // stride
    rows = max(MAP_PIECE // (x.shape[0] * widest), 1)
    if rows >= height:
        return layers(x)
    pieces = []
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first, last = max(0, top - 1), min(height, bottom + 1)
        piece = layers(x[:, :, first * stride : last * stride])
        pieces.append(piece[:, :, top - first : bottom - first])
    return torch.cat(pieces, dim=2)
