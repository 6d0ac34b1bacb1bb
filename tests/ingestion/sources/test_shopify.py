"""Shopify's lines through the real extractor: every line arrives, under every fault."""

import dataclasses
import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    CredentialsRejectedError,
    IncompleteAnswerError,
    ProviderError,
    UnknownFieldRequestedError,
)
from ingestion.connector.job import Account, CursorWindow, Page
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import SourceSpec
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness, harness

pytestmark = pytest.mark.anyio

SOURCE = load_source("shopify")
SHOP = Account("acme-shoes", {}, "EUR", "Europe/Berlin")
WEST = Account("summit-outdoor", {}, "USD", "America/New_York")
TOKENS = {"acme-shoes": "shpat_acme_shoes", "summit-outdoor": "shpat_summit_outdoor"}
DAYS = DateRange(dt.date(2026, 10, 12), dt.date(2026, 10, 15))
RESOLD = {"2026-10-12": 140, "2026-10-14": 257}  # lines of two orders of resellers
# The clocks go back on 25 October in Berlin, on 1 November in New York.
LONG_DAYS = [
    (SHOP, DateRange(dt.date(2026, 10, 24), dt.date(2026, 10, 26))),
    (WEST, DateRange(dt.date(2026, 10, 31), dt.date(2026, 11, 1))),
]

FAULTS: list[dict[str, Any]] = [
    {"kind": "rate_limited", "times": 2},
    {"kind": "server_error", "times": 2},
    {"kind": "server_error", "status": 500, "times": 2},
    {"kind": "refused", "value": "INTERNAL_SERVER_ERROR", "times": 2},
    {"kind": "too_large", "times": 1},
    {"kind": "cut_connection", "times": 2, "cut_after_bytes": 3000},
    {"kind": "malformed_json", "times": 2},
    {"kind": "half_page", "times": 4},
    {"kind": "slow", "times": 1, "seconds": 0.01},
    {"kind": "unknown_field", "times": 2},
]


def _window(account: Account, days: DateRange) -> CursorWindow:
    """From the first midnight to the last, at the shop."""
    zone = ZoneInfo(account.time_zone)
    midnights = (days.start, days.end + dt.timedelta(days=1))
    start, end = (dt.datetime.combine(day, dt.time(), zone) for day in midnights)
    return CursorWindow(start.astimezone(dt.UTC), end.astimezone(dt.UTC))


@pytest.fixture
def shops(simulator: RunningSimulator) -> RunningSimulator:
    """The simulator when the days are over: what changes later would leave the window."""
    simulator.move_clock(_window(SHOP, DAYS).end)
    return simulator


def _urls(simulator: RunningSimulator) -> dict[str, str]:
    return {"shopify": f"{simulator.url}/shopify/shops/{{account}}/admin/api/{{version}}"}


async def _read(
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
        _window(account, days),
        account=account,
        credentials={"access_token": TOKENS[account.account_id]},
    )


def _rows(pages: list[Page], days: DateRange = DAYS) -> list[dict[str, Any]]:
    """Rows of orders that were placed on the days; older ones have changed on them."""
    rows = [row for page in pages for row in page.batch.to_pylist()]
    return [row for row in rows if days.start <= row["ordered_on"] <= days.end]


Line = tuple[str, str, str, str, int, Decimal]


def _arrived(pages: list[Page], days: DateRange = DAYS) -> list[Line]:
    return sorted(
        (
            row["ordered_on"].isoformat(),
            row["order_id"],
            row["order_line_id"],
            row["product_id"] or "",
            row["units"],
            row["price"],
        )
        for row in _rows(pages, days)
    )


def _told(
    simulator: RunningSimulator, account: Account = SHOP, days: DateRange = DAYS
) -> list[Line]:
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


@pytest.mark.parametrize(("account", "days"), LONG_DAYS, ids=["Berlin", "New York"])
async def test_days_are_those_of_the_shop(
    simulator: RunningSimulator, account: Account, days: DateRange
) -> None:
    simulator.move_clock(_window(account, days).end)
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, account=account, days=days)
    assert _arrived(pages, days) == _told(simulator, account, days)


async def test_every_line_is_the_simulator_s_truth(shops: RunningSimulator) -> None:
    async with harness(_urls(shops)) as run:
        pages = await _read(run)
    told = _told(shops)
    assert len(told) > 500
    assert _arrived(pages) == told
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []
    assert sum(page.skipped for page in pages) > 0  # of test orders


async def test_lines_add_up_to_their_orders(shops: RunningSimulator) -> None:
    async with harness(_urls(shops)) as run:
        lines = await _read(run)
        orders = await _read(run, "orders")
    sums: Counter[str] = Counter()
    for row in _rows(lines):
        sums[row["order_id"]] += row["price"]
    rest = {
        row["order_id"]: row["total"] - row["shipping"] - sums[row["order_id"]]
        for row in _rows(orders)
    }
    assert rest.keys() == sums.keys()
    assert set(rest.values()) == {Decimal(0)}  # prices include the tax in Berlin


async def test_orders_of_many_lines_lose_none(shops: RunningSimulator) -> None:
    async with harness(_urls(shops)) as run:
        pages = await _read(run)
    counts = Counter((row["ordered_on"].isoformat(), row["order_id"]) for row in _rows(pages))
    assert {day: count for (day, _), count in counts.items() if count > 20} == RESOLD
    largest = [page.batch.num_rows for page in pages]
    assert 237 in largest  # 257 lines: 20 with the page, the others at once


async def test_products_that_are_gone_and_names(shops: RunningSimulator) -> None:
    async with harness(_urls(shops)) as run:
        rows = _rows(await _read(run))
    gone = [row for row in rows if row["product_id"] is None]
    assert {row["product_name"] for row in gone} == {
        "Acme Shoes Mini 2",
        "Acme Shoes Light 4",
        "Acme Shoes Set 5",
    }
    assert all(row["variant_id"] is None and row["sku"].startswith("ACM-") for row in gone)
    kept = next(row for row in rows if row["product_id"])
    assert kept["product_id"].isdecimal()
    assert kept["variant_id"].isdecimal()


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values())
)
async def test_rows_survive(shops: RunningSimulator, fault: dict[str, Any]) -> None:
    shops.fault(**fault, path="acme-shoes")
    async with harness(_urls(shops)) as run:
        pages = await _read(run)
    assert _arrived(pages) == _told(shops)


@pytest.mark.parametrize("fault", FAULTS[:3] + FAULTS[5:7], ids=lambda fault: str(fault["kind"]))
async def test_rows_survive_inside_a_long_order(
    shops: RunningSimulator, fault: dict[str, Any]
) -> None:
    async with harness(_urls(shops)) as run:
        pages = await _read(run)
        inside = [page.batch.num_rows for page in pages].index(237)
    shops.fault(**fault, path="acme-shoes", after=inside)
    async with harness(_urls(shops)) as run:
        assert _arrived(await _read(run)) == _told(shops)


async def test_a_bucket_that_is_empty_is_waited_for(shops: RunningSimulator) -> None:
    shops.fault("rate_limited", path="acme-shoes", retry_after_seconds=3)
    async with harness(_urls(shops)) as run:
        pages = await _read(run)
    assert run.waits[0] == 3.0
    assert _arrived(pages) == _told(shops)


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
    async with harness(_urls(shops)) as run:
        with pytest.raises(IncompleteAnswerError, match="is gone when asked for them"):
            await _read(run, source=spoilt)


@pytest.mark.parametrize(
    ("fault", "kind", "code", "hint"),
    [
        ({"code": 401}, CredentialsRejectedError, "401", ""),
        (
            {"code": 402},
            AccountNotAccessibleError,
            "402",
            "the shop is frozen; its owner settles the bill with Shopify",
        ),
        ({"code": 403}, AccountNotAccessibleError, "403", "check the account id"),
        ({"code": 404}, AccountNotAccessibleError, "404", "check the account id"),
        (
            {"code": 423},
            AccountNotAccessibleError,
            "423",
            "the shop is locked; its owner talks to Shopify's support",
        ),
        (
            {"value": "ACCESS_DENIED"},
            AccountNotAccessibleError,
            "ACCESS_DENIED",
            (
                "the app lacks a scope: install it again with read_orders, read_all_orders, "
                "read_customers and read_products"
            ),
        ),
        (
            {"value": "SHOP_INACTIVE"},
            AccountNotAccessibleError,
            "SHOP_INACTIVE",
            "the shop is closed; its owner opens it again at Shopify, or disconnect it",
        ),
    ],
)
async def test_refusals_say_what_to_do(
    shops: RunningSimulator,
    fault: dict[str, Any],
    kind: type[ProviderError],
    code: str,
    hint: str,
) -> None:
    shops.fault("refused", **fault, path="acme-shoes")
    async with harness(_urls(shops)) as run:
        with pytest.raises(ProviderError) as caught:
            await _read(run)
    assert type(caught.value) is kind
    assert caught.value.provider_code == code
    assert hint in (caught.value.hint or "")
    assert "shpat_acme_shoes" not in str(caught.value)


async def test_a_page_that_is_too_dear_at_any_size_is_refused(shops: RunningSimulator) -> None:
    shops.fault("too_large", path="acme-shoes", times=None)
    async with harness(_urls(shops)) as run:
        with pytest.raises(ProviderError) as caught:
            await _read(run)
    assert caught.value.provider_code == "MAX_COST_EXCEEDED"
    assert caught.value.hint == "even the smallest request is too large for the provider"


async def test_rows_of_another_type_are_quarantined(shops: RunningSimulator) -> None:
    shops.fault("changed_type", path="acme-shoes", rows=2, field="quantity")
    async with harness(_urls(shops)) as run:
        pages = await _read(run)
    rejected = [(row.row_number, row.field, row.reason) for page in pages for row in page.rejected]
    assert rejected == [(1, "units", "not_a_number"), (2, "units", "not_a_number")]


async def test_a_field_that_the_version_lacks_is_told(shops: RunningSimulator) -> None:
    stream = SOURCE.streams["order_lines"]
    assert stream.request is not None
    query = stream.request.json["query"].replace("quantity", "amountOfPieces")
    body = {**stream.request.json, "query": query}
    asked = dataclasses.replace(stream, request=dataclasses.replace(stream.request, json=body))
    spoilt = dataclasses.replace(SOURCE, streams={"order_lines": asked})
    async with harness(_urls(shops)) as run:
        with pytest.raises(UnknownFieldRequestedError) as caught:
            await _read(run, source=spoilt)
    assert "Field 'amountOfPieces' doesn't exist on type 'LineItem'" in caught.value.message
