"""An encoder in pieces computes what it computes in one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from limner.sam.common import Mlp
from limner.sam.cpu import pieces
from limner.sam.cpu.fused import layers_one_by_one
from limner.sam.cpu.pieces import by_rows, by_tokens
from limner.sam.sam2.hiera import MultiScaleBlock
from limner.sam.tiny_vit import ConvNorm, MBConv, PatchEmbed, PatchMerging

EXACT = {"rtol": 1e-5, "atol": 1e-5}
STAGES: dict[str, tuple[Callable[[], nn.Module], int]] = {  # and the channels that go in
    "stem, stride 4": (lambda: PatchEmbed(8), 3),
    "bottleneck": (lambda: MBConv(8), 8),
    "step, stride 2": (lambda: PatchMerging(8, 12, 2), 8),
    "step, stride 1": (lambda: PatchMerging(8, 12, 1), 8),
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def trained(build: Callable[[], nn.Module]) -> nn.Module:
    """With norms that are not the identity, so that a zero of the padding and a zero of the map differ."""
    module = build()
    for layer in module.modules():
        if isinstance(layer, ConvNorm):
            nn.init.uniform_(layer.bn.weight, 0.5, 2)
            nn.init.normal_(layer.bn.bias)
            assert layer.bn.running_mean is not None
            nn.init.normal_(layer.bn.running_mean)
    return module.eval()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("height", [64, 40, 8])
def test_convolutions_by_rows(stage: str, batch: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    build, channels = STAGES[stage]
    module = trained(build)
    x = torch.randn(batch, channels, height, 24).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        with layers_one_by_one():
            whole = module(x)
        monkeypatch.setattr(pieces, "MAP_PIECE", 300 * batch)  # three rows of the stem's result, one of the others'
        torch.testing.assert_close(module(x), whole, **EXACT)


@pytest.mark.parametrize("rows", [1, 3, 4, 7])
def test_pieces_of_any_height_see_their_neighbours_and_the_border(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1)
    x = torch.randn(1, 2, 10, 6)
    heights: list[int] = []

    def layers(piece: Tensor) -> Tensor:
        heights.append(piece.shape[2])
        made: Tensor = layer(piece)
        return made

    monkeypatch.setattr(pieces, "MAP_PIECE", rows * 18)
    with torch.inference_mode():
        torch.testing.assert_close(by_rows(layers, x, 18), layer(x), **EXACT)
    assert len(heights) == -(-10 // rows)
    assert max(heights) <= rows + 2


def test_norms_in_training_look_at_the_whole_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAP_PIECE", 1)
    module = MBConv(8).train()
    x = torch.randn(1, 8, 16, 16)
    with torch.no_grad(), layers_one_by_one():
        whole = module(x)
    with torch.no_grad():
        torch.testing.assert_close(module(x), whole, **EXACT)


def test_gradients_reach_the_whole_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAP_PIECE", 1)
    calls: list[Tensor] = []
    by_rows(lambda x: calls.append(x) or x, torch.zeros(1, 1, 4, 1), 1)
    assert len(calls) == 1


@pytest.mark.parametrize("count", [7, 4096, 5000])
def test_layers_by_tokens(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "TOKENS_PIECE", 1100 * 96)
    mlp = Mlp(24, 96, "gelu")
    tokens = torch.randn(1, count, 24)
    seen: list[int] = []

    def layers(piece: Tensor) -> Tensor:
        seen.append(len(piece))
        return mlp._layers(piece)

    with torch.inference_mode():
        with layers_one_by_one():
            whole = mlp(tokens)
        torch.testing.assert_close(mlp(tokens), whole, **EXACT)
        by_tokens(layers, tokens, 96)
    assert max(seen) <= 1100
    assert len(seen) == max(1, -(-count // 1100))


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("height", [56, 64])
def test_blocks_by_rows_of_windows(pooled: bool, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    block = MultiScaleBlock(24, 48 if pooled else 24, 2, 14, pooled=pooled).eval()
    x = torch.randn(2, height, 64, 24)
    with torch.inference_mode():
        whole = block(x)
        monkeypatch.setattr(pieces, "TOKENS_PIECE", 2 * 14 * 64 * block.mlp.hidden_dim)  # a row of windows at a time
        calls: list[int] = []
        layers = block._layers
        monkeypatch.setattr(block, "_layers", lambda piece: calls.append(piece.shape[1]) or layers(piece))
        torch.testing.assert_close(block(x), whole, **EXACT)
    assert sum(calls) == height
    assert len(calls) > 1
    assert all(rows % 14 == 0 for rows in calls[:-1])
