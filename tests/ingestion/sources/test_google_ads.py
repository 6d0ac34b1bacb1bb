"""Google Ads through the real extractor: every level that is held arrives, under every fault."""

import datetime as dt
from collections import defaultdict
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
from ingestion.connector.job import Account, Page
from ingestion.connector.source_file import load_source
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import Harness, harness

pytestmark = pytest.mark.anyio

SOURCE = load_source("google_ads")
BERLIN = Account("1111111111", {"manager_id": "9000000001"}, "EUR", "Europe/Berlin")
NEW_YORK = Account("3333333333", {"manager_id": "9000000002"}, "USD", "America/New_York")
DAYS = DateRange(dt.date(2026, 10, 22), dt.date(2026, 11, 1))  # the clocks go back on 25 October
LONG = DateRange(dt.date(2026, 9, 20), dt.date(2026, 11, 1))
APPS = {
    BERLIN.account_id: ("northwind", "1//northwind-refresh-token"),
    NEW_YORK.account_id: ("harbor-pine", "1//harbor-pine-refresh-token"),
}
NUMBERS = ("cost", "impressions", "clicks", "conversions", "conversions_value")

# Stream -> the fields that tell its rows apart, and the same as keys of the truth.
LEVELS = {
    "account_day": (("date",), ("day",)),
    "campaign_day": (("date", "campaign_id", "device"), ("day", "campaign", "device")),
    "ad_day": (
        ("date", "campaign_id", "device", "ad_group_id", "ad_id"),
        ("day", "campaign", "device", "ad_group", "ad"),
    ),
    "campaign_country_day": (
        ("date", "campaign_id", "country_criterion_id"),
        ("day", "campaign", "country"),
    ),
    "keyword_day": (
        ("date", "campaign_id", "device", "ad_group_id", "criterion_id"),
        ("day", "campaign", "device", "ad_group", "keyword"),
    ),
    "search_term_day": (
        ("date", "campaign_id", "ad_group_id", "search_term"),
        ("day", "campaign", "ad_group", "search_term"),
    ),
}
OF_REST = {"ad_day": "ad_id", "campaign_country_day": "country_criterion_id"}

FAULTS: list[dict[str, Any]] = [
    {"kind": "rate_limited", "times": 2},
    {"kind": "rate_limited", "value": "RESOURCE_EXHAUSTED", "times": 2},
    {
        "kind": "rate_limited",
        "value": "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
        "times": 2,
    },
    {"kind": "server_error", "times": 2},
    {"kind": "server_error", "status": 500, "times": 2},
    {"kind": "expired_token", "times": 1},
    {"kind": "cut_connection", "times": 2, "cut_after_bytes": 3000},
    {"kind": "cut_connection", "times": 6, "cut_after_bytes": 3000},
    {"kind": "malformed_json", "times": 2},
    {"kind": "half_page", "times": 3},
    {"kind": "slow", "times": 1, "seconds": 0.01},
    {"kind": "unknown_field", "times": 2},
]

Numbers = tuple[Any, ...]


def _urls(simulator: RunningSimulator) -> dict[str, str]:
    return {
        "google_ads": f"{simulator.url}/google_ads/{{version}}",
        "google_ads.token": f"{simulator.url}/google_ads/oauth2/v3/token",
    }


async def _read(
    run: Harness, stream: str, days: DateRange = DAYS, account: Account = BERLIN
) -> list[Page]:
    agency, refresh_token = APPS[account.account_id]
    return await run.read(
        SOURCE,
        stream,
        days,
        account=account,
        credentials={"refresh_token": refresh_token},
        app={
            "client_id": f"{agency}.apps.googleusercontent.com",
            "client_secret": f"{agency}-client-secret",
            "developer_token": f"{agency}-developer-token",
        },
    )


def _rows(pages: list[Page], stream: str) -> list[dict[str, Any]]:
    """The rows of the level itself, without those of the whole that it is a part of."""
    part = OF_REST.get(stream, "date")
    rows = [row for page in pages for row in page.batch.to_pylist()]
    return [row for row in rows if row[part] is not None]


def _arrived(pages: list[Page], stream: str) -> dict[tuple[str, ...], Numbers]:
    fields, _ = LEVELS[stream]
    rows = _rows(pages, stream)
    found = {
        tuple(str(row[field]) for field in fields): tuple(row[name] for name in NUMBERS)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def _told(
    simulator: RunningSimulator,
    stream: str,
    days: DateRange = DAYS,
    account: Account = BERLIN,
) -> dict[tuple[str, ...], Numbers]:
    _, keys = LEVELS[stream]
    asked = {"from": days.start.isoformat(), "to": days.end.isoformat(), "by": ",".join(keys)}
    truth = simulator.truth("google_ads", account.account_id, **asked)
    return {
        tuple(row[key] for key in keys): (
            Decimal(row["costMicros"]) / 1_000_000,
            row["impressions"],
            row["clicks"],
            Decimal(row["conversions"]),
            Decimal(row["conversionsValue"]),
        )
        for row in truth["rows"]
    }


@pytest.mark.parametrize("account", [BERLIN, NEW_YORK], ids=lambda account: account.time_zone)
@pytest.mark.parametrize("stream", LEVELS)
async def test_every_level_is_the_simulator_s_truth(
    simulator: RunningSimulator, stream: str, account: Account
) -> None:
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, stream, LONG, account)
    told = _told(simulator, stream, LONG, account)
    assert len(told) >= LONG.days
    assert _arrived(pages, stream) == told
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []


@pytest.mark.parametrize("stream", ["ad_day", "campaign_country_day"])
async def test_the_whole_comes_with_its_parts(simulator: RunningSimulator, stream: str) -> None:
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, stream)
    by = ("day", "campaign", "device") if stream == "ad_day" else ("day", "campaign")
    truth = simulator.truth(
        "google_ads",
        BERLIN.account_id,
        **{"from": DAYS.start.isoformat(), "to": DAYS.end.isoformat(), "by": ",".join(by)},
    )
    whole = {
        tuple(str(row[name]) for name in ("date", "campaign_id", "device") if name in row): row
        for page in pages
        for row in page.batch.to_pylist()
        if row[OF_REST[stream]] is None
    }
    assert {key: (row["cost"], row["conversions"]) for key, row in whole.items()} == {
        tuple(row[key] for key in by): (
            Decimal(row["costMicros"]) / 1_000_000,
            Decimal(row["conversions"]),
        )
        for row in truth["rows"]
    }


async def test_parts_leave_out_what_the_platform_does_not_tell(
    simulator: RunningSimulator,
) -> None:
    def spent(stream: str, *keys: str) -> dict[tuple[str, ...], Decimal]:
        sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        names = LEVELS[stream][1]
        for key, numbers in _told(simulator, stream).items():
            sums[tuple(key[names.index(name)] for name in keys)] += numbers[0]
        return dict(sums)

    campaigns = spent("campaign_day", "campaign")
    performance_max = {(f"1111111111{number:02}",) for number in (2, 8)}
    ads = spent("ad_day", "campaign")
    assert campaigns.keys() - ads.keys() == performance_max
    assert all(ads[key] == campaigns[key] for key in ads)
    countries = spent("campaign_country_day", "campaign")
    assert countries.keys() == campaigns.keys()
    assert all(
        Decimal("0.96") < countries[key] / campaigns[key] < Decimal("0.98") for key in campaigns
    )
    assert spent("keyword_day", "campaign").keys() == {("111111111101",)}  # the other is paused
    searched = spent("search_term_day", "campaign")
    assert all(searched[key] < campaigns[key] * Decimal("0.9") for key in searched)


@pytest.mark.parametrize("stream", LEVELS)
@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values())
)
async def test_rows_survive(
    simulator: RunningSimulator, fault: dict[str, Any], stream: str
) -> None:
    simulator.fault(**fault, operation="searchStream")
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, stream)
    assert _arrived(pages, stream) == _told(simulator, stream)
    numbers = [row["row_number"] for page in pages for row in page.batch.to_pylist()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_waits_as_long_as_the_body_tells(simulator: RunningSimulator) -> None:
    simulator.fault("rate_limited", retry_after_seconds=17, operation="searchStream")
    async with harness(_urls(simulator)) as run:
        await _read(run, "account_day")
    assert run.waits == [17.0]


async def test_a_day_without_operations_left_is_gone_on_with_later(
    simulator: RunningSimulator,
) -> None:
    simulator.fault(
        "rate_limited",
        value="RESOURCE_EXHAUSTED",
        retry_after_seconds=40_000,
        operation="searchStream",
    )
    async with harness(_urls(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await _read(run, "ad_day")
    assert caught.value.wait_seconds == 40_000.0


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (
            "CUSTOMER_NOT_ENABLED",
            AccountNotAccessibleError,
            "the customer is not active; reactivate it at Google Ads or disconnect it",
        ),
        (
            "USER_PERMISSION_DENIED",
            AccountNotAccessibleError,
            (
                "the Google user has no access to this customer, or it is reached through another "
                "manager: check the setting manager_id"
            ),
        ),
        (
            "DEVELOPER_TOKEN_NOT_APPROVED",
            AccountNotAccessibleError,
            ("the agency's developer token may not read this account; ask Google for basic access"),
        ),
        ("OAUTH_TOKEN_REVOKED", CredentialsRejectedError, ""),
        ("UNSUPPORTED_VERSION", ApiVersionRetiredError, ""),
        ("UNRECOGNIZED_FIELD", UnknownFieldRequestedError, ""),
        ("EXPIRED_PAGE_TOKEN", ProviderError, ""),
    ],
)
async def test_refusals_say_what_to_do(
    simulator: RunningSimulator, code: str, kind: type[ProviderError], hint: str
) -> None:
    simulator.fault("refused", value=code, operation="searchStream", times=None)
    async with harness(_urls(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await _read(run, "search_term_day")
    assert type(caught.value) is kind
    assert caught.value.provider_code == code
    assert hint in (caught.value.hint or "")
    assert "northwind" not in str(caught.value)


async def test_a_customer_of_another_agency_is_not_accessible(
    simulator: RunningSimulator,
) -> None:
    stranger = Account("3333333333", {"manager_id": "9000000001"}, "USD", "America/New_York")
    async with harness(_urls(simulator)) as run:
        with pytest.raises(AccountNotAccessibleError) as caught:
            await run.read(
                SOURCE,
                "ad_day",
                DAYS,
                account=stranger,
                credentials={"refresh_token": "1//northwind-refresh-token"},
                app={
                    "client_id": "northwind.apps.googleusercontent.com",
                    "client_secret": "northwind-client-secret",
                    "developer_token": "northwind-developer-token",
                },
            )
    assert caught.value.provider_code == "USER_PERMISSION_DENIED"


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    told = _told(simulator, "ad_day")
    simulator.fault("changed_type", operation="searchStream", times=1, rows=3)
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, "ad_day")
    rejected = [(row.row_number, row.field, row.reason) for page in pages for row in page.rejected]
    assert rejected == [(number, "clicks", "not_a_number") for number in (1, 2, 3)]
    assert len(_arrived(pages, "ad_day")) == len(told) - 3


async def test_days_are_restated_at_every_level(simulator: RunningSimulator) -> None:
    later = dt.datetime(2026, 12, 20, 12, tzinfo=dt.UTC)
    async with harness(_urls(simulator)) as run:
        before = {stream: _arrived(await _read(run, stream), stream) for stream in LEVELS}
        simulator.move_clock(later)
        after = {stream: _arrived(await _read(run, stream), stream) for stream in LEVELS}
    for stream, rows in after.items():
        assert rows == _told(simulator, stream)
        assert rows != before[stream]
        assert rows.keys() <= before[stream].keys()  # some campaigns' days are credited whole


async def test_the_day_on_which_the_clocks_go_back_is_one_day(simulator: RunningSimulator) -> None:
    day = DateRange(dt.date(2026, 10, 25), dt.date(2026, 10, 25))
    async with harness(_urls(simulator)) as run:
        pages = await _read(run, "campaign_country_day", day)
    arrived = _arrived(pages, "campaign_country_day")
    assert {key[0] for key in arrived} == {"2026-10-25"}
    assert arrived == _told(simulator, "campaign_country_day", day)
