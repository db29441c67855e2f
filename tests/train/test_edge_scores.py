"""Agreement of edges with outlines: exact on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from limner.train.edge_scores import edge_scores, outlines


def _lines(*columns: int) -> np.ndarray:
    truth = np.zeros((40, 40), np.bool_)
    truth[:, list(columns)] = True
    return truth


def test_the_same_lines_agree_wholly() -> None:
    truth = _lines(10, 30)
    scores = edge_scores([(truth.astype(np.float32), truth)])
    assert (scores.ods, scores.ois, scores.precision, scores.recall, scores.recall_at_half) == (1, 1, 1, 1, 1)


def test_half_of_the_lines_and_as_much_beside_them_is_a_half() -> None:
    found = _lines(10, 20).astype(np.float32)  # one right, one wrong; one of two is missing
    scores = edge_scores([(found, _lines(10, 30))])
    assert scores.precision == pytest.approx(0.5)
    assert scores.recall == pytest.approx(0.5)
    assert scores.ods == pytest.approx(0.5)
    assert scores.recall_at_half == pytest.approx(0.5)


def test_the_threshold_that_leaves_out_what_is_wrong_is_found() -> None:
    found = _lines(10, 30) * np.float32(0.8) + _lines(20) * np.float32(0.4)
    scores = edge_scores([(found, _lines(10, 30))])
    assert scores.ods == 1
    assert 0.4 < scores.threshold <= 0.8


def test_a_threshold_of_its_own_helps_an_image() -> None:
    truth = _lines(10)
    strong = truth * np.float32(0.9) + _lines(30) * np.float32(0.7)
    weak = truth * np.float32(0.5)
    scores = edge_scores([(strong, truth), (weak, truth)])
    assert scores.ois == 1
    assert scores.ods < 1


def test_nothing_found_is_no_agreement() -> None:
    scores = edge_scores([(np.zeros((40, 40), np.float32), _lines(10))])
    assert (scores.ods, scores.recall, scores.recall_at_half) == (0, 0, 0)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        edge_scores([])


def test_outlines_leave_out_the_rim_of_the_image() -> None:
    mask = np.zeros((10, 10), np.bool_)
    mask[:6, :6] = True
    expected = np.zeros((10, 10), np.bool_)
    expected[5, :6] = expected[:6, 5] = True
    assert np.array_equal(outlines([mask]), expected)
