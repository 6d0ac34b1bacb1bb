"""`bosco import` through the real runtime: public files to GraphQL, bad files to clear words.

The expected sums are computed here from the files themselves, with csv and Decimal alone.
"""

import asyncio
import csv
import dataclasses
import datetime as dt
import os
import re
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.commands.apps import apps_of
from api.commands.tenants import create_client, create_tenant
from api.http import serve_http
from api.oauth.app_registry import Registration
from domain.facts.ads import CHANNELS
from domain.ids import RunId
from ingestion.file_landing import FileImport
from ingestion.files.map_file import load_map
from tenancy.tables import (
    Connection,
    LandingObject,
    QuarantinedRow,
    RunState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform, Told

pytestmark = pytest.mark.anyio

CHECKOUT = Path(__file__).resolve().parents[2]
MAPS = CHECKOUT / "tests" / "ingestion" / "files" / "maps"
NANO = Decimal("1e-9")

AD_MAP = """
map: agency_sheet
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day, channel]
    columns:
      reporting_date: day
      channel: {from: channel, enum: {Search: paid_search, TV: tv}}
      spend: cost
"""
DUPLICATE = "has the key of line 2: day '2026-10-01', channel 'Search'"
BAD_BYTES = "has bytes that are no UTF-8; declare the file's encoding in the map"
TOTALS = "SELECT COUNT(*) AS n, SUM(spend) AS spend FROM marts.ads_daily AS m"

QUESTION = """
query ($period: Period!) {
  metrics(period: $period, first: 1000) {
    currency
    rows { month: date(grain: MONTH) channel spend { amount currency } impressions clicks }
  }
}
"""


@pytest.fixture
def datasets() -> Path:
    """The folder of public data sets; elsewhere when BOSCO_TEST_DATASETS says so."""
    folder = Path(os.environ.get("BOSCO_TEST_DATASETS") or CHECKOUT.parent / "shared" / "datasets")
    if not folder.is_dir():
        pytest.skip(f"no public data sets at {folder} (BOSCO_TEST_DATASETS)")
    return folder


@pytest.fixture
async def agency(platform: Platform, request: pytest.FixtureRequest) -> TenantProfile:
    """An agency of this test alone, with the client `acme`."""
    return await make_agency(platform, request.node.name, currency="EUR")


async def make_agency(platform: Platform, name: str, *, currency: str) -> TenantProfile:
    tenant = await create_tenant(
        platform.runtime,
        slug=re.sub("[^a-z]+", "-", name.removeprefix("test_"))[:60].strip("-"),
        name="Northlight",
        currency=currency,
        time_zone="Europe/Berlin",
    )
    await create_client(platform.runtime, tenant, slug="acme", name="Acme", actor="test")
    return tenant


@pytest.fixture
def ad_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.yaml"
    path.write_text(AD_MAP)
    return path


async def import_file(platform: Platform, agency: TenantProfile, file: Path, map_: Path) -> Told:
    return await platform.command(
        "import", tenant=agency.slug, client="acme", file=str(file), map=str(map_)
    )


def write_map(path: Path, text: str) -> None:
    path.write_text(text)


async def import_text(
    platform: Platform, agency: TenantProfile, ad_map: Path, text: str | bytes
) -> Told:
    path = ad_map.with_name("ads.csv")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return await import_file(platform, agency, path, ad_map)


async def quarantine(platform: Platform, agency: TenantProfile) -> list[tuple[Any, ...]]:
    """(stream, line, field, reason, message) of what did not fit, oldest first."""
    told = await platform.command("quarantine.list", tenant=agency.slug, limit=1000)
    return sorted(tuple(row[1:]) for row in told.table)


async def ask(platform: Platform, agency: TenantProfile, period: dict[str, str]) -> Any:
    """Ask as a dashboard does: an app, a token, GraphQL over HTTP."""
    app = await apps_of(platform.runtime).register(
        agency.tenant_id, Registration("Dashboard", ["metrics:read"]), actor="test"
    )
    assert app.client_secret is not None
    async with serve_http(platform.runtime, port=0) as url, httpx.AsyncClient(base_url=url) as http:
        granted = await http.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "scope": "metrics:read"},
            auth=(app.client_id, app.client_secret),
        )
        answered = await http.post(
            "/graphql",
            json={"query": QUESTION, "variables": {"period": period}},
            headers={"authorization": f"Bearer {granted.json()['access_token']}"},
        )
    body = answered.json()
    assert "errors" not in body, body
    return body["data"]["metrics"]


Sums = dict[tuple[str, str], dict[str, Decimal]]


def own_sums(path: Path, day: str, channels: dict[str, dict[str, str]]) -> Sums:
    """Sums by month and channel: amounts to nine decimals a row, counts to whole ones."""
    sums: Sums = defaultdict(lambda: defaultdict(Decimal))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for channel, columns in channels.items():
                for metric, column in columns.items():
                    step = NANO if metric == "spend" else Decimal(1)
                    value = Decimal(row[column]).quantize(step, ROUND_HALF_EVEN)
                    sums[row[day][:7] + "-01", channel][metric] += value
    return {key: dict(values) for key, values in sums.items()}


def answered_sums(answer: Any, currency: str) -> Sums:
    found: Sums = {}
    for row in answer["rows"]:
        assert row["spend"]["currency"] == currency
        counts = {name: row[name] for name in ("impressions", "clicks") if row[name] is not None}
        amounts = {"spend": row["spend"]["amount"], **counts}
        key = (row["month"], row["channel"].lower())
        found[key] = {name: Decimal(str(value)) for name, value in amounts.items()}
    return found


ROBYN = {
    "tv": {"spend": "tv_S"},
    "out_of_home": {"spend": "ooh_S"},
    "print": {"spend": "print_S"},
    "paid_social": {"spend": "facebook_S", "impressions": "facebook_I"},
    "paid_search": {"spend": "search_S", "clicks": "search_clicks_P"},
}
MERIDIAN = {
    channel: {"spend": f"Channel{number}_spend", "impressions": f"Channel{number}_impression"}
    for number, channel in enumerate(("video", "display", "paid_social", "paid_search"))
}


async def test_weekly_media_file_gives_its_own_sums(
    platform: Platform, agency: TenantProfile, datasets: Path
) -> None:
    file = datasets / "robyn_weekly" / "dt_simulated_weekly.csv"
    told = await import_file(platform, agency, file, MAPS / "robyn_weekly.yaml")
    assert told.errors == []
    assert told.table == [("acme", "file", "robyn_weekly.ads_daily", 1, 1040, 0, "published")]
    answer = await ask(platform, agency, {"from": "2015-11-01", "to": "2019-11-30"})
    assert answer["currency"] == "EUR"
    expected = own_sums(file, "DATE", ROBYN)
    assert len(expected) == 49 * 5
    assert answered_sums(answer, "EUR") == expected


async def test_media_by_place_gives_its_own_sums(platform: Platform, datasets: Path) -> None:
    agency = await make_agency(platform, "media-by-place", currency="USD")
    file = datasets / "meridian_sim" / "geo_media.csv"
    told = await import_file(platform, agency, file, MAPS / "meridian_geo.yaml")
    stream = "meridian_geo.ads_country_daily"
    assert told.table == [("acme", "file", stream, 1, 12480, 0, "published")]
    answer = await ask(platform, agency, {"from": "2021-01-01", "to": "2024-12-31"})
    expected = own_sums(file, "time", MERIDIAN)
    assert answered_sums(answer, "USD") == expected


async def test_bad_rows_are_told_and_the_good_ones_load(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    lines = [
        "day,channel,cost",
        "2026-10-01,Search,1.5",
        "2026-10-02,Search",
        "2026-10-32,Search,1",
        '2026-10-03,Search,"1,234.50"',
        "2026-10-04,Search,-1",
        "2026-10-05,Radio,1",
        "2026-10-01,Search,9",
        "2026-10-06,S\0earch,1",
        "2026-10-07,TV,2",
    ]
    content = "\r\n".join(lines).encode("utf-8-sig") + b"\r\n2026-10-08,\xff\xfe,1\r\n"
    told = await import_text(platform, agency, ad_map, content)
    assert told.exit_code == 0
    assert told.table == [("acme", "file", "agency_sheet.ads_daily", 1, 2, 8, "published")]
    assert told.lines == [f"rows in quarantine: bosco quarantine list {agency.slug}"]
    stream = "file.agency_sheet.ads_daily"
    assert await quarantine(platform, agency) == [
        (stream, 3, "", "ragged_row", "has 2 cells, but the header names 3 columns"),
        (stream, 4, "day", "not_a_date", "'2026-10-32' is not a date like YYYY-MM-DD"),
        (
            stream,
            5,
            "cost",
            "not_a_number",
            "'1,234.50' is not a number; declare its separators (decimal, thousands)",
        ),
        (stream, 6, "cost", "below_minimum", "-1 is less than 0"),
        (stream, 7, "channel", "unknown_value", "'Radio' is none of Search, TV"),
        (stream, 8, "day", "duplicate_key", DUPLICATE),
        (stream, 9, "", "nul_character", "has a NUL character"),
        (stream, 11, "", "bad_encoding", BAD_BYTES),
    ]
    assert await platform.rows(agency, TOTALS) == [(2, Decimal("3.5"))]


async def test_file_of_which_no_row_fits_is_a_failure(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    bad = "day,channel,cost\n01.10.2026,TV,1\n02.10.2026,TV,2\n"
    told = await import_text(platform, agency, ad_map, bad)
    assert told.exit_code == 1
    assert told.table == [("acme", "file", "agency_sheet.ads_daily", 1, 0, 2, "published")]
    assert [(error.code, error.message, error.hint) for error in told.errors] == [
        (
            "NOTHING_FITS",
            "no row of ads.csv fits its map: 0 rows, 2 quarantined",
            f"bosco quarantine list {agency.slug} says why; mend the map and import again",
        )
    ]
    empty = await import_text(platform, agency, ad_map, "day,channel,cost\n")
    assert (empty.exit_code, empty.errors) == (0, [])


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"", "UNUSABLE_HEADER", "ads.csv is empty"),
        (
            b"day,channel,day\n",
            "UNUSABLE_HEADER",
            "the first line of ads.csv names 'day' more than once",
        ),
        (
            b"day,chanel,cost\n",
            "UNUSABLE_HEADER",
            (
                "ads.csv lacks columns that the map names: 'channel' (did you mean 'chanel'?); "
                "it has 'day', 'chanel', 'cost'"
            ),
        ),
        (
            b"PK\x03\x04\x00",
            "NOT_A_TEXT_FILE",
            "ads.csv is not a text file: it looks like an Excel workbook or another zip archive",
        ),
    ],
    ids=["empty", "twice", "unknown", "workbook"],
)
async def test_unusable_file_is_refused_before_any_row(  # a table of cases
    platform: Platform,
    agency: TenantProfile,
    ad_map: Path,
    content: bytes,
    code: str,
    told: str,
) -> None:
    refused = await import_text(platform, agency, ad_map, content)
    assert refused.exit_code == 1
    assert [(error.code, error.message) for error in refused.errors] == [(code, told)]
    async with platform.runtime.database.session(agency.tenant_id) as session:
        assert (await session.scalars(select(Sync))).all() == []
        assert (await session.scalars(select(Connection))).all() == []


async def test_wrong_map_is_told_with_its_lines(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    text = AD_MAP.replace("spend: cost", "spent: cost").replace("TV: tv", "TV: telly")
    write_map(ad_map, text)
    refused = await import_text(platform, agency, ad_map, "day,channel,cost\n")
    assert [error.message for error in refused.errors] == [
        (
            "map.yaml:9: feeds[0].columns.channel.enum.TV: 'telly' is not a canonical channel; "
            f"known are {', '.join(CHANNELS)}\n"
            "map.yaml:10: feeds[0].columns.spent: ads_daily has no column 'spent'; "
            "did you mean 'spend'?"
        )
    ]


async def test_later_file_restates_the_days_that_it_covers(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    first = "day,channel,cost\n2026-10-01,TV,1\n2026-10-08,TV,2\n2026-10-15,TV,4\n"
    await import_text(platform, agency, ad_map, first)
    assert await platform.coverage(agency, "agency_sheet.ads_daily") == (
        dt.date(2026, 10, 1),
        dt.date(2026, 10, 15),
    )
    # The eighth has vanished, the first is outside, and a week is missing before the last day.
    second = "day,channel,cost\n2026-10-05,TV,8\n2026-10-15,TV,16\n2026-10-29,TV,32\n"
    await import_text(platform, agency, ad_map, second)
    assert await platform.rows(agency, TOTALS) == [(4, Decimal(57))]
    assert await platform.coverage(agency, "agency_sheet.ads_daily") == (
        dt.date(2026, 10, 1),
        dt.date(2026, 10, 29),
    )
    assert await platform.rows(agency, "SELECT COUNT(*) AS n FROM facts.ads_daily AS f") == [(6,)]


async def test_maps_do_not_overwrite_each_other(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    text = "day,channel,cost\n2026-10-01,TV,1\n"
    await import_text(platform, agency, ad_map, text)
    write_map(ad_map, AD_MAP.replace("agency_sheet", "other_sheet"))
    await import_text(platform, agency, ad_map, text)
    assert await platform.rows(agency, TOTALS) == [(2, Decimal(2))]


async def test_file_that_fails_in_the_middle_lands_nothing_and_the_next_import_goes_on(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    bad = "day,channel,cost\n2026-10-01,TV,1\n" + "2026-10-01,TV,x\n" * 10_001
    told = await import_text(platform, agency, ad_map, bad)
    assert told.exit_code == 1
    assert told.lines == [
        (
            "acme  file  agency_sheet.ads_daily: TOO_MANY_REJECTED_ROWS: more than 10,000 rows do "
            "not fit, the first in line 3: cost 'x' is not a number (mend the map and import again)"
        )
    ]
    assert await quarantine(platform, agency) == []
    assert await platform.rows(agency, TOTALS) == [(0, None)]
    again = await import_text(platform, agency, ad_map, "day,channel,cost\n2026-10-01,TV,1\n")
    assert again.exit_code == 0
    assert await platform.rows(agency, TOTALS) == [(1, Decimal(1))]


async def test_landing_again_after_a_crash_doubles_nothing(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    """The crash is the worst one: all objects stored, the transaction that names them lost."""
    path = ad_map.with_name("ads.csv")
    path.write_text("day,channel,cost\n2026-10-01,TV,1\n2026-10-02,TV,x\n")
    await import_file(platform, agency, path, ad_map)
    files = platform.runtime.pipeline.files
    async with platform.runtime.database.session(agency.tenant_id) as session:
        sync = (await session.scalars(select(Sync))).one()
        connection_id, map_hash = sync.connection_id, load_map(ad_map).content_hash
        run_id = RunId(platform.runtime.ids())
        session.add(
            SyncRun(
                id=run_id,
                requested_by="test",
                state=RunState.RUNNING,
                started_at=platform.clock(),
            )
        )
        request = FileImport(
            connection_id, path, ad_map, map_hash, {"agency_sheet.ads_daily": "ads_daily"}
        )
        await session.flush()
        await files.plan(session, run_id, request)
        await session.flush()
        await files.plan(session, run_id, request)

    class LostError(Exception):
        """The process died here."""

    class Dying:
        """A database that is lost as soon as the rows are to be named."""

        def __init__(self) -> None:
            self.sessions = 0

        def session(self, tenant_id: Any) -> Any:
            self.sessions += 1
            if self.sessions > 1:
                raise LostError
            return platform.runtime.database.session(tenant_id)

    class Silent:
        """Nobody is left to write down the failure."""

        async def fail(self, *_: Any) -> None:
            raise LostError

    dying: Any = dataclasses.replace(files.landing, database=Dying())  # type: ignore[arg-type]
    silent: Any = Silent()
    crashing = dataclasses.replace(files, landing=dying, publisher=silent)
    with pytest.raises(LostError):
        await crashing.land(agency.tenant_id, run_id, request)
    # The dead worker's job may be taken up while it is not quite dead: both do it.
    again = [files.land(agency.tenant_id, run_id, request) for _ in range(2)]
    await asyncio.gather(*again)
    await files.land(agency.tenant_id, run_id, request)
    async with platform.runtime.database.session(agency.tenant_id) as session:
        landed = (await session.scalars(select(Sync).where(Sync.run_id == run_id))).one()
        assert (landed.rows, landed.quarantined) == (1, 1)
        assert landed.state is SyncState.LANDED
        assert (landed.slice_from, landed.slice_to) == (dt.date(2026, 10, 1),) * 2
        parts = await session.scalars(
            select(LandingObject.part).where(LandingObject.sync_id == landed.id)
        )
        assert parts.all() == [0]
        rejected = await session.scalars(
            select(QuarantinedRow.row_number).where(QuarantinedRow.sync_id == landed.id)
        )
        assert rejected.all() == [3]
    await platform.runtime.loader.load_pending()
    assert await platform.rows(agency, TOTALS) == [(1, Decimal(1))]


async def test_sync_and_check_leave_files_alone(
    platform: Platform, agency: TenantProfile, ad_map: Path
) -> None:
    await import_text(platform, agency, ad_map, "day,channel,cost\n2026-10-01,TV,1\n")
    synced = await platform.command("sync", tenant=agency.slug)
    assert [error.message for error in synced.errors] == ["there is no active connection to sync"]
    checked = await platform.command("connections.check", tenant=agency.slug)
    assert (checked.exit_code, checked.lines) == (0, [])
