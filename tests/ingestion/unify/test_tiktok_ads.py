"""TikTok's rows as facts: every cut adds up to what the platform holds."""

import datetime as dt
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
from tests.ingestion.sources.tiktok import ACCOUNT, SOURCE, list_rows, read, simulated
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
WITHOUT_PIXEL = ("17111111111110006",)  # this campaign's payments are not measured
MEASURES = (
    "SUM(m.spend) AS s, SUM(m.impressions) AS i, SUM(m.clicks) AS c, SUM(m.conversions) AS v,"
    " SUM(m.attributed_revenue) AS r"
)

Sums = dict[tuple[Any, ...], tuple[Decimal | None, ...]]


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


def _truth(simulator: RunningSimulator, key: str) -> Sums:
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    names = ("spend", "impressions", "clicks", "conversions", "value")
    rows = simulator.truth("tiktok_ads", ACCOUNT.account_id, **days, by=key)["rows"]
    return {(row[key],): tuple(Decimal(row[name]) for name in names) for row in rows}


async def _by(ledger: Ledger, column: str, fact: str) -> Sums:
    rows = await ledger.ask(
        f"SELECT CAST(m.{column} AS STRING) AS x, {MEASURES} FROM marts.{fact} AS m GROUP BY 1"
    )
    return {
        row[:1]: tuple(None if number is None else Decimal(number) for number in row[1:])
        for row in rows
    }


def test_each_stream_feeds_its_own_cut() -> None:
    streams = SOURCE.streams.values()
    assert {
        stream.name: [fact.name for fact in facts_fed(stream, streams)] for stream in streams
    } == {name: [fact] for name, fact in FED.items()}


async def test_facts_are_what_the_platform_holds(
    simulator: RunningSimulator, ledger: Ledger
) -> None:
    async with harness(simulated(simulator)) as run:
        for version, stream in enumerate(SOURCE.streams.values(), start=1):
            rows = list_rows(await read(run, stream.name, days=DAYS))
            covers = (DAYS.start.day, DAYS.end.day)
            await ledger.bring(version, rows, stream=stream, covers=covers)
    days = _truth(simulator, "day")
    for fact in ("ads_account_daily", "ads_daily", "ads_ad_daily"):
        assert await _by(ledger, "reporting_date", fact) == days, fact
    campaigns = _truth(simulator, "campaign")
    told = {**campaigns, WITHOUT_PIXEL: (*campaigns[WITHOUT_PIXEL][:4], None)}
    assert await _by(ledger, "campaign_id", "ads_daily") == told
    assert await _by(ledger, "campaign_id", "ads_ad_daily") == told
    # Reports by country know no value of payments.
    assert await _by(ledger, "country", "ads_country_daily") == {
        (None if place == "None" else place,): (*numbers[:4], None)
        for (place,), numbers in _truth(simulator, "country").items()
    }
    words = await ledger.ask(
        "SELECT DISTINCT m.channel, m.currency, m.time_zone, m.attribution, m.device"
        " FROM marts.ads_ad_daily AS m"
    )
    assert words == [
        ("paid_social", "EUR", "Europe/Berlin", "tiktok_ads:account_windows:conversions", None)
    ]
