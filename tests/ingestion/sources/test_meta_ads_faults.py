"""Meta Ads under every documented fault: rows fetched are the rows held, waits are those told."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import ThrottledError
from ingestion.connector.report_job import ReportGivenUpError
from ingestion.connector.transport import RetryPolicy
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.simulator.meta_caller import lone_meta
from tests.ingestion.sources.documented_fault import DocumentedFault
from tests.ingestion.sources.documented_faults import faults_of, plays
from tests.ingestion.sources.meta import (
    ACCOUNT,
    KEYS,
    arrived,
    list_rows,
    read,
    told,
    urls,
)

pytestmark = pytest.mark.anyio

WEEK = DateRange(dt.date(2026, 10, 26), dt.date(2026, 11, 1))
ACCOUNT_BUDGET = f"meta_ads:account_usage:{ACCOUNT.account_id}"
APP_BUDGET = "meta_ads:app_usage:cd372fb85148700f"


@plays("meta_ads")
async def test_rows_survive(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "campaign_day")
    assert arrived("campaign_day", pages) == told(simulator, "campaign_day")
    assert tuple(run.waits) == fault.waits


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault.play, id=fault.name.replace(" ", "_"))
        for fault in faults_of("meta_ads")
        if fault.play and fault.test.endswith("::test_rows_survive")
    ],
)
async def test_rows_of_an_ordered_report_survive(
    simulator: RunningSimulator, fault: Mapping[str, Any]
) -> None:
    for operation in ("order", "poll", "report"):
        if fault["kind"] != "too_large" or operation != "poll":  # a poll answers a few words
            simulator.fault(**{**fault, "operation": operation})
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day", WEEK)
    assert arrived("ad_day", pages) == told(simulator, "ad_day", WEEK)


async def test_what_is_too_large_for_the_smallest_page_is_asked_for_by_fewer_days(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("too_large", operation="insights", times=5)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "campaign_day")
    assert arrived("campaign_day", pages) == told(simulator, "campaign_day")
    # Pages of 500, 250, 125 and 100 rows are refused, then 500 of half the days; 250 are not.
    assert [page.requests for page in pages][:1] == [6]
    assert run.waits == []


@pytest.mark.parametrize("stream", KEYS)
async def test_a_page_that_repeats_the_one_before_loses_nothing(
    simulator: RunningSimulator, stream: str
) -> None:
    simulator.fault("duplicate_page", times=None)
    async with harness(urls(simulator)) as run:
        rows = list_rows(await read(run, stream))
    keys = KEYS[stream].values()
    once = {tuple(str(row[column]) for column in keys) for row in rows}
    assert once == told(simulator, stream).keys()  # the warehouse keeps the later of each


async def test_waits_as_the_headers_of_the_refusal_tell(simulator: RunningSimulator) -> None:
    simulator.fault("rate_limited", retry_after_seconds=420)
    async with harness(urls(simulator)) as run:
        await read(run, "account_day")
    assert run.waits == [420.0]
    assert {name for name, _ in run.budget.holds} == {ACCOUNT_BUDGET}
    assert max(seconds for _, seconds in run.budget.holds) == 420.0
    assert run.progress[0].reason == (
        "Meta Ads is throttling: (#80000) There have been too many calls from this ad-account. "
        "Wait a bit and try again. For more info, please refer to "
        "https://developers.facebook.com/docs/graph-api/overview/rate-limiting#ads-insights."
    )


async def test_the_limit_of_the_app_holds_the_app_and_not_the_account(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("rate_limited", code=4)
    async with harness(urls(simulator)) as run:
        await read(run, "account_day")
    assert run.waits == [60.0]  # it tells no time
    assert set(run.budget.holds) == {(APP_BUDGET, 60.0)}


async def test_an_account_that_is_nearly_spent_is_left_alone_for_a_while(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("high_usage", operation="order")
    async with harness(urls(simulator)) as run:
        await read(run, "ad_day")
    assert run.waits == [60.0, 1.25]
    assert set(run.budget.holds) == {(ACCOUNT_BUDGET, 60.0)}


async def test_a_throttle_told_on_the_refusal_alone_is_waited_for() -> None:
    """Good answers say nothing about usage; the refusal does, and for how long."""
    with lone_meta(calls_per_hour=4, usage_told_from=101) as meta:
        waited = dt.timedelta(0)

        def pass_time(seconds: float) -> None:
            nonlocal waited
            waited += dt.timedelta(seconds=seconds)
            meta.move_clock(SIMULATED_NOW + waited)

        policy = RetryPolicy(longest_wait_seconds=3600)
        places = {"meta_ads": f"{meta.http.base_url}/{{version}}"}
        token = {"access_token": meta.token}
        async with harness(places, policy, slept=pass_time) as run:
            pages = await read(run, "ad_day", token=token)
        truth = meta.http.get(
            f"/_control/truth/meta_ads/{ACCOUNT.account_id}",
            params={"from": "2026-10-19", "to": "2026-11-01", "by": "day,campaign,ad,device"},
        ).json()
        counts = meta.http.get("/_control/requests").json()["requests"]
    assert len(arrived("ad_day", pages)) == len(truth["rows"])
    # Order, two polls and a page; then the hour that the refusal tells, in whole minutes.
    assert run.waits == [1.25, 3600.0]
    assert sum(each["count"] for each in counts if each["status"] == 400) == 1


async def test_a_wait_of_an_hour_is_not_sat_out_by_a_worker(simulator: RunningSimulator) -> None:
    simulator.fault("rate_limited", retry_after_seconds=3600)
    async with harness(urls(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await read(run, "account_day")
    assert caught.value.wait_seconds == 3600.0
    assert run.waits == []


@plays("meta_ads")
async def test_a_report_that_is_given_up_is_ordered_again(
    simulator: RunningSimulator, fault: DocumentedFault
) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day")
    assert arrived("ad_day", pages) == told(simulator, "ad_day")
    assert _orders(simulator) == 2


async def test_one_that_is_given_up_twice_is_ordered_by_halves(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("job_failed", operation="poll", times=2)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day")
    assert arrived("ad_day", pages) == told(simulator, "ad_day")
    assert _orders(simulator) == 4


async def test_reports_that_always_fail_end_in_meta_s_own_words(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("job_failed", operation="poll", times=None)
    async with harness(urls(simulator)) as run:
        with pytest.raises(ReportGivenUpError) as caught:
            await read(run, "ad_day")
    assert caught.value.message.endswith(
        ": Job Failed, Generating the report failed. Try again later."
    )


async def test_a_report_that_stays_where_it_is_is_waited_for(simulator: RunningSimulator) -> None:
    simulator.fault("job_stuck", operation="poll", times=5)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day")
    assert arrived("ad_day", pages) == told(simulator, "ad_day")
    assert run.waits == [1.25, 2.5, 5.0, 10.0, 10.0, 10.0]


async def test_every_restart_goes_on_with_the_report_that_was_ordered(
    simulator: RunningSimulator,
) -> None:
    async with harness(urls(simulator)) as run:
        whole = await read(run, "ad_day")
    held = told(simulator, "ad_day")
    for kept in range(len(whole) - 1):
        stored = json.loads(json.dumps(whole[kept].checkpoint))
        async with harness(urls(simulator)) as again:
            rest = await read(again, "ad_day", checkpoint=stored)
        assert arrived("ad_day", whole[: kept + 1] + rest) == held
    assert _orders(simulator) == 1


async def test_a_report_that_ran_out_before_the_restart_is_ordered_anew(
    simulator: RunningSimulator,
) -> None:
    async with harness(urls(simulator)) as run:
        whole = await read(run, "ad_day")
    simulator.move_clock(SIMULATED_NOW + dt.timedelta(days=31))
    async with harness(urls(simulator)) as again:
        rest = await read(again, "ad_day", checkpoint=whole[1].checkpoint)
    first = list_rows(rest)[0]
    assert first["row_number"] == 501
    numbered = [{**row, "row_number": row["row_number"] - 500} for row in list_rows(rest)]
    assert len(numbered) == len(told(simulator, "ad_day"))
    assert _orders(simulator) == 2


def _orders(simulator: RunningSimulator) -> int:
    """Only orders of reports have the account's own path."""
    path = f"/meta_ads/v26.0/act_{ACCOUNT.account_id}/insights"
    counts = [each for each in simulator.requests()["requests"] if each["path"] == path]
    return sum(each["count"] for each in counts)
