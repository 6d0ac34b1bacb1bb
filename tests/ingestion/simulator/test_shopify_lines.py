"""Lines of orders, from shopify.dev/docs/api/admin-graphql (LineItem, DiscountAllocation)."""

import dataclasses
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.config import demo_config
from ingestion.simulator.server import SimulatorServer, create_platform
from ingestion.simulator.shopify import Shopify
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.conftest import ShopifyCaller

LINE = (
    "id title sku quantity variantTitle isGiftCard product { id } variant { id sku } "
    "originalUnitPriceSet { shopMoney { amount } } originalTotalSet { shopMoney { amount } } "
    "discountedTotalSet(withCodeDiscounts: true) { shopMoney { amount } } "
    "discountAllocations { allocatedAmountSet { shopMoney { amount } } }"
)
ORDERS = f"""
query Lines($search: String, $count: Int!, $after: String, $first: Int = 250) {{
  orders(first: $first, query: $search, sortKey: CREATED_AT) {{ nodes {{
    legacyResourceId subtotalLineItemsQuantity discountCodes
    subtotalPriceSet {{ shopMoney {{ amount }} }} totalDiscountsSet {{ shopMoney {{ amount }} }}
    lineItems(first: $count, after: $after) {{
      edges {{ cursor node {{ {LINE} }} }} pageInfo {{ hasNextPage hasPreviousPage endCursor }}
    }}
  }} }}
}}
"""
WEEK = "created_at:>='2026-10-12' AND created_at:<'2026-10-16'"


def _orders(shopify: ShopifyCaller, **variables: Any) -> list[dict[str, Any]]:
    body = shopify(ORDERS, {"search": WEEK, "count": 30, **variables}).json()
    assert "errors" not in body, body
    nodes: list[dict[str, Any]] = body["data"]["orders"]["nodes"]
    return nodes


def _lines(order: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in order["lineItems"]["edges"]]


def _amount(bag: dict[str, Any]) -> Decimal:
    return Decimal(bag["shopMoney"]["amount"])


def _allocated(line: dict[str, Any]) -> list[Decimal]:
    return [_amount(each["allocatedAmountSet"]) for each in line["discountAllocations"]]


def test_lines_make_up_the_subtotal_after_all_their_discounts(shopify: ShopifyCaller) -> None:
    orders = [
        order for order in _orders(shopify) if not order["lineItems"]["pageInfo"]["hasNextPage"]
    ]
    assert len(orders) > 150
    for order in orders:
        lines = _lines(order)
        originals = [_amount(line["originalTotalSet"]) for line in lines]
        discounts = [sum(_allocated(line)) for line in lines]
        assert sum(originals) - sum(discounts) == _amount(order["subtotalPriceSet"])
        assert sum(discounts) == _amount(order["totalDiscountsSet"])
        assert sum(line["quantity"] for line in lines) == order["subtotalLineItemsQuantity"]
        for line, original in zip(lines, originals, strict=True):
            assert _amount(line["originalUnitPriceSet"]) * line["quantity"] == original


def test_the_discounted_total_lacks_discounts_on_the_order(shopify: ShopifyCaller) -> None:
    orders = _orders(shopify)
    with_code = [order for order in orders if order["discountCodes"]]
    assert with_code
    for order in with_code:
        line = max(_lines(order), key=lambda each: _amount(each["originalTotalSet"]))
        net = _amount(line["originalTotalSet"]) - sum(_allocated(line))
        assert net < _amount(line["discountedTotalSet"])
    kinds = {(bool(order["discountCodes"]), len(_allocated(_lines(order)[0]))) for order in orders}
    assert kinds >= {(False, 0), (False, 1), (True, 1), (True, 2)}


def test_a_deleted_product_leaves_its_name(shopify: ShopifyCaller) -> None:
    lines = [line for order in _orders(shopify) for line in _lines(order)]
    gone = [line for line in lines if line["product"] is None]
    assert 0 < len(gone) < len(lines) / 8
    assert all(line["variant"] is None and line["title"] and line["sku"] for line in gone)


@pytest.mark.parametrize("count", [7, 100, 250])
def test_pages_of_a_long_order_hold_every_line_once(shopify: ShopifyCaller, count: int) -> None:
    longest = max(_orders(shopify), key=lambda order: int(order["subtotalLineItemsQuantity"]))
    search = f"id:{longest['legacyResourceId']} created_at:>='2026-10-12'"
    ids: list[str] = []
    after, pages = None, 0
    while True:
        (order,) = _orders(shopify, search=search, first=1, count=count, after=after)
        page = order["lineItems"]["pageInfo"]
        ids += [line["id"] for line in _lines(order)]
        assert page["hasPreviousPage"] is (pages > 0)
        pages += 1
        if not page["hasNextPage"]:
            break
        after = page["endCursor"]
    assert (len(ids), len(set(ids)), pages) == (257, 257, -(-257 // count))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "you must provide one of first or last"),
        ("(first: 251)", "first must be between 1 and 250"),
        ('(first: 1, after: "x")', "`x` is not a valid cursor."),
    ],
)
def test_refuses_wrong_arguments(shopify: ShopifyCaller, arguments: str, message: str) -> None:
    body = shopify(
        f'{{ orders(first: 1, query: "{WEEK}") {{ nodes '
        f"{{ lineItems{arguments} {{ nodes {{ id }} }} }} }} }}"
    ).json()
    assert body["data"] is None
    assert [error["message"] for error in body["errors"]] == [message]


def test_a_list_inside_nodes_costs_for_each_of_them(shopify: ShopifyCaller) -> None:
    query = (
        f'{{ orders(first: 10, query: "{WEEK}", sortKey: CREATED_AT) {{ nodes {{ id '
        "lineItems(first: 50) { nodes { id product { id } } } } } }"
    )
    cost = shopify(query).json()["extensions"]["cost"]
    # A line costs 2 and a page of 50 of them 2 + 7 * 2; an order 1 more, and ten orders 2 + 4 * 17.
    assert cost["requestedQueryCost"] == 70
    # They held three lines on average: 2 + 2 * 2.
    assert cost["actualQueryCost"] == 2 + 4 * (1 + 2 + 2 * 2)


def test_products_need_their_own_scope() -> None:
    config = demo_config().shopify
    shop = dataclasses.replace(config.shops[0], scopes=("read_orders", "read_all_orders"))
    clock = SimulatedClock()
    app = create_platform(Shopify(dataclasses.replace(config, shops=(shop,)), clock), clock)
    query = (
        "{{ orders(first: 1, query: \"created_at:>'2100-01-01'\") "
        "{{ nodes {{ lineItems(first: 1) {{ nodes {{ {} }} }} }} }} }}"
    )
    with SimulatorServer(app) as server:
        denied, granted = (
            httpx.post(
                f"{server.url}/shops/acme-shoes/admin/api/2026-10/graphql.json",
                headers={"X-Shopify-Access-Token": "shpat_acme_shoes"},
                json={"query": query.format(field)},
                timeout=30,
            ).json()
            for field in ("product { id }", "title")
        )
    assert granted["data"] == {"orders": {"nodes": []}}
    assert denied["errors"][0]["message"] == (
        "Access denied for product field. Required access: `read_products` access scope."
    )
    assert denied["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_the_truth_of_lines_is_what_is_served(
    shopify: ShopifyCaller, simulator: RunningSimulator
) -> None:
    truth = simulator.truth(
        "shopify", "acme-shoes/lines", by="order", **{"from": "2026-10-12", "to": "2026-10-15"}
    )
    told = {row["order"]: row for row in truth["rows"]}
    orders = _orders(shopify)
    assert told.keys() == {order["legacyResourceId"] for order in orders}
    for order in orders:
        row = told[order["legacyResourceId"]]
        assert Decimal(row["lineRevenue"]) == _amount(order["subtotalPriceSet"])
        assert row["units"] == order["subtotalLineItemsQuantity"]
    assert sum(Decimal(row["lineRevenue"]) for row in told.values()) == Decimal(
        truth["totals"]["lineRevenue"]
    )


@pytest.mark.parametrize(
    ("values", "status", "body"),
    [
        ({"code": 402}, 402, {"errors": "This shop's plan does not have access to this feature"}),
        ({"code": 403}, 403, {"errors": "Unavailable Shop"}),
        ({"code": 404}, 404, {"errors": "Not Found"}),
        ({"code": 423}, 423, {"errors": "This shop is unavailable"}),
        (
            {"value": "SHOP_INACTIVE"},
            200,
            {
                "errors": [
                    {
                        "message": "The shop is not active.",
                        "extensions": {"code": "SHOP_INACTIVE"},
                    }
                ]
            },
        ),
    ],
)
def test_plays_documented_refusals(
    simulator: RunningSimulator,
    shopify: ShopifyCaller,
    values: dict[str, Any],
    status: int,
    body: dict[str, Any],
) -> None:
    simulator.fault("refused", **values)
    answer = shopify("{ shop { name } }")
    assert (answer.status_code, answer.json()) == (status, body)


def test_plays_a_query_that_is_too_dear(
    simulator: RunningSimulator, shopify: ShopifyCaller
) -> None:
    simulator.fault("too_large")
    (error,) = shopify("{ shop { name } }").json()["errors"]
    assert error["message"].startswith(
        "Query cost is 1001, which exceeds the single query max cost limit (1000)."
    )
    assert (error["extensions"]["code"], error["extensions"]["maxCost"]) == (
        "MAX_COST_EXCEEDED",
        1000,
    )
