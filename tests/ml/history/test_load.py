"""Histories out of a warehouse, against plain loops over the same syncs."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ports import TenantScope
from ml.history.load import HistoryLoader
from ml.history.topics import TopicName
from ml.panel import History, Measure, Panel
from tenancy.warehouse.open import open_warehouse
from tests.feature_repo.conftest import A, B, account
from tests.feature_repo.ledger import Account, Ledger, ad, at, day, order, visits

pytestmark = pytest.mark.anyio

FIRST, LAST = day(1), day(10)
ACCOUNT = account(A, 1)
NAN = float("nan")


@asynccontextmanager
async def opened() -> AsyncIterator[Ledger]:
    warehouse = open_warehouse("duckdb://")
    await warehouse.ensure_tables(Ledger.tables())
    yield Ledger(warehouse)
    await warehouse.close()


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    async with opened() as empty:
        yield empty


async def load(ledger: Ledger, topic: TopicName, as_of: dt.datetime, tenant: object = A) -> History:
    assert tenant in {A, B}
    loader = HistoryLoader(ledger.warehouse)
    scope = TenantScope(A if tenant == A else B)
    return (await loader.load(scope, [topic], FIRST, LAST, as_of))[topic]


def figures(panel: Panel, measure: Measure) -> dict[str, list[float]]:
    """By campaign, or by account and channel."""
    return {
        one.campaign or f"{one.connection} {one.channel}": row.tolist()
        for one, row in zip(panel.series, panel.values[measure], strict=True)
    }


def campaign(number: int) -> str:
    return ACCOUNT.campaign(f"c{number}")


async def test_each_instant_sees_what_had_landed_by_then(ledger: Ledger) -> None:
    await ledger.sync(ACCOUNT, "ads_daily", at(3), [ad(2, "c1", "5"), ad(2, "c2", "1")], (1, 2))
    await ledger.sync(ACCOUNT, "ads_daily", at(4), [ad(2, "c1", "6"), ad(3, "c1", "7")], (2, 3))
    history = await load(ledger, TopicName.ADS, at(5))
    spend = figures(history.as_of(at(3)), Measure.SPEND)
    assert spend[campaign(1)][:4] == pytest.approx([NAN, 5, NAN, NAN], nan_ok=True)
    # The second sync has taken c2 away: it spent nothing, on either day.
    spend = figures(history.latest(), Measure.SPEND)
    assert spend[campaign(1)][:4] == pytest.approx([NAN, 6, 7, NAN], nan_ok=True)
    assert spend[campaign(2)][:4] == pytest.approx([NAN, 0, 0, NAN], nan_ok=True)


async def test_what_landed_later_is_not_read(ledger: Ledger) -> None:
    await ledger.sync(ACCOUNT, "ads_daily", at(3), [ad(2, "c1", "5")], (2, 2))
    await ledger.sync(ACCOUNT, "ads_daily", at(4), [ad(2, "c1", "6")], (2, 2))
    history = await load(ledger, TopicName.ADS, at(3))
    assert figures(history.latest(), Measure.SPEND)[campaign(1)][1] == 5


async def test_a_restatement_that_changes_nothing_leaves_no_revision(ledger: Ledger) -> None:
    for landed in (3, 4, 5):
        await ledger.sync(ACCOUNT, "ads_daily", at(landed), [ad(2, "c1", "5")], (2, 2))
    history = await load(ledger, TopicName.ADS, at(6))
    assert len(history.row) == 1


async def test_devices_of_a_campaign_are_added(ledger: Ledger) -> None:
    rows = [ad(2, "c1", "0.1", device="mobile"), ad(2, "c1", "0.2", device="desktop")]
    await ledger.sync(ACCOUNT, "ads_daily", at(3), rows, (2, 2))
    history = await load(ledger, TopicName.ADS, at(4))
    assert figures(history.latest(), Measure.SPEND)[campaign(1)][1] == 0.3


async def test_a_measure_that_no_row_tells_is_not_known(ledger: Ledger) -> None:
    rows = [ad(2, "c1", "5", conversions=None), ad(3, "c1", "5", conversions=Decimal(2))]
    await ledger.sync(ACCOUNT, "ads_daily", at(4), rows, (2, 3))
    history = await load(ledger, TopicName.ADS, at(5))
    conversions = figures(history.latest(), Measure.CONVERSIONS)[campaign(1)]
    assert conversions[1:3] == pytest.approx([NAN, 2], nan_ok=True)


async def test_what_the_account_does_not_tell_by_campaign_is_a_series(ledger: Ledger) -> None:
    await ledger.sync(ACCOUNT, "ads_daily", at(3), [ad(2, None, "5")], (2, 2))
    history = await load(ledger, TopicName.ADS, at(4))
    assert figures(history.latest(), Measure.SPEND)[f"{ACCOUNT.connection_id}:"][1] == 5


async def test_orders_are_counted_and_a_day_without_any_is_zero(ledger: Ledger) -> None:
    shop = account(A, 2, source="shopify", stream="orders")
    await ledger.sync(shop, "orders", at(3), [order(1, "o1", "10"), order(3, "o2", "20")])
    await ledger.sync(shop, "orders", at(4), [order(1, "o1", "12")])
    history = await load(ledger, TopicName.SHOP, at(5))
    (revenue,) = figures(history.latest(), Measure.SALES).values()
    (orders,) = figures(history.latest(), Measure.ORDERS).values()
    # The last sync landed at noon of day 4: day 3 is over, day 4 is not.
    assert revenue[:5] == pytest.approx([12, 0, 20, NAN, NAN], nan_ok=True)
    assert orders[:5] == pytest.approx([1, 0, 1, NAN, NAN], nan_ok=True)


async def test_visits_are_told_by_channel(ledger: Ledger) -> None:
    site = account(A, 3, source="ga4", stream="sessions")
    rows = [visits(2, 7, 1, "/"), visits(2, 5, 1, "/shoes")]
    await ledger.sync(site, "web_daily", at(3), rows, (2, 3))
    history = await load(ledger, TopicName.WEB, at(4))
    assert figures(history.latest(), Measure.SESSIONS) == {
        f"{site.connection_id} direct": pytest.approx([NAN, 12, 0] + [NAN] * 7, nan_ok=True)
    }


async def test_an_agency_without_facts_has_an_empty_history(ledger: Ledger) -> None:
    await ledger.sync(ACCOUNT, "ads_daily", at(3), [ad(2, "c1", "5")], (2, 2))
    history = await load(ledger, TopicName.ADS, at(4), B)
    assert history.series == ()
    assert history.latest().values[Measure.SPEND].shape == (0, 10)


# Syncs: landing instant, covered days, and (day, campaign, spend) told.
synced = st.tuples(
    st.integers(1, 4),
    st.integers(0, 3),
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 2), st.integers(0, 3)),
        unique_by=lambda one: one[:2],
        max_size=5,
    ),
)


def expected_spend(ledger: Ledger, one: Account, instant: dt.datetime) -> dict[str, list[float]]:
    """Reads syncs one by one, as they landed."""
    rows = ledger.known(one.tenant_id, "ads_daily", instant)
    told = {(row["campaign_id"], row["reporting_date"]): float(row["spend"]) for row in rows}
    ever = {
        (row["campaign_id"], row["reporting_date"])
        for sync in ledger.syncs
        if sync.known_at <= instant
        for row in sync.rows
    }
    found = {}
    for name in {name for name, _ in ever}:
        begin = min(date for other, date in ever if other == name)
        line = []
        for number in range(1, 11):
            is_covered = any(
                sync.known_at <= instant
                and sync.covers is not None
                and sync.covers[0] <= day(number) <= sync.covers[1]
                for sync in ledger.syncs
            )
            is_there = is_covered and day(number) >= begin
            line.append(told.get((name, day(number)), 0.0) if is_there else NAN)
        found[one.campaign(name)] = line
    return found


@settings(max_examples=15, deadline=None)
@given(st.lists(synced, min_size=1, max_size=5), st.integers(3, 9))
def test_any_syncs_at_any_instant(
    syncs: list[tuple[int, int, list[tuple[int, int, int]]]], when: int
) -> None:
    async def check() -> None:
        async with opened() as ledger:
            for landed, (first, more, told) in enumerate(syncs, start=4):
                rows = [
                    ad(first + offset, f"c{number}", str(spend))
                    for offset, number, spend in told
                    if offset <= more
                ]
                ledger.note(ACCOUNT, "ads_daily", at(landed), rows, (first, first + more))
            await ledger.load()
            whole = await load(ledger, TopicName.ADS, at(20))
            then = await load(ledger, TopicName.ADS, at(when))
            expected = expected_spend(ledger, ACCOUNT, at(when))
            seen = figures(then.latest(), Measure.SPEND)
            assert seen == {name: pytest.approx(row, nan_ok=True) for name, row in expected.items()}
            later = figures(whole.as_of(at(when)), Measure.SPEND)
            for name, row in later.items():
                np.testing.assert_array_equal(row, expected.get(name, [NAN] * 10))

    asyncio.run(check())


async def test_a_day_is_told_whole_by_the_first_sync_after_its_end(ledger: Ledger) -> None:
    """It ends at midnight in Berlin, 23:00 UTC."""
    rows = [ad(2, "c1", "5")]
    for landed in (at(2), at(2, 22), at(2, 23), at(4)):
        await ledger.sync(ACCOUNT, "ads_daily", landed, rows, (2, 2))
    await ledger.sync(ACCOUNT, "ads_daily", at(5), [ad(3, "c1", "5")], (3, 3))
    loaded = await HistoryLoader(ledger.warehouse).load_told(
        TenantScope(A), [TopicName.ADS], FIRST, LAST, at(6)
    )
    history, whole = loaded[TopicName.ADS]
    assert whole.shape == (1, history.steps)
    told = [int(at(2, 23).timestamp()) * 1_000_000, int(at(5).timestamp()) * 1_000_000]
    assert whole[0, 1:3].tolist() == told
    assert set(whole[0, [0, *range(3, 10)]]) == {np.iinfo(np.int64).max}
