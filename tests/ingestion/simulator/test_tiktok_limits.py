"""Limits of TikTok Ads: calls of an app, and ads of a report, with a clock that stands still."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ingestion.simulator.config import demo_config
from ingestion.simulator.tiktok_ads import TikTokAds
from ingestion.simulator.tiktok_ads.config import CallLimits
from tests.ingestion.simulator.standing import Standing, standing
from tests.ingestion.simulator.tiktok_caller import APP, TikTokCaller, told

NOW = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)
DAILY = ["campaign_id", "stat_time_day"]


@pytest.fixture
def small() -> Iterator[Standing]:
    limits = CallLimits(per_second=2, per_minute=4, per_day=9)
    config = dataclasses.replace(demo_config().tiktok_ads, limits=limits)
    with standing(lambda clock: TikTokAds(config, clock), NOW) as running:
        yield running


def _codes(running: Standing, calls: int) -> list[int]:
    caller = TikTokCaller(running.http, "")
    return [caller.ask("CAMPAIGN", DAILY)["code"] for _ in range(calls)]


def _refusal(running: Standing) -> tuple[int, str]:
    return told(TikTokCaller(running.http, "").ask("CAMPAIGN", DAILY))


def test_the_limit_of_a_second_is_over_with_it(small: Standing) -> None:
    assert _codes(small, 2) == [0, 0]
    assert _refusal(small) == (40100, f"App {APP} reaches the QPS limit 2, current QPS is 3")
    small.pass_time(seconds=1)
    assert _codes(small, 1) == [0]


def test_the_limit_of_a_minute_costs_five(small: Standing) -> None:
    for _ in range(2):
        assert _codes(small, 2) == [0, 0]
        small.pass_time(seconds=1)
    restricted = (
        40100,
        f"Due to too many requests, requests from App {APP} are temporarily restricted.",
    )
    assert _refusal(small) == restricted
    small.pass_time(minutes=4, seconds=59)
    assert _refusal(small) == restricted
    small.pass_time(seconds=1)
    assert _codes(small, 1) == [0]


def test_the_limit_of_a_day_ends_at_midnight_utc(small: Standing) -> None:
    for _ in range(9):
        assert _codes(small, 1) == [0]
        small.pass_time(minutes=1)
    refusal = (40100, f"App {APP} reaches the QPD limit 9, current QPD is 10")
    assert _refusal(small) == refusal
    small.pass_time(hours=1, minutes=50)
    assert _refusal(small) == refusal
    small.pass_time(minutes=1)
    assert _codes(small, 1) == [0]


def test_apps_have_limits_of_their_own(small: Standing) -> None:
    assert _codes(small, 3) == [0, 0, 40100]
    other = TikTokCaller(small.http, "", {"Access-Token": "harbor-pine-tiktok-access-token"})
    assert other.ask("CAMPAIGN", DAILY, advertiser_id="7333333333333333333")["code"] == 0


def test_a_report_tells_of_so_many_ads_without_saying_so() -> None:
    config = dataclasses.replace(demo_config().tiktok_ads, most_ads=4)
    with standing(lambda clock: TikTokAds(config, clock), NOW) as running:
        caller = TikTokCaller(running.http, "")
        report = caller.ask("AD", ["ad_id", "stat_time_day"], start_date="2026-10-31")
        assert report["data"]["page_info"]["total_number"] == 8
        assert len({row["dimensions"]["ad_id"] for row in report["data"]["list"]}) == 4
        assert caller.ask("ADGROUP", ["adgroup_id"])["data"]["page_info"]["total_number"] == 10
