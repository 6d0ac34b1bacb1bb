"""A view of a history holds what was known then, and nothing that came later."""

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.panel import DAILY, HOURLY, History, Measure, Panel, Series

START = dt.date(2026, 3, 1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
STEPS = 3
SERIES = (Series("acme", "paid_search"), Series("acme", "video"))

Revision = tuple[int, int, int, float]  # row, step, known at, value


def history_of(revisions: list[Revision]) -> History:
    rows = sorted(revisions, key=lambda one: one[:3])
    return History(
        cadence=DAILY,
        start=START,
        steps=STEPS,
        series=SERIES,
        row=np.array([row for row, _, _, _ in rows], np.int32),
        step=np.array([step for _, step, _, _ in rows], np.int32),
        known_at=np.array([known_at for _, _, known_at, _ in rows], np.int64),
        values={Measure.REVENUE: np.array([value for _, _, _, value in rows], np.float64)},
    )


def instant(micros: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=micros)


def revenue(panel: Panel) -> list[list[float]]:
    found: list[list[float]] = panel.values[Measure.REVENUE].tolist()
    return found


revisions = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 9), st.floats(0, 100)),
    unique_by=lambda one: one[:3],
)


@given(revisions, st.integers(-1, 10))
def test_a_view_is_what_reading_one_by_one_up_to_the_instant_leaves(
    told: list[Revision], when: int
) -> None:
    expected = np.full((2, STEPS), np.nan)
    for row, step, known_at, value in sorted(told, key=lambda one: one[2]):
        if known_at <= when:
            expected[row, step] = value
    seen = history_of(told).as_of(instant(when)).values[Measure.REVENUE]
    np.testing.assert_array_equal(seen, expected)


@given(revisions)
def test_the_latest_view_is_that_of_the_last_instant(told: list[Revision]) -> None:
    history = history_of(told)
    np.testing.assert_array_equal(
        history.latest().values[Measure.REVENUE],
        history.as_of(instant(9)).values[Measure.REVENUE],
    )


@given(revisions, st.lists(st.integers(-1, 10), min_size=6, max_size=6))
def test_each_figure_is_seen_at_an_instant_of_its_own(
    told: list[Revision], whens: list[int]
) -> None:
    history = history_of(told)
    seen = history.at(np.array(whens).reshape(2, STEPS)).values[Measure.REVENUE]
    for place, when in enumerate(whens):
        expected = history.as_of(instant(when)).values[Measure.REVENUE].flat[place]
        np.testing.assert_array_equal(seen.flat[place], expected)


def test_a_revision_without_a_figure_takes_the_figure_away() -> None:
    history = history_of([(0, 0, 1, 5.0), (0, 0, 2, np.nan)])
    assert history.as_of(instant(1)).values[Measure.REVENUE][0, 0] == 5.0
    assert np.isnan(history.latest().values[Measure.REVENUE][0, 0])


def test_rows_and_columns_can_be_chosen() -> None:
    panel = Panel(DAILY, START, SERIES, {Measure.REVENUE: np.array([[1.0, 2, 3], [4, 5, 6]])})
    assert revenue(panel.rows([1])) == [[4.0, 5.0, 6.0]]
    assert panel.rows([1]).series == (SERIES[1],)
    assert revenue(panel.until(2)) == [[1.0, 2.0], [4.0, 5.0]]
    assert panel.until(2).steps == 2


def test_steps_are_dated_beyond_the_last_column() -> None:
    panel = Panel(DAILY, START, SERIES, {Measure.REVENUE: np.zeros((2, 3))})
    assert panel.day(0) == START
    assert panel.day(31) == dt.date(2026, 4, 1)
    assert Panel(HOURLY, START, SERIES, panel.values).day(25) == dt.date(2026, 3, 2)
