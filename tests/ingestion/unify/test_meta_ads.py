"""Meta's rows as facts: every cut is what the platform holds, also of pages that repeat."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from domain.facts import FACTS
from domain.facts.tables import facts_table, marts_table
from domain.time_window import DateRange
from ingestion.unify.feeds import facts_fed
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.fixtures.simulator import RunningSimulator, _simulator_server, simulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.meta import ACCOUNT, SOURCE, list_rows, read, urls
from tests.ingestion.unify.ledger import Ledger

__all__ = ["_simulator_server", "simulator"]

pytestmark = pytest.mark.anyio

DAYS = DateRange(dt.date(2026, 3, 9), dt.date(2026, 3, 16))
FED = {
    "account_day": "ads_account_daily",
    "campaign_day": "ads_daily",
    "ad_day": "ads_ad_daily",
    "campaign_country_day": "ads_country_daily",
}
DEVICES = {
    "mobile_app": "mobile",
    "mobile_web": "mobile",
    "desktop": "desktop",
    "unknown": "other",
}
MEASURES = "m.spend, m.impressions, m.clicks, m.conversions, m.attributed_revenue"

Sums = tuple[Decimal | int, ...]


@pytest.fixture
async def ledger(duckdb_warehouse: DuckDbWarehouse) -> Ledger:
    ledger = await Ledger(duckdb_warehouse).prepare()
    facts = [FACTS[name] for name in FED.values()]
    await duckdb_warehouse.ensure_tables(
        [
            *(stream.raw_table for stream in SOURCE.streams.values()),
            *map(facts_table, facts),
            *map(marts_table, facts),
        ]
    )
    return ledger


def _truth(simulator: RunningSimulator, *keys: str) -> list[dict[str, Any]]:
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    truth = simulator.truth("meta_ads", ACCOUNT.account_id, **days, by=",".join(keys))
    rows: list[dict[str, Any]] = truth["rows"]
    return rows


def _numbers(row: dict[str, Any]) -> Sums:
    return (
        Decimal(row["spend"]),
        row["impressions"],
        row["linkClicks"],
        Decimal(row["purchases"]),
        Decimal(row["purchaseValue"]),
    )


def _added(rows: list[tuple[Any, ...]], keys: int) -> dict[tuple[Any, ...], Sums]:
    """Rows of `keys` leading columns, their measures added up."""
    sums: dict[tuple[Any, ...], Sums] = {}
    for row in rows:
        key, numbers = row[:keys], row[keys:]
        held = sums.get(key, (0,) * len(numbers))
        sums[key] = tuple(left + right for left, right in zip(held, numbers, strict=True))
    return sums


def test_each_stream_feeds_its_own_cut() -> None:
    streams = SOURCE.streams.values()
    assert {
        stream.name: [fact.name for fact in facts_fed(stream, streams)] for stream in streams
    } == {name: [fact] for name, fact in FED.items()}


async def test_facts_are_what_the_platform_holds(
    simulator: RunningSimulator, ledger: Ledger
) -> None:
    simulator.fault("duplicate_page", times=None)
    brought = {}
    async with harness(urls(simulator)) as run:
        for version, stream in enumerate(SOURCE.streams.values(), start=1):
            rows = list_rows(await read(run, stream.name, DAYS))
            brought[stream.name] = len(rows)
            covers = (DAYS.start.day, DAYS.end.day)
            await ledger.bring(version, rows, stream=stream, covers=covers)
    days = await ledger.ask(
        f"SELECT m.reporting_date, {MEASURES} FROM marts.ads_account_daily AS m"
    )
    assert _added(days, 1) == {
        (dt.date.fromisoformat(row["day"]),): _numbers(row) for row in _truth(simulator, "day")
    }
    devices = await ledger.ask(
        f"SELECT m.campaign_id, m.device, {MEASURES} FROM marts.ads_daily AS m"
    )
    by_device = [
        (row["campaign"], DEVICES[row["device"]], *_numbers(row))
        for row in _truth(simulator, "campaign", "device")
    ]
    assert _added(devices, 2) == _added(by_device, 2)
    ads = await ledger.ask(f"SELECT m.ad_id, {MEASURES} FROM marts.ads_ad_daily AS m")
    assert len(ads) < brought["ad_day"]  # some of them came twice
    assert _added(ads, 1) == {(row["ad"],): _numbers(row) for row in _truth(simulator, "ad")}
    places = await ledger.ask(f"SELECT m.country, {MEASURES} FROM marts.ads_country_daily AS m")
    assert _added(places, 1) == {
        (None if row["country"] == "unknown" else row["country"],): _numbers(row)
        for row in _truth(simulator, "country")
    }
    words = await ledger.ask(
        "SELECT m.channel, m.currency, m.time_zone, m.attribution, m.ad_group_name"
        " FROM marts.ads_ad_daily AS m"
    )
    assert Counter(word[:4] for word in words) == {
        ("paid_social", "EUR", "Europe/Berlin", "meta_ads:7d_click+1d_view:omni_purchase"): len(ads)
    }
    assert {word[4] for word in words} == {"Audience 1", "Audience 2"}
