"""Google Ads through the real extractor: every level that is held arrives, under every fault."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal

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
from ingestion.connector.job import Account
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.documented_faults import DocumentedFault, plays
from tests.ingestion.sources.google_ads_account import (
    BERLIN,
    DAYS,
    LEVELS,
    LONG,
    NEW_YORK,
    OF_REST,
    SOURCE,
    arrived,
    read,
    told,
    urls,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("account", [BERLIN, NEW_YORK], ids=lambda account: account.time_zone)
@pytest.mark.parametrize("stream", LEVELS)
async def test_every_level_is_the_simulator_s_truth(
    simulator: RunningSimulator, stream: str, account: Account
) -> None:
    async with harness(urls(simulator)) as run:
        pages = await read(run, stream, LONG, account)
    held = told(simulator, stream, LONG, account)
    assert len(held) >= LONG.days
    assert arrived(pages, stream) == held
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []


@pytest.mark.parametrize("stream", ["ad_day", "campaign_country_day"])
async def test_the_whole_comes_with_its_parts(simulator: RunningSimulator, stream: str) -> None:
    async with harness(urls(simulator)) as run:
        pages = await read(run, stream)
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
        for key, numbers in told(simulator, stream).items():
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
@plays("google_ads")
async def test_rows_survive(
    simulator: RunningSimulator, fault: DocumentedFault, stream: str
) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(urls(simulator)) as run:
        pages = await read(run, stream)
    assert arrived(pages, stream) == told(simulator, stream)
    numbers = [row["row_number"] for page in pages for row in page.batch.to_pylist()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert tuple(run.waits) == fault.waits


async def test_a_day_without_operations_left_is_gone_on_with_later(
    simulator: RunningSimulator,
) -> None:
    simulator.fault(
        "rate_limited",
        value="RESOURCE_EXHAUSTED",
        retry_after_seconds=40_000,
        operation="searchStream",
    )
    async with harness(urls(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await read(run, "ad_day")
    assert caught.value.wait_seconds == 40_000.0


RETRY = "compare the request in the source file with the provider's field list of this version"
KINDS: dict[str, tuple[type[ProviderError], str]] = {
    "CUSTOMER_NOT_ENABLED": (
        AccountNotAccessibleError,
        "the customer is not active; reactivate it at Google Ads or disconnect it",
    ),
    "USER_PERMISSION_DENIED": (
        AccountNotAccessibleError,
        (
            "the Google user has no access to this customer, or it is reached through another "
            "manager: check the setting manager_id"
        ),
    ),
    "DEVELOPER_TOKEN_NOT_APPROVED": (
        AccountNotAccessibleError,
        "the agency's developer token may not read this account; ask Google for basic access",
    ),
    "REQUESTED_METRICS_FOR_MANAGER": (
        AccountNotAccessibleError,
        (
            "this is a manager account, which has no campaigns of its own; connect one of the "
            "accounts below it"
        ),
    ),
    "OAUTH_TOKEN_REVOKED": (
        CredentialsRejectedError,
        "connect the account again; the permission was withdrawn or has run out",
    ),
    "UNSUPPORTED_VERSION": (
        ApiVersionRetiredError,
        "set a newer api.version in the source file and check its fields",
    ),
    "UNRECOGNIZED_FIELD": (UnknownFieldRequestedError, RETRY),
    "EXPIRED_PAGE_TOKEN": (ProviderError, ""),
}


@plays("google_ads")
async def test_refusals_say_what_to_do(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(urls(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run, "search_term_day")
    code = fault.play["value"]
    assert (type(caught.value), caught.value.hint or "") == KINDS[code]
    assert caught.value.provider_code == code
    assert caught.value.message.startswith("Google Ads refused the request: ")
    assert caught.value.message.endswith(f" ({code}, request {caught.value.request_id})")
    assert "northwind" not in str(caught.value)
    assert run.waits == []


async def test_a_customer_of_another_agency_is_not_accessible(
    simulator: RunningSimulator,
) -> None:
    stranger = Account("3333333333", {"manager_id": "9000000001"}, "USD", "America/New_York")
    async with harness(urls(simulator)) as run:
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
    held = told(simulator, "ad_day")
    simulator.fault("changed_type", operation="searchStream", times=1, rows=3)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day")
    rejected = [(row.row_number, row.field, row.reason) for page in pages for row in page.rejected]
    assert rejected == [(number, "clicks", "not_a_number") for number in (1, 2, 3)]
    assert len(arrived(pages, "ad_day")) == len(held) - 3


async def test_days_are_restated_at_every_level(simulator: RunningSimulator) -> None:
    later = dt.datetime(2026, 12, 20, 12, tzinfo=dt.UTC)
    async with harness(urls(simulator)) as run:
        before = {stream: arrived(await read(run, stream), stream) for stream in LEVELS}
        simulator.move_clock(later)
        after = {stream: arrived(await read(run, stream), stream) for stream in LEVELS}
    for stream, rows in after.items():
        assert rows == told(simulator, stream)
        assert rows != before[stream]
        assert rows.keys() <= before[stream].keys()  # some campaigns' days are credited whole


async def test_the_day_on_which_the_clocks_go_back_is_one_day(simulator: RunningSimulator) -> None:
    day = DateRange(dt.date(2026, 10, 25), dt.date(2026, 10, 25))
    async with harness(urls(simulator)) as run:
        pages = await read(run, "campaign_country_day", day)
    found = arrived(pages, "campaign_country_day")
    assert {key[0] for key in found} == {"2026-10-25"}
    assert found == told(simulator, "campaign_country_day", day)
