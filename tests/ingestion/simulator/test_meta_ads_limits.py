"""Limits of Meta: usage that rises, throttling that tells its wait, and when headers are silent."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.fixtures.simulator import SIMULATED_NOW
from tests.ingestion.simulator.meta_caller import ACCOUNT, MetaCaller, lone_meta, refusal

BUSINESS = "x-business-use-case-usage"
USAGE_HEADERS = {BUSINESS, "x-app-usage", "x-ad-account-usage", "x-fb-ads-insights-throttle"}


def _told(answer: httpx.Response, name: str) -> Any:
    return json.loads(answer.headers[name])


def _insights_usage(answer: httpx.Response) -> dict[str, Any]:
    usages = _told(answer, BUSINESS)[ACCOUNT]
    (usage,) = [usage for usage in usages if usage["type"] == "ads_insights"]
    return usage  # type: ignore[no-any-return]


def test_usage_rises_until_calls_are_refused_and_then_passes() -> None:
    with lone_meta(calls_per_hour=4) as meta:
        shares = [_insights_usage(meta.insights())["call_count"] for _ in range(4)]
        assert shares == [25, 50, 75, 100]
        meta.move_clock(SIMULATED_NOW + timedelta(minutes=50))
        refused = meta.insights()
        assert refusal(refused)[:3] == (400, 80000, 2446079)
        assert refusal(refused)[3].startswith("(#80000) There have been too many calls from this")
        assert _insights_usage(refused)["estimated_time_to_regain_access"] == 10
        assert _told(refused, "x-ad-account-usage") == {
            "acc_id_util_pct": 100,
            "reset_time_duration": 600,
            "ads_api_access_tier": "standard_access",
        }
        meta.move_clock(SIMULATED_NOW + timedelta(minutes=61))
        assert meta.insights().status_code == 200


def test_orders_polls_and_reads_of_reports_count_too() -> None:
    with lone_meta(calls_per_hour=3) as meta:
        run = meta.order(fields="spend")
        meta.get(f"/{run}")
        meta.get(f"/{run}")
        assert refusal(meta.get(f"/{run}/insights"))[1] == 80000


def test_the_throttle_can_be_told_on_the_refusal_alone() -> None:
    with lone_meta(calls_per_hour=2, usage_told_from=101) as meta:
        for _ in range(2):
            assert USAGE_HEADERS.isdisjoint(meta.insights().headers)
        refused = meta.insights()
        assert set(refused.headers) >= USAGE_HEADERS
        assert _insights_usage(refused)["estimated_time_to_regain_access"] == 60


def test_few_calls_carry_no_headers(meta: MetaCaller) -> None:
    assert USAGE_HEADERS.isdisjoint(meta.insights().headers)


def test_high_usage_is_told_on_a_good_answer(meta: MetaCaller) -> None:
    meta.fault("high_usage", value=97)
    answer = meta.insights()
    assert answer.status_code == 200
    assert _insights_usage(answer) == {
        "type": "ads_insights",
        "call_count": 97,
        "total_cputime": 48,
        "total_time": 48,
        "estimated_time_to_regain_access": 0,
        "ads_api_access_tier": "standard_access",
    }
    assert _told(answer, "x-fb-ads-insights-throttle") == {
        "app_id_util_pct": 1,
        "acc_id_util_pct": 97,
        "ads_api_access_tier": "standard_access",
    }


@pytest.mark.parametrize(
    ("code", "subcode", "message"),
    [
        (17, 2446079, "(#17) User request limit reached"),
        (32, None, "(#32) Page request limit reached"),
        (613, 1487742, "(#613) Calls to this api have exceeded the rate limit."),
    ],
)
def test_throttling_tells_its_wait_in_minutes(
    meta: MetaCaller, code: int, subcode: int | None, message: str
) -> None:
    meta.fault("rate_limited", code=code, retry_after_seconds=130)
    answer = meta.insights()
    assert refusal(answer) == (400, code, subcode, message)
    assert _insights_usage(answer)["estimated_time_to_regain_access"] == 3


def test_the_limit_of_the_app_tells_no_wait(meta: MetaCaller) -> None:
    meta.fault("rate_limited", code=4, subcode=1504022)
    answer = meta.insights()
    assert refusal(answer) == (403, 4, 1504022, "(#4) Application request limit reached")
    assert _told(answer, "x-app-usage")["call_count"] == 100
    assert _insights_usage(answer)["estimated_time_to_regain_access"] == 0
