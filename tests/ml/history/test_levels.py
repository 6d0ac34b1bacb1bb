"""Totals of channels and clients, at every instant what their parts say."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.history.levels import Level, at_levels
from ml.panel import DAILY, History, Measure, Series

NAN = float("nan")
SEARCH_1 = Series("acme", "search", "a:1", "EUR", "a")
SEARCH_2 = Series("acme", "search", "a:2", "EUR", "a")
VIDEO = Series("acme", "video", "b:1", "EUR", "b")
DOLLARS = Series("acme", "video", "c:1", "USD", "c")
SERIES = (SEARCH_1, SEARCH_2, VIDEO, DOLLARS)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
STEPS = 4

Told = tuple[int, int, int, float]  # row, step, known at, value


def history_of(told: list[Told], steps: int = STEPS) -> History:
    lines = sorted(told, key=lambda one: one[:3])
    return History(
        DAILY,
        dt.date(2026, 3, 1),
        steps,
        SERIES,
        np.array([one[0] for one in lines], np.int32),
        np.array([one[1] for one in lines], np.int32),
        np.array([one[2] for one in lines], np.int64),
        {Measure.SPEND: np.array([one[3] for one in lines], np.float64)},
    )


def spend(history: History, instant: int) -> dict[Series, list[float]]:
    panel = history.as_of(EPOCH + dt.timedelta(microseconds=instant))
    return dict(zip(panel.series, panel.values[Measure.SPEND].tolist(), strict=True))


def test_parts_are_added_by_channel_and_by_client_within_a_currency() -> None:
    told = [(0, 0, 1, 1.0), (1, 0, 1, 2.0), (2, 0, 1, 4.0), (3, 0, 1, 8.0)]
    found = spend(at_levels(history_of(told, 1), [Level.CHANNEL, Level.CLIENT]), 1)
    assert found == {
        Series("acme", "search", None, "EUR"): [3.0],
        Series("acme", "video", None, "EUR"): [4.0],
        Series("acme", "video", None, "USD"): [8.0],
        Series("acme", None, None, "EUR"): [7.0],
        Series("acme", None, None, "USD"): [8.0],
    }


def test_a_total_is_not_known_before_its_last_part() -> None:
    totals = at_levels(history_of([(0, 0, 1, 1.0), (1, 0, 3, 2.0), (0, 0, 5, 1.5)]), [Level.CLIENT])
    (client, *_) = totals.series
    assert [spend(totals, at)[client][0] for at in (1, 2, 3, 5)] == pytest.approx(
        [NAN, NAN, 3.0, 3.5], nan_ok=True
    )


def test_a_part_counts_from_its_first_day_on_and_is_late_for_two_weeks() -> None:
    told = [(0, step, 1, 1.0) for step in range(30)] + [(1, step, 1, 2.0) for step in range(5, 10)]
    totals = at_levels(history_of(told, 30), [Level.CLIENT])
    found = spend(totals, 1)[totals.series[0]]
    assert found[:10] == [1.0] * 5 + [3.0] * 5
    assert np.isnan(found[10:24]).all()  # the second may still tell
    assert found[24:] == [1.0] * 6


def test_parts_stay_as_they_are_beside_totals() -> None:
    history = history_of([(0, 0, 1, 1.0), (1, 1, 2, 2.0)])
    found = at_levels(history, [Level.PART, Level.CLIENT])
    assert found.series[:4] == SERIES
    np.testing.assert_array_equal(
        found.latest().values[Measure.SPEND][:4], history.latest().values[Measure.SPEND]
    )


def test_a_history_of_nothing_has_totals_of_nothing() -> None:
    found = at_levels(history_of([]), [Level.CHANNEL, Level.CLIENT])
    assert np.isnan(found.latest().values[Measure.SPEND]).all()


values = st.one_of(st.integers(0, 9).map(float), st.just(NAN))
told_lists = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5), values),
    unique_by=lambda one: one[:3],
)


@given(told_lists, st.integers(0, 6))
def test_any_revisions_at_any_instant(told: list[Told], when: int) -> None:
    history = history_of(told)
    ever: dict[int, set[int]] = {row: set() for row in range(4)}
    for row, step, _, value in told:
        if not np.isnan(value):
            ever[row].add(step)
    parts = history.as_of(EPOCH + dt.timedelta(microseconds=when)).values[Measure.SPEND]
    totals = at_levels(history, [Level.CLIENT])
    for total, figures in spend(totals, when).items():
        rows = [row for row, one in enumerate(SERIES) if one.currency == total.currency]
        for step, figure in enumerate(figures):
            begun = [row for row in rows if ever[row] and min(ever[row]) <= step]
            is_whole = begun and not np.isnan(parts[begun, step]).any()
            expected = parts[begun, step].sum() if is_whole else NAN
            # Nothing was ever told of the day: no part has said so either.
            assert figure == pytest.approx(expected, nan_ok=True)
