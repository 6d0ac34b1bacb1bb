"""TikTok Ads through the real extractor: what the simulator holds arrives, under every fault."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

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
from ingestion.connector.job import Account, DiscoveredAccount, Page
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import SourceSpec
from ingestion.simulator.config import demo_config
from ingestion.simulator.tiktok_ads import TikTokAds
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.connector.harness import Harness, harness
from tests.ingestion.simulator.standing import standing
from tests.ingestion.sources.documented_faults import DocumentedFault, plays

pytestmark = pytest.mark.anyio

SOURCE = load_source("tiktok_ads")
ACCOUNT = Account("7111111111111111111", {}, "EUR", "Europe/Berlin")
DAYS = DateRange(dt.date(2026, 9, 20), dt.date(2026, 11, 1))  # two slices: 30 days and 13
TOKEN = {"access_token": "northwind-tiktok-access-token"}
APP = {"client_id": "7000000000000000001", "client_secret": "northwind-tiktok-secret"}
NUMBERS = ("spend", "impressions", "clicks", "conversions")
AD_KEYS = ("date", "campaign_id", "ad_id")
RETRY = "compare the request in the source file with the provider's field list of this version"


def _with_pages_of(size: int) -> SourceSpec:
    """The source, with pages of so many rows; the file's own hold a whole slice of the demo."""
    stream = SOURCE.streams["ad_day"]
    assert stream.pagination.size is not None
    small = dataclasses.replace(stream.pagination.size, start=size, minimum=size)
    pages = dataclasses.replace(stream.pagination, size=small)
    ads = dataclasses.replace(stream, pagination=pages)
    return dataclasses.replace(SOURCE, streams={**SOURCE.streams, "ad_day": ads})


SMALL_PAGES = _with_pages_of(400)


def _urls(url: str) -> dict[str, str]:
    return {"tiktok_ads": f"{url}/open_api/{{version}}"}


def _tiktok(simulator: RunningSimulator) -> dict[str, str]:
    return _urls(f"{simulator.url}/tiktok_ads")


async def _read(
    run: Harness, stream: str, source: SourceSpec = SOURCE, days: DateRange = DAYS
) -> list[Page]:
    return await run.read(source, stream, days, account=ACCOUNT, credentials=TOKEN, app=APP)


def _rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


def _arrived(pages: list[Page], *columns: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Key of each row -> its numbers."""
    rows = _rows(pages)
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    found = {
        tuple(str(row[column]) for column in columns): tuple(row[name] for name in NUMBERS)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def _told(simulator: RunningSimulator, *keys: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    truth = simulator.truth("tiktok_ads", ACCOUNT.account_id, **days, by=",".join(keys))
    return {
        tuple(row[key] for key in keys): (
            Decimal(row["spend"]),
            row["impressions"],
            row["clicks"],
            Decimal(row["conversions"]),
        )
        for row in truth["rows"]
    }


async def test_every_level_is_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(_tiktok(simulator)) as run:
        account = await _read(run, "account_day")
        campaigns = await _read(run, "campaign_day")
        ads = await _read(run, "ad_day")
        countries = await _read(run, "campaign_country_day")
    assert _arrived(account, "date") == _told(simulator, "day")
    assert _arrived(campaigns, "date", "campaign_id") == _told(simulator, "day", "campaign")
    assert _arrived(ads, *AD_KEYS) == _told(simulator, "day", "campaign", "ad")
    assert _arrived(countries, "date", "campaign_id", "country_code") == _told(
        simulator, "day", "campaign", "country"
    )
    for pages in (account, campaigns, ads, countries):
        assert [row for page in pages for row in page.rejected] == []
        assert [item for page in pages for item in page.drift] == []


async def test_a_slice_of_several_pages_is_handed_out_whole(simulator: RunningSimulator) -> None:
    async with harness(_tiktok(simulator)) as run:
        pages = await _read(run, "ad_day", SMALL_PAGES)
    assert [(page.batch.num_rows, page.requests) for page in pages] == [(900, 3), (390, 1)]
    assert _arrived(pages, *AD_KEYS) == _told(simulator, "day", "campaign", "ad")


async def test_values_and_names(simulator: RunningSimulator) -> None:
    async with harness(_tiktok(simulator)) as run:
        ads = _rows(await _read(run, "ad_day"))
        campaigns = _rows(await _read(run, "campaign_day"))
        countries = _rows(await _read(run, "campaign_country_day"))
    days = {"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat()}
    truth = simulator.truth("tiktok_ads", ACCOUNT.account_id, **days)
    value = sum(row["payment_value"] or 0 for row in campaigns)
    assert value == Decimal(truth["totals"]["value"])
    without = {row["campaign_name"] for row in campaigns if row["payment_value"] is None}
    assert without == {"Acme Shoes | Reach 1"}  # it has no pixel: `-` is no value, not zero
    assert {row["country"] for row in countries} == {"DE", "FR", "GB", "US", None}
    first = ads[0]
    assert (first["ad_name"], first["ad_group_name"], first["campaign_name"]) == (
        "Video 1.1",
        "Ad group 1",
        "Acme Shoes | Spark Ads 1",
    )
    assert first["ad_id"].startswith(first["ad_group_id"])
    assert first["ad_group_id"].startswith(first["campaign_id"])


@plays("tiktok_ads")
async def test_rows_survive(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(_tiktok(simulator)) as run:
        pages = await _read(run, "ad_day", SMALL_PAGES)
    assert _arrived(pages, *AD_KEYS) == _told(simulator, "day", "campaign", "ad")
    assert [row for page in pages for row in page.rejected] == []
    assert tuple(run.waits) == fault.waits


@pytest.mark.parametrize("value", ["second", "minute"])
async def test_a_limit_holds_every_worker_of_the_app(
    simulator: RunningSimulator, value: str
) -> None:
    simulator.fault("rate_limited", value=value, times=1)
    async with harness(_tiktok(simulator)) as run:
        await _read(run, "account_day")
    seconds = {"second": 1.0, "minute": 300.0}[value]
    assert [(key.split(":")[1], held) for key, held in run.budget.holds] == [
        ("calls_a_second", seconds),
        ("calls_a_minute", seconds),
        ("calls_a_day", seconds),
    ]


async def test_the_limit_of_a_day_waits_until_midnight(simulator: RunningSimulator) -> None:
    simulator.fault("rate_limited", value="day", times=1)
    async with harness(_tiktok(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await _read(run, "account_day")  # the harness's noon, UTC
    assert caught.value.wait_seconds == 43_200.0
    assert str(caught.value) == (
        "TikTok Ads grants no calls for 43200 seconds: TikTok Ads is throttling: App "
        "7012345678901234567 reaches the QPD limit 864000, current QPD is 864001 "
        "(the sync goes on by itself when calls are granted again)"
    )


async def test_reports_that_time_out_are_asked_for_in_halves(simulator: RunningSimulator) -> None:
    simulator.fault("server_error", operation="report", times=3)
    async with harness(_tiktok(simulator)) as run:
        pages = await _read(run, "ad_day")
    assert _arrived(pages, *AD_KEYS) == _told(simulator, "day", "campaign", "ad")
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
        async with harness(_urls(str(alone.http.base_url).rstrip("/"))) as run:
            read = await _read(run, "ad_day", capped, days)
            assert [page.batch.num_rows for page in read] == [30, 30, 30, 30]
            still = dataclasses.replace(pages, cap=30)
            cut = {"ad_day": dataclasses.replace(ads, pagination=still)}
            with pytest.raises(ProviderError) as caught:
                await _read(run, "ad_day", dataclasses.replace(SOURCE, streams=cut), days)
    told = _told(simulator, "day", "campaign", "ad")
    assert _arrived(read, *AD_KEYS) == {
        key: numbers for key, numbers in told.items() if key[0] >= "2026-10-29"
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
    async with harness(_tiktok(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await _read(run, "campaign_day")
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
    async with harness(_tiktok(simulator)) as run:
        with pytest.raises(UnknownFieldRequestedError) as caught:
            await _read(run, "account_day", source)
    assert caught.value.message.startswith(
        "TikTok Ads refused the request: Invalid metric fields: ['revenue'] (40002, request "
    )
    assert caught.value.hint == RETRY


async def test_check_and_discover(simulator: RunningSimulator) -> None:
    async with harness(_tiktok(simulator)) as run:
        checked = await run.extractor.check(
            SOURCE, Account(ACCOUNT.account_id, {}, "", ""), TOKEN, APP
        )
        found = await run.extractor.discover(SOURCE, Account("", {}, "", ""), TOKEN, APP)
        other = Account("7333333333333333333", {}, "", "")  # of the other agency
        with pytest.raises(AccountNotAccessibleError) as caught:
            await run.extractor.check(SOURCE, other, TOKEN, APP)
    assert checked == DiscoveredAccount("7111111111111111111", "Acme Shoes", "EUR", "Europe/Berlin")
    assert found == [
        checked,
        DiscoveredAccount("7222222222222222222", "Bluebird Coffee", "EUR", "Europe/Berlin"),
    ]
    assert caught.value.message.startswith(
        "TikTok Ads refused the request: No permission to operate advertiser 7333333333333333333. "
        "(40001, request 20261102"
    )


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    simulator.fault("changed_type", operation="report", times=1, rows=3)
    async with harness(_tiktok(simulator)) as run:
        pages = await _read(run, "campaign_day")
    rejected = [
        (row.row_number, row.field, row.reason, row.message)
        for page in pages
        for row in page.rejected
    ]
    assert rejected == [
        (number, "clicks", "not_a_number", "'n/a' is not a number") for number in (1, 2, 3)
    ]
    assert len(_rows(pages)) == len(_told(simulator, "day", "campaign")) - 3


async def test_the_days_that_change_are_those_that_are_read_again(
    simulator: RunningSimulator,
) -> None:
    async with harness(_tiktok(simulator)) as run:
        before = _rows(await _read(run, "account_day"))
        simulator.move_clock(dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC))
        after = _rows(await _read(run, "account_day"))
    pairs = list(zip(before, after, strict=True))
    changed = [old["date"] for old, new in pairs if old["payment_value"] != new["payment_value"]]
    # The plan of 3 November begins with 6 October: 28 days, the last of them new.
    assert changed == list(DateRange(dt.date(2026, 10, 6), dt.date(2026, 11, 1)))
    assert len(changed) == SOURCE.streams["account_day"].restates_days - 1
    assert [old["spend"] for old, _ in pairs] == [new["spend"] for _, new in pairs]
