"""Fixtures of the simulator tests, and thin callers written from the platforms' documentation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fixtures.simulator import RunningSimulator, _simulator_server, simulator
from tests.ingestion.simulator.meta_caller import meta

__all__ = ["_simulator_server", "ads", "meta", "shopify", "simulator"]

NORTHWIND_FORM = {
    "grant_type": "refresh_token",
    "client_id": "northwind.apps.googleusercontent.com",
    "client_secret": "northwind-client-secret",
    "refresh_token": "1//northwind-refresh-token",
}


@dataclass(frozen=True, slots=True)
class AdsCaller:
    """Calls Google Ads as agency Northwind does."""

    simulator: RunningSimulator
    headers: dict[str, str]

    def post(
        self,
        query: str,
        *,
        method: str = "searchStream",
        customer: str = "1111111111",
        version: str = "v25",
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> httpx.Response:
        return self.simulator.http.post(
            f"/google_ads/{version}/customers/{customer}/googleAds:{method}",
            headers=self.headers if headers is None else headers,
            json={"query": query, **body},
        )

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        answer = self.post(query, **values)
        assert answer.status_code == 200, answer.text
        return [row for chunk in answer.json() for row in chunk.get("results", [])]

    def failure(self, query: str, **values: Any) -> tuple[int, dict[str, Any]]:
        answer = self.post(query, **values)
        document = answer.json()
        return answer.status_code, document[0] if isinstance(document, list) else document


@pytest.fixture
def ads(simulator: RunningSimulator) -> AdsCaller:
    answer = simulator.http.post("/google_ads/oauth2/v3/token", data=NORTHWIND_FORM)
    headers = {
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "developer-token": "northwind-developer-token",
        "login-customer-id": "9000000001",
    }
    simulator.http.delete("/_control/requests")
    return AdsCaller(simulator, headers)


ShopifyCaller = Callable[..., httpx.Response]


@pytest.fixture
def shopify(simulator: RunningSimulator) -> ShopifyCaller:
    def post(
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        shop: str = "acme-shoes",
        token: str = "shpat_acme_shoes",  # noqa: S107 - simulated
        version: str = "2026-10",
    ) -> httpx.Response:
        return simulator.http.post(
            f"/shopify/shops/{shop}/admin/api/{version}/graphql.json",
            headers={"X-Shopify-Access-Token": token},
            json={"query": query, "variables": variables or {}},
        )

    return post
