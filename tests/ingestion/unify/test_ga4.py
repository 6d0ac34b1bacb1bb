"""Google Analytics 4's rows as facts: visits by canonical channel, and the property's totals."""

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
from tests.ingestion.sources.ga4 import ACCOUNT, SOURCE, list_rows, read, simulated
from tests.ingestion.unify.ledger import Ledger

__all__ = ["_simulator_server", "simulator"]

pytestmark = pytest.mark.anyio

DAYS = DateRange(dt.date(2026, 3, 9), dt.date(2026, 3, 11))
FED = {"web_day": "web_daily", "property_day": "web_property_daily"}
CHANNELS = {
    "Paid Search": "paid_search",
    "Organic Search": "organic_search",
    "Direct": "direct",
    "Paid Social": "paid_social",
    "Organic Social": "organic_social",
    "Email": "email",
    "Referral": "referral",
    "Cross-network": "performance_max",
    "Organic Shopping": "organic_search",
    "Unassigned": "other",
}
DEVICES = {"mobile": "mobile", "desktop": "desktop", "tablet": "tablet", "smart tv": "tv"}
MEASURES = (
    "SUM(m.sessions) AS s, SUM(m.engaged_sessions) AS e, SUM(m.new_users) AS u,"
    " SUM(m.page_views) AS p, SUM(m.key_events) AS k, SUM(m.purchase_revenue) AS r"
)

Sums = dict[tuple[Any, ...], tuple[Decimal, ...]]


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


def _truth(simulator: RunningSimulator, key: str, words: dict[str, Any] | None = None) -> Sums:
    """What the property holds by one key, its words replaced by canonical ones and added up."""
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    sums: Sums = {}
    for row in simulator.truth("ga4", ACCOUNT.account_id, **days, by=key)["rows"]:
        counts = ("sessions", "engagedSessions", "newUsers", "screenPageViews")
        numbers = (*(row[name] for name in counts), row["keyEvents"], row["purchaseRevenue"])
        word = words[row[key]] if words else row[key]
        held = sums.get((word,), (Decimal(0),) * 6)
        sums[(word,)] = tuple(a + Decimal(b) for a, b in zip(held, numbers, strict=True))
    return sums


async def _by(ledger: Ledger, column: str, fact: str = "web_daily") -> Sums:
    rows = await ledger.ask(f"SELECT m.{column} AS x, {MEASURES} FROM marts.{fact} AS m GROUP BY 1")
    return {row[:1]: tuple(map(Decimal, row[1:])) for row in rows}


def test_each_stream_feeds_its_own_fact() -> None:
    streams = SOURCE.streams.values()
    assert {
        stream.name: [fact.name for fact in facts_fed(stream, streams)] for stream in streams
    } == {name: [fact] for name, fact in FED.items()}


async def test_facts_are_what_the_property_holds(
    simulator: RunningSimulator, ledger: Ledger
) -> None:
    async with harness(simulated(simulator)) as run:
        for version, stream in enumerate(SOURCE.streams.values(), start=1):
            rows = list_rows(await read(run, stream.name, days=DAYS))
            covers = (DAYS.start.day, DAYS.end.day)
            await ledger.bring(version, rows, stream=stream, covers=covers)
    assert await _by(ledger, "channel") == _truth(simulator, "channel", CHANNELS)
    assert await _by(ledger, "device") == _truth(simulator, "device", DEVICES)
    places = {place: place for place in ("AT", "DE", "GB", "US")} | {"(not set)": None}
    assert await _by(ledger, "country") == _truth(simulator, "country", places)
    days = {
        (dt.date.fromisoformat(str(day)),): numbers
        for (day,), numbers in _truth(simulator, "day").items()
    }
    assert await _by(ledger, "reporting_date", "web_property_daily") == days
    assert await _by(ledger, "reporting_date") == days
    words = await ledger.ask(
        "SELECT DISTINCT m.currency, m.time_zone, m.attribution FROM marts.web_daily AS m"
    )
    assert words == [("EUR", "Europe/Berlin", "ga4:session_last_click:key_events")]
