"""Figures are compared at the same age, sums wait for late sources, shares come from the mature."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from ml.anomalies.aged import AGES, MATURE, Aged, compute_aged
from ml.anomalies.completion import compute_completion
from ml.anomalies.totals import add_totals
from ml.panel import DAILY, Floats, History, Measure, Series
from tests.ml.anomalies.account import CAMPAIGNS, CLIENT, SEARCH, START

DAY = 86_400_000_000
HOUR = 3_600_000_000
MIDNIGHT = int(dt.datetime.combine(START, dt.time(), dt.UTC).timestamp()) * 1_000_000
EIGHT = dt.timedelta(hours=8)


def history_of(told: list[tuple[int, int, float]], steps: int = 40) -> History:
    """Revisions of one campaign: step, hours after its begin, conversions."""
    told = sorted(told)
    return History(
        cadence=DAILY,
        start=START,
        steps=steps,
        series=CAMPAIGNS[:1],
        row=np.zeros(len(told), np.int32),
        step=np.array([step for step, _, _ in told], np.int32),
        known_at=np.array([MIDNIGHT + step * DAY + hours * HOUR for step, hours, _ in told]),
        values={Measure.CONVERSIONS: np.array([value for _, _, value in told])},
    )


def conversions(aged: Aged, step: int) -> list[float]:
    found: list[float] = aged.values[Measure.CONVERSIONS][0, step].tolist()
    return found


def test_each_age_sees_what_was_known_by_its_morning() -> None:
    aged = compute_aged(history_of([(3, 30, 4.0), (3, 24 + 33, 7.0), (3, 24 * 5, 9.0)]), EIGHT)
    # Told on the first morning at 6, on the second at 9 (after the look at 8), on the fifth at 0.
    assert conversions(aged, 3) == [4.0, 4.0, 7.0, 7.0, 9.0, 9.0, 9.0]
    assert aged.mature[Measure.CONVERSIONS][0, 3] == 9.0
    assert np.isnan(conversions(aged, 4)).all()


def test_what_a_source_has_not_told_whole_is_not_known() -> None:
    reported = np.full((1, 40), np.iinfo(np.int64).max)
    reported[0, 3] = MIDNIGHT + 3 * DAY + 50 * HOUR
    aged = compute_aged(history_of([(3, 30, 4.0), (3, 50, 7.0), (5, 30, 1.0)]), EIGHT, reported)
    np.testing.assert_array_equal(conversions(aged, 3), [np.nan, *[7.0] * 6])
    assert np.isnan(conversions(aged, 5)).all()
    assert np.isnan(aged.mature[Measure.CONVERSIONS][0, 5])


def aged_of(figures: Floats, series: tuple[Series, ...] = CAMPAIGNS) -> Aged:
    """Shape (series, steps, ages)."""
    return Aged(
        DAILY, START, series, {Measure.SPEND: figures}, {Measure.SPEND: figures[:, :, -1].copy()}
    )


def told(rows: int = 6, steps: int = 12) -> Floats:
    return np.ones((rows, steps, len(AGES)))


def total(aged: Aged, series: Series) -> Floats:
    figures: Floats = aged.values[Measure.SPEND][aged.series.index(series)]
    return figures


def test_channels_and_clients_are_added_once() -> None:
    aged = add_totals(aged_of(told()), 12)
    assert aged.series[6:] == (SEARCH, CLIENT, Series("acme", "social", None, "EUR"))
    assert (total(aged, SEARCH) == 3.0).all()
    assert (total(aged, CLIENT) == 6.0).all()
    assert aged.mature[Measure.SPEND][aged.series.index(CLIENT)].tolist() == [6.0] * 12
    again = add_totals(aged, 12)
    assert again.series == aged.series
    np.testing.assert_array_equal(again.values[Measure.SPEND], aged.values[Measure.SPEND])


def test_a_late_channel_leaves_its_client_unknown() -> None:
    figures = told()
    figures[:3, 8, :2] = np.nan  # search of step 8 is told on the third morning
    aged = add_totals(aged_of(figures), 12)
    np.testing.assert_array_equal(total(aged, SEARCH)[8], [np.nan, np.nan, *[3.0] * 5])
    np.testing.assert_array_equal(total(aged, CLIENT)[8], [np.nan, np.nan, *[6.0] * 5])


def test_a_late_channel_is_waited_for_though_a_campaign_of_it_has_ended() -> None:
    figures = told()
    figures[0, 5:] = 0.0
    figures[1:3, 8, :2] = np.nan
    aged = add_totals(aged_of(figures), 12)
    np.testing.assert_array_equal(total(aged, SEARCH)[8], [np.nan, np.nan, *[2.0] * 5])


def test_a_campaign_that_ended_tells_zeros() -> None:
    figures = told()
    figures[0, 5:] = 0.0
    assert (total(add_totals(aged_of(figures), 12), SEARCH)[5:] == 2.0).all()


def test_a_source_that_is_gone_is_waited_for_two_weeks_and_then_was_never_there() -> None:
    figures = told(steps=30)
    figures[:3, 5:] = np.nan
    waited, without = (
        total(add_totals(aged_of(figures), today), CLIENT)[:, 0] for today in (18, 19)
    )
    np.testing.assert_array_equal(waited, [6.0] * 5 + [np.nan] * 25)
    np.testing.assert_array_equal(without, [3.0] * 30)


def test_a_source_that_comes_back_is_part_of_every_day_again() -> None:
    figures = told(steps=40)
    figures[:3, 5:20] = np.nan
    client = total(add_totals(aged_of(figures), 21), CLIENT)[:, 0]
    np.testing.assert_array_equal(client, [6.0] * 5 + [np.nan] * 15 + [6.0] * 20)


def test_what_is_not_told_by_today_is_not_heard() -> None:
    figures = told(steps=30)
    figures[:3, 5:] = np.nan
    figures[:3, 18, 1:] = 1.0  # told on the morning of step 20
    before, after = (total(add_totals(aged_of(figures), today), CLIENT)[0, 0] for today in (19, 20))
    assert (before, after) == (3.0, 6.0)


def test_a_total_begins_when_its_last_account_has() -> None:
    accounts = tuple(
        replace(one, connection="old" if one.channel == "search" else "new") for one in CAMPAIGNS
    )
    figures = told()
    figures[3:, :4] = np.nan  # the new account
    figures[4, :9] = np.nan  # and a campaign that it begins later
    aged = add_totals(aged_of(figures, accounts), 12)
    np.testing.assert_array_equal(total(aged, CLIENT)[:, 0], [np.nan] * 4 + [5.0] * 5 + [6.0] * 3)
    assert (total(aged, SEARCH) == 3.0).all()


def test_accounts_without_campaigns_are_seen_in_their_sums_only() -> None:
    sites = tuple(
        Series("acme", channel, None, "EUR", connection)
        for connection in ("one", "two")
        for channel in ("search", "direct")
    )
    aged = add_totals(aged_of(told(4), sites), 12)
    assert aged.series == (SEARCH, CLIENT, Series("acme", "direct", None, "EUR"))
    assert (total(aged, SEARCH) == 2.0).all()
    assert (total(aged, CLIENT) == 4.0).all()


def test_a_channel_that_is_told_as_such_stands_for_its_campaigns() -> None:
    figures = told(7)
    figures[6] = 10.0
    aged = add_totals(aged_of(figures, (*CAMPAIGNS, SEARCH)), 12)
    assert (total(aged, SEARCH) == 10.0).all()
    assert (total(aged, CLIENT) == 13.0).all()


def lagged(shares: Floats, steps: int) -> Aged:
    """Each step comes to 100, told by the same shares, shape (steps, ages)."""
    figures = 100 * np.broadcast_to(shares, (1, steps, len(AGES)))
    series = (Series("acme", "search"),)
    mature = np.full((1, steps), 100.0)
    return Aged(DAILY, START, series, {Measure.REVENUE: figures}, {Measure.REVENUE: mature})


SHARES = np.array([0.2, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0])


def test_shares_are_those_of_mature_days() -> None:
    completion = compute_completion(lagged(SHARES, 80), Measure.REVENUE, 70)
    np.testing.assert_allclose(completion.usual[0], SHARES)
    np.testing.assert_allclose(completion.least[0], SHARES)
    assert completion.first_age.tolist() == [3.0]


def test_the_least_share_is_that_of_one_day_in_twenty() -> None:
    shares = np.tile(SHARES, (101 + MATURE, 1))
    shares[np.arange(len(shares)) % 10 == 0] /= 2  # one day in ten is late
    completion = compute_completion(lagged(shares, len(shares)), Measure.REVENUE, len(shares))
    np.testing.assert_allclose(completion.least[0], SHARES / 2)
    np.testing.assert_allclose(completion.usual[0], SHARES * 0.95)
    assert completion.first_age.tolist() == [7.0]


def test_nothing_is_learned_from_days_that_still_grow() -> None:
    shares = np.tile(SHARES, (80, 1))
    shares[70 - MATURE + 1 :] = 0.01
    completion = compute_completion(lagged(shares, 80), Measure.REVENUE, 70)
    np.testing.assert_allclose(completion.least[0], SHARES)


def test_with_few_mature_days_nothing_can_be_looked_at() -> None:
    completion = compute_completion(lagged(SHARES, 80), Measure.REVENUE, MATURE + 18)
    assert np.isnan(completion.usual).all()
    assert np.isnan(completion.first_age).all()
    known = compute_completion(lagged(SHARES, 80), Measure.REVENUE, MATURE + 19)
    assert known.first_age.tolist() == [3.0]


def test_a_share_above_one_is_a_figure_that_will_shrink() -> None:
    completion = compute_completion(lagged(np.full(7, 1.1), 80), Measure.REVENUE, 70)
    assert completion.usual[0, 0] == pytest.approx(1.1)
    assert completion.least[0, 0] == 1.0
