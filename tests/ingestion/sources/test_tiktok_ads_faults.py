"""TikTok Ads when it fails: nothing is missing or doubled, waits and errors teach."""

import dataclasses
import datetime as dt

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    ApiVersionRetiredError,
    CredentialsRejectedError,
    ProviderError,
    ThrottledError,
    UnknownFieldRequestedError,
)
from ingestion.simulator.config import demo_config
from ingestion.simulator.tiktok_ads import TikTokAds
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.simulator.standing import standing
from tests.ingestion.sources.documented_faults import DocumentedFault, plays
from tests.ingestion.sources.tiktok import (
    AD_KEYS,
    SMALL_PAGES,
    SOURCE,
    TOKEN,
    arrived,
    list_rows,
    read,
    simulated,
    told,
    urls,
)

pytestmark = pytest.mark.anyio


@plays("tiktok_ads")
async def test_rows_survive(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(simulated(simulator)) as run:
        pages = await read(run, "ad_day", SMALL_PAGES)
    assert arrived(pages, *AD_KEYS) == told(simulator, "day", "campaign", "ad")
    assert [row for page in pages for row in page.rejected] == []
    assert tuple(run.waits) == fault.waits


@pytest.mark.parametrize("value", ["second", "minute"])
async def test_a_limit_holds_every_worker_of_the_app(
    simulator: RunningSimulator, value: str
) -> None:
    simulator.fault("rate_limited", value=value, times=1)
    async with harness(simulated(simulator)) as run:
        await read(run, "account_day")
    seconds = {"second": 1.0, "minute": 300.0}[value]
    assert [(key.split(":")[1], held) for key, held in run.budget.holds] == [
        ("calls_a_second", seconds),
        ("calls_a_minute", seconds),
        ("calls_a_day", seconds),
    ]


async def test_the_limit_of_a_day_waits_until_midnight(simulator: RunningSimulator) -> None:
    simulator.fault("rate_limited", value="day", times=1)
    async with harness(simulated(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await read(run, "account_day")  # the harness's noon, UTC
    assert caught.value.wait_seconds == 43_200.0
    assert str(caught.value) == (
        "TikTok Ads grants no calls for 43200 seconds: TikTok Ads is throttling: App "
        "7012345678901234567 reaches the QPD limit 864000, current QPD is 864001 "
        "(the sync goes on by itself when calls are granted again)"
    )


async def test_reports_that_time_out_are_asked_for_in_halves(simulator: RunningSimulator) -> None:
    simulator.fault("server_error", operation="report", times=3)
    async with harness(simulated(simulator)) as run:
        pages = await read(run, "ad_day")
    assert arrived(pages, *AD_KEYS) == told(simulator, "day", "campaign", "ad")
    assert [page.batch.num_rows for page in pages] == [450, 450, 390]
    assert run.waits == [1.0, 2.0]


async def test_ads_that_a_report_would_leave_out_are_asked_for_over_fewer_days(
    simulator: RunningSimulator,
) -> None:
    """The advertiser has 30 ads; its reports tell of 30 at most, and lists are cut there."""
    ads = SOURCE.streams["ad_day"]
    pages = dataclasses.replace(ads.pagination, cap=31)
    streams = {"ad_day": dataclasses.replace(ads, pagination=pages)}
    capped = dataclasses.replace(SOURCE, streams=streams)
    config = dataclasses.replace(demo_config().tiktok_ads, most_ads=30)
    days = DateRange(dt.date(2026, 10, 29), dt.date(2026, 11, 1))
    with standing(lambda clock: TikTokAds(config, clock), SIMULATED_NOW) as alone:
        async with harness(urls(str(alone.http.base_url).rstrip("/"))) as run:
            brought = await read(run, "ad_day", capped, days)
            assert [page.batch.num_rows for page in brought] == [30, 30, 30, 30]
            still = dataclasses.replace(pages, cap=30)
            cut = {"ad_day": dataclasses.replace(ads, pagination=still)}
            with pytest.raises(ProviderError) as caught:
                await read(run, "ad_day", dataclasses.replace(SOURCE, streams=cut), days)
    held = told(simulator, "day", "campaign", "ad")
    assert arrived(brought, *AD_KEYS) == {
        key: numbers for key, numbers in held.items() if key[0] >= "2026-10-29"
    }
    assert str(caught.value) == (
        "TikTok Ads refused the request: answers are cut at 30 records "
        "(even the smallest request is too large for the provider)"
    )


ACCESS = (
    "check the advertiser id, and that its owner granted the app the permission to read reports"
)
TOKENS = "connect the advertiser again; its access token was revoked or has run out"
VERSION = "set a newer api.version in the source file and check its fields"
RETRY = "compare the request in the source file with the provider's field list of this version"
KINDS: dict[int, tuple[type[ProviderError], str]] = {
    40001: (AccountNotAccessibleError, ACCESS),
    40113: (AccountNotAccessibleError, ACCESS),
    40130: (AccountNotAccessibleError, ACCESS),
    40300: (AccountNotAccessibleError, ACCESS),
    40301: (AccountNotAccessibleError, ACCESS),
    40102: (CredentialsRejectedError, TOKENS),
    40104: (CredentialsRejectedError, TOKENS),
    40105: (CredentialsRejectedError, TOKENS),
    40006: (ApiVersionRetiredError, VERSION),
    40051: (ApiVersionRetiredError, VERSION),
    41001: (ApiVersionRetiredError, VERSION),
    41002: (UnknownFieldRequestedError, RETRY),
    40002: (ProviderError, ""),
}


@plays("tiktok_ads")
async def test_refusals_say_what_to_do(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(simulated(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run, "campaign_day")
    code = fault.play["code"]
    assert (type(caught.value), caught.value.hint) == KINDS[code]
    assert caught.value.provider_code == str(code)
    assert caught.value.message.startswith("TikTok Ads refused the request: ")
    assert caught.value.message.endswith(f" ({code}, request {caught.value.request_id})")
    assert caught.value.request_id.startswith("20261102")
    assert TOKEN["access_token"] not in str(caught.value)
    assert run.waits == []


async def test_a_metric_that_is_gone_is_told(simulator: RunningSimulator) -> None:
    stream = SOURCE.streams["account_day"]
    assert stream.request is not None
    query = {**stream.request.query, "metrics": '["spend","revenue"]'}
    asked = dataclasses.replace(stream, request=dataclasses.replace(stream.request, query=query))
    source = dataclasses.replace(SOURCE, streams={"account_day": asked})
    async with harness(simulated(simulator)) as run:
        with pytest.raises(UnknownFieldRequestedError) as caught:
            await read(run, "account_day", source)
    assert caught.value.message.startswith(
        "TikTok Ads refused the request: Invalid metric fields: ['revenue'] (40002, request "
    )
    assert caught.value.hint == RETRY


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    simulator.fault("changed_type", operation="report", times=1, rows=3)
    async with harness(simulated(simulator)) as run:
        pages = await read(run, "campaign_day")
    rejected = [
        (row.row_number, row.field, row.reason, row.message)
        for page in pages
        for row in page.rejected
    ]
    assert rejected == [
        (number, "clicks", "not_a_number", "'n/a' is not a number") for number in (1, 2, 3)
    ]
    assert len(list_rows(pages)) == len(told(simulator, "day", "campaign")) - 3
