"""Any history of syncs, any instants: SQL gives what plain loops give. And Google reads our SQL."""

import asyncio
import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer, micros_of
from feature_repo.feature_views import (
    AD_PERFORMANCE,
    CAMPAIGN_PERFORMANCE,
    CHANNEL_PERFORMANCE,
    CLIENT_PERFORMANCE,
    PRODUCT_SALES,
    VIEWS,
)
from feature_repo.statements import asked_features, current_features
from tenancy.sql_guard import ScopeKind, SqlDialect, guard
from tenancy.warehouse.dialect import bigquery_sql
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse
from tests.feature_repo.conftest import A, account
from tests.feature_repo.ledger import Ledger, ad, at, customer, line, order, refund, visits
from tests.fixtures.warehouse import Analyze

ACCOUNTS = (
    account(A, 1),
    account(A, 2, time_zone="America/Los_Angeles", currency="USD"),
    account(A, 3, client=2, time_zone="Pacific/Auckland"),
)
SHOP = account(A, 4, source="shopify", stream="orders")
WEB = account(A, 5, source="ga4", stream="landing_page_day")

numbers = st.integers(1, 30)
amounts = st.decimals(0, 1000, places=2).map(str)
counts = st.none() | st.integers(0, 50)
ads = st.builds(
    ad,
    numbers,
    st.sampled_from(["c1", "c2", None]),
    st.none() | amounts,
    clicks=counts,
    impressions=counts,
    conversions=counts,
    attribution=st.sampled_from([None, "x:7d:sales"]),
    channel=st.sampled_from(["paid_search", "direct"]),
)
by_ad = st.builds(
    ad,
    numbers,
    st.just("c1"),
    amounts,
    clicks=counts,
    ad_id=st.sampled_from(["a1", "a2", None]),
    device=st.sampled_from(["mobile", "desktop"]),
)
moments = st.builds(at, st.integers(0, 32), st.integers(0, 23))
windows = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
ads_syncs = st.one_of(
    [
        st.tuples(
            st.just(fact), st.sampled_from(ACCOUNTS), moments, st.lists(rows, max_size=6), windows
        )
        for fact, rows in (("ads_daily", ads), ("ads_ad_daily", by_ad))
    ]
)
shop_rows = {
    "order_lines": st.builds(
        line,
        numbers,
        st.sampled_from(["l1", "l2", "l3"]),
        st.sampled_from(["p1", "p2", None]),
        amounts,
        counts,
    ),
    "orders": st.builds(order, numbers, st.sampled_from(["o1", "o2", "o3"]), amounts),
    "refunds": st.builds(refund, numbers, st.sampled_from(["r1", "r2"]), amounts),
    "customers": st.builds(customer, numbers, st.sampled_from(["k1", "k2"])),
}
shop_syncs = st.sampled_from(sorted(shop_rows)).flatmap(
    lambda fact: st.tuples(
        st.just(fact), st.just(SHOP), moments, st.lists(shop_rows[fact], max_size=4), st.none()
    )
)
web_syncs = st.tuples(
    st.just("web_daily"),
    st.just(WEB),
    moments,
    st.lists(
        st.builds(visits, numbers, counts, counts, st.sampled_from(["/", "/sale"])), max_size=6
    ),
    windows,
)
histories = st.lists(ads_syncs | shop_syncs | web_syncs, max_size=8)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[asyncio.Runner, Warehouse, Iterator[int]]]:
    """One warehouse for all histories, each of another agency with the same ids of accounts."""
    warehouse = open_warehouse("duckdb://")
    with asyncio.Runner() as runner:
        runner.run(warehouse.ensure_tables(Ledger.tables()))
        yield runner, warehouse, itertools.count(1)
        runner.run(warehouse.close())


anything = given(history=histories, instants=st.lists(moments, min_size=1, max_size=3))


@settings(max_examples=8, deadline=None)
@anything
def test_every_history_gives_what_the_reference_gives(
    world: tuple[asyncio.Runner, Warehouse, Iterator[int]],
    history: list[Any],
    instants: list[dt.datetime],
) -> None:
    _check(world, history, instants)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@anything
def test_sixty_histories_give_what_the_reference_gives(
    world: tuple[asyncio.Runner, Warehouse, Iterator[int]],
    history: list[Any],
    instants: list[dt.datetime],
) -> None:
    _check(world, history, instants)


def _check(
    world: tuple[asyncio.Runner, Warehouse, Iterator[int]],
    history: list[Any],
    instants: list[dt.datetime],
) -> None:
    runner, warehouse, numbers = world
    tenant_id = TenantId(uuid.UUID(int=A.int ^ next(numbers) << 64))
    runner.run(_compare(warehouse, tenant_id, history, instants))


async def _compare(
    warehouse: Warehouse, tenant_id: TenantId, history: list[Any], instants: list[dt.datetime]
) -> None:
    ledger, computer = Ledger(warehouse), FeatureComputer(warehouse)
    days_of_keys: dict[str, dt.date] = {}
    for fact, of, known_at, rows, covers in history:  # newer versions may be known earlier
        unique = {row["natural_key"]: row for row in rows}.values()
        kept = [row for row in unique if _is_loaded(row, covers, days_of_keys)]
        ledger.note(replace(of, tenant_id=tenant_id), fact, known_at, kept, covers)
    await ledger.load()
    scope = TenantScope(tenant_id)
    clients = [str(ACCOUNTS[0].client_id), str(ACCOUNTS[2].client_id)]
    entities = {
        CAMPAIGN_PERFORMANCE: [of.campaign(c) for of in ACCOUNTS for c in ("c1", "c2")],
        AD_PERFORMANCE: [of.campaign(one) for of in ACCOUNTS for one in ("a1", "a2")],
        PRODUCT_SALES: [SHOP.campaign(one) for one in ("p1", "p2")],
        CLIENT_PERFORMANCE: clients,
        CHANNEL_PERFORMANCE: [f"{one}:{by}" for one in clients for by in ("paid_search", "direct")],
    }
    for view, ids in entities.items():
        expected = {
            (entity, micros_of(instant)): values
            for entity in ids
            for instant in instants
            if (values := ledger.reference(tenant_id, view, entity, instant)) is not None
        }
        pairs = [(entity, instant) for entity in ids for instant in instants]
        asked = (await computer.asked(scope, view, pairs)).to_pylist()
        assert _by_key(asked) == _close(expected)
        for instant in set(instants):
            owners = {entity.partition(":")[0] for entity in ids}
            current = (await computer.current(scope, view, owners, instant)).to_pylist()
            moment = micros_of(instant)
            assert _by_key(current) == _close(
                {key: values for key, values in expected.items() if key[1] == moment}
            )


def _is_loaded(
    row: dict[str, Any], covers: tuple[int, int] | None, days_of_keys: dict[str, dt.date]
) -> bool:
    """Rows outside the days of a sync are not loaded; the day of a key never changes."""
    day: dt.date = row["reporting_date"]
    if covers is None:
        return days_of_keys.setdefault(row["natural_key"], day) == day
    return at(covers[0]).date() <= day <= at(covers[1]).date()


def _by_key(rows: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    heads = ("entity", "moment", "client_id")
    return {
        (row["entity"], row["moment"]): {k: v for k, v in row.items() if k not in heads}
        for row in rows
    }


def _close(expected: dict[Any, dict[str, Any]]) -> dict[Any, Any]:
    """Floats up to the last digits: the reference divides in another order."""
    return {
        key: {
            name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            for name, value in values.items()
        }
        for key, values in expected.items()
    }


@pytest.mark.slow
@pytest.mark.xdist_group("zetasql")
@pytest.mark.parametrize("view", VIEWS)
def test_googles_analyzer_reads_every_statement(bigquery_analyzer: Analyze, view: str) -> None:
    dialect = SqlDialect("bigquery", lambda tree: bigquery_sql(tree, dataset_prefix="p"))
    for make in (asked_features, current_features):
        text = guard(make(VIEWS[view]).tree, ScopeKind.CLIENTS, dialect=dialect).text
        bigquery_analyzer(text, Ledger.tables(), "p")
