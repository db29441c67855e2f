"""The ViT's attention with decomposed relative positions: exact, however it is cut into pieces."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from limner.sam import relative_positions
from limner.sam.cpu.attention import MANY_KEYS, attend
from limner.sam.vit import Attention


def written_out(attention: Attention, x: Tensor) -> Tensor:
    """The formula, a score for every pair of positions (y, x) and (v, u), in float64."""
    _, h, w, dim = x.shape
    qkv = attention.qkv(x).view(1, h * w, 3, attention.num_heads, -1)
    q, k, v = qkv[0].permute(1, 2, 0, 3)  # (heads, h·w, d) each
    rows, columns = torch.arange(h * w) // w, torch.arange(h * w) % w
    by_row = attention.rel_pos_h[rows[:, None] - rows + h - 1]  # (h·w, h·w, d)
    by_column = attention.rel_pos_w[columns[:, None] - columns + w - 1]
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5 + torch.einsum("nqd,qkd->nqk", q, by_row + by_column)
    answer = scores.softmax(-1) @ v  # (heads, h·w, d)
    return attention.proj(answer.transpose(0, 1).reshape(1, h, w, dim))


@pytest.mark.parametrize("elements", [1, 1000, 2**25])
@pytest.mark.parametrize("learning", [False, True], ids=["in cache", "fused"])
def test_it_is_exact_to_a_hundred_thousandth(learning: bool, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relative_positions, "MAX_BIAS_ELEMENTS", elements)
    monkeypatch.setattr(relative_positions, "MAX_CACHED_ELEMENTS", elements)
    torch.manual_seed(1)
    attention = Attention(dim=48, num_heads=3, size=9)
    for table in (attention.rel_pos_h, attention.rel_pos_w):
        torch.nn.init.normal_(table)
    x = torch.randn(2, 9, 9, 48)
    with torch.set_grad_enabled(learning):
        fast = attention(x)
    assert fast.requires_grad == learning
    attention.double()
    exact = torch.cat([written_out(attention, one[None].double()) for one in x])
    assert (fast - exact).abs().max() < 1e-5 * exact.abs().max()


@pytest.mark.parametrize("keys", [70, MANY_KEYS + 5])
@pytest.mark.parametrize("queries", [3, 700])
def test_attention_without_positions_is_what_torch_computes(queries: int, keys: int) -> None:
    torch.manual_seed(2)
    q, k, v = torch.randn(3, queries, 24), torch.randn(3, keys, 24), torch.randn(3, keys, 24)
    exact = torch.nn.functional.scaled_dot_product_attention(q.double(), k.double(), v.double())
    with torch.inference_mode():
        assert (attend(q, k, v) - exact).abs().max() < 1e-5 * exact.abs().max()
    assert (attend(q, k, v) - exact).abs().max() < 1e-5 * exact.abs().max()  # with gradients
