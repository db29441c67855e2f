"""Measures of agreement, against published values."""

import pytest

from limner.quality.agreement import cohens_kappa, krippendorffs_alpha

# The data of section C of Krippendorff, "Computing Krippendorff's Alpha-Reliability": 4 observers, 12 units.
OBSERVERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
UNITS = [[value for value in unit if value != "."] for unit in zip(*(row.split() for row in OBSERVERS), strict=True)]


def test_cohens_kappa_has_the_published_values():
    # two readers of 50 proposals: 20 x yes-yes, 5 x yes-no, 10 x no-yes, 15 x no-no
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    # the example in scikit-learn's description of cohen_kappa_score
    ones = ["negative", "positive", "negative", "neutral", "positive"]
    others = ["negative", "positive", "negative", "neutral", "negative"]

    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa(list(zip(ones, others, strict=True))) == pytest.approx(0.6875)


def test_kappa_is_one_when_all_agree_and_below_zero_when_people_contradict_each_other():
    assert cohens_kappa([(1, 1), (2, 2)]) == 1
    assert cohens_kappa([(1, 2), (2, 1)]) == -1


def test_kappa_is_not_defined_where_nothing_could_differ():
    assert cohens_kappa([]) is None
    assert cohens_kappa([(1, 1), (1, 1)]) is None


def test_krippendorffs_alpha_has_the_published_value():
    assert krippendorffs_alpha(UNITS) == pytest.approx(0.743, abs=0.0005)


def test_alpha_of_two_people_and_two_values_has_the_published_value():
    # section A of the same paper: ten articles, two observers
    ones, others = "0100000000", "1110010010"

    assert krippendorffs_alpha(list(zip(ones, others, strict=True))) == pytest.approx(0.095, abs=0.0005)


def test_alpha_is_one_when_all_agree_and_not_defined_where_nothing_could_differ():
    assert krippendorffs_alpha([[1, 1, 1], [2, 2]]) == 1
    assert krippendorffs_alpha([[1], [2], []]) is None
    assert krippendorffs_alpha([[1, 1], [1, 1]]) is None
