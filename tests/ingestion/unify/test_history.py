"""What an earlier system told gives way to what the platform tells, whichever comes first."""

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.facts.fact import HISTORY
from tenancy.warehouse.port import Warehouse
from tests.ingestion.unify.ledger import ADS, ORDERS, B, Ledger, ad, order

pytestmark = pytest.mark.anyio

OLD_ADS = dataclasses.replace(ADS, name=HISTORY)
OLD_ORDERS = dataclasses.replace(ORDERS, name=HISTORY)
ONE, TWO = Decimal(1), Decimal(2)


@pytest.fixture
async def ledger(warehouse: Warehouse) -> Ledger:
    await warehouse.ensure_tables([OLD_ADS.raw_table, OLD_ORDERS.raw_table])
    return await Ledger(warehouse).prepare()


@pytest.mark.parametrize("history_is_first", [True, False])
async def test_days_that_the_platform_told_count_once(
    ledger: Ledger, *, history_is_first: bool
) -> None:
    old = [ad(n, "c1", "1") for n in (1, 2, 3, 4)]
    new = [ad(3, "c1", "2"), ad(5, "c1", "2")]  # the fourth had none
    if history_is_first:
        await ledger.bring(1, old, covers=(1, 4), stream=OLD_ADS)
        await ledger.bring(2, new, covers=(3, 5))
    else:
        await ledger.bring(1, new, covers=(3, 5))
        await ledger.bring(2, old, covers=(1, 4), stream=OLD_ADS)
    assert await ledger.spend() == [(1, "c1", ONE), (2, "c1", ONE), (3, "c1", TWO), (5, "c1", TWO)]


async def test_a_later_export_replaces_an_earlier_one(ledger: Ledger) -> None:
    await ledger.bring(1, [ad(1, "c1", "1"), ad(2, "c1", "1")], covers=(1, 2), stream=OLD_ADS)
    await ledger.bring(2, [ad(2, "c2", "2")], covers=(2, 2), stream=OLD_ADS)
    assert await ledger.spend() == [(1, "c1", ONE), (2, "c2", TWO)]


async def test_other_accounts_keep_their_history(ledger: Ledger) -> None:
    await ledger.bring(1, [ad(1, "a", "1")], covers=(1, 1), stream=OLD_ADS)
    await ledger.bring(2, [ad(1, "b", "1")], covers=(1, 1), stream=OLD_ADS, connection=2)
    await ledger.bring(3, [ad(1, "c", "1")], covers=(1, 1), stream=OLD_ADS, tenant=B)
    await ledger.bring(4, [], covers=(1, 1))
    assert await ledger.spend() == [(1, "b", ONE)]
    assert await ledger.spend(B) == [(1, "c", ONE)]


@pytest.mark.parametrize("history_is_first", [True, False])
async def test_orders_before_the_start_of_the_connection_stay(
    ledger: Ledger, *, history_is_first: bool
) -> None:
    old = [order("o1", 4, "1"), order("o2", 5, "1")]
    new = [order("gid-2", 5, "2")]
    if history_is_first:
        await ledger.bring(1, old, stream=OLD_ORDERS)
        await ledger.bring(2, new, covers=(5, None), stream=ORDERS)
    else:
        await ledger.bring(1, new, covers=(5, None), stream=ORDERS)
        await ledger.bring(2, old, stream=OLD_ORDERS)
    assert [(key, day, total) for key, day, total, _ in await ledger.orders()] == [
        ("gid-2", 5, TWO),
        ("o1", 4, ONE),
    ]


# A sync: is it history, its first day, how many more, when it arrives; its spend is its version.
_SYNCS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 5), st.integers(0, 4), st.integers()),
    min_size=1,
    max_size=5,
)


@given(syncs=_SYNCS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_order_of_arrival_gives_each_day_its_last_word(
    duckdb_warehouse: Warehouse, syncs: list[tuple[bool, int, int, int]]
) -> None:
    await duckdb_warehouse.ensure_tables([OLD_ADS.raw_table])
    ledger = await Ledger(duckdb_warehouse).prepare()
    connection = next(_numbers)  # the warehouse is one for all examples
    numbered = list(enumerate(syncs, start=1))
    for version, (is_history, first, more, _) in sorted(numbered, key=lambda item: item[1][3]):
        days = range(first, min(5, first + more) + 1)
        await ledger.bring(
            connection * 100 + version,
            [ad(n, "c1", str(version)) for n in days],
            covers=(days[0], days[-1]),
            connection=connection,
            stream=OLD_ADS if is_history else ADS,
        )
    expected: dict[int, Decimal] = {}
    for is_platform in (False, True):  # the platform's word comes over what was told before
        for version, (is_history, first, more, _) in numbered:
            if is_history is not is_platform:
                days = range(first, min(5, first + more) + 1)
                expected |= dict.fromkeys(days, Decimal(version))
    found = await ledger.ask(
        "SELECT m.reporting_date, m.spend FROM marts.ads_daily AS m"
        " WHERE m.connection_id = @connection ORDER BY m.reporting_date",
        connection=f"00000000-0000-0000-0000-{0xF0 + connection:012x}",
    )
    assert {day.day: spend for day, spend in found} == expected


_numbers = iter(range(10, 10_000))
