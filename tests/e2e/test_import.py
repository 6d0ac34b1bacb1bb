"""`bosco import` through the real runtime: public files to GraphQL, bad files to clear words.

The expected sums are computed here from the files themselves, with csv and Decimal alone.
"""

import csv
import os
import re
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from api.commands.apps import create_app
from api.commands.tenants import create_client, create_tenant
from api.http import serve_http
from domain.ids import RunId
from ingestion.file_landing import FileImport
from tenancy.tables import Connection, LandingObject, QuarantinedRow, Sync, SyncState
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
    app = await create_app(
        platform.runtime,
        agency,
        name="Dashboard",
        scopes=["metrics:read"],
        clients=[],
        actor="test",
    )
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
    assert told.table == [("acme", "file", "meridian_geo.ads_daily", 1, 12480, 0, "published")]
    answer = await ask(platform, agency, {"from": "2021-01-01", "to": "2024-12-31"})
    expected = own_sums(file, "time", MERIDIAN)
    assert answered_sums(answer, "USD") == expected
