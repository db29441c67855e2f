"""A small version of `make soak`."""

from __future__ import annotations

import signal

import pytest

from limner.config import Settings
from tests.soak import Outcome, Round, Soak


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_however_often_the_server_is_killed(settings: Settings) -> None:
    outcome = Soak(settings, writers=6, saves=20).run(kills=2)
    assert outcome.good, outcome.table()
    assert len(outcome.rounds) == 3
    assert all(each.acknowledged for each in outcome.rounds)


@pytest.mark.slow
def test_a_server_that_is_asked_to_stop_while_people_save_ends_well_and_loses_nothing(settings: Settings) -> None:
    soak = Soak(settings, writers=6, saves=20, how=signal.SIGTERM)
    outcome = soak.run(kills=2)
    assert outcome.good, outcome.table()
    assert soak.statuses == [0, 0]


def test_the_table_counts_what_is_amiss() -> None:
    outcome = Outcome([Round(1.0, 30, 2), Round(1.5, 20, 0)], lost=["a"], damaged=["b: missing"])
    assert not outcome.good
    assert outcome.table().endswith(
        "| 2 | 1.5 | 20 | 0 |\n\n50 changes acknowledged: 1 lost, 0 duplicated, 0 wrong; 1 damaged or missing files."
    )
