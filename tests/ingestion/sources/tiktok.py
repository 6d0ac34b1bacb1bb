"""Reads TikTok Ads through the real extractor, and what the simulator really holds."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

from domain.time_window import DateRange
from ingestion.connector.job import Account, Page
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import SourceSpec
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness

__all__ = [
    "ACCOUNT",
    "AD_KEYS",
    "APP",
    "DAYS",
    "NUMBERS",
    "SMALL_PAGES",
    "SOURCE",
    "TOKEN",
    "arrived",
    "list_rows",
    "read",
    "simulated",
    "told",
    "urls",
    "with_pages_of",
]

SOURCE = load_source("tiktok_ads")
ACCOUNT = Account("7111111111111111111", {}, "EUR", "Europe/Berlin")
DAYS = DateRange(dt.date(2026, 9, 20), dt.date(2026, 11, 1))  # two slices: 30 days and 13
TOKEN = {"access_token": "northwind-tiktok-access-token"}
APP = {"client_id": "7000000000000000001", "client_secret": "northwind-tiktok-secret"}
NUMBERS = ("spend", "impressions", "clicks", "conversions")
AD_KEYS = ("date", "campaign_id", "ad_id")


def with_pages_of(size: int) -> SourceSpec:
    """The source, with pages of so many rows; the file's own hold a whole slice of the demo."""
    stream = SOURCE.streams["ad_day"]
    assert stream.pagination.size is not None
    small = dataclasses.replace(stream.pagination.size, start=size, minimum=size)
    pages = dataclasses.replace(stream.pagination, size=small)
    ads = dataclasses.replace(stream, pagination=pages)
    return dataclasses.replace(SOURCE, streams={**SOURCE.streams, "ad_day": ads})


SMALL_PAGES = with_pages_of(400)


def urls(url: str) -> dict[str, str]:
    return {"tiktok_ads": f"{url}/open_api/{{version}}"}


def simulated(simulator: RunningSimulator) -> dict[str, str]:
    return urls(f"{simulator.url}/tiktok_ads")


async def read(
    run: Harness, stream: str, source: SourceSpec = SOURCE, days: DateRange = DAYS
) -> list[Page]:
    return await run.read(source, stream, days, account=ACCOUNT, credentials=TOKEN, app=APP)


def list_rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


def arrived(pages: list[Page], *columns: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Key of each row -> its numbers."""
    rows = list_rows(pages)
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    found = {
        tuple(str(row[column]) for column in columns): tuple(row[name] for name in NUMBERS)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def told(simulator: RunningSimulator, *keys: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    truth = simulator.truth("tiktok_ads", ACCOUNT.account_id, **days, by=",".join(keys))
    return {
        tuple(row[key] for key in keys): (
            Decimal(row["spend"]),
            row["impressions"],
            row["clicks"],
            Decimal(row["conversions"]),
        )
        for row in truth["rows"]
    }
