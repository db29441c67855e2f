"""Which cells say which box, and how far answers are from that."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limner.heads.detector import Detections, all_middles, grid_of
from limner.train.detector.losses import box_ious, losses
from limner.train.detector.targets import Targets, targets_of
from limner.vocabulary.geometry import ImageGeometry
from tests.train.detector.squares import CELLS, CONFIG, SIDE

WIDE = ImageGeometry(SIDE // 2, SIDE, SIDE)


def targets(*boxes: tuple[float, float, float, float]) -> Targets:
    return targets_of(CONFIG, WIDE, np.asarray(boxes, np.float64), np.zeros(len(boxes), np.int64))


def cells_of(wanted: Targets, index: int) -> list[tuple[float, float]]:
    return [(x, y) for x, y in all_middles(CONFIG)[wanted.objects == index].tolist()]


def test_cells_near_the_middle_of_a_box_say_it() -> None:
    wanted = targets((32, 16, 64, 48))  # middle 48, 32; 4 cells of 8 px
    near = cells_of(wanted, 0)
    assert all(abs(x - 48) <= 8 and abs(y - 32) <= 8 for x, y in near)
    assert {(44.0, 28.0), (52.0, 28.0), (44.0, 36.0), (52.0, 36.0)} <= set(near)


def test_a_box_between_all_cells_is_said_by_the_nearest() -> None:
    assert cells_of(targets((10, 10, 11, 11)), 0) == [(12.0, 12.0)]


def test_of_two_boxes_with_one_middle_the_smaller_is_said_there_and_the_larger_around() -> None:
    wanted = targets((16, 0, 80, 64), (44, 28, 52, 36))
    assert (44.0, 28.0) in cells_of(wanted, 1)
    assert len(cells_of(wanted, 0)) > 0


def test_large_boxes_are_said_by_coarse_grids() -> None:
    finest = np.prod(grid_of(CONFIG, 0))
    assert (targets((0, 0, 128, 64)).objects[:finest] == -1).all()


def test_padding_says_nothing() -> None:
    seen = targets((32, 16, 64, 48)).seen
    assert seen[: CELLS * CELLS].view(CELLS, CELLS)[: CELLS // 2].all()
    assert not seen[: CELLS * CELLS].view(CELLS, CELLS)[CELLS // 2 :].any()


def test_right_answers_cost_nearly_nothing_and_wrong_ones_more() -> None:
    wanted = targets((32, 16, 64, 48))
    says = wanted.objects >= 0
    boxes = torch.tensor([0.0, 0.0, 8.0, 8.0]).repeat(len(says), 1)
    boxes[says] = wanted.boxes[0]
    categories = torch.zeros(1, len(says), 2)
    categories[..., 0] = 20.0
    right = losses(Detections(boxes[None], torch.where(says, 20.0, -20.0)[None], categories), [wanted])
    assert float(right.total) < 1e-3
    wrong = losses(Detections(boxes[None] + 100, torch.where(says, -20.0, 20.0)[None], -categories), [wanted])
    assert all(bad > good + 1 for good, bad in zip(right, wrong, strict=True))


def test_ious_of_boxes_are_those_of_the_papers() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [0.0, 0, 1, 1], [0.0, 0, 1, 1]])
    b = torch.tensor([[1.0, 0, 3, 2], [0.0, 0, 1, 1], [2.0, 0, 3, 1]])
    iou, generalised = box_ious(a, b)
    assert iou.tolist() == pytest.approx([1 / 3, 1, 0])
    assert generalised.tolist() == pytest.approx([1 / 3, 1, -1 / 3])
