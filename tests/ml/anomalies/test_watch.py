"""Day after day: late data never alarms, an incident is one alarm from its begin to its end."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.anomalies.aged import Aged
from ml.anomalies.alarms import Alarm, State, find_left_out
from ml.anomalies.causes import Cause
from ml.anomalies.expectation import WeekdayLevel
from ml.anomalies.look import look
from ml.anomalies.totals import add_totals
from ml.anomalies.watch import watch
from ml.anomalies.words import describe_alarm
from ml.panel import DAILY, Floats, Measure
from tests.ml.anomalies.account import (
    CAMPAIGNS,
    CLIENT,
    DAYS,
    SEARCH,
    START,
    at_once,
    day,
    quiet_figures,
    watch_days,
)

SPEND, SESSIONS = Measure.SPEND, Measure.SESSIONS
CONVERSIONS, REVENUE = Measure.CONVERSIONS, Measure.REVENUE
LAG = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95])  # of conversions, by age


def test_three_days_that_are_a_little_low_are_rarer_than_the_last_one() -> None:
    rarity = []
    for first in (130, 132):
        figures = quiet_figures(noise=0.3)
        figures[REVENUE][:, first:133] *= 0.8
        aged = add_totals(at_once(figures), 133)
        looked, _ = look(aged, 133, find_left_out(aged, []), WeekdayLevel(7))
        rarity += [one.p_value for one in looked if one.series == CLIENT and one.measure is REVENUE]
    assert rarity[0] < rarity[1] / 2


def test_quiet_days_alarm_nobody() -> None:
    assert watch_days(at_once(quiet_figures()), 100, DAYS - 1) == []


def test_a_tracking_break_is_one_alarm_from_begin_to_end() -> None:
    figures = quiet_figures()
    for measure in (CONVERSIONS, REVENUE):
        figures[measure][:, 130:135] *= 0.1
    (alarm,) = watch_days(at_once(figures), 110, DAYS - 1)
    assert (alarm.root, alarm.cause) == (CLIENT, Cause.TRACKING_BREAK)
    assert alarm.measures == {CONVERSIONS, REVENUE}
    assert (alarm.since, alarm.last, alarm.state) == (day(130), day(134), State.OVER)
    assert list(alarm.stakes) == [day(step) for step in range(130, 135)]
    assert alarm.stake == pytest.approx(5 * 0.9 * 17_000, rel=0.05)


def test_an_alarm_opens_goes_on_and_closes() -> None:
    figures = quiet_figures()
    figures[SPEND][0, 130:133] *= 5
    aged = at_once(figures)
    states = []
    for last in range(130, 137):
        alarms = watch_days(aged, 128, last)
        states.append([one.state for one in alarms])
    opened, ongoing, over = [State.OPENED], [State.ONGOING], [State.OVER]
    assert states == [[], opened, ongoing, ongoing, ongoing, over, over]
    (alarm,) = watch_days(aged, 128, 137)
    assert (alarm.root, alarm.cause) == (CAMPAIGNS[0], Cause.SPEND_RUNAWAY)


def test_an_incident_that_is_seen_late_is_dated_back() -> None:
    figures = quiet_figures()
    figures[SPEND][0, 130:134] *= 5
    (alarm,) = watch_days(at_once(figures), 133, 133)
    assert (alarm.since, alarm.last) == (day(130), day(132))


def test_an_outage_takes_visits_and_sales() -> None:
    figures = quiet_figures()
    for measure in (SESSIONS, CONVERSIONS, REVENUE):
        figures[measure][:, 130] *= 0.2
    (alarm,) = watch_days(at_once(figures), 125, 140)
    assert (alarm.root, alarm.cause) == (CLIENT, Cause.SITE_OUTAGE)
    assert (alarm.since, alarm.last) == (day(130), day(130))


def test_a_channel_that_stops_is_one_alarm_of_the_channel() -> None:
    figures = quiet_figures()
    for measure in figures:
        figures[measure][:3, 130:133] = 0.0
    (alarm,) = watch_days(at_once(figures), 125, 140)
    assert (alarm.root, alarm.cause) == (SEARCH, Cause.SPEND_STOPPED)
    assert alarm.measures == set(figures)


def test_what_lasts_is_the_new_level_and_told_once() -> None:
    figures = quiet_figures()
    for measure in figures:
        figures[measure][:, 115:] *= 3
    (alarm,) = watch_days(at_once(figures), 105, DAYS - 1)
    assert (alarm.root, alarm.state) == (CLIENT, State.LASTING)
    assert (alarm.since, alarm.last) == (day(115), day(129))
    assert "taken as the new level" in describe_alarm(alarm).story


def test_a_past_incident_does_not_make_the_next_one_usual() -> None:
    figures = quiet_figures()
    for begin in (110, 118, 126, 134):
        figures[REVENUE][:, begin : begin + 4] *= 0.4
    alarms = watch_days(at_once(figures), 105, 145)
    assert [(one.since, one.last) for one in alarms] == [
        (day(begin), day(begin + 3)) for begin in (110, 118, 126, 134)
    ]


def test_a_day_that_is_not_told_is_neither_quiet_nor_bad() -> None:
    figures = quiet_figures()
    figures[REVENUE][:, 130:134] *= 0.2
    aged = at_once(figures)
    aged.values[REVENUE][:, 132, :3] = np.nan  # told on the fourth morning
    during = watch_days(aged, 128, 133)
    assert [(one.state, one.last) for one in during] == [(State.ONGOING, day(131))]
    (alarm,) = watch_days(aged, 128, 140)
    assert (alarm.state, alarm.since, alarm.last) == (State.OVER, day(130), day(133))
    assert day(132) in alarm.stakes


def test_demand_of_an_unusual_day_is_not_judged_but_spend_is() -> None:
    figures = quiet_figures()
    for measure in (SESSIONS, CONVERSIONS, REVENUE):
        figures[measure][:, 130] *= 4
    figures[SPEND][0, 130] *= 4
    aged = at_once(figures)
    (alarm,) = watch(aged, day(131), [], WeekdayLevel(7), {"acme": {day(130), day(9999)}})
    assert (alarm.root, alarm.measures) == (CAMPAIGNS[0], frozenset({SPEND}))
    assert watch(aged, day(132), [], WeekdayLevel(7), {"acme": {day(130)}}) == []
    assert len(watch(aged, day(131), [], WeekdayLevel(7), {"zeta": {day(130)}})) == 2


def test_what_is_learned_leaves_out_the_incident_and_what_hangs_on_it() -> None:
    figures = quiet_figures()
    figures[SPEND][0, 130:133] *= 5
    aged = at_once(figures)
    alarms = watch_days(aged, 128, 140)
    aged = add_totals(aged, 141)
    left_out = find_left_out(aged, alarms)
    rows = {one: row for row, one in enumerate(aged.series)}
    days = [130, 131, 132]
    assert np.flatnonzero(left_out[SPEND][rows[CAMPAIGNS[0]]]).tolist() == days
    assert np.flatnonzero(left_out[REVENUE][rows[CAMPAIGNS[0]]]).tolist() == days
    assert np.flatnonzero(left_out[SPEND][rows[CLIENT]]).tolist() == days
    assert not left_out[REVENUE][rows[CLIENT]].any()
    assert not left_out[SPEND][rows[CAMPAIGNS[1]]].any()


def test_a_client_is_ranked_among_clients() -> None:
    """One campaign of each is wild every week; that says nothing of what a client does."""
    figures = quiet_figures()
    chance = np.random.default_rng(2)
    for measure in (CONVERSIONS, REVENUE):
        figures[measure][5] *= np.where(chance.uniform(size=DAYS) < 0.15, 0.1, 1.0)
        figures[measure][:, 130:133] *= 0.4
    one = at_once(figures)
    clients = ("acme", "zeta", "yota")
    many = Aged(
        DAILY,
        START,
        tuple(replace(series, client=client) for client in clients for series in CAMPAIGNS),
        {name: np.concatenate([one.values[name]] * 3) for name in one.values},
        {name: np.concatenate([one.mature[name]] * 3) for name in one.mature},
    )
    looked = [
        look(aged, 131, find_left_out(aged, []), WeekdayLevel(7))[0]
        for aged in (add_totals(one, 131), add_totals(many, 131))
    ]
    alone, among = (
        next(one.p_value for one in found if one.series == CLIENT and one.measure is REVENUE)
        for found in looked
    )
    assert among < alone / 2


def test_two_clients_do_not_share_an_alarm() -> None:
    figures = quiet_figures()
    figures[REVENUE][:, 130:132] *= 0.1
    one = at_once(figures)
    other = tuple(replace(series, client="zeta") for series in one.series)
    both = Aged(
        DAILY,
        START,
        (*one.series, *other),
        {name: np.concatenate([one.values[name], one.values[name]]) for name in one.values},
        {name: np.concatenate([one.mature[name], one.mature[name]]) for name in one.mature},
    )
    alarms = watch_days(both, 128, 140)
    assert sorted(alarm.root.client for alarm in alarms) == ["acme", "zeta"]


def delayed(
    figures: dict[Measure, Floats], shares: Floats, nights: dict[tuple[int, int], int]
) -> Aged:
    """Tell conversions and revenue by shares (days, ages); some channels' days nights later."""
    values = {}
    for measure, final in figures.items():
        lag = shares if measure in {CONVERSIONS, REVENUE} else np.ones_like(shares)
        values[measure] = final[:, :, np.newaxis] * lag
        for (channel, step), late in nights.items():
            values[measure][3 * channel : 3 * channel + 3, step, :late] = np.nan
    return Aged(DAILY, START, CAMPAIGNS, values, figures)


_LATE = st.dictionaries(st.tuples(st.integers(0, 1), st.integers(130, 142)), st.integers(1, 7))
# A source that is silent for days, and then tells them all.
_SILENT = st.builds(
    lambda channel, first, least: {
        (channel, step): min(least + 142 - step, 7) for step in range(first, 143)
    },
    st.integers(0, 1),
    st.integers(130, 136),
    st.integers(1, 7),
)
_SLOWNESS = st.lists(st.floats(0, 1), min_size=13, max_size=13)


@settings(max_examples=4, deadline=None)
@given(st.one_of(_LATE, _SILENT), _SLOWNESS)
def test_figures_that_only_come_later_never_raise_an_alarm(
    nights: dict[tuple[int, int], int], slowness: list[float]
) -> None:
    assert _alarms_on_late(nights, slowness) == []


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.one_of(_LATE, _SILENT), _SLOWNESS)
def test_figures_that_only_come_later_raise_none_of_many_alarms(
    nights: dict[tuple[int, int], int], slowness: list[float]
) -> None:
    assert _alarms_on_late(nights, slowness) == []


def _alarms_on_late(nights: dict[tuple[int, int], int], slowness: list[float]) -> list[Alarm]:
    """Whole sources are late, and figures come as slowly as they ever did."""
    past = np.random.default_rng(4).uniform(0.8, 1.0, (DAYS, 1))
    past[::8] = 0.75  # one day in eight is the slowest
    past[130:143, 0] = 1 - 0.25 * np.array(slowness)
    aged = delayed(quiet_figures(), LAG * past, nights)
    return watch_days(aged, 130, 149)


def test_a_source_that_tells_nothing_for_three_weeks_is_no_fall() -> None:
    nights = {(0, step): 7 for step in range(110, 135)}
    aged = delayed(quiet_figures(), np.ones((DAYS, 7)), nights)
    assert watch_days(aged, 108, 145) == []


def test_a_fall_is_found_though_its_figures_still_grow() -> None:
    figures = quiet_figures()
    for measure in (CONVERSIONS, REVENUE):
        figures[measure][:, 130:134] *= 0.2
    past = np.random.default_rng(4).uniform(0.9, 1.0, (DAYS, 1))
    aged = delayed(figures, LAG * past, {})
    (alarm,) = watch_days(aged, 125, 145)
    assert (alarm.cause, alarm.since, alarm.last) == (
        Cause.TRACKING_BREAK,
        day(130),
        day(133),
    )
    assert {one.age for one in alarm.deviations} == {2}  # the first at which half is known


def test_a_young_agency_is_left_in_peace() -> None:
    figures = quiet_figures()
    figures[SPEND][:, 20] *= 10
    assert watch_days(at_once(figures), 0, 40) == []


def test_words_say_what_since_when_how_large_and_what_to_check() -> None:
    figures = quiet_figures()
    figures[SPEND][0, 130:133] = 1500.0
    (alarm,) = watch_days(at_once(figures), 128, 132)
    words = describe_alarm(alarm)
    assert (words.title, words.where) == ("Spend runs away", "search, campaign search-1")
    spend = alarm.deviations[0]
    assert spend.low == pytest.approx(270, rel=0.05)  # 300, and at most 8 % of noise
    assert spend.high == pytest.approx(330, rel=0.05)
    assert words.story == (
        f"Since 15 May 2026. Spend 1,500 EUR where {spend.low:,.0f} to {spend.high:,.0f} was"
        f" expected, {spend.change:+.0%}. At stake until now: {alarm.stake:,.0f} EUR."
    )
    assert words.check == ("Check budgets and bids, and what was changed last; pause if unwanted.")
    assert describe_alarm(replace(alarm, state=State.OVER)).story.startswith(
        "From 15 May 2026 to 16 May 2026. "
    )


def test_words_of_a_figure_without_currency_tell_no_money() -> None:
    figures = quiet_figures()
    figures[SESSIONS][:, 130] *= 0.2
    (alarm,) = watch_days(at_once(figures), 128, 135)
    root = replace(alarm.root, currency=None)
    story = describe_alarm(replace(alarm, root=root)).story
    assert story.startswith("On 15 May 2026. Sessions ")
    assert "At stake" not in story
