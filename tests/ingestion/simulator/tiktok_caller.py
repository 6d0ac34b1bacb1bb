"""Calls TikTok Ads as agency Northwind does, written from the platform's documentation."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

ADVERTISER = "7111111111111111111"
APP = "7000000000000000001"
TOKEN = {"Access-Token": "northwind-tiktok-access-token"}
DAY = {"start_date": "2026-11-01", "end_date": "2026-11-01"}
METRICS = ["spend", "impressions", "clicks", "conversion"]


@dataclass(frozen=True, slots=True)
class TikTokCaller:
    http: httpx.Client
    base: str
    headers: dict[str, str] = field(default_factory=lambda: TOKEN)

    def get(self, path: str, *, version: str = "v1.3", **query: str) -> dict[str, Any]:
        """The body; its HTTP status is 200 whatever it says."""
        url = f"{self.base}/open_api/{version}/{path}/"
        answer = self.http.get(url, headers=self.headers, params=query)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def ask(
        self,
        level: str,
        by: list[str],
        measures: list[str] = METRICS,
        kind: str = "BASIC",
        **more: Any,
    ) -> dict[str, Any]:
        """Ask for a report of one day; `more` are parameters as they are sent."""
        query = {
            "advertiser_id": ADVERTISER,
            "service_type": "AUCTION",
            "report_type": kind,
            "data_level": f"AUCTION_{level}",
            "dimensions": orjson.dumps(by).decode(),
            "metrics": orjson.dumps(measures).decode(),
            "page_size": "1000",
            **DAY,
        }
        return self.get("report/integrated/get", **{**query, **more})

    def rows(self, level: str, by: list[str], *more: Any) -> list[Any]:
        """Dimensions and metrics of each row of a report of one day."""
        document = self.ask(level, by, *more)
        assert document["code"] == 0, document["message"]
        return [(row["dimensions"], row["metrics"]) for row in document["data"]["list"]]


def told(document: dict[str, Any]) -> tuple[int, str]:
    """Code and message of a refusal, which brings no data."""
    assert document["data"] == {}
    return document["code"], document["message"]
