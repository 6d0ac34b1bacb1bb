"""Shops at the simulated Shopify: how their lines are read, and what they hold.

read(stream) -> pages -> arrived: one tuple a line
told: the same, as the simulator knows it
"""

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from domain.time_window import DateRange
from ingestion.connector.job import Account, CursorWindow, Page
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import SourceSpec
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness

__all__ = ["DAYS", "SHOP", "SOURCE", "WEST", "arrived", "read", "rows", "told", "urls", "window"]

SOURCE = load_source("shopify")
SHOP = Account("acme-shoes", {}, "EUR", "Europe/Berlin")
WEST = Account("summit-outdoor", {}, "USD", "America/New_York")
TOKENS = {"acme-shoes": "shpat_acme_shoes", "summit-outdoor": "shpat_summit_outdoor"}
DAYS = DateRange(dt.date(2026, 10, 12), dt.date(2026, 10, 15))


def window(account: Account, days: DateRange) -> CursorWindow:
    """From the first midnight to the last, at the shop."""
    zone = ZoneInfo(account.time_zone)
    midnights = (days.start, days.end + dt.timedelta(days=1))
    start, end = (dt.datetime.combine(day, dt.time(), zone) for day in midnights)
    return CursorWindow(start.astimezone(dt.UTC), end.astimezone(dt.UTC))


def urls(simulator: RunningSimulator) -> dict[str, str]:
    return {"shopify": f"{simulator.url}/shopify/shops/{{account}}/admin/api/{{version}}"}


async def read(
    run: Harness,
    stream: str = "order_lines",
    *,
    source: SourceSpec = SOURCE,
    account: Account = SHOP,
    days: DateRange = DAYS,
) -> list[Page]:
    return await run.read(
        source,
        stream,
        window(account, days),
        account=account,
        credentials={"access_token": TOKENS[account.account_id]},
    )


def rows(pages: list[Page], days: DateRange = DAYS) -> list[dict[str, Any]]:
    """Rows of orders that were placed on the days; older ones have changed on them."""
    found = [row for page in pages for row in page.batch.to_pylist()]
    return [row for row in found if days.start <= row["ordered_on"] <= days.end]


Line = tuple[str, str, str, str, int, Decimal]


def arrived(pages: list[Page], days: DateRange = DAYS) -> list[Line]:
    """One tuple a line of orders that were placed on the days."""
    return sorted(
        (
            row["ordered_on"].isoformat(),
            row["order_id"],
            row["order_line_id"],
            row["product_id"] or "",
            row["units"],
            row["price"],
        )
        for row in rows(pages, days)
    )


def told(
    simulator: RunningSimulator, account: Account = SHOP, days: DateRange = DAYS
) -> list[Line]:
    """The same, as the simulator knows it; without test orders."""
    truth = simulator.truth(
        "shopify",
        f"{account.account_id}/lines",
        by="day,order,line,product,test",
        **{"from": days.start.isoformat(), "to": days.end.isoformat()},
    )
    return sorted(
        (
            row["day"],
            row["order"],
            row["line"],
            row["product"],
            row["units"],
            Decimal(row["lineRevenue"]),
        )
        for row in truth["rows"]
        if row["test"] == "false"
    )
