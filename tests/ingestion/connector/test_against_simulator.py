"""The extractor against the simulators: what they hold arrives, under every fault."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from domain.time_window import DateRange
from ingestion.connector.job import Account, CursorWindow, Page
from ingestion.connector.source_file import load_source
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import Harness, harness

pytestmark = pytest.mark.anyio

ADS = Account("1111111111", {"manager_id": "9000000001"}, "EUR", "Europe/Berlin")
ADS_DAYS = DateRange(dt.date(2026, 10, 1), dt.date(2026, 11, 1))
SHOP = Account("acme-shoes", {}, "EUR", "Europe/Berlin")
FIRST_DAY, LAST_DAY = dt.date(2026, 10, 21), dt.date(2026, 11, 1)
SHOP_WINDOW = CursorWindow(dt.datetime(2026, 10, 20, 22, tzinfo=dt.UTC), SIMULATED_NOW)

FAULTS: list[dict[str, Any]] = [
    {"kind": "rate_limited", "times": 2},
    {"kind": "server_error", "times": 2},
    {"kind": "expired_token", "times": 1},
    {"kind": "cut_connection", "times": 2, "cut_after_bytes": 3000},
    {"kind": "malformed_json", "times": 2},
    {"kind": "half_page", "times": 3},
    {"kind": "unknown_field", "times": 2},
]


def _urls(simulator: RunningSimulator) -> dict[str, str]:
    return {
        "google_ads": f"{simulator.url}/google_ads/{{version}}",
        "google_ads.token": f"{simulator.url}/google_ads/oauth2/v3/token",
        "shopify": f"{simulator.url}/shopify/shops/{{account}}/admin/api/{{version}}",
    }


async def _read_ads(run: Harness) -> list[Page]:
    app = {
        "client_id": "northwind.apps.googleusercontent.com",
        "client_secret": "northwind-client-secret",
        "developer_token": "northwind-developer-token",
    }
    return await run.read(
        load_source("google_ads"),
        "campaign_day",
        ADS_DAYS,
        account=ADS,
        credentials={"refresh_token": "1//northwind-refresh-token"},
        app=app,
    )


async def _read_shop(run: Harness, stream: str) -> list[Page]:
    source = load_source("shopify")
    token = {"access_token": "shpat_acme_shoes"}
    return await run.read(source, stream, SHOP_WINDOW, account=SHOP, credentials=token)


def _rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


AdsRow = tuple[str, str, str, Decimal, int, int, Decimal, Decimal]


def _ads_told(simulator: RunningSimulator) -> list[AdsRow]:
    truth = simulator.truth(
        "google_ads",
        ADS.account_id,
        **{"from": ADS_DAYS.start.isoformat(), "to": ADS_DAYS.end.isoformat()},
    )
    return sorted(
        (
            row["day"],
            row["campaign"],
            row["device"],
            Decimal(row["costMicros"]) / 1_000_000,
            row["impressions"],
            row["clicks"],
            Decimal(row["conversions"]),
            Decimal(row["conversionsValue"]),
        )
        for row in truth["rows"]
    )


def _ads_arrived(pages: list[Page]) -> list[AdsRow]:
    return sorted(
        (
            row["date"].isoformat(),
            row["campaign_id"],
            row["device"],
            row["cost"],
            row["impressions"],
            row["clicks"],
            row["conversions"],
            row["conversions_value"],
        )
        for row in _rows(pages)
    )


async def test_ads_rows_are_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
        pages = await _read_ads(run)
    told = _ads_told(simulator)
    assert len(told) > 1000
    assert _ads_arrived(pages) == told
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
async def test_ads_rows_survive(simulator: RunningSimulator, fault: dict[str, Any]) -> None:
    told = _ads_told(simulator)
    simulator.fault(**fault, operation="searchStream")
    async with harness(_urls(simulator)) as run:
        pages = await _read_ads(run)
    assert _ads_arrived(pages) == told
    assert [row["row_number"] for row in _rows(pages)] == list(range(1, len(told) + 1))


async def test_ads_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    told = _ads_told(simulator)
    simulator.fault("changed_type", operation="searchStream", times=1, rows=3)
    async with harness(_urls(simulator)) as run:
        pages = await _read_ads(run)
    rejected = [row for page in pages for row in page.rejected]
    assert [row.row_number for row in rejected] == [1, 2, 3]
    assert len(_ads_arrived(pages)) == len(told) - 3
    assert set(_ads_arrived(pages)) < set(told)


def _shop_told(simulator: RunningSimulator, *keys: str) -> dict[tuple[str, ...], dict[str, Any]]:
    days = {"from": FIRST_DAY.isoformat(), "to": LAST_DAY.isoformat()}
    by = ",".join((*keys, "test"))
    truth = simulator.truth("shopify", "acme-shoes", **days, by=by)
    return {tuple(row[key] for key in keys): row for row in truth["rows"] if row["test"] == "false"}


OrderSums = dict[tuple[str, ...], tuple[int, Decimal, Decimal, Decimal, Decimal]]


def _orders_told(simulator: RunningSimulator) -> OrderSums:
    names = ("totalPrice", "totalDiscounts", "totalTax", "totalShippingPrice")
    return {
        key: (row["orders"], *(Decimal(row[name]) for name in names))
        for key, row in _shop_told(simulator, "day").items()
    }


def _orders_arrived(pages: list[Page]) -> OrderSums:
    sums: OrderSums = {}
    for row in _rows(pages):
        if FIRST_DAY <= row["ordered_on"] <= LAST_DAY:
            key = (row["ordered_on"].isoformat(),)
            zero = Decimal(0)
            count, total, discounts, tax, shipping = sums.get(key, (0, zero, zero, zero, zero))
            sums[key] = (
                count + 1,
                total + row["total"],
                discounts + row["discounts"],
                tax + row["tax"],
                shipping + row["shipping"],
            )
    return sums


async def test_orders_are_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
        pages = await _read_shop(run, "orders")
    assert _orders_arrived(pages) == _orders_told(simulator)
    assert sum(page.skipped for page in pages) > 0
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []


@pytest.mark.parametrize("fault", FAULTS[:2] + FAULTS[3:], ids=lambda fault: fault["kind"])
async def test_orders_survive(simulator: RunningSimulator, fault: dict[str, Any]) -> None:
    told = _orders_told(simulator)
    simulator.fault(**fault, path="acme-shoes")
    async with harness(_urls(simulator)) as run:
        pages = await _read_shop(run, "orders")
    assert _orders_arrived(pages) == told
    ids = [row["order_id"] for row in _rows(pages)]
    assert len(ids) == len(set(ids))


async def test_refunds_are_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
        pages = await _read_shop(run, "refunds")
        orders = {
            row["order_id"]: row["ordered_on"] for row in _rows(await _read_shop(run, "orders"))
        }
    arrived: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in _rows(pages):
        day = orders[row["order_id"]]
        if FIRST_DAY <= day <= LAST_DAY:
            arrived[(day.isoformat(),)] += row["refunded"]
    told = {
        key: Decimal(row["totalRefunded"])
        for key, row in _shop_told(simulator, "day").items()
        if Decimal(row["totalRefunded"])
    }
    assert arrived == told
