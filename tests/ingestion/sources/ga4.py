"""Reads Google Analytics 4 through the real extractor, and what the simulator really holds."""

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any

import httpx

from domain.time_window import DateRange
from ingestion.connector.job import Account, Page
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import SourceSpec
from ingestion.simulator.config import demo_config
from ingestion.simulator.ga4 import Ga4, Property
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import Harness, harness
from tests.ingestion.simulator.standing import Standing, standing

__all__ = [
    "ACCOUNT",
    "APP",
    "DAYS",
    "KEYS",
    "LAST",
    "NUMBERS",
    "SMALL_PAGES",
    "SOURCE",
    "TOKEN",
    "Rows",
    "alone",
    "arrived",
    "list_rows",
    "patient",
    "read",
    "simulated",
    "truth",
    "urls",
    "with_pages_of",
]

SOURCE = load_source("ga4")
ACCOUNT = Account("111111111", {}, "EUR", "Europe/Berlin")
DAYS = DateRange(dt.date(2026, 10, 30), dt.date(2026, 11, 1))
LAST = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 1))
TOKEN = {"refresh_token": "1//northwind-analytics-refresh-token"}
APP = {
    "client_id": "northwind.apps.googleusercontent.com",
    "client_secret": "northwind-client-secret",
}
NUMBERS = {
    "sessions": "sessions",
    "engaged_sessions": "engagedSessions",
    "new_users": "newUsers",
    "page_views": "screenPageViews",
    "key_events": "keyEvents",
    "purchase_revenue": "purchaseRevenue",
}
KEYS = {
    "date": "day",
    "channel_group": "channel",
    "visit_source": "source",
    "visit_medium": "medium",
    "page_told": "page",
    "device": "device",
    "country_told": "country",
}
Rows = dict[tuple[str, ...], tuple[Decimal, ...]]


def with_pages_of(size: int) -> SourceSpec:
    """The source, with pages of so many rows; the file's own hold a whole day of the demo."""
    stream = SOURCE.streams["web_day"]
    assert stream.pagination.size is not None
    small = dataclasses.replace(stream.pagination.size, start=size, minimum=size)
    pages = dataclasses.replace(stream.pagination, size=small)
    web = dataclasses.replace(stream, pagination=pages)
    return dataclasses.replace(SOURCE, streams={**SOURCE.streams, "web_day": web})


SMALL_PAGES = with_pages_of(50)


def urls(url: str) -> dict[str, str]:
    base = f"{url}/{{version}}"
    return {"ga4": base, "ga4.admin": base, "ga4.token": f"{url}/token"}


def simulated(simulator: RunningSimulator) -> dict[str, str]:
    return urls(f"{simulator.url}/ga4")


async def read(
    run: Harness,
    stream: str = "web_day",
    source: SourceSpec = SOURCE,
    days: DateRange = DAYS,
    account: Account = ACCOUNT,
) -> list[Page]:
    return await run.read(source, stream, days, account=account, credentials=TOKEN, app=APP)


def list_rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


def arrived(pages: list[Page], *columns: str) -> Rows:
    rows = list_rows(pages)
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    found = {
        tuple(str(row[column]) for column in columns): tuple(Decimal(row[name]) for name in NUMBERS)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def truth(simulator: RunningSimulator, *columns: str) -> Rows:
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    by = ",".join(KEYS[column] for column in columns)
    return {
        tuple(row[KEYS[column]] for column in columns): tuple(
            Decimal(row[name]) for name in NUMBERS.values()
        )
        for row in simulator.truth("ga4", ACCOUNT.account_id, **days, by=by)["rows"]
    }


@contextmanager
def alone(place: Property) -> Iterator[Standing]:
    """The property on a platform of its own."""
    config = dataclasses.replace(demo_config().ga4, properties=(place,))
    grant = dataclasses.replace(config.grants[0], property_ids=(place.property_id,))
    only = dataclasses.replace(config, grants=(grant,))
    with standing(lambda clock: Ga4(only, clock), SIMULATED_NOW) as running:
        yield running


@asynccontextmanager
async def patient(running: Standing) -> AsyncIterator[Harness]:
    """An extractor that waits longer for an answer than others: the machine may be busy."""
    url = str(running.http.base_url).rstrip("/")
    async with (
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
        harness(urls(url), http=http) as run,
    ):
        yield run
