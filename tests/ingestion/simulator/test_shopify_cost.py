"""Query cost and the leaky bucket, from shopify.dev (GraphQL Admin API rate limits)."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.config import demo_config
from ingestion.simulator.server import SimulatorServer, create_platform
from ingestion.simulator.shopify import Shopify
from ingestion.simulator.shopify.cost import connection_size
from tests.ingestion.simulator.conftest import ShopifyCaller

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
TEN = "{ orders(first: 10) { nodes { id totalPriceSet { shopMoney { amount } } } } }"

BIG = (
    "{ orders(first: 250) { nodes { refunds { totalRefundedSet { shopMoney { amount } } } "
    "customer { id } billingAddress { countryCodeV2 } } } }"
)


@pytest.mark.parametrize(
    ("count", "size"), [(0, 0), (1, 1), (2, 1), (5, 3), (10, 4), (50, 7), (100, 9), (250, 11)]
)
def test_a_connection_grows_with_the_logarithm(count: int, size: int) -> None:
    assert connection_size(count) == size


@pytest.mark.parametrize(
    ("query", "requested"),
    [
        ("{ shop { name } }", 1),
        ("{ orders(first: 10) { nodes { id } } }", 6),
        ("{ orders(first: 10) { edges { cursor node { id } } pageInfo { endCursor } } }", 6),
        (TEN, 14),
        (BIG, 57),
    ],
)
def test_computes_the_requested_cost(shopify: ShopifyCaller, query: str, requested: int) -> None:
    assert shopify(query).json()["extensions"]["cost"]["requestedQueryCost"] == requested


def test_the_actual_cost_follows_the_nodes_returned(shopify: ShopifyCaller) -> None:
    query = TEN.replace("first: 10", "first: 10, query: \"name:'#1001'\"")
    body = shopify(query).json()
    cost = body["extensions"]["cost"]
    assert len(body["data"]["orders"]["nodes"]) == 1
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (14, 5)


def test_refuses_a_query_that_is_too_dear(shopify: ShopifyCaller) -> None:
    bags = " ".join(f"b{index}: totalPriceSet {{ shopMoney {{ amount }} }}" for index in range(50))
    answer = shopify(f"{{ orders(first: 250) {{ nodes {{ {bags} }} }} }}")
    assert answer.status_code == 200
    assert answer.json() == {
        "errors": [
            {
                "message": "Query cost is 1113, which exceeds the single query max cost limit "
                "(1000).\n\nSee https://shopify.dev/concepts/about-apis/rate-limits for more "
                "information on how the\ncost of a query is calculated.\n\nTo query larger amounts "
                "of data with fewer limits, bulk operations should be used instead.\nSee "
                "https://shopify.dev/tutorials/perform-bulk-operations-with-admin-api for usage "
                "details.\n",
                "extensions": {
                    "code": "MAX_COST_EXCEEDED",
                    "cost": 1113,
                    "maxCost": 1000,
                    "documentation": "https://shopify.dev/api/usage/limits#rate-limits",
                },
            }
        ]
    }


class FakeWall:
    """A wall clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Caller:
    def __init__(self, http: httpx.Client, wall: FakeWall) -> None:
        self.http = http
        self.wall = wall

    def ask(self, query: str, shop: str = "acme_shoes") -> dict[str, Any]:
        answer = self.http.post(
            f"/shops/{shop.replace('_', '-')}/admin/api/2026-10/graphql.json",
            headers={"X-Shopify-Access-Token": f"shpat_{shop}"},
            json={"query": query},
        )
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def small_bucket() -> Iterator[Caller]:
    config = dataclasses.replace(demo_config().shopify, bucket_size=30, restore_rate=2)
    wall = FakeWall()
    clock = SimulatedClock(wall=wall)
    app = create_platform(Shopify(config, clock), clock)
    with SimulatorServer(app) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        yield Caller(http, wall)


def _status(available: int) -> dict[str, Any]:
    return {"maximumAvailable": 30.0, "currentlyAvailable": available, "restoreRate": 2.0}


def test_throttles_when_the_bucket_is_empty(small_bucket: Caller) -> None:
    assert small_bucket.ask(TEN)["extensions"]["cost"]["throttleStatus"] == _status(16)
    assert small_bucket.ask(TEN)["extensions"]["cost"]["throttleStatus"] == _status(2)
    assert small_bucket.ask(TEN) == {
        "errors": [
            {
                "message": "Throttled",
                "extensions": {
                    "code": "THROTTLED",
                    "documentation": "https://shopify.dev/api/usage/rate-limits",
                },
            }
        ],
        "extensions": {
            "cost": {
                "requestedQueryCost": 14,
                "actualQueryCost": None,
                "throttleStatus": _status(2),
            }
        },
    }


def test_the_bucket_restores_with_time_and_not_beyond_its_size(small_bucket: Caller) -> None:
    assert ["data" in small_bucket.ask(TEN) for _ in range(3)] == [True, True, False]
    small_bucket.wall.now += timedelta(seconds=5.5)
    assert small_bucket.ask(TEN)["extensions"]["cost"]["throttleStatus"] == _status(13)
    small_bucket.wall.now += timedelta(seconds=0.5)
    assert small_bucket.ask(TEN)["extensions"]["cost"]["throttleStatus"] == _status(0)
    small_bucket.wall.now += timedelta(hours=1)
    assert small_bucket.ask(TEN)["extensions"]["cost"]["throttleStatus"] == _status(16)


def test_each_shop_has_its_own_bucket(small_bucket: Caller) -> None:
    small_bucket.ask(TEN)
    other = small_bucket.ask(TEN, shop="summit_outdoor")
    assert other["extensions"]["cost"]["throttleStatus"] == _status(16)


def test_gives_back_what_was_not_used(small_bucket: Caller) -> None:
    query = TEN.replace("first: 10", "first: 10, query: \"name:'#1001'\"")
    cost = small_bucket.ask(query)["extensions"]["cost"]
    assert cost["throttleStatus"] == _status(30 - cost["actualQueryCost"])
