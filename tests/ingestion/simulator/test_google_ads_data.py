"""What Google Ads serves equals its truth, and restates as real days do."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import orjson

from tests.fixtures.simulator import SIMULATED_NOW
from tests.ingestion.simulator.conftest import NORTHWIND_FORM, AdsCaller

QUERY = (
    "SELECT campaign.id, segments.date, segments.device, metrics.cost_micros, metrics.clicks, "
    "metrics.impressions, metrics.conversions, metrics.conversions_value FROM campaign "
    "WHERE segments.date BETWEEN '{}' AND '{}'"
)


def _measures(row: dict[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(str(value)) for name, value in row["metrics"].items()}


def _sum(rows: Iterable[dict[str, Any]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        for name, value in _measures(row).items():
            sums[name] = sums.get(name, Decimal(0)) + value
    return sums


def _by_key(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Decimal]]:
    return {
        (row["segments"]["date"], row["campaign"]["id"], row["segments"]["device"]): _measures(row)
        for row in rows
    }


def test_two_years_equal_the_truth_exactly(ads: AdsCaller) -> None:
    rows = ads.rows(QUERY.format("2024-11-01", "2026-11-02"))
    truth = ads.simulator.truth("google_ads", "1111111111", by="")["totals"]
    assert truth.pop("rowCount") == len(rows)
    assert _sum(rows) == {name: Decimal(str(value)) for name, value in truth.items()}
    assert 30 <= len(rows) / 732 <= 60


def test_every_row_equals_the_truth(ads: AdsCaller) -> None:
    rows = _by_key(ads.rows(QUERY.format("2026-10-01", "2026-11-02")))
    truth = ads.simulator.truth("google_ads", "1111111111", **{"from": "2026-10-01"})
    expected = {
        (row["day"], row["campaign"], row["device"]): {
            name: Decimal(str(row[name]))
            for name in ("costMicros", "clicks", "impressions", "conversions", "conversionsValue")
        }
        for row in truth["rows"]
    }
    assert rows == expected
    assert truth["currency"] == "EUR"
    assert truth["timeZone"] == "Europe/Berlin"


def test_groups_without_a_day_equal_the_truth(ads: AdsCaller) -> None:
    rows = ads.rows(
        "SELECT segments.device, metrics.clicks, metrics.cost_micros FROM customer "
        "WHERE segments.date BETWEEN '2026-01-01' AND '2026-06-30'"
    )
    truth = ads.simulator.truth(
        "google_ads", "1111111111", by="device", **{"from": "2026-01-01", "to": "2026-06-30"}
    )
    assert {
        row["segments"]["device"]: (
            int(row["metrics"]["clicks"]),
            int(row["metrics"]["costMicros"]),
        )
        for row in rows
    } == {row["device"]: (row["clicks"], row["costMicros"]) for row in truth["rows"]}


def test_conversions_grow_until_the_window_has_passed(ads: AdsCaller) -> None:
    day = QUERY.format("2026-11-01", "2026-11-01")
    seen = []
    for age in (1, 2, 5, 10, 20, 29, 30, 31, 60):
        _at(ads, SIMULATED_NOW + timedelta(days=age - 1))
        seen.append(_by_key(ads.rows(day)))
    for earlier, later in pairwise(seen):
        for key in earlier.keys() & later.keys():
            assert earlier[key]["conversions"] <= later[key]["conversions"]
            assert earlier[key]["conversionsValue"] <= later[key]["conversionsValue"]
            assert earlier[key]["clicks"] == later[key]["clicks"]
    first, last = seen[0], seen[-1]
    shared = first.keys() & last.keys()
    assert sum(first[key]["conversions"] for key in shared) < sum(
        last[key]["conversions"] for key in shared
    )
    assert seen[-3] == seen[-2] == seen[-1]


def test_cost_falls_by_less_than_one_percent(ads: AdsCaller) -> None:
    day = QUERY.format("2026-11-01", "2026-11-01")
    early = _by_key(ads.rows(day))
    _at(ads, SIMULATED_NOW + timedelta(days=5))
    late = _by_key(ads.rows(day))
    shared = early.keys() & late.keys()
    before = sum(early[key]["costMicros"] for key in shared)
    after = sum(late[key]["costMicros"] for key in shared)
    assert after < before < after * Decimal("1.01")
    assert all(early[key]["costMicros"] >= late[key]["costMicros"] for key in shared)


def test_some_campaign_days_vanish_and_none_appear(ads: AdsCaller) -> None:
    span = QUERY.format("2026-10-27", "2026-11-01")
    early = _by_key(ads.rows(span))
    _at(ads, SIMULATED_NOW + timedelta(days=14))
    late = _by_key(ads.rows(span))
    assert late.keys() < early.keys()
    gone = {key[:2] for key in early.keys() - late.keys()}
    assert not gone & {key[:2] for key in late}


def test_segmented_rows_without_any_selected_metric_are_left_out(ads: AdsCaller) -> None:
    query = (
        "SELECT campaign.id, segments.date, segments.device, {} FROM campaign "
        "WHERE segments.date = '2026-09-01'"
    )
    both = ads.rows(query.format("metrics.clicks, metrics.conversions"))
    some = ads.rows(query.format("metrics.conversions"))
    converting = [row for row in both if row["metrics"]["conversions"] > 0]
    assert 0 < len(converting) < len(both)
    assert [row["campaign"]["id"] for row in some] == [row["campaign"]["id"] for row in converting]


def test_today_is_partial(ads: AdsCaller) -> None:
    today = QUERY.format("2026-11-02", "2026-11-02")
    _at(ads, datetime(2026, 11, 2, 5, 0, tzinfo=UTC))
    morning = _sum(ads.rows(today))
    _at(ads, datetime(2026, 11, 2, 20, 0, tzinfo=UTC))
    evening = _sum(ads.rows(today))
    assert 3 * morning["clicks"] < evening["clicks"]


def test_days_begin_at_the_accounts_midnight(ads: AdsCaller) -> None:
    _at(ads, datetime(2026, 11, 2, 23, 30, tzinfo=UTC))  # 00:30 on the 3rd in Berlin
    rows = ads.rows(
        "SELECT segments.date, metrics.clicks FROM customer WHERE segments.date DURING YESTERDAY"
    )
    assert [row["segments"]["date"] for row in rows] == ["2026-11-02"]


def _at(ads: AdsCaller, now: datetime) -> None:
    """Move the clock and take a token that is good there."""
    ads.simulator.move_clock(now)
    answer = ads.simulator.http.post("/google_ads/token", data=NORTHWIND_FORM)
    ads.headers["Authorization"] = f"Bearer {orjson.loads(answer.content)['access_token']}"
