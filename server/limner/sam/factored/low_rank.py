"""The image tokens of SAM's decoder as *scale ∘ (base + columns · rows)*, and attention to and from them.

:mod:`limner.sam.factored.decoder` derives what is done here. Shapes are of C = 256 channels, M cells, 8 heads of 16
channels, N tokens and R rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

HALVINGS = 3  # 8 tokens become one; of more than that several are left


class Factors(NamedTuple):
    """What all projections of the image tokens share: each is scale ∘ (its base + its columns · rows)."""

    rows: Tensor  # (R, M)
    scale: Tensor | None  # (1, M); None where it is 1


class View(NamedTuple):
    """One projection of the image tokens: keys, values or queries of 8 heads."""

    base: Tensor  # (8, 16, M); values are transposed, (8, M, 16)
    columns: Tensor  # (8, 16, R)
    pe: Tensor | None = None  # (8, 16, M), of the positions, where the base does not contain it


class TokenUpdate(NamedTuple):
    """What the tokens add to the image: Σ_h outᵀ_h · values_hᵀ · weights_h, for any projection ``out`` of it.

    With ``kept`` = N - 1 and ``capped`` = 0 there are R = 8(N-1) rows: the weights of each head sum to one over the
    tokens, so that the first token needs none. With ``kept`` = 0 and ``capped`` = 16 there are R = 8·16, whatever N.
    Both are tensors, and both forms always computed, so that a traced graph takes any number of points.
    """

    values: Tensor  # (8, N, 16)
    kept: Tensor
    capped: Tensor

    def rows(self, weights: Tensor) -> Tensor:
        """Weights (8, N, M) -> (R, M)."""
        channels = self.values[:, :, : self.capped].transpose(1, 2) @ weights  # (8, 0 or 16, M)
        return torch.cat([weights[:, 1 : 1 + self.kept].flatten(0, 1), channels.flatten(0, 1)])

    def columns(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """``out`` (8, 16, F) -> columns, transposed, (R, F), and what is added everywhere, (1, F)."""
        differences = self.values[:, 1 : 1 + self.kept] - self.values[:, :1]  # (8, N-1 or 0, 16)
        columns = torch.cat([(differences @ out).flatten(0, 1), out[:, : self.capped].flatten(0, 1)])
        first = self.values[:, 0].reshape(1, -1) * (self.capped == 0).to(out.dtype)  # (1, 8·16)
        return columns, first @ out.flatten(0, 1)


def attend(queries: Tensor, image: Factors, keys: View, values: View) -> Tensor:
    """Queries (8, N, 16) look at the image -> (8, N, 16)."""
    attention = torch.softmax(scores(queries, image, keys), -1)  # (8, N, M)
    if image.scale is not None:
        attention = attention * image.scale
    on_rows = (attention.flatten(0, 1) @ image.rows.T).view(*attention.shape[:2], -1)  # (8, N, R)
    return attention @ values.base + on_rows @ values.columns.transpose(1, 2)


def scores(queries: Tensor, image: Factors, keys: View) -> Tensor:
    """Queries (8, N, 16) against the cells of the image -> (8, N, M)."""
    on_base = queries @ keys.base  # (8, N, M)
    on_columns = (queries @ keys.columns).flatten(0, 1)  # (8 N, R)
    found = on_base + (on_columns @ image.rows).view_as(on_base)
    if image.scale is not None:
        found = found * image.scale
    return found if keys.pe is None else found + queries @ keys.pe


def softmax_over_tokens(scores: Tensor) -> Tensor:
    """Softmax of (8, N, M) over N, written out: runtimes transpose for a softmax along any but the last axis."""
    powers = torch.exp(scores - _largest(scores))
    return powers * (1 / powers.sum(1, keepdim=True))


def _largest(scores: Tensor) -> Tensor:
    """Of (8, N, M) over N, up to rounding, which a softmax does not mind: (8, 1, M).

    Half of the tokens against the other half, as long as there can be several: onnxruntime in WebAssembly finds the
    largest of a column with a branch for each value, which takes several times as long. WebGPU has no operator for the
    larger of two maps.
    """
    for _ in range(HALVINGS):
        half = (scores.shape[1] + 1) // 2
        one, other = scores[:, :half], scores[:, scores.shape[1] - half :]
        scores = 0.5 * (one + other + (one - other).abs())
    return scores.amax(1, keepdim=True)


def squares(columns: Tensor, rows: Tensor, twice_dot: Tensor, left_out: Tensor, more_rows: Tensor) -> Tensor:
    """What columns · rows adds to the squared norm of a base, for each cell: (1, M).

    From the columns, transposed, (R, C), the rows (R, M) and twice the columns' inner products with the base (R, M),
    to which left_out (R, L) · image (L, M) is to be added; ``more_rows`` (R + L, M) are the rows and then this image.
    """
    gram = columns @ columns.T  # (R, R)
    return (rows * torch.addmm(twice_dot, torch.cat([gram, left_out], 1), more_rows)).sum(0, keepdim=True)
