"""When a project will be done, at the pace of the last days."""

from __future__ import annotations

from datetime import date, timedelta

from limner.store.statistics import (
    ProgressDay,
    forecast,
)

TODAY = date(2026, 6, 30)


def day(before: int, **images: int) -> ProgressDay:
    return ProgressDay(TODAY - timedelta(days=before), images)


def test_the_forecast_goes_on_at_the_pace_of_the_last_days() -> None:
    steady = [day(100, waiting=1000), day(90, waiting=900, submitted=100), day(0, waiting=760, submitted=240)]
    assert forecast(steady, TODAY).per_day == 10  # 140 within 14 days
    assert forecast(steady, TODAY).ends == TODAY + timedelta(days=76)
    begun = [day(3, waiting=100), day(1, waiting=96, approved=4), day(0, waiting=88, returned=2, approved=10)]
    assert (forecast(begun, TODAY).open, forecast(begun, TODAY).per_day) == (90, 5)  # since the first, two days
    assert forecast(begun, TODAY).ends == TODAY + timedelta(days=18)


def test_there_is_no_forecast_where_nothing_is_open_or_nothing_moves() -> None:
    assert forecast([], TODAY).ends is None
    assert forecast([day(3, waiting=10)], TODAY).ends is None
    assert forecast([day(50, waiting=4, submitted=6)], TODAY).ends is None
    assert forecast([day(1, submitted=6)], TODAY).ends is None
    slow = [day(1, waiting=10**9), day(0, waiting=10**9 - 1, skipped=1)]
    assert forecast(slow, TODAY).ends is None  # no calendar has that day
