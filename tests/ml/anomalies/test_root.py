"""What has one cause is one finding, where it is and named as what it looks like."""

import numpy as np
import pytest

from ml.anomalies.causes import Cause, find_cause
from ml.anomalies.deviation import Deviation
from ml.anomalies.root import Finding, find_roots
from ml.panel import Measure, Series
from tests.ml.anomalies.account import CAMPAIGNS, CLIENT, SEARCH, deviation

SOCIAL = Series("acme", "social", None, "EUR")
FIRST = CAMPAIGNS[0]
SPEND, SESSIONS = Measure.SPEND, Measure.SESSIONS
CONVERSIONS, REVENUE = Measure.CONVERSIONS, Measure.REVENUE


def tree_of(measure: Measure, shares: dict[Series, float], *, rare: bool = True) -> list[Deviation]:
    """Six campaigns of 100 each, times their share; channels and client are the sums."""
    found = []
    actual = {one: 100 * shares.get(one, 1.0) for one in CAMPAIGNS}
    for series in (CLIENT, SEARCH, SOCIAL, *CAMPAIGNS):
        parts = [one for one in CAMPAIGNS if series.channel in {None, one.channel}]
        parts = [one for one in parts if series.campaign in {None, one.campaign}]
        total, usual = sum(actual[one] for one in parts), 100.0 * len(parts)
        is_discovery = rare and abs(total / usual - 1) > 0.05
        found.append(deviation(series, measure, total, usual, is_discovery=is_discovery))
    return found


def places(findings: list[Finding]) -> list[tuple[Series, list[Measure]]]:
    return [(one.root, [part.measure for part in one.deviations]) for one in findings]


def test_all_campaigns_of_a_channel_are_the_channel() -> None:
    falls = dict.fromkeys(CAMPAIGNS[:3], 0.2)
    assert places(find_roots(tree_of(CONVERSIONS, falls))) == [(SEARCH, [CONVERSIONS])]


def test_one_campaign_that_carries_it_is_the_root() -> None:
    assert places(find_roots(tree_of(SPEND, {FIRST: 5.0}))) == [(FIRST, [SPEND])]


def test_everything_is_the_client() -> None:
    falls = dict.fromkeys(CAMPAIGNS, 0.3)
    found = find_roots(tree_of(CONVERSIONS, falls) + tree_of(REVENUE, falls))
    assert places(found) == [(CLIENT, [CONVERSIONS, REVENUE])]


def test_sales_that_end_with_the_spend_of_a_campaign_are_of_that_campaign() -> None:
    stops = {FIRST: 0.0}
    found = find_roots([*tree_of(REVENUE, stops), *tree_of(SPEND, stops)])
    assert places(found) == [(FIRST, [SPEND, REVENUE])]


def test_a_stopped_campaign_does_not_explain_that_the_client_sells_nothing() -> None:
    ends = dict.fromkeys(CAMPAIGNS, 0.1)
    found = find_roots([*tree_of(REVENUE, ends), *tree_of(SPEND, {FIRST: 0.0})])
    assert places(found) == [(FIRST, [SPEND]), (CLIENT, [REVENUE])]


def test_a_rise_and_a_fall_are_two() -> None:
    found = find_roots(tree_of(SPEND, {FIRST: 5.0, CAMPAIGNS[3]: 0.0}))
    assert sorted(places(found), key=str) == [(FIRST, [SPEND]), (CAMPAIGNS[3], [SPEND])]


def test_small_parts_that_none_is_alarmed_by_are_seen_together() -> None:
    parts = tree_of(CONVERSIONS, dict.fromkeys(CAMPAIGNS[:3], 0.4), rare=False)
    assert find_roots(parts) == []
    parts[3] = deviation(CAMPAIGNS[0], CONVERSIONS, 40.0)
    assert places(find_roots(parts)) == [(SEARCH, [CONVERSIONS])]


def test_without_rarity_size_or_money_nothing_is_found() -> None:
    rare_only = deviation(CLIENT, SPEND, 80.0)  # a fifth
    cheap = deviation(CLIENT, SPEND, 10.0, stake=19.0)  # of 1000 a day
    common = deviation(CLIENT, SPEND, 10.0, is_discovery=False)
    for one in (rare_only, cheap, common):
        assert find_roots([one]) == []
    assert len(find_roots([deviation(CLIENT, SPEND, 10.0, stake=np.nan)])) == 1


def test_what_may_still_come_is_not_short() -> None:
    # At most 75 % of 100 / 0.8 = 125, which is 93.75: 56 / 0.6 = 93.3, 57 / 0.6 = 95.
    assert len(find_roots([deviation(CLIENT, REVENUE, 56.0, usual=0.8, least=0.6)])) == 1
    assert find_roots([deviation(CLIENT, REVENUE, 57.0, usual=0.8, least=0.6)]) == []


def test_what_comes_early_is_not_too_much() -> None:
    assert find_roots([deviation(CLIENT, REVENUE, 155.0, usual=0.8, least=0.6)]) == []
    assert len(find_roots([deviation(CLIENT, REVENUE, 157.0, usual=0.8, least=0.6)])) == 1


def test_nothing_is_too_much_against_nothing_unless_it_is_spend() -> None:
    assert find_roots([deviation(CLIENT, REVENUE, 5.0, 0.0)]) == []
    assert len(find_roots([deviation(CLIENT, SPEND, 5.0, 0.0)])) == 1


@pytest.mark.parametrize(
    ("changes", "moves", "cause"),
    [
        ({SPEND: -1.0}, {}, Cause.SPEND_STOPPED),
        ({SPEND: -0.6, REVENUE: -0.5}, {}, Cause.SPEND_FALL),
        ({SESSIONS: -0.8, CONVERSIONS: -0.8}, {SPEND: 0.0}, Cause.SITE_OUTAGE),
        ({SESSIONS: -0.8}, {SPEND: 0.0}, Cause.TRAFFIC_FALL),
        ({CONVERSIONS: -0.9, REVENUE: -0.9}, {SPEND: 0.1, SESSIONS: 0.0}, Cause.TRACKING_BREAK),
        ({REVENUE: -0.9}, {SPEND: 0.1}, Cause.TRACKING_BREAK),
        ({CONVERSIONS: -0.9}, {SPEND: 0.1, SESSIONS: -0.6}, Cause.SALES_FALL),
        ({CONVERSIONS: -0.9}, {}, Cause.SALES_FALL),
        ({CONVERSIONS: -0.3}, {SPEND: 0.0}, Cause.SALES_FALL),
        ({REVENUE: -0.4}, {SPEND: 0.0, CONVERSIONS: 0.0}, Cause.ORDER_VALUE_FALL),
        ({SPEND: 2.0, REVENUE: 0.5}, {}, Cause.SPEND_RUNAWAY),
        ({SESSIONS: 2.0, CONVERSIONS: 0.5}, {}, Cause.TRAFFIC_RISE),
        ({CONVERSIONS: 1.0, REVENUE: 0.9}, {SPEND: 0.0, SESSIONS: 0.1}, Cause.DOUBLE_COUNTING),
        ({CONVERSIONS: 1.0, REVENUE: 0.9}, {SPEND: 0.6}, Cause.SALES_RISE),
        ({CONVERSIONS: 4.0}, {SPEND: 0.0}, Cause.SALES_RISE),
        ({REVENUE: 0.4}, {CONVERSIONS: 0.0}, Cause.ORDER_VALUE_RISE),
    ],
)
def test_the_measures_that_move_and_stay_tell_the_cause(
    changes: dict[Measure, float], moves: dict[Measure, float], cause: Cause
) -> None:
    direction = 1 if next(iter(changes.values())) > 0 else -1
    assert find_cause(changes, moves, direction) is cause
