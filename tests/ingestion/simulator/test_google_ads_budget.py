"""Operation budgets of developer tokens, with an injected clock."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.config import demo_config
from ingestion.simulator.google_ads import DeveloperToken, GoogleAds
from ingestion.simulator.server import SimulatorServer, create_platform
from tests.ingestion.simulator.conftest import NORTHWIND_FORM

START = datetime(2026, 11, 2, 23, 59, 30, tzinfo=UTC)
TWO_CAMPAIGNS = "SELECT campaign.id FROM campaign"


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
        self.developer_token = "northwind-developer-token"

    def search(self, **body: Any) -> httpx.Response:
        token = self.http.post("/oauth2/v3/token", data=NORTHWIND_FORM).json()["access_token"]
        return self.http.post(
            "/v25/customers/1111111111/googleAds:search",
            headers={
                "Authorization": f"Bearer {token}",
                "developer-token": self.developer_token,
                "login-customer-id": "9000000001",
            },
            json={"query": TWO_CAMPAIGNS, **body},
        )


@pytest.fixture
def small_budget() -> Iterator[Caller]:
    tokens = (
        DeveloperToken("northwind-developer-token"),
        DeveloperToken("standard-token", "standard"),
        DeveloperToken("test-token", "test"),
    )
    config = dataclasses.replace(
        demo_config().google_ads, operations_per_day=3, page_rows=5, developer_tokens=tokens
    )
    wall = FakeWall()
    clock = SimulatedClock(wall=wall)
    app = create_platform(GoogleAds(config, clock), clock)
    with SimulatorServer(app) as server, httpx.Client(base_url=server.url) as http:
        yield Caller(http, wall)


def test_the_budget_runs_out_and_says_how_long(small_budget: Caller) -> None:
    assert [small_budget.search().status_code for _ in range(3)] == [200, 200, 200]
    answer = small_budget.search()
    body = answer.json()["error"]
    assert (answer.status_code, body["code"], body["status"]) == (429, 429, "RESOURCE_EXHAUSTED")
    assert body["details"][0]["errors"] == [
        {
            "errorCode": {"quotaError": "RESOURCE_EXHAUSTED"},
            "message": "Too many requests. Retry in 31 seconds.",
            "details": {
                "quotaErrorDetails": {
                    "rateScope": "DEVELOPER",
                    "rateName": "Number of operations for basic access",
                    "retryDelay": "31s",
                }
            },
        }
    ]


def test_the_budget_returns_the_next_day(small_budget: Caller) -> None:
    assert [small_budget.search().status_code for _ in range(4)] == [200, 200, 200, 429]
    small_budget.wall.now += timedelta(seconds=31)
    assert small_budget.search().status_code == 200


def test_following_pages_are_no_operations(small_budget: Caller) -> None:
    answer = small_budget.search()
    pages = [answer.json()]
    while "nextPageToken" in pages[-1]:
        pages.append(small_budget.search(pageToken=pages[-1]["nextPageToken"]).json())
    assert [len(page["results"]) for page in pages] == [5, 5, 2]
    assert [small_budget.search().status_code for _ in range(3)] == [200, 200, 429]


def test_a_page_token_expires_after_two_hours(small_budget: Caller) -> None:
    token = small_budget.search().json()["nextPageToken"]
    small_budget.wall.now += timedelta(seconds=7_201)
    answer = small_budget.search(pageToken=token)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["errors"] == [
        {
            "errorCode": {"requestError": "EXPIRED_PAGE_TOKEN"},
            "message": "Next page token specified in user request has expired.",
        }
    ]


def test_standard_access_has_no_budget(small_budget: Caller) -> None:
    small_budget.developer_token = "standard-token"
    assert [small_budget.search().status_code for _ in range(5)] == [200] * 5


def test_a_test_token_reaches_no_production_account(small_budget: Caller) -> None:
    small_budget.developer_token = "test-token"
    answer = small_budget.search()
    assert answer.status_code == 403
    assert answer.json()["error"]["details"][0]["errors"] == [
        {
            "errorCode": {"authorizationError": "DEVELOPER_TOKEN_NOT_APPROVED"},
            "message": "The developer token is only approved for use with test accounts. To access "
            "non-test accounts, apply for Basic or Standard access.",
        }
    ]
