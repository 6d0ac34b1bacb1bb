"""What Shopify serves equals its truth; orders change after the fact."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.simulator.shopify.project import money_text
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.simulator.conftest import ShopifyCaller

AMOUNTS = {
    "totalPrice": "totalPriceSet",
    "currentTotalPrice": "currentTotalPriceSet",
    "totalRefunded": "totalRefundedSet",
    "subtotalPrice": "subtotalPriceSet",
    "totalDiscounts": "totalDiscountsSet",
    "totalTax": "totalTaxSet",
    "totalShippingPrice": "totalShippingPriceSet",
}
_SETS = " ".join(f"{name} {{ shopMoney {{ amount }} }}" for name in AMOUNTS.values())
PAGE = f"""
query Orders($after: String, $search: String, $first: Int!) {{
  orders(first: $first, after: $after, query: $search, sortKey: UPDATED_AT) {{
    edges {{ cursor node {{
      id legacyResourceId createdAt updatedAt cancelledAt test edited currencyCode
      presentmentCurrencyCode displayFinancialStatus {_SETS}
      total: totalPriceSet {{ presentmentMoney {{ amount currencyCode }} }}
      refunds {{ id createdAt totalRefundedSet {{ shopMoney {{ amount }} }} }}
      customerJourneySummary {{ lastVisit {{ utmParameters {{ source medium campaign }} }} }}
    }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""


def _orders(shopify: ShopifyCaller, search: str, *, first: int = 250) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    after = None
    while True:
        body = shopify(PAGE, {"after": after, "search": search, "first": first}).json()
        page = body["data"]["orders"]
        nodes.extend(edge["node"] for edge in page["edges"])
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = page["pageInfo"]["endCursor"]


MONTH = "created_at:>='2026-10-01' AND created_at:<'2026-10-31'"


def test_pages_equal_the_truth_to_the_cent(
    shopify: ShopifyCaller, simulator: RunningSimulator
) -> None:
    orders = _orders(shopify, MONTH)
    truth = simulator.truth(
        "shopify", "acme-shoes", by="order", **{"from": "2026-10-01", "to": "2026-10-30"}
    )
    served = {
        order["legacyResourceId"]: {
            name: Decimal(order[field]["shopMoney"]["amount"]) for name, field in AMOUNTS.items()
        }
        for order in orders
    }
    assert served == {
        row["order"]: {name: Decimal(row[name]) for name in AMOUNTS} for row in truth["rows"]
    }
    assert len(orders) == len(served) == truth["totals"]["orders"]
    assert 20 * 30 <= len(orders) <= 60 * 30


@pytest.mark.parametrize("first", [7, 100])
def test_every_page_size_sees_the_same_orders(shopify: ShopifyCaller, first: int) -> None:
    day = "updated_at:>='2026-10-30T00:00:00Z' AND updated_at:<'2026-10-30T12:00:00Z'"
    whole = _orders(shopify, day)
    assert _orders(shopify, day, first=first) == whole
    stamps = [order["updatedAt"] for order in whole]
    assert stamps == sorted(stamps)
    assert len(stamps) > 20
    assert all("2026-10-30T00:00:00Z" <= stamp < "2026-10-30T12:00:00Z" for stamp in stamps)


def test_windows_of_updates_cover_every_order_once(shopify: ShopifyCaller) -> None:
    edges = ["2026-10-20", "2026-10-23T06:30:00Z", "2026-10-27", "2026-10-31"]
    parts = [
        order["id"]
        for low, high in pairwise(edges)
        for order in _orders(shopify, f"updated_at:>='{low}' AND updated_at:<'{high}'")
    ]
    whole = _orders(shopify, f"updated_at:>='{edges[0]}' AND updated_at:<'{edges[-1]}'")
    assert Counter(parts) == Counter(order["id"] for order in whole)


def test_the_world_has_its_variety(shopify: ShopifyCaller) -> None:
    orders = _orders(shopify, "created_at:>='2026-09-01' created_at:<'2026-10-01'")
    statuses = Counter(order["displayFinancialStatus"] for order in orders)
    assert set(statuses) == {"PAID", "PARTIALLY_REFUNDED", "REFUNDED", "VOIDED"}
    assert {order["presentmentCurrencyCode"] for order in orders} == {"EUR", "CHF", "GBP", "SEK"}
    assert {order["test"] for order in orders} == {True, False}
    assert {order["edited"] for order in orders} == {True, False}
    assert any(order["cancelledAt"] for order in orders)
    late = [
        order
        for order in orders
        for refund in order["refunds"]
        if datetime.fromisoformat(refund["createdAt"])
        > datetime.fromisoformat(order["createdAt"]) + timedelta(days=7)
    ]
    assert late
    for order in late:
        assert order["updatedAt"] >= max(each["createdAt"] for each in order["refunds"])
        assert Decimal(order["totalRefundedSet"]["shopMoney"]["amount"]) == sum(
            Decimal(each["totalRefundedSet"]["shopMoney"]["amount"]) for each in order["refunds"]
        )


def test_a_later_refund_moves_the_order_into_the_newer_window(
    shopify: ShopifyCaller, simulator: RunningSimulator
) -> None:
    before = {order["id"]: order for order in _orders(shopify, MONTH)}
    later = SIMULATED_NOW + timedelta(days=10)
    simulator.move_clock(later)
    since = SIMULATED_NOW.isoformat().replace("+00:00", "Z")
    changed = _orders(shopify, f"{MONTH} AND updated_at:>'{since}'")
    refunded = [
        order
        for order in changed
        if len(order["refunds"]) > len(before[order["id"]]["refunds"]) and not order["cancelledAt"]
    ]
    assert refunded
    for order in refunded:
        old = before[order["id"]]
        assert order["totalPriceSet"] == old["totalPriceSet"]
        assert Decimal(order["currentTotalPriceSet"]["shopMoney"]["amount"]) < Decimal(
            old["currentTotalPriceSet"]["shopMoney"]["amount"]
        )
        assert order["updatedAt"] > old["updatedAt"]
    after = {order["id"]: order for order in _orders(shopify, MONTH)}
    untouched = after.keys() - {order["id"] for order in changed}
    assert all(after[key] == before[key] for key in untouched)


def test_sees_no_future(shopify: ShopifyCaller, simulator: RunningSimulator) -> None:
    simulator.move_clock(datetime(2026, 10, 15, 12, 0, tzinfo=UTC))
    orders = _orders(shopify, "created_at:>='2026-10-14'")
    assert max(order["updatedAt"] for order in orders) <= "2026-10-15T12:00:00Z"


def test_customers_count_their_orders(shopify: ShopifyCaller) -> None:
    body = shopify(
        "{ customers(first: 50, query: \"created_at:>='2026-10-01'\", sortKey: CREATED_AT) { nodes "
        "{ id email numberOfOrders amountSpent { amount currencyCode } createdAt } } }"
    ).json()
    customers = body["data"]["customers"]["nodes"]
    assert len(customers) == 50
    assert all(int(each["numberOfOrders"]) >= 1 for each in customers)
    assert all(each["createdAt"] >= "2026-09-30T22:00:00Z" for each in customers)
    assert len({each["email"] for each in customers}) == 50


@given(st.integers(min_value=0, max_value=10**9))
def test_money_text_keeps_every_cent_and_one_decimal(cents: int) -> None:
    text = money_text(cents)
    assert Decimal(text) == Decimal(cents) / 100
    assert len(text.split(".")[1]) == (1 if cents % 10 == 0 else 2)


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.0"), (5, "0.05"), (1250, "12.5"), (1200, "12.0"), (1299, "12.99")]
)
def test_writes_money_as_the_platform_does(cents: int, text: str) -> None:
    assert money_text(cents) == text
