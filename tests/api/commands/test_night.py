"""The schedule on the running platform: it syncs by itself, and two commands show it."""

import asyncio
from typing import Final

import pytest
from sqlalchemy import select

from api.control.protocol import TableEvent
from tenancy.tables import DueState, DueSync
from tenancy.unscoped import TenantProfile
from tests.e2e.conftest import Trouble
from tests.e2e.platform import Platform, Told
from tests.e2e.world import CLIENT, connect_google_ads

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS: Final = 60


async def is_done(platform: Platform, tenant: TenantProfile) -> bool:
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        states = (await session.scalars(select(DueSync.state))).all()
    return states == [DueState.DONE]


def rows(told: Told, title: str) -> list[dict[str, object]]:
    """A table by column; empty cells are left out."""
    (table,) = [e for e in told.events if isinstance(e, TableEvent) and e.title == title]
    return [
        {name: cell for name, cell in zip(table.columns, row, strict=True) if cell}
        for row in table.rows
    ]


async def test_an_account_is_synced_by_itself(
    platform: Platform, trouble: Trouble, northwind: TenantProfile, southwind: TenantProfile
) -> None:
    connection = await connect_google_ads(platform.runtime, northwind, trouble.url)
    dispatcher = platform.runtime.dispatcher
    fresh = {
        "client": CLIENT.shop,
        "source": "google_ads",
        "account": connection.label,
        "status": "fresh",
        "next due": "03 Nov 08:00 Europe/Berlin",
    }
    nothing = dict.fromkeys(("there up to", "final up to", "expected"), "-")
    told = await platform.command("freshness", tenant="northwind")
    assert rows(told, "freshness of northwind") == [{**fresh, **nothing}]

    await dispatcher.plan()
    due = {
        "agency": "northwind",
        "client": CLIENT.shop,
        "source": "google_ads",
        "account": connection.label,
        "day": "2026-11-01",
        "ready": "02 Nov 03:00",
        "due": "03 Nov 08:00",
        "expected": "-",
        "zone": "Europe/Berlin",
    }
    told = await platform.command("night")
    assert rows(told, "the night") == [{**due, "state": "waiting"}]
    assert told.lines == [
        "0 done, 0 running, 1 waiting; 0 late or expected to be",
        "workers read 4 accounts at once",
    ]

    await dispatcher.look()
    (running,) = rows(await platform.command("night"), "the night")
    assert (running["state"], running["expected"]) == (
        "running since 02 Nov 10:30",
        "02 Nov 10:40",
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_done(platform, northwind):  # its job runs beside this test
            await asyncio.sleep(0.05)
            await dispatcher.look()

    told = await platform.command("night", tenant="northwind")
    assert rows(told, "the night") == [{**due, "state": "done 02 Nov 10:30"}]
    assert told.lines[0] == "1 done, 0 running, 0 waiting; 0 late or expected to be"
    (found,) = rows(await platform.command("freshness"), "freshness of northwind")
    assert (found["status"], found["there up to"]) == ("fresh", "2026-11-01")
    assert rows(await platform.command("night", tenant=southwind.slug), "the night") == []


async def test_an_unknown_agency_is_told(platform: Platform, northwind: TenantProfile) -> None:
    for command in ("night", "freshness"):
        told = await platform.command(command, tenant="northwing")
        (error,) = told.errors
        assert (told.exit_code, error.message) == (1, "there is no agency 'northwing'")
        assert error.hint == f"did you mean {northwind.slug}?"
