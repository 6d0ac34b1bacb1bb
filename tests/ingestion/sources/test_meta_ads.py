"""Meta Ads through the real extractor: every level is the simulator's truth, to the cent."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    ApiVersionRetiredError,
    CredentialsRejectedError,
    ProviderError,
    UnknownFieldRequestedError,
)
from ingestion.connector.job import Account, DiscoveredAccount
from ingestion.connector.spec import SourceSpec
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.documented_fault import DocumentedFault
from tests.ingestion.sources.documented_faults import plays
from tests.ingestion.sources.meta import (
    ACCOUNT,
    FORTNIGHT,
    KEYS,
    SOURCE,
    TOKEN,
    arrived,
    list_rows,
    read,
    told,
    urls,
)

pytestmark = pytest.mark.anyio

SIX_WEEKS = DateRange(dt.date(2026, 9, 20), dt.date(2026, 11, 1))
NOBODY = Account("", {}, "", "")


@pytest.mark.parametrize("stream", KEYS)
async def test_a_level_is_the_simulator_s_truth(simulator: RunningSimulator, stream: str) -> None:
    async with harness(urls(simulator)) as run:
        pages = await read(run, stream, SIX_WEEKS)
    assert arrived(stream, pages) == told(simulator, stream, SIX_WEEKS)
    assert [row for page in pages for row in page.rejected] == []
    assert [item for page in pages for item in page.drift] == []


async def test_what_is_deleted_or_archived_today_still_counts(simulator: RunningSimulator) -> None:
    """The launch campaign of the weeks before is deleted, and every ad of theirs is gone."""
    async with harness(urls(simulator)) as run:
        campaigns = list_rows(await read(run, "campaign_day", SIX_WEEKS))
        ads = list_rows(await read(run, "ad_day", SIX_WEEKS))
    launches = {row["campaign_id"] for row in campaigns if "Launch" in row["campaign_name"]}
    firsts = {row["ad_id"] for row in ads if row["ad_name"].startswith("Creative 1,")}
    assert len(launches) == 2
    assert len(firsts) > len({row["ad_set_id"] for row in ads})


async def test_levels_add_up_to_the_account(simulator: RunningSimulator) -> None:
    totals = []
    async with harness(urls(simulator)) as run:
        for stream in KEYS:
            found = arrived(stream, await read(run, stream)).values()
            totals.append(tuple(sum(column) for column in zip(*found, strict=True)))
    assert len(totals) == 4
    assert len(set(totals)) == 1


async def test_ads_are_ordered_and_come_in_several_pages(simulator: RunningSimulator) -> None:
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day")
    sizes = [page.batch.num_rows for page in pages]
    assert sizes == [0, 500, 500, 344]  # the order itself is a page, kept at once
    assert run.waits == [1.25]  # under way at the first look


async def test_names_and_words(simulator: RunningSimulator) -> None:
    async with harness(urls(simulator)) as run:
        ads = list_rows(await read(run, "ad_day"))
        countries = list_rows(await read(run, "campaign_country_day"))
    first = ads[0]
    assert first["ad_id"].startswith(first["ad_set_id"])
    assert first["ad_set_id"].startswith(first["campaign_id"])
    assert (first["campaign_name"], first["ad_set_name"]) == (
        "Acme Shoes | Prospecting 1",
        "Audience 1",
    )
    assert {row["device_platform"] for row in ads} == {
        *("mobile_app", "mobile_web", "desktop", "unknown")
    }
    assert {row["country"] for row in countries} == {"DE", "US", "GB", "AT", None}
    assert min(row["purchases"] for row in ads) == 0  # left out by Meta: zero, not unknown


async def test_days_of_a_zone_west_of_utc_over_the_end_of_summer_time(
    simulator: RunningSimulator,
) -> None:
    simulator.move_clock(dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC))
    york = Account("333333333333333", {}, "USD", "America/New_York")
    days = DateRange(dt.date(2026, 10, 30), dt.date(2026, 11, 2))
    async with harness(urls(simulator)) as run:
        token = {"access_token": "EAAharborpine-system-user"}
        rows = list_rows(await read(run, "account_day", days, account=york, token=token))
    truth = simulator.truth(
        "meta_ads", york.account_id, **{"from": "2026-10-30", "to": "2026-11-02", "by": "day"}
    )
    assert [(f"{row['date']}", row["spend"]) for row in rows] == [
        (row["day"], Decimal(row["spend"])) for row in truth["rows"]
    ]
    assert len(rows) == 4


async def test_days_are_restated_as_long_as_the_file_says(simulator: RunningSimulator) -> None:
    async with harness(urls(simulator)) as run:
        before = arrived("account_day", await read(run, "account_day", SIX_WEEKS))
        simulator.move_clock(dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC))
        after = arrived("account_day", await read(run, "account_day", SIX_WEEKS))
    changed = [day for (day,), numbers in before.items() if after[(day,)] != numbers]
    # On the 2nd the youngest whole day was the 1st; 28 days were read then, the oldest one final.
    assert changed == [
        f"{dt.date(2026, 11, 1) - dt.timedelta(days=age)}" for age in reversed(range(27))
    ]
    assert SOURCE.streams["account_day"].restates_days == 28


async def test_check_and_discover(simulator: RunningSimulator) -> None:
    acme = DiscoveredAccount("111111111111111", "Acme Shoes", "EUR", "Europe/Berlin")
    async with harness(urls(simulator)) as run:
        asked = Account("act_111111111111111", {}, "", "")
        assert await run.extractor.check(SOURCE, asked, TOKEN, {}) == acme
        found = await run.extractor.discover(SOURCE, NOBODY, TOKEN, {})
    assert found == [
        acme,
        DiscoveredAccount("222222222222222", "Bluebird Coffee", "EUR", "Europe/Berlin"),
    ]


@pytest.mark.parametrize("number", ["333333333333333", "999999999999999"])
async def test_the_account_of_another_is_not_found(
    simulator: RunningSimulator, number: str
) -> None:
    other = Account(number, {}, "EUR", "Europe/Berlin")
    async with harness(urls(simulator)) as run:
        with pytest.raises(AccountNotAccessibleError) as checked:
            await run.extractor.check(SOURCE, other, TOKEN, {})
        with pytest.raises(AccountNotAccessibleError) as ordered:
            await read(run, "ad_day", account=other)
    hint = (
        "(check the ad account id, and that the user or system user of the token is assigned to "
        "this ad account)"
    )
    for method, error in (("get", checked.value), ("post", ordered.value)):
        assert str(error) == (
            f"Meta Ads refused the request: Unsupported {method} request. Object with ID "
            f"'act_{number}' does not exist, cannot be loaded due to missing permissions, or does "
            "not support this operation. Please read the Graph API documentation at "
            f"https://developers.facebook.com/docs/graph-api (100, request {error.request_id}) "
            f"{hint}"
        )


# What a refusal becomes: kind of error, words of Meta, hint.
BECOMES: Mapping[tuple[int, int], tuple[type[ProviderError], str, str]] = {
    (190, 463): (
        CredentialsRejectedError,
        "Error validating access token: Session has expired",
        ("connect the account again: its access token has run out; that of a system user does not"),
    ),
    (190, 460): (
        CredentialsRejectedError,
        "the user changed their password",
        "connect the account again: its user changed the password, or Meta ended the session",
    ),
    (190, 458): (
        CredentialsRejectedError,
        "The user has not authorized application",
        "connect the account again: its user has withdrawn the app's permission",
    ),
    (102, 0): (
        CredentialsRejectedError,
        "Session key invalid or no longer valid",
        "connect the account again; the permission was withdrawn or has run out",
    ),
    (200, 0): (
        AccountNotAccessibleError,
        "Ad account owner has NOT grant ads_management or ads_read permission",
        "let the owner of the ad account grant the app the permission ads_read",
    ),
    (2, 1504041): (
        UnknownFieldRequestedError,
        "No data is available for the requested metrics and breakdowns.",
        "compare the request in the source file with the provider's field list of this version",
    ),
    (12, 0): (ProviderError, "(#12) The request is refused.", ""),
}


@plays("meta_ads")
async def test_refusals_say_what_to_do(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(urls(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run, "campaign_day")
    kind, words, hint = BECOMES[fault.play["code"], fault.play["subcode"]]
    assert type(caught.value) is kind
    assert words in caught.value.message
    assert caught.value.hint == hint
    assert caught.value.message.endswith(
        f" ({fault.play['code']}, request {caught.value.request_id})"
    )
    assert len(caught.value.request_id) == 20
    assert TOKEN["access_token"] not in str(caught.value)
    assert run.waits == []


async def test_a_token_that_meta_does_not_know_is_told(simulator: RunningSimulator) -> None:
    async with harness(urls(simulator)) as run:
        with pytest.raises(CredentialsRejectedError) as caught:
            await read(run, "account_day", token={"access_token": "EAAunknown"})
    assert str(caught.value) == (
        "Meta Ads refused the request: Invalid OAuth access token - Cannot parse access token "
        f"(190, request {caught.value.request_id}) "
        "(connect the account again; the permission was withdrawn or has run out)"
    )


async def test_days_older_than_the_history_are_refused_with_a_hint(
    simulator: RunningSimulator,
) -> None:
    old = DateRange(dt.date(2023, 9, 1), dt.date(2023, 9, 2))
    async with harness(urls(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run, "account_day", old)
    assert str(caught.value) == (
        "Meta Ads refused the request: (#3018) The start date of the time range cannot be beyond "
        f"37 months from the current date (3018, request {caught.value.request_id}) "
        "(Meta keeps the last 37 months: ask for later days)"
    )


@pytest.mark.parametrize("today", ["2026-02-28", "2026-03-01", "2026-03-31", "2028-03-30"])
async def test_days_within_the_planned_history_are_answered(
    simulator: RunningSimulator, today: str
) -> None:
    noon = dt.datetime.fromisoformat(f"{today}T12:00:00+00:00")
    simulator.move_clock(noon)
    oldest = noon.date() - dt.timedelta(days=SOURCE.streams["account_day"].history_days)
    async with harness(urls(simulator)) as run:
        (page,) = await read(run, "account_day", DateRange(oldest, oldest))
    assert page.last


async def test_a_retired_version_is_told(simulator: RunningSimulator) -> None:
    old = {"meta_ads": f"{simulator.url}/meta_ads/v24.0"}
    async with harness(old) as run:
        with pytest.raises(ApiVersionRetiredError) as caught:
            await read(run, "account_day")
    assert caught.value.hint == "set a newer api.version in the source file and check its fields"


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("fields", "spend,reach_of_tv", "reach_of_tv is not valid for fields param"),
        ("action_attribution_windows", '["7d_view"]', "must be one of the following values"),
        ("breakdowns", "country,device_platform", "data breakdown columns"),
    ],
)
async def test_fields_that_meta_no_longer_knows_are_told(
    simulator: RunningSimulator, parameter: str, value: str, words: str
) -> None:
    changed = _with_query(parameter, value)
    async with harness(urls(simulator)) as run:
        with pytest.raises(UnknownFieldRequestedError, match=words):
            await run.read(changed, "account_day", FORTNIGHT, None, ACCOUNT, TOKEN, {})


def _with_query(name: str, value: str) -> SourceSpec:
    """The source with another parameter in the request of the account."""
    stream = SOURCE.streams["account_day"]
    assert stream.request is not None
    request = dataclasses.replace(stream.request, query={**stream.request.query, name: value})
    streams = {**SOURCE.streams, "account_day": dataclasses.replace(stream, request=request)}
    return dataclasses.replace(SOURCE, streams=streams)


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    simulator.fault("changed_type", operation="insights", times=1, rows=3)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "campaign_day")
    rejected = [row for page in pages for row in page.rejected]
    assert [(row.row_number, row.field, row.reason) for row in rejected] == [
        (number, "all_clicks", "not_a_number") for number in (1, 2, 3)
    ]
    assert len(list_rows(pages)) == len(told(simulator, "campaign_day")) - 3


async def test_rows_without_their_id_are_quarantined(simulator: RunningSimulator) -> None:
    simulator.fault("missing_field", operation="insights", rows=2)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "campaign_day")
    rejected = [row for page in pages for row in page.rejected]
    assert [(row.row_number, row.field, row.reason, row.message) for row in rejected] == [
        (number, "campaign_id", "missing", "has no value") for number in (1, 2)
    ]


async def test_a_field_that_is_gone_is_told_once(simulator: RunningSimulator) -> None:
    simulator.fault("missing_field", operation="insights", field="campaign_id")
    async with harness(urls(simulator)) as run:
        pages = await read(run, "campaign_day")
    assert [(item.kind, item.field) for page in pages for item in page.drift] == [
        ("missing_field", "campaign_id")
    ]


async def test_new_fields_are_kept_and_told_once(simulator: RunningSimulator) -> None:
    simulator.fault("unknown_field", operation="report", times=None)
    async with harness(urls(simulator)) as run:
        pages = await read(run, "ad_day")
    assert [(item.kind, item.field) for page in pages for item in page.drift] == [
        ("new_field", "auction_signal")
    ]
    kept = {row["unknown_fields"] for row in list_rows(pages)}
    assert kept == {'{"auction_signal":{"bucket":"7"}}'}
    assert arrived("ad_day", pages) == told(simulator, "ad_day")
