"""Shopify's lines through the real extractor: every line arrives, under every fault."""

import dataclasses
import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    CredentialsRejectedError,
    IncompleteAnswerError,
    ProviderError,
    UnknownFieldRequestedError,
)
from ingestion.connector.job import Account
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.documented_faults import DocumentedFault, plays
from tests.ingestion.sources.shop import (
    DAYS,
    SHOP,
    SOURCE,
    WEST,
    arrived,
    read,
    rows,
    told,
    urls,
    window,
)

pytestmark = pytest.mark.anyio

RESOLD = {"2026-10-12": 140, "2026-10-14": 257}  # lines of two orders of resellers
# The clocks go back on 25 October in Berlin, on 1 November in New York.
LONG_DAYS = [
    (SHOP, DateRange(dt.date(2026, 10, 24), dt.date(2026, 10, 26))),
    (WEST, DateRange(dt.date(2026, 10, 31), dt.date(2026, 11, 1))),
]


@pytest.fixture
def shops(simulator: RunningSimulator) -> RunningSimulator:
    """The simulator when the days are over: what changes later would leave the window."""
    simulator.move_clock(window(SHOP, DAYS).end)
    return simulator


@pytest.mark.parametrize(("account", "days"), LONG_DAYS, ids=["Berlin", "New York"])
async def test_days_are_those_of_the_shop(
    simulator: RunningSimulator, account: Account, days: DateRange
) -> None:
    simulator.move_clock(window(account, days).end)
    async with harness(urls(simulator)) as run:
        pages = await read(run, account=account, days=days)
    assert arrived(pages, days) == told(simulator, account, days)


async def test_every_line_is_the_simulator_s_truth(shops: RunningSimulator) -> None:
    async with harness(urls(shops)) as run:
        pages = await read(run)
    held = told(shops)
    assert len(held) > 500
    assert arrived(pages) == held
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []
    assert sum(page.skipped for page in pages) > 0  # of test orders


async def test_lines_add_up_to_their_orders(shops: RunningSimulator) -> None:
    async with harness(urls(shops)) as run:
        lines = await read(run)
        orders = await read(run, "orders")
    sums: Counter[str] = Counter()
    for row in rows(lines):
        sums[row["order_id"]] += row["price"]
    rest = {
        row["order_id"]: row["total"] - row["shipping"] - sums[row["order_id"]]
        for row in rows(orders)
    }
    assert rest.keys() == sums.keys()
    assert set(rest.values()) == {Decimal(0)}  # prices include the tax in Berlin


async def test_orders_of_many_lines_lose_none(shops: RunningSimulator) -> None:
    async with harness(urls(shops)) as run:
        pages = await read(run)
    counts = Counter((row["ordered_on"].isoformat(), row["order_id"]) for row in rows(pages))
    assert {day: count for (day, _), count in counts.items() if count > 20} == RESOLD
    largest = [page.batch.num_rows for page in pages]
    assert 237 in largest  # 257 lines: 20 with the page, the others at once


async def test_products_that_are_gone_and_names(shops: RunningSimulator) -> None:
    async with harness(urls(shops)) as run:
        found = rows(await read(run))
    gone = [row for row in found if row["product_id"] is None]
    assert {row["product_name"] for row in gone} == {
        "Acme Shoes Mini 2",
        "Acme Shoes Light 4",
        "Acme Shoes Set 5",
    }
    assert all(row["variant_id"] is None and row["sku"].startswith("ACM-") for row in gone)
    kept = next(row for row in found if row["product_id"])
    assert kept["product_id"].isdecimal()
    assert kept["variant_id"].isdecimal()


@plays("shopify")
async def test_rows_survive(shops: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    shops.fault(**fault.play, path="acme-shoes")
    async with harness(urls(shops)) as run:
        pages = await read(run)
    assert arrived(pages) == told(shops)
    assert tuple(run.waits) == fault.waits


@plays("shopify")
async def test_rows_survive_inside_a_long_order(
    shops: RunningSimulator, fault: DocumentedFault
) -> None:
    assert fault.play is not None
    async with harness(urls(shops)) as run:
        pages = await read(run)
    inside = [page.batch.num_rows for page in pages].index(237)
    shops.fault(**fault.play, path="acme-shoes", after=inside)
    async with harness(urls(shops)) as run:
        assert arrived(await read(run)) == told(shops)
    assert tuple(run.waits) == fault.waits


async def test_an_order_that_is_deleted_while_it_is_read_is_told(shops: RunningSimulator) -> None:
    request = SOURCE.streams["order_lines"].request
    inner = SOURCE.streams["order_lines"].pagination.inner
    assert request is not None
    assert inner is not None
    gone = dataclasses.replace(inner, alone={**inner.alone, "json.variables.search": "id:1"})
    stream = SOURCE.streams["order_lines"]
    spoilt = dataclasses.replace(
        SOURCE,
        streams={
            "order_lines": dataclasses.replace(
                stream, pagination=dataclasses.replace(stream.pagination, inner=gone)
            )
        },
    )
    async with harness(urls(shops)) as run:
        with pytest.raises(IncompleteAnswerError, match="is gone when asked for them"):
            await read(run, source=spoilt)


CLOSED = "check the account id, and that the connected user may see this account"
KINDS: dict[Any, tuple[type[ProviderError], str]] = {
    401: (
        CredentialsRejectedError,
        "connect the account again; the permission was withdrawn or has run out",
    ),
    402: (
        AccountNotAccessibleError,
        "the shop is frozen; its owner settles the bill with Shopify",
    ),
    403: (AccountNotAccessibleError, CLOSED),
    404: (AccountNotAccessibleError, CLOSED),
    423: (
        AccountNotAccessibleError,
        "the shop is locked; its owner talks to Shopify's support",
    ),
    "ACCESS_DENIED": (
        AccountNotAccessibleError,
        (
            "the app lacks a scope or Shopify's approval: install it again with read_orders, "
            "read_all_orders, read_customers and read_products, and request protected customer "
            "data with email and phone"
        ),
    ),
    "SHOP_INACTIVE": (
        AccountNotAccessibleError,
        "the shop is closed; its owner opens it again at Shopify, or disconnect it",
    ),
}


@plays("shopify")
async def test_refusals_say_what_to_do(shops: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    shops.fault(**fault.play, path="acme-shoes")
    async with harness(urls(shops)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run)
    code = fault.play.get("code") or fault.play["value"]
    assert (type(caught.value), caught.value.hint) == KINDS[code]
    assert caught.value.provider_code == str(code)
    assert "shpat_acme_shoes" not in str(caught.value)
    assert run.waits == []


async def test_a_page_that_is_too_dear_at_any_size_is_refused(shops: RunningSimulator) -> None:
    shops.fault("too_large", path="acme-shoes", times=None)
    async with harness(urls(shops)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run)
    assert caught.value.provider_code == "MAX_COST_EXCEEDED"
    assert caught.value.hint == "even the smallest request is too large for the provider"


async def test_rows_of_another_type_are_quarantined(shops: RunningSimulator) -> None:
    shops.fault("changed_type", path="acme-shoes", rows=2, field="quantity")
    async with harness(urls(shops)) as run:
        pages = await read(run)
    rejected = [(row.row_number, row.field, row.reason) for page in pages for row in page.rejected]
    assert rejected == [(1, "units", "not_a_number"), (2, "units", "not_a_number")]


async def test_a_field_that_the_version_lacks_is_told(shops: RunningSimulator) -> None:
    stream = SOURCE.streams["order_lines"]
    assert stream.request is not None
    query = stream.request.json["query"].replace("quantity", "amountOfPieces")
    body = {**stream.request.json, "query": query}
    asked = dataclasses.replace(stream, request=dataclasses.replace(stream.request, json=body))
    spoilt = dataclasses.replace(SOURCE, streams={"order_lines": asked})
    async with harness(urls(shops)) as run:
        with pytest.raises(UnknownFieldRequestedError) as caught:
            await read(run, source=spoilt)
    assert "Field 'amountOfPieces' doesn't exist on type 'LineItem'" in caught.value.message
