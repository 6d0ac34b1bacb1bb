"""`bosco anomalies` and `bosco pacing`, on synced accounts and on what was found."""

import datetime as dt

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import public_id
from tenancy.tables import AnomalyStage, Client
from tenancy.unscoped import TenantProfile
from tests.api.commands.test_questions import synced
from tests.api.graphql.model_rows import anomaly_row
from tests.e2e.platform import Platform
from tests.e2e.world import CLIENT, NOW

__all__ = ["synced"]

pytestmark = pytest.mark.anyio

ACME = {"tenant": "northwind", "client": CLIENT.shop}


@pytest.mark.usefixtures("synced")
async def test_what_was_looked_at_is_said_where_nothing_is_unusual(platform: Platform) -> None:
    told = await platform.command("anomalies.list", days=30, **ACME)
    assert told.table == []
    assert told.lines[0] == "nothing unusual has been found"
    assert told.lines[1].startswith(
        f"looked at what was known on {NOW:%Y-%m-%d %H:%M} UTC, against what is usual: "
    )
    assert told.lines[2] == (
        f"{CLIENT.shop}: spend (32 days known) not yet: too little is known,"
        " conversions (28 days known) not yet: too little is known,"
        " revenue (28 days known) not yet: too little is known"
    )


async def test_an_agency_without_figures_is_told_so(
    platform: Platform, southwind: TenantProfile
) -> None:
    told = await platform.command("anomalies.list", tenant=southwind.slug, client=None, days=1)
    assert told.lines[-1] == "there are no figures to look at yet: bosco freshness"


async def test_an_anomaly_is_listed_and_acknowledged(
    platform: Platform, southwind: TenantProfile
) -> None:
    row_id = uuid7()
    today = NOW.date()
    async with platform.runtime.database.session(southwind.tenant_id) as session:
        client = (await session.scalars(select(Client))).one()
        row = anomaly_row(client.id, row_id, "search", NOW)
        row.last_day, row.stage = today - dt.timedelta(days=1), AnomalyStage.ONGOING
        session.add(row)
    public = public_id("ano", row_id)
    told = await platform.command("anomalies.list", days=30, client=None, tenant=southwind.slug)
    assert [(one[0], one[2], one[3], one[6]) for one in told.table] == [
        (public, "search channel", "Spend runs away", "open")
    ]
    assert told.lines[0].startswith(
        "acme-shoes: Spend runs away. Since 27 February 2026. Spend 400"
    )
    acknowledged = await platform.command(
        "anomalies.acknowledge", tenant=southwind.slug, anomaly=public
    )
    assert acknowledged.lines == [
        "acknowledged, and alerts nobody any more: Spend runs away, since 2026-02-27"
    ]
    told = await platform.command("anomalies.list", days=30, client=None, tenant=southwind.slug)
    assert [one[6] for one in told.table] == ["acknowledged"]


@pytest.mark.usefixtures("synced")
async def test_a_budget_is_paced_from_what_was_synced(platform: Platform) -> None:
    told = await platform.command("pacing", month=None, **ACME)
    assert told.lines == ["no spend is planned, or the month has not begun: bosco plans spend"]
    days = {"first": "2026-10-01", "last": "2026-11-30"}
    await platform.command("plans.spend", amount="61", currency="EUR", **ACME, **days)
    told = await platform.command("pacing", month="2026-10", **ACME)
    ((place, budget, spent, *_, verdict, _),) = told.table
    assert (place, budget, verdict) == ("all channels", "31.00 EUR", "over")
    assert float(spent.replace(",", "")) > 31
    told = await platform.command("pacing", month="2026-12", **ACME)
    assert told.lines == [
        "no spend is planned for December 2026, or the month has not begun: bosco plans spend"
    ]


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        ("anomalies.list", {"days": 0}, "--days is 0"),
        ("anomalies.list", {"days": 401}, "--days is 401"),
        ("anomalies.acknowledge", {"anomaly": "x"}, None),
        ("pacing", {"month": "2026"}, "--month is '2026': that is not a month"),
    ],
)
async def test_what_cannot_be_meant_is_said(
    platform: Platform,
    northwind: TenantProfile,
    command: str,
    more: dict[str, object],
    message: str | None,
) -> None:
    told = await platform.command(command, tenant=northwind.slug, client="acme-shoes", **more)
    (error,) = told.errors
    assert error.code == "INVALID_INPUT"
    assert message in {None, error.message}
