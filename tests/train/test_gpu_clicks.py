from __future__ import annotations

import torch

from limner.train.gpu_clicks import PEELS, depth, simulated_corrections


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_depth_counts_cells_to_the_outside() -> None:
    mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    mask[:, 2:7, 2:7] = True
    assert depth(mask)[0, 4].tolist() == [0, 0, 1, 2, 3, 2, 1, 0, 0]
    full = torch.ones(1, 5, 5, dtype=torch.bool)
    assert depth(full)[0, 2].tolist() == [1, 2, 3, 2, 1]
    assert depth(torch.ones(1, 200, 200, dtype=torch.bool)).max() == PEELS


def test_clicks_go_where_the_answer_is_wrong() -> None:
    target, predicted = torch.zeros(2, 64, 24, 32, dtype=torch.bool).unbind()
    target[:, 4:20, 4:16] = True
    predicted[:32, 4:20, 4:12] = True  # misses a strip
    predicted[32:, 4:20, 4:20] = True  # has a strip too much
    places, labels = simulated_corrections(predicted, target, generator())
    assert labels.tolist() == [1.0] * 32 + [0.0] * 32
    assert ((places[:32, 0] > 12) & (places[:32, 0] < 16)).all()
    assert ((places[32:, 0] > 16) & (places[32:, 0] < 20)).all()
    assert ((places[:, 1] > 4) & (places[:, 1] < 20)).all()
    assert len({tuple(place) for place in places.tolist()}) > 20


def test_the_deeper_error_is_corrected_more_often() -> None:
    target, predicted = torch.zeros(2, 200, 32, 32, dtype=torch.bool).unbind()
    target[:, 2:14, 2:14] = True  # missing, deep
    predicted[:, 20:22, 20:30] = True  # surplus, shallow
    _, labels = simulated_corrections(predicted, target, generator(1))
    assert 0.8 < labels.mean() < 1.0


def test_a_right_answer_gets_one_more_click_inside() -> None:
    target = torch.zeros(3, 16, 16, dtype=torch.bool)
    target[:2, 5:8, 9:12] = True
    places, labels = simulated_corrections(target, target, generator())
    assert labels.tolist() == [1.0, 1.0, 0.0]
    assert ((places[:2, 0] > 9) & (places[:2, 0] < 12) & (places[:2, 1] > 5) & (places[:2, 1] < 8)).all()
    assert places[2].tolist() == [0.5, 0.5]


def test_the_same_seed_gives_the_same_clicks() -> None:
    target = torch.rand(8, 16, 16, generator=generator(3)) > 0.5
    predicted = torch.rand(8, 16, 16, generator=generator(4)) > 0.5
    first, again = (simulated_corrections(predicted, target, generator(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
