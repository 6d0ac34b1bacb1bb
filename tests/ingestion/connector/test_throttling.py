"""How long to wait, and who: what the answer tells goes before what the source file assumes."""

import json

import pytest

from ingestion.connector.failures import ThrottledError
from tests.ingestion.connector.harness import harness, platform
from tests.ingestion.connector.scripted_server import Reply, Request, serve

pytestmark = pytest.mark.anyio

ACCOUNT_BUDGET = "meta_ads:account_usage:1234567890"
APP_BUDGET = "meta_ads:app_usage:ef2b0860cfb7fdd8"


def _throttled(code: int, **headers: object) -> Reply:
    told = {name.replace("_", "-"): json.dumps(value) for name, value in headers.items()}
    return Reply({"error": {"message": "too many calls", "code": code}}, 400, told)


def _business(minutes: int, percent: int = 100) -> dict[str, object]:
    usage = {"type": "ads_insights", "call_count": percent}
    return {"77": [{**usage, "estimated_time_to_regain_access": minutes}]}


async def _holds(*replies: Reply) -> tuple[list[tuple[str, float]], list[float]]:
    """The holds and waits of a run that meets these answers first."""
    left = list(replies)

    def answer(_: Request) -> Reply:
        return left.pop(0) if left else Reply({"data": [], "paging": {}})

    async with serve(answer) as server, harness({"meta_ads": server.url}) as run:
        await run.read(platform("meta_ads"), "campaign_day")
    return run.budget.holds, run.waits


async def test_a_wait_told_by_a_header_of_the_error_counts() -> None:
    refusal = _throttled(80000, x_business_use_case_usage=_business(minutes=5))
    assert await _holds(refusal) == ([(ACCOUNT_BUDGET, 300.0)] * 2, [300.0])


async def test_a_wait_in_seconds_is_read_as_such() -> None:
    usage = {"acc_id_util_pct": 100.0, "reset_time_duration": 90}
    assert await _holds(_throttled(17, x_ad_account_usage=usage)) == (
        [(ACCOUNT_BUDGET, 90.0)] * 2,
        [90.0],
    )


async def test_of_several_waits_the_longest_counts() -> None:
    refusal = _throttled(
        80000,
        x_business_use_case_usage=_business(minutes=1),
        x_ad_account_usage={"acc_id_util_pct": 100, "reset_time_duration": 240},
    )
    _, waits = await _holds(refusal)
    assert waits[0] == 240.0


async def test_without_a_header_the_source_file_says_how_long() -> None:
    assert await _holds(_throttled(613)) == ([(ACCOUNT_BUDGET, 60.0)], [60.0])


async def test_a_throttled_account_holds_no_other_budget_and_an_app_all() -> None:
    account, _ = await _holds(_throttled(80000))
    app, _ = await _holds(_throttled(4))
    assert account == [(ACCOUNT_BUDGET, 60.0)]
    assert sorted(app) == [(ACCOUNT_BUDGET, 60.0), (APP_BUDGET, 60.0)]


async def test_a_broken_usage_header_is_no_reason_to_stop() -> None:
    refusal = Reply(
        {"error": {"message": "too many calls", "code": 17}}, 400, {"x-ad-account-usage": "{"}
    )
    assert await _holds(refusal) == ([(ACCOUNT_BUDGET, 60.0)], [60.0])


async def test_a_wait_of_an_hour_is_given_back_with_its_length() -> None:
    refusal = _throttled(80000, x_business_use_case_usage=_business(minutes=60))
    async with serve(lambda _: refusal) as server, harness({"meta_ads": server.url}) as run:
        with pytest.raises(ThrottledError) as caught:
            await run.read(platform("meta_ads"), "campaign_day")
    assert caught.value.wait_seconds == 3600.0
    assert str(caught.value) == (
        "Meta Ads grants no calls for 3600 seconds: Meta Ads is throttling: too many calls "
        "(the sync goes on by itself when calls are granted again)"
    )
