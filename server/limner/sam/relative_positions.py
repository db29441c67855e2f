"""Attention on a map with decomposed relative positions (MViTv2, Li et al. 2021, arXiv:2112.01526, section 4.1).

The score of query q at (y, x) and key k at (y', x') is q·k / sqrt(d) + bias_h[q, y'] + bias_w[q, x']. Written down, the
biases of one image would be a matrix of tokens × tokens for every head, so both ways here take the queries piece by
piece. N counts the heads of all maps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_BIAS_ELEMENTS = 2**25  # 128 MB of float32 position bias at a time; a whole ViT-H image would need 1 GB
MAX_CACHED_ELEMENTS = 2**19  # 2 MB of float32 scores at a time


def relative(table: Tensor, size: int) -> Tensor:
    """R[i, j] = table[i - j + size - 1]: (2·size - 1, d) -> (size, size, d)."""
    index = torch.arange(size, device=table.device)
    return table[index[:, None] - index[None, :] + size - 1]


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """Each query's answer.

    Args:
        queries: (N, h, w, d).
        keys: (N, h·w, d).
        values: (N, h·w, d).
        bias_h: (N, h, w, h).
        bias_w: (N, h, w, w).

    Returns:
        (N, h·w, d).
    """
    plain = queries.device.type == "cpu" and queries.dtype == torch.float32
    if plain and not torch.is_grad_enabled() and not torch.onnx.is_in_onnx_export():
        return _in_cache(queries, keys, values, bias_h, bias_w)
    return _fused(queries, keys, values, bias_h, bias_w)


def _in_cache(queries: Tensor, keys: Tensor, values: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """On a CPU: biases, scores and softmax in one buffer that stays in the cache; a third less than the fused way."""
    N, h, w, d = queries.shape
    heads_at_a_time = max(1, MAX_CACHED_ELEMENTS // (h * w * h * w))
    rows_at_a_time = max(1, min(h, MAX_CACHED_ELEMENTS // (w * h * w)))
    buffer = queries.new_empty(heads_at_a_time * rows_at_a_time * w * h * w)
    answers = queries.new_empty(N, h * w, d)
    for first in range(0, N, heads_at_a_time):
        heads = slice(first, first + heads_at_a_time)
        for top in range(0, h, rows_at_a_time):
            rows = slice(top, top + rows_at_a_time)
            some = queries[heads, rows].flatten(1, 2)  # (n, rows·w, d)
            size = len(some), some.shape[1] // w, w, h, w
            bias = buffer[: some.shape[0] * some.shape[1] * h * w].view(size)
            torch.add(bias_h[heads, rows, :, :, None], bias_w[heads, rows, :, None, :], out=bias)
            scores = bias.view(*some.shape[:2], h * w)
            torch.baddbmm(scores, some, keys[heads].transpose(1, 2), alpha=d**-0.5, out=scores)
            torch.softmax(scores, -1, out=scores)
            torch.bmm(scores, values[heads], out=answers[heads, top * w : (top + size[1]) * w])
    return answers


def _fused(queries: Tensor, keys: Tensor, values: Tensor, bias_h: Tensor, bias_w: Tensor) -> Tensor:
    """Torch's own kernel, which takes the biases as a mask."""
    N, h, w, _ = map(int, queries.shape)  # plain numbers: a traced graph is of one size
    rows_at_a_time = max(1, MAX_BIAS_ELEMENTS // (N * w * h * w))
    answers = []
    for top in range(0, h, rows_at_a_time):
        rows = slice(top, top + rows_at_a_time)
        bias = bias_h[:, rows, :, :, None] + bias_w[:, rows, :, None, :]  # (N, rows, w, h, w)
        some = queries[:, rows].flatten(1, 2)  # (N, rows·w, d)
        mask = bias.view(N, -1, h * w).to(some.dtype)
        answers.append(F.scaled_dot_product_attention(some[:, None], keys[:, None], values[:, None], mask[:, None]))
    return torch.cat(answers, 2)[:, 0]
