"""Attention of an encoder: on a CPU in float32 its scores stay in the cache; everywhere else torch's own kernel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from limner.sam.cpu.fused import encoding_on_cpu, product

MAX_CACHED_ELEMENTS = 2**19  # 2 MB of float32 scores at a time
MANY_KEYS = 1024  # from so many on, laying them out anew for oneDNN is little beside the products with them


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Each query's answer; N counts the heads of all maps or windows.

    Args:
        queries: (N, Q, d), unscaled.
        keys: (N, K, d).
        values: (N, K, d).

    Returns:
        (N, Q, d).
    """
    if not (queries.dtype == torch.float32 and encoding_on_cpu(queries)):
        return F.scaled_dot_product_attention(queries[None], keys[None], values[None])[0]
    (N, Q, d), K = queries.shape, keys.shape[1]
    if K >= MANY_KEYS:
        return torch.stack([_attend_to_many(*of_head) for of_head in zip(queries, keys, values, strict=True)])
    heads_at_a_time = max(1, MAX_CACHED_ELEMENTS // (Q * K))
    rows_at_a_time = max(1, min(Q, MAX_CACHED_ELEMENTS // K))
    buffer = queries.new_empty(heads_at_a_time * rows_at_a_time * K)
    answers = queries.new_empty(N, Q, d)
    for first in range(0, N, heads_at_a_time):
        heads = slice(first, first + heads_at_a_time)
        for top in range(0, Q, rows_at_a_time):
            some = queries[heads, top : top + rows_at_a_time]  # (n, rows, d)
            count, rows, _ = some.shape
            scores = buffer[: count * rows * K].view(count, rows, K)
            torch.baddbmm(scores, some, keys[heads].transpose(1, 2), beta=0, alpha=d**-0.5, out=scores)
            torch.softmax(scores, -1, out=scores)
            torch.bmm(scores, values[heads], out=answers[heads, top : top + rows])
    return answers


def _attend_to_many(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """One head: (Q, d), (K, d) and (K, d) -> (Q, d), by oneDNN, whose products of this size take half of the time."""
    keys, columns = keys.contiguous(), values.T.contiguous()  # oneDNN is many times slower with rows that lie apart
    answers = queries.new_empty(queries.shape)
    rows = max(1, MAX_CACHED_ELEMENTS // len(keys))
    for top in range(0, len(queries), rows):
        scores = product(queries[top : top + rows] * queries.shape[1] ** -0.5, keys)
        torch.softmax(scores, -1, out=scores)
        answers[top : top + rows] = product(scores, columns)
    return answers
