"""Reads Meta Ads through the real extractor, and what the simulator really holds."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.time_window import DateRange
from ingestion.connector.job import Account, Page
from ingestion.connector.source_file import load_source
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness

__all__ = [
    "ACCOUNT",
    "FORTNIGHT",
    "KEYS",
    "SOURCE",
    "TOKEN",
    "Numbers",
    "arrived",
    "list_rows",
    "read",
    "told",
    "urls",
]

SOURCE = load_source("meta_ads")
ACCOUNT = Account("111111111111111", {}, "EUR", "Europe/Berlin")
TOKEN = {"access_token": "EAAnorthwind-system-user"}
FORTNIGHT = DateRange(dt.date(2026, 10, 19), dt.date(2026, 11, 1))  # summer time ends in it

# Stream -> keys of the truth, and the columns of a row that they are.
KEYS: Mapping[str, Mapping[str, str]] = {
    "account_day": {"day": "date"},
    "campaign_day": {"day": "date", "campaign": "campaign_id", "device": "device_platform"},
    "ad_day": {
        "day": "date",
        "campaign": "campaign_id",
        "ad": "ad_id",
        "device": "device_platform",
    },
    "campaign_country_day": {"day": "date", "campaign": "campaign_id", "country": "country_told"},
}

Numbers = tuple[Decimal, int, int, int, Decimal, Decimal]
Found = dict[tuple[str, ...], Numbers]


def urls(simulator: RunningSimulator) -> dict[str, str]:
    return {"meta_ads": f"{simulator.url}/meta_ads/{{version}}"}


async def read(
    run: Harness,
    stream: str,
    days: DateRange = FORTNIGHT,
    *,
    checkpoint: Mapping[str, Any] | None = None,
    account: Account = ACCOUNT,
    token: Mapping[str, str] = TOKEN,
) -> list[Page]:
    return await run.read(SOURCE, stream, days, checkpoint, account, token, {})


def list_rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


def arrived(stream: str, pages: list[Page]) -> Found:
    """Key of each row -> its numbers; every row once, numbered without a gap."""
    rows = list_rows(pages)
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    found = {
        tuple(str(row[column]) for column in KEYS[stream].values()): (
            row["spend"],
            row["impressions"],
            row["all_clicks"],
            row["clicks"],
            row["purchases"],
            row["purchase_value"],
        )
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def told(simulator: RunningSimulator, stream: str, days: DateRange = FORTNIGHT) -> Found:
    """What the simulator holds at the level of a stream."""
    keys = KEYS[stream]
    truth = simulator.truth(
        "meta_ads",
        ACCOUNT.account_id,
        **{"from": days.start.isoformat(), "to": days.end.isoformat(), "by": ",".join(keys)},
    )
    return {
        tuple(row[key] for key in keys): (
            Decimal(row["spend"]),
            row["impressions"],
            row["clicks"],
            row["linkClicks"],
            Decimal(row["purchases"]),
            Decimal(row["purchaseValue"]),
        )
        for row in truth["rows"]
    }
