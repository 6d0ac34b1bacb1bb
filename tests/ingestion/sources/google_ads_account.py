"""Accounts at the simulated Google Ads: how they are read, and what they hold.

read(stream) -> pages -> arrived: key of each row -> its numbers
told: the same, as the simulator knows it
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.time_window import DateRange
from ingestion.connector.job import Account, Page
from ingestion.connector.source_file import load_source
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness

__all__ = [
    "BERLIN",
    "DAYS",
    "LEVELS",
    "LONG",
    "NEW_YORK",
    "OF_REST",
    "SOURCE",
    "arrived",
    "read",
    "rows",
    "told",
    "urls",
]

SOURCE = load_source("google_ads")
BERLIN = Account("1111111111", {"manager_id": "9000000001"}, "EUR", "Europe/Berlin")
NEW_YORK = Account("3333333333", {"manager_id": "9000000002"}, "USD", "America/New_York")
DAYS = DateRange(dt.date(2026, 10, 22), dt.date(2026, 11, 1))  # the clocks go back on 25 October
LONG = DateRange(dt.date(2026, 9, 20), dt.date(2026, 11, 1))
APPS = {
    BERLIN.account_id: ("northwind", "1//northwind-refresh-token"),
    NEW_YORK.account_id: ("harbor-pine", "1//harbor-pine-refresh-token"),
}
NUMBERS = ("cost", "impressions", "clicks", "conversions", "conversions_value")

# Stream -> the fields that tell its rows apart, and the same as keys of the truth.
LEVELS = {
    "account_day": (("date",), ("day",)),
    "campaign_day": (("date", "campaign_id", "device"), ("day", "campaign", "device")),
    "ad_day": (
        ("date", "campaign_id", "device", "ad_group_id", "ad_id"),
        ("day", "campaign", "device", "ad_group", "ad"),
    ),
    "campaign_country_day": (
        ("date", "campaign_id", "country_criterion_id"),
        ("day", "campaign", "country"),
    ),
    "keyword_day": (
        ("date", "campaign_id", "device", "ad_group_id", "criterion_id"),
        ("day", "campaign", "device", "ad_group", "keyword"),
    ),
    "search_term_day": (
        ("date", "campaign_id", "ad_group_id", "search_term"),
        ("day", "campaign", "ad_group", "search_term"),
    ),
}
OF_REST = {"ad_day": "ad_id", "campaign_country_day": "country_criterion_id"}

Numbers = tuple[Any, ...]


def urls(simulator: RunningSimulator) -> dict[str, str]:
    return {
        "google_ads": f"{simulator.url}/google_ads/{{version}}",
        "google_ads.token": f"{simulator.url}/google_ads/oauth2/v3/token",
    }


async def read(
    run: Harness, stream: str, days: DateRange = DAYS, account: Account = BERLIN
) -> list[Page]:
    agency, refresh_token = APPS[account.account_id]
    return await run.read(
        SOURCE,
        stream,
        days,
        account=account,
        credentials={"refresh_token": refresh_token},
        app={
            "client_id": f"{agency}.apps.googleusercontent.com",
            "client_secret": f"{agency}-client-secret",
            "developer_token": f"{agency}-developer-token",
        },
    )


def rows(pages: list[Page], stream: str) -> list[dict[str, Any]]:
    """The rows of the level itself, without those of the whole that it is a part of."""
    part = OF_REST.get(stream, "date")
    found = [row for page in pages for row in page.batch.to_pylist()]
    return [row for row in found if row[part] is not None]


def arrived(pages: list[Page], stream: str) -> dict[tuple[str, ...], Numbers]:
    """Key of each row of the level -> its numbers."""
    fields, _ = LEVELS[stream]
    found = rows(pages, stream)
    numbers = {
        tuple(str(row[field]) for field in fields): tuple(row[name] for name in NUMBERS)
        for row in found
    }
    assert len(numbers) == len(found)
    return numbers


def told(
    simulator: RunningSimulator,
    stream: str,
    days: DateRange = DAYS,
    account: Account = BERLIN,
) -> dict[tuple[str, ...], Numbers]:
    """The same, as the simulator knows it."""
    _, keys = LEVELS[stream]
    asked = {"from": days.start.isoformat(), "to": days.end.isoformat(), "by": ",".join(keys)}
    truth = simulator.truth("google_ads", account.account_id, **asked)
    return {
        tuple(row[key] for key in keys): (
            Decimal(row["costMicros"]) / 1_000_000,
            row["impressions"],
            row["clicks"],
            Decimal(row["conversions"]),
            Decimal(row["conversionsValue"]),
        )
        for row in truth["rows"]
    }
