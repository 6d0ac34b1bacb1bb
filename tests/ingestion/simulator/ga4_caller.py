"""Calls Google Analytics 4 as agency Northwind does, written from the platform's documentation."""

from dataclasses import dataclass
from typing import Any

import httpx

PROPERTY = "111111111"
TOKEN_FORM = {
    "grant_type": "refresh_token",
    "client_id": "northwind.apps.googleusercontent.com",
    "client_secret": "northwind-client-secret",
    "refresh_token": "1//northwind-analytics-refresh-token",
}
DAY = {"startDate": "2026-11-01", "endDate": "2026-11-01"}


def names(*texts: str) -> list[dict[str, str]]:
    return [{"name": text} for text in texts]


@dataclass(frozen=True, slots=True)
class Ga4Caller:
    http: httpx.Client
    base: str
    headers: dict[str, str]

    def post(
        self, body: dict[str, Any], *, place: str = PROPERTY, version: str = "v1beta"
    ) -> httpx.Response:
        path = f"{self.base}/{version}/properties/{place}:runReport"
        return self.http.post(path, headers=self.headers, json=body)

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.http.get(f"{self.base}{path}", headers=self.headers, params=query)

    def report(
        self, dimensions: list[str], metrics: list[str], days: dict[str, str] = DAY, **more: Any
    ) -> dict[str, Any]:
        body = {"dateRanges": [days], "dimensions": names(*dimensions), "metrics": names(*metrics)}
        answer = self.post({**body, **more})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


def sign_in(http: httpx.Client, base: str, **form: str) -> httpx.Response:
    return http.post(f"{base}/token", data={**TOKEN_FORM, **form})


def caller(http: httpx.Client, base: str) -> Ga4Caller:
    token = sign_in(http, base).json()["access_token"]
    return Ga4Caller(http, base, {"Authorization": f"Bearer {token}"})


def rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """Dimensions and metrics of each row."""
    return [
        tuple(
            cell["value"] for part in ("dimensionValues", "metricValues") for cell in row.get(part)
        )
        for row in document.get("rows", [])
    ]
