"""The Shopify Admin GraphQL surface, from shopify.dev/docs/api/admin-graphql, 2026-10."""

import dataclasses
from typing import Any

import httpx
import pytest

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.config import demo_config
from ingestion.simulator.server import SimulatorServer, create_platform
from ingestion.simulator.shopify import Shopify
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.simulator.conftest import ShopifyCaller

SHOP = "{ shop { name currencyCode ianaTimezone myshopifyDomain } }"
ACME = {
    "name": "Acme Shoes",
    "currencyCode": "EUR",
    "ianaTimezone": "Europe/Berlin",
    "myshopifyDomain": "acme-shoes.myshopify.com",
}


def test_answers_with_data_and_cost(shopify: ShopifyCaller) -> None:
    answer = shopify(SHOP)
    assert answer.headers["x-shopify-api-version"] == "2026-10"
    assert answer.json() == {
        "data": {"shop": ACME},
        "extensions": {
            "cost": {
                "requestedQueryCost": 1,
                "actualQueryCost": 1,
                "throttleStatus": {
                    "maximumAvailable": 20000.0,
                    "currentlyAvailable": 19999,
                    "restoreRate": 1000.0,
                },
            }
        },
    }


def test_finds_the_shop_by_host(simulator: RunningSimulator) -> None:
    answer = simulator.http.post(
        "/shopify/admin/api/2026-10/graphql.json",
        headers={
            "Host": "acme-shoes.myshopify.com",
            "X-Shopify-Access-Token": "shpat_acme_shoes",
        },
        json={"query": SHOP},
    )
    assert answer.json()["data"] == {"shop": ACME}


UNAUTHORIZED = {
    "errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"
}


@pytest.mark.parametrize("token", ["", "shpat_wrong", "shpat_bluebird_coffee"])
def test_refuses_a_wrong_token(shopify: ShopifyCaller, token: str) -> None:
    answer = shopify(SHOP, token=token)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_an_unknown_shop_or_version_is_not_found(shopify: ShopifyCaller) -> None:
    for answer in (shopify(SHOP, shop="nobody"), shopify(SHOP, version="2031-01")):
        assert (answer.status_code, answer.json()) == (404, {"errors": "Not Found"})


def test_an_old_version_falls_forward(shopify: ShopifyCaller) -> None:
    answer = shopify(SHOP, version="2024-07")
    assert (answer.status_code, answer.headers["x-shopify-api-version"]) == (200, "2026-01")


def test_a_body_without_query_is_bad(simulator: RunningSimulator) -> None:
    answer = simulator.http.post(
        "/shopify/shops/acme-shoes/admin/api/2026-10/graphql.json",
        headers={"X-Shopify-Access-Token": "shpat_acme_shoes"},
        json={},
    )
    assert (answer.status_code, answer.json()) == (
        400,
        {"errors": {"query": "Required parameter missing or invalid"}},
    )


@pytest.mark.parametrize(
    ("changes", "status", "body"),
    [
        ({"state": "frozen"}, 402, "This shop's plan does not have access to this feature"),
        ({"state": "forbidden"}, 403, "Unavailable Shop"),
        ({"state": "locked"}, 423, "This shop is unavailable"),
    ],
)
def test_a_closed_shop_says_so(changes: dict[str, Any], status: int, body: str) -> None:
    answer = _ask_changed_shop(SHOP, changes)
    assert (answer.status_code, answer.json()) == (status, {"errors": body})


def test_a_missing_scope_denies_the_field() -> None:
    answer = _ask_changed_shop(
        "{ customers(first: 1) { nodes { id } } }", {"scopes": ("read_orders",)}
    )
    body = answer.json()
    assert (answer.status_code, body["data"], body["errors"]) == (
        200,
        None,
        [
            {
                "message": "Access denied for customers field. Required access: `read_customers` "
                "access scope.",
                "path": ["customers"],
                "extensions": {
                    "code": "ACCESS_DENIED",
                    "documentation": "https://shopify.dev/api/usage/access-scopes",
                    "requiredAccess": "`read_customers` access scope.",
                },
            }
        ],
    )


def _ask_changed_shop(query: str, changes: dict[str, Any]) -> httpx.Response:
    config = demo_config().shopify
    shop = dataclasses.replace(config.shops[0], **changes)
    clock = SimulatedClock()
    app = create_platform(Shopify(dataclasses.replace(config, shops=(shop,)), clock), clock)
    with SimulatorServer(app) as server:
        return httpx.post(
            f"{server.url}/shops/acme-shoes/admin/api/2026-10/graphql.json",
            headers={"X-Shopify-Access-Token": "shpat_acme_shoes"},
            json={"query": query},
        )


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (
            "{ orders(first: 1) { nodes { foo } } }",
            {
                "message": "Field 'foo' doesn't exist on type 'Order'",
                "locations": [{"line": 1, "column": 30}],
                "extensions": {
                    "code": "undefinedField",
                    "typeName": "Order",
                    "fieldName": "foo",
                },
            },
        ),
        (
            "{ orders { nodes { id } } }",
            {
                "message": "you must provide one of first or last",
                "path": ["orders"],
                "extensions": {"code": "BAD_REQUEST"},
            },
        ),
        (
            "{ orders(first: 251) { nodes { id } } }",
            {
                "message": "first must be between 1 and 250",
                "path": ["orders"],
                "extensions": {"code": "BAD_REQUEST"},
            },
        ),
        (
            '{ all: orders(first: 1, after: "x") { nodes { id } } }',
            {
                "message": "`x` is not a valid cursor.",
                "path": ["all"],
                "extensions": {"code": "INVALID_CURSOR"},
            },
        ),
    ],
)
def test_explains_a_wrong_query(shopify: ShopifyCaller, query: str, error: dict[str, Any]) -> None:
    answer = shopify(query)
    assert (answer.status_code, answer.json()["errors"]) == (200, [error])


def test_resolves_aliases_fragments_and_directives(shopify: ShopifyCaller) -> None:
    answer = shopify(
        "query Q($with: Boolean!) { latest: orders(first: 1, reverse: true) { edges { node "
        "{ ...F ... on Order { total: totalPriceSet { shopMoney { currencyCode } } } "
        "name @include(if: $with) test @skip(if: true) } } } } "
        "fragment F on Order { __typename currencyCode }",
        {"with": False},
    )
    (edge,) = answer.json()["data"]["latest"]["edges"]
    assert edge == {
        "node": {
            "__typename": "Order",
            "currencyCode": "EUR",
            "total": {"shopMoney": {"currencyCode": "EUR"}},
        }
    }


def test_an_unknown_search_field_is_ignored_and_told(shopify: ShopifyCaller) -> None:
    answer = shopify('{ orders(first: 1, query: "colour:red") { nodes { __typename } } }')
    body = answer.json()
    assert len(body["data"]["orders"]["nodes"]) == 1
    assert body["extensions"]["search"] == [
        {
            "path": ["orders"],
            "query": "colour:red",
            "warnings": [{"field": "colour", "message": "Invalid search field for this query."}],
        }
    ]


def test_answers_introspection(shopify: ShopifyCaller) -> None:
    answer = shopify("{ __schema { queryType { name } } }")
    assert answer.json() == {"data": {"__schema": {"queryType": {"name": "QueryRoot"}}}}
