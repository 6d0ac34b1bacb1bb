"""What happens when a platform misbehaves: what the user is told, and what the warehouse holds.

Truth is what the simulated platform itself says that it holds. A sync that failed leaves nothing in
the warehouse; the next one brings what it left out.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from ingestion.simulator.config import SimulatorConfig
from ingestion.simulator.server import SimulatorServer, create_simulator
from tenancy.tables import Connection
from tenancy.unscoped import TenantProfile
from tests.e2e.conftest import Trouble
from tests.e2e.platform import Platform
from tests.e2e.world import (
    CLIENT,
    NOW,
    START,
    connect_google_ads,
    connect_shopify,
    google_credentials,
    make_agency,
    small_world,
)

pytestmark = pytest.mark.anyio

SLOW = pytest.mark.slow  # much like another one, or long
YESTERDAY = dt.date(2026, 11, 1)
ADS_TOTALS = (
    "SELECT COUNT(*) AS n, SUM(spend) AS spend, SUM(clicks) AS clicks,"
    " SUM(conversions) AS conversions FROM marts.ads_daily AS m"
)


@pytest.fixture
async def agency(
    platform: Platform, trouble: Trouble, request: pytest.FixtureRequest
) -> AsyncIterator[TenantProfile]:
    """An agency of this test alone, whose Google Ads account is connected."""
    name = request.node.name.removeprefix("test_").split("-values")[0]
    slug = re.sub("[^a-z]+", "-", name)[:60].strip("-")
    tenant = await make_agency(platform.runtime, slug)
    await connect_google_ads(platform.runtime, tenant, trouble.url)
    trouble.simulator.http.delete("/_control/requests")
    yield tenant
    trouble.simulator.http.delete("/_control/faults")


def ads_truth(trouble: Trouble, *, start: dt.date = START, end: dt.date = YESTERDAY) -> Any:
    totals = trouble.simulator.truth(
        "google_ads", CLIENT.google_customer_id, **{"from": str(start), "to": str(end), "by": ""}
    )["totals"]
    return (
        totals["rowCount"],
        Decimal(totals["costMicros"]) / 1_000_000,
        totals["clicks"],
        Decimal(totals["conversions"]),
    )


async def ads_totals(platform: Platform, tenant: TenantProfile) -> Any:
    (totals,) = await platform.rows(tenant, ADS_TOTALS)
    return totals


async def order_count(platform: Platform, tenant: TenantProfile) -> Any:
    """Number and revenue of the orders; those placed before the start are none of ours."""
    question = "SELECT COUNT(*) AS n, SUM(m.revenue) AS revenue FROM marts.orders AS m"
    (totals,) = await platform.rows(tenant, question)
    return totals


def real_orders(trouble: Trouble) -> tuple[int, Decimal]:
    """Of those placed since the start, as the shop itself counts; without test orders."""
    truth = trouble.simulator.truth("shopify", CLIENT.shop, **{"from": str(START), "by": "test"})
    real = next(row for row in truth["rows"] if row["test"] == "false")
    return real["orders"], Decimal(real["totalPrice"])


def failed(code: str, message: str, *, state: str = "1 of 3 failed") -> tuple[str, str]:
    return state, f"acme-shoes  google_ads  campaign_day: {code}: {message}"


async def point_at(platform: Platform, tenant: TenantProfile, url: str) -> None:
    """Move the agency's connections to another simulator."""
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        settings = Connection.settings.op("||")({"endpoint": f"{url}/google_ads"})
        await session.execute(update(Connection).values(settings=settings))


async def test_wrong_credentials_connect_nothing(platform: Platform, trouble: Trouble) -> None:
    tenant = await make_agency(platform.runtime, "wrong-credentials")
    told = await platform.command(
        "connections.add",
        tenant=tenant.slug,
        client=CLIENT.shop,
        source="google_ads",
        account=CLIENT.google_customer_id,
        credentials={**google_credentials(), "refresh_token": "1//stolen-and-revoked"},
        settings=["manager_id=9000000001"],
        endpoint=f"{trouble.url}/google_ads",
    )
    (error,) = told.errors
    assert (error.code, told.exit_code) == ("CREDENTIALS_REJECTED", 1)
    assert error.message == "Google Ads refused the request: Bad Request (invalid_grant)"
    assert error.hint == "connect the account again; the permission was withdrawn or has run out"
    assert (await platform.command("connections.list", tenant=tenant.slug)).table == []


async def test_a_withdrawn_permission_fails_the_sync(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    trouble.simulator.fault("expired_token", times=None, operation="searchStream")
    told = await platform.command("sync", tenant=agency.slug)
    row = told.synced("campaign_day")
    assert row == ("acme-shoes", "google_ads", "campaign_day", 3, 0, 0, "3 of 3 failed")
    assert all(row[-1].endswith("failed") for row in told.table)
    assert told.exit_code == 1
    assert told.of_stream("campaign_day")[0].startswith(
        "acme-shoes  google_ads  campaign_day: CREDENTIALS_REJECTED: Google Ads refused the "
        "request: Request had invalid authentication credentials."
    )
    assert await ads_totals(platform, agency) == (0, None, None, None)
    assert await platform.coverage(agency, "campaign_day") is None


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("expired_token", {"after": 1}),
        pytest.param("rate_limited", {"after": 1, "retry_after_seconds": 1}, marks=SLOW),
        pytest.param("server_error", {"times": 3, "status": 500}, marks=SLOW),
        ("cut_connection", {"times": 2, "cut_after_bytes": 4000}),
        pytest.param("malformed_json", {"times": 2}, marks=SLOW),
    ],
)
async def test_what_passes_is_tried_again(
    platform: Platform, trouble: Trouble, agency: TenantProfile, kind: str, values: dict[str, Any]
) -> None:
    trouble.simulator.fault(kind, operation="searchStream", **values)
    told = await platform.command("sync", tenant=agency.slug)
    assert (told.exit_code, told.lines) == (0, [])
    assert trouble.simulator.http.get("/_control/faults").json()["faults"][0]["struck"] == (
        values.get("times", 1)
    )
    assert await ads_totals(platform, agency) == ads_truth(trouble)
    assert await platform.coverage(agency, "campaign_day") == (START, YESTERDAY)


async def test_half_pages_are_read_to_their_end(platform: Platform, trouble: Trouble) -> None:
    tenant = await make_agency(platform.runtime, "half-pages")
    await connect_shopify(platform.runtime, tenant, trouble.url)
    trouble.simulator.fault("half_page", times=None, operation="Orders")
    assert (await platform.command("sync", tenant=tenant.slug)).exit_code == 0
    assert await order_count(platform, tenant) == real_orders(trouble)


async def test_a_sync_that_fails_on_its_way_leaves_nothing(
    platform: Platform, trouble: Trouble
) -> None:
    tenant = await make_agency(platform.runtime, "fails-on-its-way")
    await connect_shopify(platform.runtime, tenant, trouble.url)
    trouble.simulator.fault("server_error", after=1, times=None, status=502, operation="Orders")
    told = await platform.command("sync", tenant=tenant.slug)
    states = {row[2]: row[-1] for row in told.table}
    assert states == {
        "customers": "published",
        "order_lines": "published",
        "orders": "1 of 1 failed",
        "refunds": "published",
    }
    assert told.exit_code == 1
    for table in ("raw.shopify__orders", "facts.orders", "marts.orders"):
        assert await platform.rows(tenant, f"SELECT COUNT(*) AS n FROM {table} AS t") == [(0,)]
    assert await platform.rows(
        tenant, "SELECT COUNT(*) AS n FROM facts.syncs AS s WHERE s.stream = 'orders'"
    ) == [(0,)]

    trouble.simulator.http.delete("/_control/faults")
    assert (await platform.command("sync", tenant=tenant.slug)).exit_code == 0
    assert await order_count(platform, tenant) == real_orders(trouble)


async def test_a_platform_that_is_down_fails_the_sync(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    trouble.simulator.fault("server_error", times=None, status=503, operation="searchStream")
    told = await platform.command("sync", tenant=agency.slug)
    state, line = failed(
        "PROVIDER_UNAVAILABLE",
        "Google Ads did not answer usably 6 times in a row: The service is currently unavailable."
        " (the sync is tried again later by itself)",
        state="3 of 3 failed",
    )
    assert (told.synced("campaign_day")[-1], told.exit_code) == (state, 1)
    assert told.of_stream("campaign_day") == [line]
    assert await ads_totals(platform, agency) == (0, None, None, None)


async def test_an_unknown_field_is_kept_and_told(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    trouble.simulator.fault("unknown_field", times=None, operation="searchStream", rows=2)
    told = await platform.command("sync", tenant=agency.slug)
    assert told.exit_code == 0
    assert told.lines == [
        f"acme-shoes  google_ads  {row[2]}: new field assetGroupSignal: kept in unknown_fields"
        for row in told.table
    ]
    assert await ads_totals(platform, agency) == ads_truth(trouble)
    kept = await platform.rows(
        agency,
        "SELECT r.unknown_fields FROM raw.google_ads__campaign_day AS r"
        " WHERE r.unknown_fields IS NOT NULL",
    )
    assert kept == [('{"assetGroupSignal":{"experimentArm":"7"}}',)] * 6


async def test_a_changed_type_puts_its_rows_into_quarantine(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    trouble.simulator.fault("changed_type", operation="searchStream campaign", rows=2)
    told = await platform.command("sync", tenant=agency.slug)
    rows, spend, *_ = ads_truth(trouble)
    assert told.exit_code == 1  # without its two rows a slice is not what the account says
    assert told.synced("campaign_day")[4:] == (rows - 2, 2, "1 of 3 held")
    assert told.lines[-2:] == [
        f"rows in quarantine: bosco quarantine list {agency.slug}",
        f"why syncs are held: bosco incidents list {agency.slug}",
    ]
    listed = (await platform.command("quarantine.list", tenant=agency.slug, limit=50)).table
    assert sorted(row[1:5] for row in listed) == [
        ("google_ads.campaign_day", 1, "clicks", "not_a_number"),
        ("google_ads.campaign_day", 2, "clicks", "not_a_number"),
    ]
    shown = await platform.command("quarantine.show", tenant=agency.slug, id=listed[0][0])
    assert '"clicks": "n/a"' in shown.lines[1]
    incidents = await platform.command("incidents.list", tenant=agency.slug, limit=5, all=False)
    assert len(incidents.table) == 2
    assert {"rejected_rows", "totals_differ"} <= {cell for row in incidents.table for cell in row}
    await platform.command(
        "quality.release", tenant=agency.slug, id=incidents.table[0][0], reason="known to miss"
    )
    loaded = await ads_totals(platform, agency)
    assert loaded[0] == rows - 2
    assert loaded[1] < spend


async def test_a_vanished_campaign_vanishes_here(platform: Platform, agency: TenantProfile) -> None:
    await platform.command("sync", tenant=agency.slug)
    before = await ads_totals(platform, agency)
    with SimulatorServer(create_simulator(small_world(campaigns=2), wall=lambda: NOW)) as smaller:
        await point_at(platform, agency, smaller.url)
        assert (await platform.command("sync", tenant=agency.slug)).exit_code == 0
        query = {"from": "2026-10-03", "to": str(YESTERDAY), "by": "campaign"}
        path = f"/_control/truth/google_ads/{CLIENT.google_customer_id}"
        async with httpx.AsyncClient(base_url=smaller.url) as http:
            truth = (await http.get(path, params=query)).json()
    campaigns = await platform.rows(
        agency,
        "SELECT m.campaign_id, SUM(m.clicks) AS clicks FROM marts.ads_daily AS m"
        " WHERE m.reporting_date >= DATE '2026-10-03' GROUP BY m.campaign_id ORDER BY 1",
    )
    assert campaigns == [(row["campaign"], row["clicks"]) for row in truth["rows"]]
    assert len(campaigns) == 2
    versions = await platform.rows(agency, "SELECT COUNT(*) AS n FROM facts.ads_daily AS f")
    assert versions[0][0] > before[0]  # the earlier version is kept


async def test_a_retired_version_says_what_to_do(platform: Platform, agency: TenantProfile) -> None:
    with SimulatorServer(create_simulator(_only_newer_versions(), wall=lambda: NOW)) as newer:
        await point_at(platform, agency, newer.url)
        told = await platform.command("sync", tenant=agency.slug)
    assert told.exit_code == 1
    assert told.of_stream("campaign_day")[0].startswith(
        "acme-shoes  google_ads  campaign_day: API_VERSION_RETIRED: Google Ads refused the request:"
        " Version v25 is deprecated. Requests to this version will be blocked."
    )
    assert await ads_totals(platform, agency) == (0, None, None, None)


def _only_newer_versions() -> SimulatorConfig:
    config = small_world()
    ads = dataclasses.replace(config.google_ads, supported_versions=(27, 28))
    return dataclasses.replace(config, google_ads=ads)


async def test_a_failed_slice_is_planned_again(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    trouble.simulator.fault("server_error", after=1, times=6, operation="searchStream campaign")
    told = await platform.command("sync", tenant=agency.slug)
    assert (told.synced("campaign_day")[-1], told.exit_code) == ("1 of 3 failed", 1)
    assert await platform.coverage(agency, "campaign_day") == (START, dt.date(2026, 10, 14))
    days = await platform.rows(
        agency,
        "SELECT DISTINCT m.reporting_date FROM marts.ads_daily AS m"
        " WHERE m.reporting_date BETWEEN DATE '2026-10-15' AND DATE '2026-10-28'",
    )
    assert days == []

    assert (await platform.command("sync", tenant=agency.slug)).exit_code == 0
    assert await ads_totals(platform, agency) == ads_truth(trouble)
    assert await platform.coverage(agency, "campaign_day") == (START, YESTERDAY)


@SLOW
async def test_days_without_a_sync_are_restated_to_their_end(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    await platform.command("sync", tenant=agency.slug)
    trouble.advance(days=45)
    assert (await platform.command("sync", tenant=agency.slug)).exit_code == 0
    truth = ads_truth(trouble, end=YESTERDAY + dt.timedelta(days=45))
    assert await ads_totals(platform, agency) == truth


@SLOW
async def test_a_failed_restatement_is_made_up_for(
    platform: Platform, trouble: Trouble, agency: TenantProfile
) -> None:
    await platform.command("sync", tenant=agency.slug)
    trouble.advance(days=12)
    trouble.simulator.fault("server_error", times=6, operation="searchStream campaign")
    told = await platform.command("sync", tenant=agency.slug)
    assert told.exit_code == 1  # the oldest days, which are all covered already
    trouble.advance(days=12)
    assert (await platform.command("sync", tenant=agency.slug)).exit_code == 0
    truth = ads_truth(trouble, end=YESTERDAY + dt.timedelta(days=24))
    assert await ads_totals(platform, agency) == truth
