"""Tokens and server errors of Google Analytics 4, with a clock that stands still."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ingestion.simulator.config import demo_config
from ingestion.simulator.ga4 import Ga4
from ingestion.simulator.ga4.config import TokenLimits
from tests.ingestion.simulator.ga4_caller import DAY, caller, names
from tests.ingestion.simulator.standing import Standing, standing

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)  # 01:30 in Los Angeles
BODY = {"dateRanges": [DAY], "dimensions": names("date"), "metrics": names("sessions")}
THRESHOLDED = "potentially thresholded requests quota"
SPENT = {
    "project": "Exhausted property tokens for a project per hour",
    "hour": "Exhausted property tokens per hour",
    "day": "Exhausted property tokens per day",
}


def _spent(quota: str, when: str) -> tuple[int, str]:
    return 429, (
        f"{SPENT[quota]}. These quota tokens will return in under {when}. To learn more, see "
        "https://developers.google.com/analytics/devguides/reporting/data/v1/quotas"
    )


@pytest.fixture
def small() -> Iterator[Standing]:
    limits = TokenLimits(
        tokens_per_day=10,
        tokens_per_hour=8,
        tokens_per_project_per_hour=4,
        server_errors_per_hour=3,
    )
    config = dataclasses.replace(demo_config().ga4, limits=limits)
    with standing(lambda clock: Ga4(config, clock), NOW) as running:
        yield running


def _ask(running: Standing, place: str = "111111111") -> tuple[int, str]:
    answer = caller(running.http, "").post(BODY, place=place)
    document = answer.json()
    return answer.status_code, document["error"]["message"] if "error" in document else ""


def test_tokens_of_a_project_come_back_within_the_hour(small: Standing) -> None:
    assert [_ask(small)[0] for _ in range(2)] == [200, 200]  # two tokens each
    assert _ask(small) == _spent("project", "60 minutes")
    assert _ask(small, "222222222")[0] == 200  # a property of its own
    small.pass_time(minutes=29)
    assert _ask(small)[0] == 429
    small.pass_time(minutes=1)
    assert _ask(small)[0] == 200


def test_tokens_of_a_day_come_back_at_midnight_in_california(small: Standing) -> None:
    for _ in range(2):
        assert [_ask(small)[0] for _ in range(2)] == [200, 200]
        small.pass_time(hours=1)
    assert _ask(small)[0] == 200
    assert _ask(small) == _spent("day", "24 hours")
    small.pass_time(hours=20, minutes=29)
    assert _ask(small)[0] == 429
    small.pass_time(minutes=1)
    assert _ask(small)[0] == 200


def test_server_errors_close_the_property_for_the_hour(small: Standing) -> None:
    small.http.post("/_control/faults", json=_fault("server_error", times=3))
    assert [_ask(small) for _ in range(3)] == [(503, "The service is currently unavailable.")] * 3
    closed = (
        "Exhausted server errors for a project per hour. These quota tokens will return in under"
    )
    assert _ask(small) == (429, f"{closed} 60 minutes.")
    assert _ask(small, "222222222")[0] == 200
    small.pass_time(minutes=30)
    assert _ask(small)[0] == 200


def test_larger_reports_cost_more_and_the_answer_tells() -> None:
    big = dataclasses.replace(demo_config().ga4.properties[0], pages=60, cells=12_000)
    config = dataclasses.replace(demo_config().ga4, properties=(big,))
    with standing(lambda clock: Ga4(config, clock), NOW) as running:
        dimensions = [
            "landingPage",
            "sessionSource",
            "sessionMedium",
            "deviceCategory",
            "countryId",
        ]
        report = caller(running.http, "").report(
            [*dimensions, "sessionDefaultChannelGroup"], ["sessions"], returnPropertyQuota=True
        )
    assert (report["rowCount"], len(report["rows"])) == (12_000, 10_000)  # the usual limit
    assert report["propertyQuota"]["tokensPerHour"] == {"consumed": 7, "remaining": 39_993}


@pytest.mark.parametrize(
    ("quota", "told"),
    [
        ("hour", _spent("hour", "60 minutes")),
        (
            "concurrent",
            (429, "Exhausted concurrent requests quota. Please send fewer requests concurrently."),
        ),
        (
            "thresholded",
            (429, f"Exhausted {THRESHOLDED}. This quota will refresh in under an hour."),
        ),
    ],
)
def test_faults_name_the_quota(small: Standing, quota: str, told: tuple[int, str]) -> None:
    small.http.post("/_control/faults", json=_fault("rate_limited", value=quota))
    assert _ask(small) == told


def test_nearly_spent_quotas_are_told(small: Standing) -> None:
    def told(**values: Any) -> dict[str, dict[str, int]]:
        small.http.post("/_control/faults", json=_fault("high_usage", **values))
        answer: httpx.Response = caller(small.http, "").post({**BODY, "returnPropertyQuota": True})
        quota: dict[str, dict[str, int]] = answer.json()["propertyQuota"]
        return quota

    assert told()["tokensPerProjectPerHour"] == {"consumed": 2, "remaining": 100}
    assert told(field="tokensPerDay", value=3)["tokensPerDay"] == {"consumed": 2, "remaining": 3}


def _fault(kind: str, **values: Any) -> dict[str, Any]:
    return {"kind": kind, "match": {"operation": "runReport"}, **values}
