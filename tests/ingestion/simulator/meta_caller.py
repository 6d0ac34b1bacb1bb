"""A thin caller of Meta's Graph API, written from its documentation."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.meta_ads import AdAccount, MetaAds, MetaAdsConfig, UserToken
from ingestion.simulator.server import SimulatorServer, create_platform
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator

__all__ = ["ACCOUNT", "LIVE_AND_GONE", "MetaCaller", "lone_meta", "meta", "refusal", "sums"]

ACCOUNT = "111111111111111"
LIVE_AND_GONE = ("ACTIVE", "PAUSED", "DELETED", "ARCHIVED")


@dataclass(frozen=True, slots=True)
class MetaCaller:
    """Calls Meta as agency Northwind does.

    Attributes:
        http: Client whose base URL has `/_control` beside `prefix`.
        prefix: Path of the platform.
        token: Access token.
    """

    http: httpx.Client
    prefix: str = "/meta_ads/v26.0"
    token: str = "EAAnorthwind-system-user"

    def get(self, path: str, **values: Any) -> httpx.Response:
        return self.http.get(f"{self.prefix}{path}", params={"access_token": self.token, **values})

    def insights(self, *, account: str = ACCOUNT, **values: Any) -> httpx.Response:
        return self.get(f"/act_{account}/insights", **_parameters(values))

    def order(self, *, account: str = ACCOUNT, **values: Any) -> str:
        """Order a report; gives its id."""
        answer = self.http.post(
            f"{self.prefix}/act_{account}/insights",
            params={"access_token": self.token},
            data=_parameters(values),
        )
        assert answer.status_code == 200, answer.text
        run_id: str = answer.json()["report_run_id"]
        return run_id

    def rows(self, path: str = f"/act_{ACCOUNT}/insights", **values: Any) -> list[dict[str, Any]]:
        """The rows of all pages."""
        return [row for page in self.pages(path, **values) for row in page["data"]]

    def pages(self, path: str, **values: Any) -> Iterator[dict[str, Any]]:
        answer = self.get(path, **{"limit": "200", **_parameters(values)})
        while True:
            assert answer.status_code == 200, answer.text
            page: dict[str, Any] = answer.json()
            yield page
            following = page.get("paging", {}).get("next")
            if following is None:
                return
            answer = self.http.get(following)

    def move_clock(self, now: datetime) -> None:
        self.http.post("/_control/clock", json={"now": now.isoformat()}).raise_for_status()

    def fault(self, kind: str, **values: Any) -> None:
        answer = self.http.post("/_control/faults", json={"kind": kind, **values})
        assert answer.status_code == 200, answer.text


def _parameters(values: dict[str, Any]) -> dict[str, str]:
    """Lists and mappings as JSON text; `days` and `statuses` as the parameters they stand for."""
    found = dict(values)
    if days := found.pop("days", None):
        found["time_range"] = {"since": days[0], "until": days[1]}
    if statuses := found.pop("statuses", None):
        field = f"{found.get('level', 'account')}.effective_status"
        found["filtering"] = [{"field": field, "operator": "IN", "value": list(statuses)}]
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
    }


def refusal(answer: httpx.Response) -> tuple[int, int, int | None, str]:
    """Status, code, subcode and message of an error."""
    error = answer.json()["error"]
    assert set(error) >= {"message", "type", "code", "is_transient", "fbtrace_id"}
    return answer.status_code, error["code"], error.get("error_subcode"), error["message"]


def sums(rows: Sequence[dict[str, Any]], *names: str) -> dict[str, int]:
    """Whole-number fields added up, one that is left out as zero."""
    return {name: sum(int(row.get(name, "0")) for row in rows) for name in names}


@contextmanager
def lone_meta(
    *, token_ends: datetime | None = None, calls_per_hour: int = 100, usage_told_from: int = 1
) -> Iterator[MetaCaller]:
    """Meta alone, its clock moved by hand only, with an end of its token and limits of its own."""
    config = MetaAdsConfig(
        seed=7,
        accounts=(AdAccount(ACCOUNT, "Acme Shoes", "EUR", "Europe/Berlin"),),
        tokens=(UserToken("EAAperson", (ACCOUNT,), expires_at=token_ends),),
        calls_per_hour=calls_per_hour,
        usage_told_from=usage_told_from,
    )
    clock = SimulatedClock(SIMULATED_NOW, wall=lambda: SIMULATED_NOW)
    with (
        SimulatorServer(create_platform(MetaAds(config, clock), clock)) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        yield MetaCaller(http, prefix="/v26.0", token="EAAperson")


@pytest.fixture
def meta(simulator: RunningSimulator) -> MetaCaller:
    """Meta as the shared simulator serves it."""
    return MetaCaller(simulator.http)
