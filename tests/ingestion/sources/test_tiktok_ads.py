"""TikTok Ads through the real extractor: what it holds arrives, whole and exact."""

import datetime as dt
from decimal import Decimal

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import (
    AccountNotAccessibleError,
)
from ingestion.connector.job import Account, DiscoveredAccount
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.tiktok import (
    ACCOUNT,
    AD_KEYS,
    APP,
    DAYS,
    SMALL_PAGES,
    SOURCE,
    TOKEN,
    arrived,
    list_rows,
    read,
    simulated,
    told,
)

pytestmark = pytest.mark.anyio


async def test_every_level_is_the_simulator_s_truth(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        account = await read(run, "account_day")
        campaigns = await read(run, "campaign_day")
        ads = await read(run, "ad_day")
        countries = await read(run, "campaign_country_day")
    assert arrived(account, "date") == told(simulator, "day")
    assert arrived(campaigns, "date", "campaign_id") == told(simulator, "day", "campaign")
    assert arrived(ads, *AD_KEYS) == told(simulator, "day", "campaign", "ad")
    assert arrived(countries, "date", "campaign_id", "country_code") == told(
        simulator, "day", "campaign", "country"
    )
    for pages in (account, campaigns, ads, countries):
        assert [row for page in pages for row in page.rejected] == []
        assert [item for page in pages for item in page.drift] == []


async def test_a_slice_of_several_pages_is_handed_out_whole(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        pages = await read(run, "ad_day", SMALL_PAGES)
    assert [(page.batch.num_rows, page.requests) for page in pages] == [(900, 3), (390, 1)]
    assert arrived(pages, *AD_KEYS) == told(simulator, "day", "campaign", "ad")


async def test_values_and_names(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
        ads = list_rows(await read(run, "ad_day"))
        campaigns = list_rows(await read(run, "campaign_day"))
        countries = list_rows(await read(run, "campaign_country_day"))
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


async def test_check_and_discover(simulator: RunningSimulator) -> None:
    async with harness(simulated(simulator)) as run:
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


async def test_the_days_that_change_are_those_that_are_read_again(
    simulator: RunningSimulator,
) -> None:
    async with harness(simulated(simulator)) as run:
        before = list_rows(await read(run, "account_day"))
        simulator.move_clock(dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC))
        after = list_rows(await read(run, "account_day"))
    pairs = list(zip(before, after, strict=True))
    changed = [old["date"] for old, new in pairs if old["payment_value"] != new["payment_value"]]
    # The plan of 3 November begins with 6 October: 28 days, the last of them new.
    assert changed == list(DateRange(dt.date(2026, 10, 6), dt.date(2026, 11, 1)))
    assert len(changed) == SOURCE.streams["account_day"].restates_days - 1
    assert [old["spend"] for old, _ in pairs] == [new["spend"] for _, new in pairs]
