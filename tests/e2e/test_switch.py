"""An agency that comes from another system: its history counts once, its differences are explained.

simulated accounts -> syncs -> Bosco | truth of the simulator -> spoiled export -> bosco compare

The map is the one that docs/switching.md shows.
"""

import csv
import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import httpx
import pytest

from api.commands.connections import NewConnection, create_connection
from api.commands.tenants import create_client, create_tenant
from api.control.protocol import TableEvent
from ingestion.simulator.config import DemoAgency, DemoClient, demo_config
from ingestion.simulator.server import SimulatorServer, create_simulator
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform, Told
from tests.e2e.world import AGENCY, NOW, START

pytestmark = pytest.mark.anyio

GUIDE: Final = Path(__file__).resolve().parents[2] / "docs" / "switching.md"
COLUMNS: Final = (
    "source_relation",
    "date_day",
    "platform",
    "account_id",
    "account_name",
    "campaign_id",
    "campaign_name",
    "clicks",
    "impressions",
    "spend",
    "conversions",
    "conversions_value",
)
CLIENTS: Final = tuple(
    DemoClient(
        f"Client {n}",
        str(n) * 10,
        f"client-{n}",
        f"shpat_client_{n}",
        str(n) * 15,
        ga4_property_id=str(n) * 9,
        tiktok_advertiser_id=str(n) * 19,
    )
    for n in range(1, 6)
)
UNITS, TAX, LATE, SIGN, DAYS = (client.google_customer_id for client in CLIENTS)
LAST: Final = dt.date(2026, 11, 1)

Row = dict[str, str]


def agency() -> DemoAgency:
    return DemoAgency(
        name="Northwind",
        currency="EUR",
        time_zone="Europe/Berlin",
        country="DE",
        google_manager_id=AGENCY.google_manager_id,
        google_client_id=AGENCY.google_client_id,
        google_client_secret=AGENCY.google_client_secret,
        google_refresh_token=AGENCY.google_refresh_token,
        google_developer_token=AGENCY.google_developer_token,
        clients=CLIENTS,
    )


@pytest.fixture
def url() -> str:  # type: ignore[misc]  # a generator
    config = demo_config(now=NOW, agencies=(agency(),), campaigns=3, orders_a_day=(1, 1))
    with SimulatorServer(create_simulator(config, wall=lambda: NOW)) as server:
        yield server.url


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    """The map of the guide."""
    found = re.search(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    path = tmp_path / "fivetran.yaml"
    path.write_text(found[1].replace('{"1111111111": acme-shoes}', f'{{"{DAYS}": client-5}}'))
    return path


async def make_agency(platform: Platform, slug: str) -> TenantProfile:
    runtime = platform.runtime
    tenant = await create_tenant(
        runtime, slug=slug, name=slug, currency="EUR", time_zone="Europe/Berlin"
    )
    for client in CLIENTS:
        await create_client(runtime, tenant, slug=client.shop, name=client.name, actor="test")
    return tenant


async def connect(
    platform: Platform, tenant: TenantProfile, url: str, account_id: str, start: dt.date = START
) -> None:
    (client,) = [one for one in CLIENTS if one.google_customer_id == account_id]
    new = NewConnection(
        client=client.shop,
        source="google_ads",
        account_id=account_id,
        credentials={
            "refresh_token": AGENCY.google_refresh_token,
            "app.client_id": AGENCY.google_client_id,
            "app.client_secret": AGENCY.google_client_secret,
            "app.developer_token": AGENCY.google_developer_token,
        },
        start=start,
        settings={"manager_id": AGENCY.google_manager_id},
        endpoint=f"{url}/google_ads",
    )
    await create_connection(platform.runtime, tenant, new, actor="test")


def truth(url: str, account_id: str, first: dt.date = START, last: dt.date = LAST) -> list[Row]:
    """What the platform holds, as the earlier system would have exported it."""
    answered = httpx.get(
        f"{url}/_control/truth/google_ads/{account_id}",
        params={"from": first.isoformat(), "to": last.isoformat(), "by": "day,campaign"},
    )
    return [
        {
            "source_relation": "",
            "date_day": row["day"],
            "platform": "google_ads",
            "account_id": account_id,
            "account_name": "",
            "campaign_id": row["campaign"],
            "campaign_name": f"Campaign {row['campaign']}",
            "clicks": str(row["clicks"]),
            "impressions": str(row["impressions"]),
            "spend": f"{Decimal(row['costMicros']) / 1_000_000:f}",
            "conversions": row["conversions"],
            "conversions_value": row["conversionsValue"],
        }
        for row in answered.json()["rows"]
    ]


def export(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def table(told: Told, title: str) -> list[tuple[str, ...]]:
    found = [e for e in told.events if isinstance(e, TableEvent) and e.title == title]
    return [tuple(map(str, row)) for event in found for row in event.rows]


async def compare(platform: Platform, tenant: TenantProfile, path: Path, map_file: Path) -> Told:
    return await platform.command("compare", tenant=tenant.slug, file=str(path), map=str(map_file))


def scaled(rows: Sequence[Row], factor: str) -> list[Row]:
    return [{**row, "spend": f"{Decimal(row['spend']) * Decimal(factor):f}"} for row in rows]


def a_day_late(rows: Sequence[Row]) -> list[Row]:
    day = dt.timedelta(days=1)
    return [
        {**row, "date_day": (dt.date.fromisoformat(row["date_day"]) + day).isoformat()}
        for row in rows
    ]


def spoiled_days(rows: Sequence[Row]) -> list[Row]:
    """Five faults on days of their own, in one account."""
    campaigns = sorted({row["campaign_id"] for row in rows})
    kept = [
        row
        for row in rows
        if row["date_day"] != "2026-10-05"  # never fetched
        and not (row["date_day"] >= "2026-10-25" and row["campaign_id"] == campaigns[0])  # paused
    ]
    kept += [row for row in kept if row["date_day"] == "2026-10-08"]  # a page loaded twice
    lost = next(row for row in rows if row["date_day"] == "2026-10-12")
    kept.append({**lost, "campaign_id": "999"})  # Bosco lacks it
    return [
        {**row, "conversions": f"{Decimal(row['conversions']) + 2:f}"}  # another window
        if row["date_day"] == "2026-10-15" and row["campaign_id"] == campaigns[1]
        else row
        for row in kept
    ]


PLANTED: Final[dict[str, Callable[[Sequence[Row]], list[Row]]]] = {
    UNITS: lambda rows: scaled(rows, "1000000"),
    TAX: lambda rows: scaled(rows, "1.19"),
    LATE: a_day_late,
    SIGN: lambda rows: scaled(rows, "-1"),
    DAYS: spoiled_days,
}


async def test_ten_planted_differences_are_found_and_explained(
    platform: Platform, url: str, map_file: Path, tmp_path: Path
) -> None:
    tenant = await make_agency(platform, "comparing")
    for account_id in PLANTED:
        await connect(platform, tenant, url, account_id)
    assert (await platform.command("sync", tenant=tenant.slug)).exit_code == 0
    clean = [row for account_id in PLANTED for row in truth(url, account_id)]
    told = await compare(platform, tenant, export(tmp_path / "clean.csv", clean), map_file)
    assert told.lines[-1] == "ready to switch: both say the same"
    assert told.exit_code == 0
    assert table(told, "why") == []

    rows = [row for one, change in PLANTED.items() for row in change(truth(url, one))]
    rows.append({**clean[0], "account_id": "4242424242"})  # not connected: the tenth
    told = await compare(platform, tenant, export(tmp_path / "spoiled.csv", rows), map_file)
    causes = {cause: text for cause, _, text in table(told, "why")}
    assert causes == {
        "unit": "the old system's amounts are in micros",
        "factor": "every day differs by the factor 1.1900: a tax, a fee or another currency",
        "shifted day": "the old system books every day under the day after",
        "sign": "the old system writes this with the other sign",
        "day missing in old": "the old system has no rows of this day",
        "repeated rows": causes["repeated rows"],
        "campaign missing in old": causes["campaign missing in old"],
        "campaign missing in new": "Bosco lacks campaign 999",
        "attribution": (
            "spend and impressions agree, conversions does not: another attribution window or "
            "another definition of a conversion"
        ),
        "not connected": "google_ads 4242424242 is not connected in Bosco",
    }
    assert causes["repeated rows"].startswith("the old system holds rows twice: ")
    assert causes["campaign missing in old"].startswith("the old system lacks campaign ")
    assert told.exit_code == 1  # Bosco lacks a campaign and an account


async def test_what_the_platform_changed_since_is_told_apart(
    platform: Platform, url: str, map_file: Path, tmp_path: Path
) -> None:
    tenant = await make_agency(platform, "restating")
    await connect(platform, tenant, url, DAYS)
    assert (await platform.command("sync", tenant=tenant.slug)).exit_code == 0
    path = export(tmp_path / "before.csv", truth(url, DAYS))
    exported = platform.clock.now.isoformat()
    later = NOW + dt.timedelta(days=1)
    async with httpx.AsyncClient() as http:
        moved = await http.post(f"{url}/_control/clock", json={"now": later.isoformat()})
        moved.raise_for_status()
    platform.clock.now = later
    try:
        assert (await platform.command("sync", tenant=tenant.slug)).exit_code == 0
        told = await platform.command(
            "compare", tenant=tenant.slug, file=str(path), map=str(map_file), exported=exported
        )
    finally:
        platform.clock.now = NOW
    assert [cause for cause, _, _ in table(told, "why")] == ["restated"]
    assert told.lines[-1] == "ready to switch: every difference is explained, none is Bosco's"
    assert told.exit_code == 0


MONTHS: Final = (
    "SELECT DATE_TRUNC(m.reporting_date, MONTH) AS month, SUM(m.spend) AS spend"
    " FROM marts.ads_daily AS m GROUP BY 1 ORDER BY 1"
)


@pytest.mark.parametrize("history_is_first", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_history_and_platform_count_once(
    platform: Platform, url: str, map_file: Path, tmp_path: Path, *, history_is_first: bool
) -> None:
    first = dt.date(2026, 9, 1)
    rows = truth(url, DAYS, first)
    doubled = scaled(rows, "2")  # so that it shows who told a day
    path = export(tmp_path / "history.csv", doubled)
    tenant = await make_agency(platform, f"switching-{history_is_first}".lower())

    async def bring_history() -> None:
        told = await platform.command(
            "history.import", tenant=tenant.slug, file=str(path), map=str(map_file)
        )
        assert told.exit_code == 0, told.errors

    async def bring_platform() -> None:
        await connect(platform, tenant, url, DAYS)
        assert (await platform.command("sync", tenant=tenant.slug)).exit_code == 0

    steps = [bring_history, bring_platform]
    for step in steps if history_is_first else reversed(steps):
        await step()

    def spend(month: str, factor: int = 1) -> Decimal:
        own = (Decimal(row["spend"]) for row in rows if row["date_day"].startswith(month))
        return sum(own, Decimal(0)) * factor

    assert [amount for _, amount in await platform.rows(tenant, MONTHS)] == [
        spend("2026-09", 2),
        spend("2026-10"),
        spend("2026-11"),
    ]


async def test_an_account_that_only_has_history_is_not_synced(
    platform: Platform, url: str, map_file: Path, tmp_path: Path
) -> None:
    tenant = await make_agency(platform, "remembering")
    path = export(tmp_path / "history.csv", truth(url, DAYS))
    told = await platform.command(
        "history.import", tenant=tenant.slug, file=str(path), map=str(map_file)
    )
    assert told.lines[0] == (
        "1 accounts in history.csv, 1 of them not connected yet: they get connections that only "
        "have history"
    )
    resumed = await platform.command("connections.resume", tenant=tenant.slug)
    assert resumed.lines[-1] == (
        f"left    client-5  google_ads  {DAYS}: it only has history; `bosco connections add` "
        "connects it"
    )
    synced = await platform.command("sync", tenant=tenant.slug)
    assert [error.message for error in synced.errors] == ["there is no active connection to sync"]


def without_accounts(map_file: Path) -> Path:
    plain = map_file.with_name("plain.yaml")
    plain.write_text(re.sub(r"accounts:.*?(?=ignore:)", "", map_file.read_text(), flags=re.DOTALL))
    return plain


async def test_bad_input_is_told(
    platform: Platform, url: str, map_file: Path, tmp_path: Path
) -> None:
    tenant = await make_agency(platform, "erring")
    path = export(tmp_path / "history.csv", truth(url, UNITS))

    async def refusal(command: str, **arguments: object) -> tuple[str, str]:
        told = await platform.command(
            command, tenant=tenant.slug, file=str(path), map=str(map_file), **arguments
        )
        (error,) = told.errors
        return error.message, error.hint

    assert await refusal("history.import") == (
        f"no client has these accounts yet: google_ads {UNITS}",
        "name their clients in the map (accounts.clients), or give --client",
    )
    assert await refusal("compare", exported="yesterday") == (
        "--exported is 'yesterday': that is no ISO 8601 instant with an offset",
        "write --exported 2026-11-20T06:00:00Z",
    )
    assert await refusal("compare", first="2026-11-01", last="2026-10-01") == (
        "there are no days from 2026-11-01 to 2026-10-01",
        "",
    )
    map_file = without_accounts(map_file)
    assert await refusal("compare") == (
        "the map plain.yaml does not say whose a row is",
        "add `accounts:` with source and account_id; docs/switching.md has an example",
    )
