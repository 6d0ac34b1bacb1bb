"""Insights of Meta Ads as documented: levels, breakdowns, actions, windows, days, pages."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.meta_caller import (
    ACCOUNT,
    LIVE_AND_GONE,
    MetaCaller,
    refusal,
    sums,
)

WEEK = ("2026-10-05", "2026-10-11")
PURCHASES = "purchase", "offsite_conversion.fb_pixel_purchase", "offline_conversion.purchase"
MEASURES = "spend,impressions,clicks,inline_link_clicks,actions,action_values"
WINDOWS = ["1d_view", "1d_click", "7d_click", "28d_click"]
ALL = ("value", *WINDOWS)


def _truth(simulator: RunningSimulator, *by: str, days: tuple[str, str] = WEEK) -> Any:
    first, last = days
    return simulator.truth("meta_ads", ACCOUNT, **{"from": first, "to": last, "by": ",".join(by)})


def _actions(row: dict[str, Any], part: str = "actions") -> dict[str, dict[str, str]]:
    return {item["action_type"]: item for item in row.get(part, [])}


def test_a_row_is_as_documented(meta: MetaCaller) -> None:
    answer = meta.insights(
        level="ad",
        fields="account_id,campaign_id,adset_id,adset_name,ad_id,impressions,clicks,spend,actions",
        time_increment=1,
        days=(WEEK[0], WEEK[0]),
        action_attribution_windows=["7d_click", "1d_view"],
        limit="1",
    )
    body = answer.json()
    (row,) = body["data"]
    assert row["date_start"] == row["date_stop"] == WEEK[0]
    assert row["account_id"] == ACCOUNT
    assert row["adset_id"].startswith(row["campaign_id"])
    assert row["ad_id"].startswith(row["adset_id"])
    assert row["adset_name"] == "Audience 1"
    assert {type(row[name]) for name in ("impressions", "clicks", "spend")} == {str}
    assert set(row) <= {
        *("account_id", "campaign_id", "adset_id", "adset_name", "ad_id", "impressions"),
        *("clicks", "spend", "actions", "date_start", "date_stop"),
    }
    click = _actions(row)["link_click"]
    assert set(click) == {"action_type", "value", "7d_click"}
    assert set(body["paging"]) == {"cursors", "next"}
    assert set(body["paging"]["cursors"]) == {"before", "after"}


@pytest.mark.parametrize("level", ["account", "campaign", "adset", "ad"])
@pytest.mark.parametrize("breakdown", ["", "device_platform", "country"])
def test_every_level_adds_up_to_the_truth(
    simulator: RunningSimulator, meta: MetaCaller, level: str, breakdown: str
) -> None:
    rows = meta.rows(
        level=level,
        fields=MEASURES,
        breakdowns=breakdown,
        time_increment=1,
        days=WEEK,
        action_attribution_windows=["7d_click", "1d_view"],
        statuses=LIVE_AND_GONE,
    )
    totals = _truth(simulator)["totals"]
    assert sums(rows, "impressions", "clicks", "inline_link_clicks") == {
        "impressions": totals["impressions"],
        "clicks": totals["clicks"],
        "inline_link_clicks": totals["linkClicks"],
    }
    assert sum(Decimal(row["spend"]) for row in rows) == Decimal(totals["spend"])
    for part, total in (("actions", "purchases"), ("action_values", "purchaseValue")):
        bought = [_actions(row, part).get("omni_purchase", {}) for row in rows]
        told = [Decimal(b.get(window, "0")) for b in bought for window in ("7d_click", "1d_view")]
        assert sum(told) == Decimal(totals[total])


def test_a_purchase_stands_under_every_type_that_includes_it(meta: MetaCaller) -> None:
    row = meta.rows(
        fields="actions", days=WEEK, action_attribution_windows=["7d_click"], level="account"
    )[0]
    counts = {name: int(_actions(row)[name]["7d_click"]) for name in (*PURCHASES, "omni_purchase")}
    assert counts["purchase"] == counts["offsite_conversion.fb_pixel_purchase"]
    assert counts["omni_purchase"] == (counts["purchase"] + counts["offline_conversion.purchase"])
    assert counts["offline_conversion.purchase"] > 0


def test_longer_windows_include_shorter_ones_and_views_stand_apart(meta: MetaCaller) -> None:
    row = meta.rows(
        fields="actions", days=WEEK, action_attribution_windows=WINDOWS, level="account"
    )[0]
    bought = {name: int(_actions(row)["omni_purchase"][name]) for name in WINDOWS}
    assert bought["1d_click"] < bought["7d_click"] < bought["28d_click"]
    assert 0 < bought["1d_view"] < bought["7d_click"]


def test_value_follows_the_ad_set_s_own_setting(meta: MetaCaller) -> None:
    rows = meta.rows(
        level="adset",
        fields="adset_name,actions",
        days=WEEK,
        action_attribution_windows=WINDOWS,
    )
    counts = [
        (row["adset_name"], Counter({name: int(told[name]) for name in told if name in ALL}))
        for row in rows
        if (told := _actions(row).get("omni_purchase"))
    ]
    usual = [told for name, told in counts if name == "Audience 1"]
    short = [told for name, told in counts if name == "Audience 2"]
    assert (len(usual), len(short)) == (4, 3)
    assert all(told["value"] == told["7d_click"] + told["1d_view"] for told in usual)
    assert all(told["value"] == told["1d_click"] for told in short)
    assert sum(told["value"] for told in short) < sum(told["7d_click"] for told in short)


def test_value_is_not_available_where_settings_are_mixed(meta: MetaCaller) -> None:
    named = meta.rows(fields="actions", days=WEEK, action_attribution_windows=["7d_click"])[0]
    assert set(_actions(named)["omni_purchase"]) == {"action_type", "7d_click"}
    unnamed = meta.rows(fields="actions", days=WEEK)[0]
    assert set(_actions(unnamed)) == {"link_click"}


def test_zeros_are_left_out(meta: MetaCaller) -> None:
    rows = meta.rows(
        level="ad", fields=MEASURES, breakdowns="device_platform", time_increment=1, days=WEEK
    )
    assert any("inline_link_clicks" not in row for row in rows)
    assert any("actions" not in row for row in rows)
    assert "0" not in {row.get("inline_link_clicks") for row in rows}


def test_deleted_and_archived_objects_come_only_when_their_status_is_named(
    simulator: RunningSimulator, meta: MetaCaller
) -> None:
    for level, gone in (("campaign", 1), ("ad", 6)):
        asked: dict[str, Any] = {"level": level, "fields": f"{level}_id,impressions", "days": WEEK}
        live = {row[f"{level}_id"] for row in meta.rows(**asked)}
        everything = meta.rows(**asked, statuses=LIVE_AND_GONE)
        ids = {row[f"{level}_id"] for row in everything}
        assert live < ids
        assert len(ids - live) >= gone
        assert (
            sums(everything, "impressions")["impressions"]
            == (_truth(simulator)["totals"]["impressions"])
        )


def test_an_account_counts_what_its_deleted_campaigns_did(
    simulator: RunningSimulator, meta: MetaCaller
) -> None:
    (row,) = meta.rows(fields="impressions", days=WEEK)
    assert int(row["impressions"]) == _truth(simulator)["totals"]["impressions"]


def test_device_platforms_are_the_documented_ones(
    simulator: RunningSimulator, meta: MetaCaller
) -> None:
    rows = meta.rows(
        level="campaign",
        fields="campaign_id,impressions",
        breakdowns="device_platform",
        days=WEEK,
        statuses=LIVE_AND_GONE,
    )
    by_platform: Counter[str] = Counter()
    for row in rows:
        by_platform[row["device_platform"]] += int(row["impressions"])
    assert by_platform == {
        row["device"]: row["impressions"] for row in _truth(simulator, "device")["rows"]
    }
    assert set(by_platform) == {"desktop", "mobile_app", "mobile_web", "unknown"}


def test_impression_devices_give_no_rows_without_opting_in(meta: MetaCaller) -> None:
    answer = meta.insights(fields="impressions", breakdowns="impression_device", days=WEEK)
    assert (answer.status_code, answer.json()) == (200, {"data": []})


def test_without_an_increment_a_row_is_the_whole_range(meta: MetaCaller) -> None:
    (row,) = meta.rows(fields="spend", days=WEEK)
    assert (row["date_start"], row["date_stop"]) == WEEK
    days = meta.rows(fields="spend", days=WEEK, time_increment=1)
    assert [day["date_start"] for day in days] == [f"2026-10-{n:02d}" for n in range(5, 12)]
    assert sum(Decimal(day["spend"]) for day in days) == Decimal(row["spend"])


def test_pages_go_on_by_cursor_until_there_is_no_next(meta: MetaCaller) -> None:
    asked: dict[str, Any] = {"level": "ad", "fields": "ad_id", "days": WEEK, "time_increment": 1}
    whole = meta.rows(**asked)
    pages = list(meta.pages(f"/act_{ACCOUNT}/insights", **asked, limit="30"))
    assert [row for page in pages for row in page["data"]] == whole
    assert {len(page["data"]) for page in pages[:-1]} == {30}
    assert all("next" in page["paging"] for page in pages[:-1])
    assert set(pages[-1]["paging"]) == {"cursors"}  # a cursor even on the last page
    beyond = meta.insights(**asked, after=pages[-1]["paging"]["cursors"]["after"])
    assert beyond.json() == {"data": []}
    assert len(meta.insights(**asked).json()["data"]) == 25  # a page that names no limit


def test_a_day_is_the_account_s_own(simulator: RunningSimulator, meta: MetaCaller) -> None:
    # New York leaves summer time on 1 November 2026: at 04:30 UTC on the 2nd it is 23:30 there.
    simulator.move_clock(datetime(2026, 11, 2, 4, 30, tzinfo=UTC))
    days = ("2026-10-31", "2026-11-02")
    harbor = MetaCaller(meta.http, token="EAAharborpine-system-user")
    asked: dict[str, Any] = {"fields": "impressions", "days": days, "time_increment": 1}
    york = harbor.rows("/act_333333333333333/insights", **asked)
    berlin = meta.rows(**asked)
    assert [row["date_start"] for row in york] == ["2026-10-31", "2026-11-01"]
    assert [row["date_start"] for row in berlin] == ["2026-10-31", "2026-11-01", "2026-11-02"]
    part = int(york[-1]["impressions"])
    simulator.move_clock(datetime(2026, 11, 2, 5, 30, tzinfo=UTC))
    whole = int(harbor.rows("/act_333333333333333/insights", **asked)[1]["impressions"])
    assert part == pytest.approx(whole * 23 / 24, rel=0.001)


def test_days_are_restated_for_28_days(simulator: RunningSimulator, meta: MetaCaller) -> None:
    asked: dict[str, Any] = {
        "fields": "spend,actions",
        "days": ("2026-10-01", "2026-11-01"),
        "time_increment": 1,
        "action_attribution_windows": ["7d_click"],
    }
    before = meta.rows(**asked)
    simulator.move_clock(datetime(2026, 11, 29, 12, tzinfo=UTC))
    after = meta.rows(**asked)
    changed = [old["date_start"] for old, new in zip(before, after, strict=True) if old != new]
    assert changed[0] == "2026-10-06"  # 27 days old on 2 November
    assert changed[-1] == "2026-11-01"
    spent = [
        old["date_start"]
        for old, new in zip(before, after, strict=True)
        if old["spend"] != new["spend"]
    ]
    assert spent == ["2026-10-31", "2026-11-01"]  # invalid clicks are credited within days


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"fields": "conversions_value"},
            (
                "(#100) conversions_value is not valid for fields param. please check "
                "https://developers.facebook.com/docs/marketing-api/reference/ads-insights/ "
                "for all valid values"
            ),
        ),
        (
            {"breakdowns": "country,device_platform"},
            (
                "(#100) Current combination of data breakdown columns "
                "(action_type, country, device_platform) is invalid"
            ),
        ),
        (
            {"action_attribution_windows": ["7d_view"]},
            (
                "(#100) action_attribution_windows[0] must be one of the following values: "
                "1d_view, 1d_click, 7d_click, 28d_click, default"
            ),
        ),
        (
            {"level": "keyword"},
            "(#100) level must be one of the following values: account, campaign, adset, ad",
        ),
        (
            {"filtering": [{"field": "spend", "operator": "GREATER_THAN", "value": 1}]},
            "(#100) Filtering field 'spend' with operation 'GREATER_THAN' is not supported",
        ),
        ({"filtering": "[{"}, "(#100) [{ is not JSON"),
        ({"limit": "0"}, "(#100) Param limit must be an integer greater than 0"),
        ({"after": "?"}, "(#100) Invalid cursor"),
        (
            {"days": ("2026-10-32", "2026-11-01")},
            "(#100) Must be a date representation in the format YYYY-MM-DD",
        ),
        (
            {"days": ("2026-11-02", "2026-11-01")},
            "(#100) time_range: since must not be after until",
        ),
    ],
)
def test_wrong_parameters_are_refused(
    meta: MetaCaller, values: dict[str, Any], message: str
) -> None:
    assert refusal(meta.insights(**values)) == (400, 100, None, message)


def test_days_older_than_37_months_are_refused(meta: MetaCaller) -> None:
    assert meta.insights(days=("2023-10-02", "2023-10-02")).status_code == 200
    assert refusal(meta.insights(days=("2023-10-01", "2023-10-02"))) == (
        400,
        3018,
        None,
        "(#3018) The start date of the time range cannot be beyond 37 months from the current date",
    )
