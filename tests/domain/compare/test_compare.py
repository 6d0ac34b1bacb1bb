"""Ten planted differences between two systems, each found and explained; and no false alarm."""

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.compare.causes import Cause
from domain.compare.compare import Comparison, Exported, MetricTraits, compare
from domain.compare.figures import AccountKey, Ledger

FIRST = dt.date(2026, 10, 1)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(14)]
ACCOUNT = AccountKey("google_ads", "1234567890")
METRICS = {
    "spend": MetricTraits(is_money=True),
    "impressions": MetricTraits(),
    "clicks": MetricTraits(),
    "conversions": MetricTraits(is_claimed=True),
}
CENT = Decimal("0.01")
EXPORTED = dt.datetime(2026, 10, 15, 6, tzinfo=dt.UTC)

Rows = list[tuple[AccountKey, dt.date, str, dict[str, Decimal]]]
Change = Callable[[Rows], Rows]


def truth() -> Rows:
    """Two campaigns over fourteen days; every figure differs from its neighbours'."""
    return [
        (
            ACCOUNT,
            day,
            campaign,
            {
                "spend": Decimal(1000 + 37 * n * n % 811 + 300 * k) / 100,
                "impressions": Decimal(5000 + 1931 * n * n % 3001 + 900 * k),
                "clicks": Decimal(100 + 41 * n * n % 73 + 20 * k),
                "conversions": Decimal(15 + 7 * n * n % 11 + k),
            },
        )
        for n, day in enumerate(DAYS)
        for k, campaign in enumerate(("brand", "sale"))
    ]


def ledger(rows: Rows, currency: str = "EUR") -> Ledger:
    made = Ledger()
    for account, day, campaign, figures in rows:
        identity = (campaign, *figures.values())
        made.add(account, day, campaign, figures, currency=currency, identity=identity)
    return made


def scaled(rows: Rows, metric: str, factor: Decimal) -> Rows:
    return [(a, d, c, {**f, metric: f[metric] * factor}) for a, d, c, f in rows]


def only(rows: Rows, keep: Callable[[dt.date, str], bool]) -> Rows:
    return [row for row in rows if keep(row[1], row[2])]


def changed(rows: Rows, day: dt.date, metric: str, by: Decimal) -> Rows:
    found = copy.deepcopy(rows)
    next(f for _, d, _, f in found if d == day)[metric] += by
    return found


def shifted(rows: Rows) -> Rows:
    return [(a, d + dt.timedelta(days=1), c, f) for a, d, c, f in rows]


def cut_at_another_hour(rows: Rows) -> Rows:
    """A tenth of every day is booked under the next; what came before the first day comes in."""
    found: dict[tuple[dt.date, str], dict[str, Decimal]] = {}
    for _, day, campaign, figures in rows:
        tenth = {name: amount / 10 for name, amount in figures.items()}
        late = {
            name: one.quantize(CENT if name == "spend" else Decimal(1))
            for name, one in tenth.items()
        }
        here = found.setdefault((day, campaign), dict.fromkeys(figures, Decimal(0)))
        there = found.setdefault(
            (day + dt.timedelta(days=1), campaign), dict.fromkeys(figures, Decimal(0))
        )
        for name, amount in figures.items():
            here[name] += amount - late[name]
            there[name] += late[name]
            if day == FIRST:
                here[name] += late[name]
    return [(ACCOUNT, day, c, f) for (day, c), f in found.items() if day <= DAYS[-1]]


def rounded(rows: Rows) -> Rows:
    return [(a, d, c, {**f, "spend": f["spend"].quantize(CENT)}) for a, d, c, f in rows]


def causes(found: Comparison) -> dict[str, set[Cause]]:
    by_metric: dict[str, set[Cause]] = {}
    for one in found.differences:
        by_metric.setdefault(one.metric, set()).update(reason.cause for reason in one.reasons)
    return by_metric


PLANTED: Mapping[str, tuple[Change, Cause, set[str], int]] = {
    "micros": (
        lambda rows: scaled(rows, "spend", Decimal(1_000_000)),
        Cause.UNIT,
        {"spend"},
        14,
    ),
    "with value added tax": (
        lambda rows: scaled(rows, "spend", Decimal("1.19")),
        Cause.FACTOR,
        {"spend"},
        14,
    ),
    "negative costs": (
        lambda rows: scaled(rows, "spend", Decimal(-1)),
        Cause.SIGN,
        {"spend"},
        14,
    ),
    # one of the 60 figures happens to be the same on both days
    "a day late": (shifted, Cause.SHIFTED_DAY, set(METRICS), 59),
    "days in UTC": (cut_at_another_hour, Cause.TIME_ZONE, set(METRICS), 0),
    "a day that was never fetched": (
        lambda rows: only(rows, lambda day, _: day != DAYS[5]),
        Cause.DAY_MISSING_IN_OLD,
        set(METRICS),
        4,
    ),
    "a page loaded twice": (
        lambda rows: rows + only(rows, lambda day, _: day == DAYS[3]),
        Cause.REPEATED_ROWS,
        set(METRICS),
        4,
    ),
    "paused campaigns left out": (
        lambda rows: only(rows, lambda day, campaign: day < DAYS[7] or campaign != "sale"),
        Cause.CAMPAIGN_MISSING_IN_OLD,
        set(METRICS),
        7 * 4,
    ),
    "another attribution window": (
        lambda rows: changed(rows, DAYS[2], "conversions", Decimal(-2)),
        Cause.ATTRIBUTION,
        {"conversions"},
        1,
    ),
    "a campaign that Bosco lacks": (
        lambda rows: [
            *rows,
            (ACCOUNT, DAYS[1], "lost", dict.fromkeys(METRICS, Decimal(7))),
        ],
        Cause.CAMPAIGN_MISSING_IN_NEW,
        set(METRICS),
        4,
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_finds_and_explains(name: str) -> None:
    change, cause, metrics, count = PLANTED[name]
    found = compare(ledger(change(truth())), ledger(truth()), METRICS)
    assert causes(found) == {metric: {cause} for metric in metrics}
    assert found.unexplained == ()
    if count:
        assert len(found.differences) == count


def test_equal_systems_do_not_differ() -> None:
    found = compare(ledger(truth()), ledger(truth()), METRICS)
    assert found.differences == ()
    assert found.figures == 14 * 4


def test_an_account_on_one_side_is_told_once_per_metric() -> None:
    other = AccountKey("meta_ads", "42")
    extra = [(other, day, "x", {"spend": Decimal(2)}) for day in DAYS[:3]]
    (one,) = compare(ledger([*truth(), *extra]), ledger(truth()), METRICS).differences
    assert (one.account, one.day, one.metric) == (other, None, "spend")
    assert (one.old, one.new) == (Decimal(6), None)
    assert one.reasons[0].text == "meta_ads 42 is not connected in Bosco"
    (one,) = compare(ledger(truth()), ledger([*truth(), *extra]), METRICS).differences
    assert (one.old, one.new) == (None, Decimal(6))
    assert one.reasons[0].cause is Cause.NOT_IN_OLD


def test_a_restated_day_is_known_by_what_was_known_then() -> None:
    now = changed(truth(), DAYS[12], "conversions", Decimal(3))
    now = changed(now, DAYS[12], "spend", Decimal("-0.40"))
    exported = Exported(EXPORTED, ledger(truth()))
    found = compare(ledger(truth()), ledger(now), METRICS, exported)
    assert causes(found) == {"conversions": {Cause.RESTATED}, "spend": {Cause.RESTATED}}
    assert found.differences[0].reasons[0].text == (
        "the platform changed this day after 2026-10-15 06:00 UTC"
    )


def test_a_day_read_before_it_was_over() -> None:
    last = DAYS[-1]
    early = [
        (a, d, c, {m: v if d != last else v // 2 for m, v in f.items()}) for a, d, c, f in truth()
    ]
    found = compare(ledger(early), ledger(truth()), METRICS, Exported(EXPORTED))
    assert causes(found) == {metric: {Cause.PARTIAL_DAY} for metric in METRICS}


def test_cents_that_were_rounded() -> None:
    exact = [(a, d, c, {**f, "spend": f["spend"] + Decimal("0.0031")}) for a, d, c, f in truth()]
    found = compare(ledger(rounded(exact)), ledger(exact), METRICS)
    assert causes(found) == {"spend": {Cause.ROUNDING}}


def test_another_currency_is_named() -> None:
    dollars = ledger(scaled(truth(), "spend", Decimal("1.0843")), currency="USD")
    found = compare(dollars, ledger(truth()), METRICS)
    assert causes(found) == {"spend": {Cause.CURRENCY}}
    assert found.differences[0].reasons[0].text == (
        "the old system is in USD, the account in EUR: factor 1.0843"
    )


def test_a_factor_does_not_hide_another_cause() -> None:
    missing = only(truth(), lambda day, campaign: day != DAYS[4] or campaign != "sale")
    found = compare(ledger(scaled(missing, "spend", Decimal(100))), ledger(truth()), METRICS)
    of_day = [one for one in found.differences if one.day == DAYS[4] and one.metric == "spend"]
    assert [reason.cause for reason in of_day[0].reasons] == [
        Cause.UNIT,
        Cause.CAMPAIGN_MISSING_IN_OLD,
    ]


def test_what_nothing_explains_says_so() -> None:
    odd = changed(truth(), DAYS[6], "clicks", Decimal(9))
    found = compare(ledger(odd), ledger(truth()), METRICS)
    assert [(one.day, one.metric) for one in found.unexplained] == [(DAYS[6], "clicks")]


@given(
    day=st.sampled_from(DAYS),
    metric=st.sampled_from(sorted(METRICS)),
    by=st.integers(-4, 4).filter(bool),
)
def test_no_difference_is_lost(day: dt.date, metric: str, by: int) -> None:
    found = compare(ledger(changed(truth(), day, metric, Decimal(by))), ledger(truth()), METRICS)
    assert [(one.day, one.metric) for one in found.differences] == [(day, metric)]
    (one,) = found.differences
    assert one.old is not None
    assert one.new is not None
    assert one.old - one.new == by
