"""What reports of TikTok Ads tell: levels that add up, days, restatement, unmeasured values."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.tiktok_caller import ADVERTISER, METRICS, TikTokCaller

PAYMENTS = "total_complete_payment_rate"


@pytest.fixture
def tiktok(simulator: RunningSimulator) -> TikTokCaller:
    return TikTokCaller(simulator.http, "/tiktok_ads")


def _truth(simulator: RunningSimulator, day: str = "2026-11-01") -> dict[str, Any]:
    totals: dict[str, Any] = simulator.truth(
        "tiktok_ads", ADVERTISER, **{"from": day, "to": day, "by": "day"}
    )["totals"]
    return totals


def _sums(rows: list[Any]) -> dict[str, Decimal]:
    return {name: sum((Decimal(row[name]) for _, row in rows), Decimal(0)) for name in METRICS}


@pytest.mark.parametrize(
    ("level", "dimensions", "kind", "count"),
    [
        ("ADVERTISER", ["advertiser_id", "stat_time_day"], "BASIC", 1),
        ("CAMPAIGN", ["campaign_id", "stat_time_day"], "BASIC", 8),
        ("ADGROUP", ["adgroup_id"], "BASIC", 10),
        ("AD", ["ad_id", "stat_time_day"], "BASIC", 30),
        ("CAMPAIGN", ["campaign_id", "country_code", "stat_time_day"], "AUDIENCE", 40),
    ],
)
def test_every_level_adds_up_to_the_account(
    simulator: RunningSimulator,
    tiktok: TikTokCaller,
    level: str,
    dimensions: list[str],
    kind: str,
    count: int,
) -> None:
    rows = tiktok.rows(level, dimensions, METRICS, kind)
    truth = _truth(simulator)
    assert len(rows) == count
    assert _sums(rows) == {
        "spend": Decimal(truth["spend"]),
        "impressions": truth["impressions"],
        "clicks": truth["clicks"],
        "conversion": truth["conversions"],
    }


def test_a_campaign_without_a_pixel_has_no_value_not_zero(
    simulator: RunningSimulator, tiktok: TikTokCaller
) -> None:
    rows = tiktok.rows("CAMPAIGN", ["campaign_id"], ["campaign_name", PAYMENTS])
    values = {metrics["campaign_name"]: metrics[PAYMENTS] for _, metrics in rows}
    assert values.pop("Acme Shoes | Reach 1") == "-"
    assert sum(map(Decimal, values.values())) == Decimal(_truth(simulator)["value"])


def test_ads_name_their_parents(tiktok: TikTokCaller) -> None:
    names = ["campaign_id", "campaign_name", "adgroup_id", "adgroup_name", "ad_name", "currency"]
    dimensions, metrics = tiktok.rows("AD", ["ad_id", "stat_time_day"], names)[0]
    assert (dimensions, metrics) == (
        {"ad_id": "171111111111100010101", "stat_time_day": "2026-11-01 00:00:00"},
        {
            "campaign_id": "17111111111110001",
            "campaign_name": "Acme Shoes | Spark Ads 1",
            "adgroup_id": "1711111111111000101",
            "adgroup_name": "Ad group 1",
            "ad_name": "Video 1.1",
            "currency": "EUR",
        },
    )


def test_places_that_are_not_known_are_named_so(tiktok: TikTokCaller) -> None:
    rows = tiktok.rows("CAMPAIGN", ["campaign_id", "country_code"], METRICS, "AUDIENCE")
    assert {dimensions["country_code"] for dimensions, _ in rows} == {
        *("US", "DE", "GB", "FR", "None")
    }


def test_conversions_come_for_28_days_and_spend_is_final(simulator: RunningSimulator) -> None:
    def day_after(days: int) -> dict[str, Any]:
        simulator.move_clock(datetime(2026, 11, 1 + days, 12, tzinfo=UTC))
        return _truth(simulator)

    known = [day_after(days) for days in (1, 14, 27, 28, 29)]
    values = [Decimal(totals["value"]) for totals in known]
    assert values[0] < values[1] < values[2] < values[3]
    assert known[0]["conversions"] < known[3]["conversions"]
    assert known[3]["spend"] == known[0]["spend"]
    assert known[3] == known[4]


def test_the_day_that_is_not_over_grows_by_the_hour(simulator: RunningSimulator) -> None:
    found = []
    for hour in (5, 11, 22):  # in Berlin one hour later
        simulator.move_clock(datetime(2026, 11, 2, hour, tzinfo=UTC))
        found.append(_truth(simulator, "2026-11-02")["impressions"])
    assert 0 < found[0] < found[1] < found[2]
    simulator.move_clock(datetime(2026, 11, 1, 22, 30, tzinfo=UTC))
    assert _truth(simulator, "2026-11-02")["impressions"] == 0
