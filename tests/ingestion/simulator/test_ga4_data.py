"""What reports of Google Analytics 4 tell: sums, days, restatement, shortcomings."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.ga4_caller import PROPERTY, Ga4Caller, caller, rows

WEEK = {"startDate": "2026-10-26", "endDate": "2026-11-01"}
METRICS = [
    *("sessions", "engagedSessions", "newUsers", "screenPageViews"),
    *("keyEvents", "purchaseRevenue"),
]
Sums = dict[tuple[str, ...], tuple[Decimal, ...]]


@pytest.fixture
def ga4(simulator: RunningSimulator) -> Ga4Caller:
    return caller(simulator.http, "/ga4")


@pytest.fixture
def truth(simulator: RunningSimulator) -> Callable[..., Sums]:
    def sums(*keys: str, place: str = PROPERTY) -> Sums:
        days = {"from": WEEK["startDate"], "to": WEEK["endDate"]}
        document = simulator.truth("ga4", place, **days, by=",".join(keys))
        return {
            tuple(row[key].replace("-", "") if key == "day" else row[key] for key in keys): tuple(
                Decimal(row[name]) for name in METRICS
            )
            for row in document["rows"]
        }

    return sums


def _sums(report: dict[str, Any], dimensions: int) -> Sums:
    return {row[:dimensions]: tuple(map(Decimal, row[dimensions:])) for row in rows(report)}


@pytest.mark.parametrize(
    ("dimensions", "keys"),
    [
        ([], []),
        (["date"], ["day"]),
        (["landingPage"], ["page"]),
        (["sessionDefaultChannelGroup", "date"], ["channel", "day"]),
        (
            ["date", "sessionSource", "sessionMedium", "deviceCategory", "countryId"],
            ["day", "source", "medium", "device", "country"],
        ),
    ],
    ids=lambda names: " ".join(names) or "none",
)
def test_every_cut_is_the_truth(
    ga4: Ga4Caller, truth: Callable[..., Sums], dimensions: list[str], keys: list[str]
) -> None:
    # The truth lists its keys in an order of its own: `day` first.
    report = ga4.report(dimensions, METRICS, WEEK)
    assert _sums(report, len(dimensions)) == truth(*keys)
    assert report["rowCount"] == len(report["rows"])


def test_pages_make_up_the_whole_report(ga4: Ga4Caller) -> None:
    cut = ["date", "landingPage", "deviceCategory"]
    whole = rows(ga4.report(cut, METRICS, WEEK))
    assert len(whole) == 7 * 4 * 4
    parts = [
        rows(ga4.report(cut, METRICS, WEEK, offset=offset, limit=50))
        for offset in (0, 50, 100, 150)
    ]
    assert [len(part) for part in parts] == [50, 50, 12, 0]
    assert [row for part in parts for row in part] == whole


def test_visits_settle_in_two_days_and_key_events_in_twelve(simulator: RunningSimulator) -> None:
    def day_after(days: int) -> list[Decimal]:
        simulator.move_clock(datetime(2026, 11, 1 + days, 12, tzinfo=UTC))
        fresh = caller(simulator.http, "/ga4")
        ((_, *numbers),) = rows(fresh.report(["date"], METRICS))
        return [Decimal(number) for number in numbers]

    known = {days: day_after(days) for days in (1, 2, 11, 12, 20)}
    assert known[1][:4] < known[2][:4] == known[11][:4] == known[20][:4]
    assert known[1][4:] < known[2][4:] < known[11][4:] < known[12][4:] == known[20][4:]


def test_days_are_those_of_the_property(simulator: RunningSimulator) -> None:
    # 23:30 on the day on which clocks are set back, in New York: the day is not over.
    simulator.move_clock(datetime(2026, 11, 2, 4, 30, tzinfo=UTC))
    found = {
        day: simulator.truth("ga4", "333333333", **{"from": day, "to": day})["totals"]["sessions"]
        for day in ("2026-11-01", "2026-11-02")
    }
    simulator.move_clock(datetime(2026, 11, 5, tzinfo=UTC))
    settled = simulator.truth("ga4", "333333333", **{"from": "2026-11-01", "to": "2026-11-01"})
    assert found["2026-11-02"] == 0
    assert 0.8 * settled["totals"]["sessions"] < found["2026-11-01"] < settled["totals"]["sessions"]


def test_rare_rows_rolled_into_other_keep_the_totals(ga4: Ga4Caller) -> None:
    exact = ga4.report(["landingPage"], METRICS)
    ga4.http.post("/_control/faults", json={"kind": "other_row"})
    rolled = ga4.report(["landingPage"], METRICS)
    assert rolled["metadata"] == {
        "dataLossFromOtherRow": True,
        "currencyCode": "EUR",
        "timeZone": "Europe/Berlin",
    }
    assert "(other)" in [row[0] for row in rows(rolled)]
    assert _column_sums(rolled) == _column_sums(exact)


def test_withheld_rows_are_missing_and_told(ga4: Ga4Caller) -> None:
    cut = ["landingPage", "deviceCategory"]
    exact = rows(ga4.report(cut, METRICS))
    ga4.http.post("/_control/faults", json={"kind": "thresholded"})
    report = ga4.report(cut, METRICS)
    assert report["metadata"]["subjectToThresholding"] is True
    assert rows(report) == [row for place, row in enumerate(exact, start=1) if place % 10]


def test_samples_are_told_with_their_size(ga4: Ga4Caller) -> None:
    exact = rows(ga4.report(["landingPage"], ["sessions"]))
    ga4.http.post("/_control/faults", json={"kind": "sampled"})
    report = ga4.report(["landingPage"], ["sessions"])
    assert report["metadata"]["samplingMetadatas"] == [
        {"samplesReadCount": "10000000", "samplingSpaceSize": "27000000"}
    ]
    estimated = [int(number) for _, number in rows(report)]
    assert estimated != [int(number) for _, number in exact]
    assert all(0 <= int(b) - a <= 5 for a, (_, b) in zip(estimated, exact, strict=True))


def test_rows_that_came_in_before_a_page_shift_it(ga4: Ga4Caller) -> None:
    whole = rows(ga4.report(["landingPage", "deviceCategory"], ["sessions"]))
    page: Any = {"offset": 6, "limit": 4}
    for value, told in ((None, 18), (True, 16)):
        fault = {"kind": "moved_rows", "rows": 2, "value": value}
        ga4.http.post("/_control/faults", json=fault)
        moved = ga4.report(["landingPage", "deviceCategory"], ["sessions"], **page)
        assert (rows(moved), moved["rowCount"]) == (whole[4:8], told)
    same = ga4.report(["landingPage", "deviceCategory"], ["sessions"], **page)
    assert (rows(same), same["rowCount"]) == (whole[6:10], 16)


def _column_sums(report: dict[str, Any]) -> list[Decimal]:
    numbers = [map(Decimal, row[1:]) for row in rows(report)]
    return [sum(column, Decimal(0)) for column in zip(*numbers, strict=True)]
