"""What Google Ads and Shopify hold, in the facts: to the micro and the cent, in every cut.

simulator -> extractor -> raw rows -> unify -> marts, compared with the simulator's truth
"""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from domain.facts import FACTS
from domain.facts.tables import facts_table, marts_table
from ingestion.connector.spec import SourceSpec
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import Warehouse
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources import google_ads_account as google
from tests.ingestion.sources import shop as shopify
from tests.ingestion.unify.ledger import Ledger

pytestmark = pytest.mark.anyio

MEASURES = (
    "SUM(m.spend) AS spend, SUM(m.impressions) AS impressions, SUM(m.clicks) AS clicks,"
    " SUM(m.conversions) AS conversions, SUM(m.attributed_revenue) AS revenue"
)
ATTRIBUTION = "google_ads:window_of_each_action:primary_conversions_by_click"


async def _prepared(warehouse: Warehouse, source: SourceSpec, streams: Sequence[str]) -> Ledger:
    ledger = await Ledger(warehouse).prepare()
    specs = [source.streams[name] for name in streams]
    facts = [FACTS[spec.fact] for spec in specs]
    tables = [spec.raw_table for spec in specs]
    await warehouse.ensure_tables([*tables, *map(facts_table, facts), *map(marts_table, facts)])
    return ledger


@pytest.fixture(scope="module")
async def ads(
    tmp_path_factory: pytest.TempPathFactory, _simulator_server: RunningSimulator
) -> AsyncIterator[Ledger]:
    """Every stream of a Google Ads account, unified."""
    file = tmp_path_factory.mktemp("platforms") / "warehouse.duckdb"
    warehouse = DuckDbWarehouse(str(file), memory_limit_mb=512)
    ledger = await _prepared(warehouse, google.SOURCE, list(google.LEVELS))
    async with harness(google.urls(_simulator_server)) as run:
        for version, name in enumerate(google.LEVELS, start=1):
            pages = await google.read(run, name)
            rows = [row for page in pages for row in page.batch.to_pylist()]
            stream = google.SOURCE.streams[name]
            await ledger.bring(version, rows, stream=stream, covers=google.DAYS)
    yield ledger
    await warehouse.close()


def _google_told(simulator: RunningSimulator, *keys: str) -> list[tuple[Any, ...]]:
    days = {"from": google.DAYS.start.isoformat(), "to": google.DAYS.end.isoformat()}
    truth = simulator.truth("google_ads", "1111111111", by=",".join(keys), **days)
    return [
        (
            *(row[key] for key in keys),
            Decimal(row["costMicros"]) / 1_000_000,
            row["impressions"],
            row["clicks"],
            Decimal(row["conversions"]),
            Decimal(row["conversionsValue"]),
        )
        for row in truth["rows"]
    ]


@pytest.mark.parametrize("cut", ["ads_daily", "ads_ad_daily", "ads_country_daily"])
async def test_whole_cuts_add_up_to_every_campaign_and_day(
    ads: Ledger, simulator: RunningSimulator, cut: str
) -> None:
    found = await ads.ask(
        f"SELECT m.reporting_date, m.campaign_id, {MEASURES} FROM marts.{cut} AS m"
        " GROUP BY m.reporting_date, m.campaign_id ORDER BY 1, 2"
    )
    told = _google_told(simulator, "day", "campaign")
    assert [(day.isoformat(), *rest) for day, *rest in found] == told


@pytest.mark.parametrize("cut", ["ads_daily", "ads_ad_daily"])
async def test_whole_cuts_add_up_by_device(
    ads: Ledger, simulator: RunningSimulator, cut: str
) -> None:
    found = await ads.ask(
        f"SELECT m.device, {MEASURES} FROM marts.{cut} AS m GROUP BY m.device ORDER BY 1"
    )
    words = {"CONNECTED_TV": "tv", "DESKTOP": "desktop", "MOBILE": "mobile", "TABLET": "tablet"}
    told = [(words[device], *rest) for device, *rest in _google_told(simulator, "device")]
    assert sorted(found) == sorted(told)


async def test_the_platform_s_own_totals_are_those_of_the_cuts(
    ads: Ledger, simulator: RunningSimulator
) -> None:
    found = await ads.ask(
        f"SELECT m.reporting_date, {MEASURES} FROM marts.ads_account_daily AS m"
        " GROUP BY m.reporting_date ORDER BY 1"
    )
    assert [(day.isoformat(), *rest) for day, *rest in found] == _google_told(simulator, "day")


async def test_what_no_ad_brought_has_none(ads: Ledger, simulator: RunningSimulator) -> None:
    found = await ads.ask(
        f"SELECT m.campaign_id, m.channel, m.ad_group_id, {MEASURES}"
        " FROM marts.ads_ad_daily AS m WHERE m.ad_id IS NULL"
        " GROUP BY m.campaign_id, m.channel, m.ad_group_id ORDER BY 1"
    )
    told = {campaign: rest for campaign, *rest in _google_told(simulator, "campaign")}
    assert found == [
        (campaign, "performance_max", None, *told[campaign])
        for campaign in ("111111111102", "111111111108")
    ]


async def test_countries_are_iso_codes_and_the_rest_has_none(
    ads: Ledger, simulator: RunningSimulator
) -> None:
    found = await ads.ask(
        f"SELECT m.country, {MEASURES} FROM marts.ads_country_daily AS m"
        " WHERE m.country IS NOT NULL GROUP BY m.country ORDER BY 1"
    )
    codes = {"2040": "AT", "2250": "FR", "2276": "DE", "2756": "CH"}
    told = [(codes[country], *rest) for country, *rest in _google_told(simulator, "country")]
    assert found == sorted(told)
    ((rest,),) = await ads.ask(
        "SELECT SUM(m.clicks) AS clicks FROM marts.ads_country_daily AS m WHERE m.country IS NULL"
    )
    ((_, _, clicks, *_),) = _google_told(simulator)
    assert rest == clicks - sum(row[3] for row in found) > 0


@pytest.mark.parametrize(
    ("cut", "column", "key"),
    [
        ("ads_ad_daily", "ad_id", "ad"),
        ("ads_keyword_daily", "keyword_id", "keyword"),
        ("ads_search_term_daily", "search_term", "search_term"),
    ],
)
async def test_every_ad_keyword_and_search_term_has_its_own(
    ads: Ledger, simulator: RunningSimulator, cut: str, column: str, key: str
) -> None:
    found = await ads.ask(
        f"SELECT m.{column}, {MEASURES} FROM marts.{cut} AS m"
        f" WHERE m.{column} IS NOT NULL GROUP BY m.{column} ORDER BY 1"
    )
    assert found == _google_told(simulator, key)


async def test_words_are_canonical_and_claims_say_whose_they_are(ads: Ledger) -> None:
    keywords = await ads.ask(
        "SELECT DISTINCT m.channel, m.match_type, m.currency, m.time_zone, m.attribution"
        " FROM marts.ads_keyword_daily AS m ORDER BY 2"
    )
    assert keywords == [
        ("paid_search", match_type, "EUR", "Europe/Berlin", ATTRIBUTION)
        for match_type in ("broad", "exact", "phrase")
    ]
    for cut in ("ads_daily", "ads_ad_daily", "ads_country_daily", "ads_account_daily"):
        claims = await ads.ask(f"SELECT DISTINCT m.attribution FROM marts.{cut} AS m")
        assert claims == [(ATTRIBUTION,)]


async def test_lines_of_orders_are_kept_to_the_cent_and_once(
    duckdb_warehouse: Warehouse, simulator: RunningSimulator
) -> None:
    simulator.move_clock(shopify.window(shopify.SHOP, shopify.DAYS).end)
    ledger = await _prepared(duckdb_warehouse, shopify.SOURCE, ["order_lines"])
    async with harness(shopify.urls(simulator)) as run:
        pages = await shopify.read(run)
    rows = shopify.rows(pages)
    stream = shopify.SOURCE.streams["order_lines"]
    for version in (1, 2):  # orders that change are sent again, with all their lines
        await ledger.bring(version, rows, stream=stream)
    days = {"from": shopify.DAYS.start.isoformat(), "to": shopify.DAYS.end.isoformat()}
    truth = simulator.truth("shopify", "acme-shoes/lines", by="day,product,test", **days)
    found = await ledger.ask(
        "SELECT m.reporting_date, m.product_id, COUNT(*) AS n, SUM(m.units) AS units,"
        " SUM(m.line_revenue) AS revenue FROM marts.order_lines AS m"
        " GROUP BY m.reporting_date, m.product_id"
    )
    assert sorted((day.isoformat(), product or "", *rest) for day, product, *rest in found) == [
        (row["day"], row["product"], row["lines"], row["units"], Decimal(row["lineRevenue"]))
        for row in truth["rows"]
        if row["test"] == "false"
    ]
    channels = await ledger.ask("SELECT DISTINCT m.channel FROM marts.order_lines AS m ORDER BY 1")
    assert channels == [("direct",), ("email",), ("paid_search",), ("paid_social",)]
