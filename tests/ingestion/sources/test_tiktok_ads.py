"""TikTok Ads through the real extractor: what the simulator holds arrives, under every fault."""

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
    UnknownFieldRequestedError,
)
from ingestion.connector.job import Account, DiscoveredAccount, Page
from ingestion.connector.source_file import load_source
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness, harness

pytestmark = pytest.mark.anyio

SOURCE = load_source("tiktok_ads")
ACCOUNT = Account("7111111111111111111", {}, "EUR", "Europe/Berlin")
DAYS = DateRange(dt.date(2026, 9, 20), dt.date(2026, 11, 1))
TOKEN = {"access_token": "northwind-tiktok-access-token"}
APP = {"client_id": "7000000000000000001", "client_secret": "northwind-tiktok-secret"}
NUMBERS = ("spend", "impressions", "clicks", "conversions")

FAULTS: list[dict[str, Any]] = [
    {"kind": "rate_limited", "value": "second", "times": 2},
    {"kind": "rate_limited", "value": "minute", "times": 2},
    {"kind": "rate_limited", "code": 40016, "times": 2},
    {"kind": "rate_limited", "code": 40132, "times": 2},
    {"kind": "rate_limited", "code": 61000, "times": 2},
    {"kind": "server_error", "times": 2},
    {"kind": "server_error", "code": 50000, "times": 2},
    {"kind": "server_error", "code": 60001, "times": 2},
    {"kind": "partial", "times": 2},
    {"kind": "half_page", "times": 2},
    {"kind": "cut_connection", "times": 2, "cut_after_bytes": 3000},
    {"kind": "malformed_json", "times": 2},
    {"kind": "slow", "times": 1, "seconds": 0.01},
    {"kind": "unknown_field", "times": 2},
]


def _urls(simulator: RunningSimulator) -> dict[str, str]:
    return {"tiktok_ads": f"{simulator.url}/tiktok_ads/open_api/{{version}}"}


async def _read(run: Harness, stream: str) -> list[Page]:
    return await run.read(SOURCE, stream, DAYS, account=ACCOUNT, credentials=TOKEN, app=APP)


def _rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.batch.to_pylist()]


def _arrived(pages: list[Page], *columns: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Key of each row -> its numbers."""
    rows = _rows(pages)
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
    async with harness(_urls(simulator)) as run:
        account = await _read(run, "account_day")
        campaigns = await _read(run, "campaign_day")
        ads = await _read(run, "ad_day")
        countries = await _read(run, "campaign_country_day")
    assert _arrived(account, "date") == _told(simulator, "day")
    assert _arrived(campaigns, "date", "campaign_id") == _told(simulator, "day", "campaign")
    assert _arrived(ads, "date", "campaign_id", "ad_id") == _told(
        simulator, "day", "campaign", "ad"
    )
    assert _arrived(countries, "date", "campaign_id", "country_code") == _told(
        simulator, "day", "campaign", "country"
    )
    for pages in (account, campaigns, ads, countries):
        assert [row for page in pages for row in page.rejected] == []
        assert [item for page in pages for item in page.drift] == []


async def test_ads_come_in_several_pages(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, "ad_day")
    assert max(page.batch.num_rows for page in pages) == 1000
    assert [row["row_number"] for row in _rows(pages)] == list(range(1, len(_rows(pages)) + 1))


async def test_values_and_names(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
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


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('code', fault.get('value'))}"
)
async def test_rows_survive(simulator: RunningSimulator, fault: dict[str, Any]) -> None:
    simulator.fault(**fault, operation="report")
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, "ad_day")
    assert _arrived(pages, "date", "campaign_id", "ad_id") == _told(
        simulator, "day", "campaign", "ad"
    )


@pytest.mark.parametrize(
    ("value", "code", "seconds"),
    [("second", 0, 1.0), ("minute", 0, 300.0), ("second", 40016, 60.0)],
)
async def test_waits_as_long_as_the_limit_needs(
    simulator: RunningSimulator, value: str, code: int, seconds: float
) -> None:
    simulator.fault("rate_limited", value=value, code=code, times=1)
    async with harness(_urls(simulator)) as run:
        await _read(run, "account_day")
    assert run.waits == [seconds]
    assert [hold for _, hold in run.budget.holds] == [seconds] * 3  # of the second, minute, day


async def test_the_limit_of_a_day_waits_until_midnight(simulator: RunningSimulator) -> None:
    simulator.fault("rate_limited", value="day", times=1)
    async with harness(_urls(simulator)) as run:
        with pytest.raises(Exception, match="grants no calls for 43200 seconds") as caught:
            await _read(run, "account_day")  # the harness's noon, UTC
    assert getattr(caught.value, "wait_seconds", None) == 43_200.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40102, CredentialsRejectedError),
        (40105, CredentialsRejectedError),
        (40001, AccountNotAccessibleError),
        (41001, ApiVersionRetiredError),
        (41002, UnknownFieldRequestedError),
        (40002, ProviderError),
    ],
)
async def test_refusals_say_what_to_do(
    simulator: RunningSimulator, code: int, kind: type[ProviderError]
) -> None:
    simulator.fault("refused", code=code)
    async with harness(_urls(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await _read(run, "campaign_day")
    assert type(caught.value) is kind
    assert caught.value.provider_code == str(code)
    assert caught.value.request_id.startswith("20261102")
    assert TOKEN["access_token"] not in str(caught.value)


async def test_check_and_discover(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
        checked = await run.extractor.check(
            SOURCE, Account(ACCOUNT.account_id, {}, "", ""), TOKEN, APP
        )
        found = await run.extractor.discover(SOURCE, Account("", {}, "", ""), TOKEN, APP)
        other = Account("7333333333333333333", {}, "", "")  # of the other agency
        with pytest.raises(AccountNotAccessibleError):
            await run.extractor.check(SOURCE, other, TOKEN, APP)
    assert checked == DiscoveredAccount("7111111111111111111", "Acme Shoes", "EUR", "Europe/Berlin")
    assert found == [
        checked,
        DiscoveredAccount("7222222222222222222", "Bluebird Coffee", "EUR", "Europe/Berlin"),
    ]


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    simulator.fault("changed_type", operation="report", times=1, rows=3)
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, "campaign_day")
    rejected = [(row.row_number, row.field, row.reason) for page in pages for row in page.rejected]
    assert rejected == [(number, "clicks", "wrong_type") for number in (1, 2, 3)]


async def test_a_day_of_conversions_is_restated(simulator: RunningSimulator) -> None:
    async with harness(_urls(simulator)) as run:
        before = _rows(await _read(run, "account_day"))
        simulator.move_clock(dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC))
        after = _rows(await _read(run, "account_day"))
    changed = [
        old["date"]
        for old, new in zip(before, after, strict=True)
        if old["conversions"] != new["conversions"]
    ]
    assert (
        changed
        == [row["date"] for row in before][-SOURCE.streams["account_day"].restates_days + 1 :]
    )
    assert [row["spend"] for row in before] == [row["spend"] for row in after]
