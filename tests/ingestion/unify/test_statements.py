"""Unification on both engines: what is mapped, what replaces what, and what may be repeated."""

import dataclasses
import datetime as dt
import itertools
from decimal import Decimal

import pytest

from domain.facts import FACTS
from ingestion.connector.spec import StreamSpec
from ingestion.unify.statements import SYNC_IDS, insert_facts
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse
from tests.ingestion.unify.ledger import ADS, ORDERS, A, B, Ledger, ad, day, order

pytestmark = pytest.mark.anyio

BOTH_ENGINES = pytest.mark.parametrize("warehouse", ["duckdb", "bigquery"], indirect=True)

ONE, TWO, THREE = Decimal(1), Decimal(2), Decimal(3)


@pytest.fixture
async def ledger(warehouse: Warehouse) -> Ledger:
    return await Ledger(warehouse).prepare()


@BOTH_ENGINES
async def test_maps_every_kind_of_column(ledger: Ledger) -> None:
    rows = [
        ad(1, "c1", "1.123456789"),
        ad(2, "c2", "2", kind="D"),
        ad(3, "c3", "3", kind="?", clicks=None),
        ad(4, None, "4", kind=None, screen=None),
    ]
    await ledger.bring(1, rows, covers=(1, 14))
    found = await ledger.ask(
        "SELECT m.channel, m.device, m.campaign_id, m.campaign_name, m.attribution, m.currency,"
        " m.time_zone, m.spend, m.clicks, m.impressions, m.conversions"
        " FROM marts.ads_daily AS m ORDER BY m.reporting_date"
    )
    account = ("web:7d:sales", "EUR", "Europe/Berlin")
    assert found == [
        ("paid_search", "mobile", "c1", "c1", *account, Decimal("1.123456789"), 1, None, None),
        ("display", "mobile", "c2", "c2", *account, TWO, 1, None, None),
        ("other", "mobile", "c3", "c3", *account, THREE, None, None, None),
        ("direct", None, None, "nameless", *account, Decimal(4), 1, None, None),
    ]


async def test_stamps_the_envelope(ledger: Ledger) -> None:
    await ledger.bring(7, [ad(1, "c1", "1"), ad(2, None, "2", screen=None)], covers=(1, 2))
    found = await ledger.ask(
        "SELECT f.tenant_id, f.client_id, f.connection_id, f.natural_key, f.source, f.stream,"
        " f.sync_id, f.version, f.known_at FROM facts.ads_daily AS f ORDER BY f.reporting_date"
    )
    start = (
        str(A),
        "00000000-0000-0000-0000-0000000000c1",
        "00000000-0000-0000-0000-0000000000f1",
    )
    end = (
        "web",
        "ads",
        "00000000-0000-0000-0000-000000000007",
        7,
        dt.datetime(2026, 4, 1, 7, tzinfo=dt.UTC),
    )
    assert found == [
        (*start, "c1\x1f2026-03-01\x1fM", *end),
        (*start, "\x1f2026-03-02\x1f", *end),
    ]


async def test_a_record_sent_twice_in_one_sync_counts_once(ledger: Ledger) -> None:
    rows = [ad(1, "c1", "1"), ad(1, "c2", "5"), ad(1, "c1", "2")]
    await ledger.bring(1, rows, covers=(1, 1))
    assert await ledger.spend() == [(1, "c1", TWO), (1, "c2", Decimal(5))]


async def test_days_that_were_not_asked_for_are_left_out(ledger: Ledger) -> None:
    await ledger.bring(1, [ad(3, "c1", "3")], covers=(3, 3))
    sync = await ledger.bring(2, [ad(2, "c1", "2"), ad(3, "c1", "9")], covers=(1, 2))
    await ledger.unify(sync)
    assert await ledger.spend() == [(2, "c1", TWO), (3, "c1", THREE)]


async def test_a_newer_sync_replaces_its_days_only(ledger: Ledger) -> None:
    await ledger.bring(1, [ad(n, "c1", "1") for n in (1, 2, 3)], covers=(1, 3))
    await ledger.bring(2, [ad(2, "c1", "2")], covers=(2, 2))
    assert await ledger.spend() == [(1, "c1", ONE), (2, "c1", TWO), (3, "c1", ONE)]


@BOTH_ENGINES
async def test_rows_that_vanished_at_the_provider_vanish_here(ledger: Ledger) -> None:
    await ledger.bring(1, [ad(1, "c1", "1"), ad(1, "c2", "1"), ad(2, "c1", "1")], covers=(1, 2))
    await ledger.bring(2, [ad(1, "c2", "2")], covers=(1, 1))
    assert await ledger.spend() == [(1, "c2", TWO), (2, "c1", ONE)]
    await ledger.bring(3, [], covers=(1, 2))
    assert await ledger.spend() == []


async def test_other_connections_streams_and_tenants_stay(ledger: Ledger) -> None:
    more = dataclasses.replace(ADS, name="more")
    await ledger.warehouse.ensure_tables([more.raw_table])
    await ledger.bring(1, [ad(1, "one", "1")], covers=(1, 1))
    await ledger.bring(2, [ad(1, "two", "1")], covers=(1, 1), connection=2)
    await ledger.bring(3, [ad(1, "stream", "1")], covers=(1, 1), stream=more)
    await ledger.bring(4, [ad(1, "b", "1")], covers=(1, 1), tenant=B)
    await ledger.bring(5, [ad(1, "new", "9")], covers=(1, 1))
    assert await ledger.spend() == [(1, "new", Decimal(9)), (1, "stream", ONE), (1, "two", ONE)]
    assert await ledger.spend(B) == [(1, "b", ONE)]


async def test_an_older_sync_that_arrives_later_does_not_win(ledger: Ledger) -> None:
    await ledger.bring(5, [ad(2, "c1", "5")], covers=(2, 3))
    await ledger.bring(4, [ad(n, "c1", "4") for n in (1, 2, 3)], covers=(1, 3))
    assert await ledger.spend() == [(1, "c1", Decimal(4)), (2, "c1", Decimal(5))]


async def test_syncs_of_one_batch_replace_each_other_by_version(ledger: Ledger) -> None:
    newer = await ledger.add(2, [ad(1, "c1", "2")], covers=(1, 1))
    older = await ledger.add(1, [ad(1, "c1", "1"), ad(2, "c1", "1")], covers=(1, 2))
    foreign = await ledger.add(3, [ad(1, "c1", "3")], covers=(1, 1), tenant=B)
    await ledger.unify(newer, older, foreign, tenants=frozenset({A, B}))
    assert await ledger.spend() == [(1, "c1", TWO), (2, "c1", ONE)]
    assert await ledger.spend(B) == [(1, "c1", THREE)]


@pytest.mark.parametrize("stream", [ADS, ORDERS], ids=lambda stream: stream.fact)
async def test_running_every_statement_again_changes_nothing(
    ledger: Ledger, stream: StreamSpec
) -> None:
    if stream is ADS:
        first = await ledger.bring(1, [ad(1, "c1", "1"), ad(2, "c1", "1")], covers=(1, 2))
        second = await ledger.bring(2, [ad(1, "c1", "2")], covers=(1, 1))
    else:
        first = await ledger.bring(1, [order("o1", 1, "1"), order("o2", 1, "1")], stream=ORDERS)
        second = await ledger.bring(2, [order("o1", 2, "2")], stream=ORDERS)
    tables = [
        f"SELECT COUNT(*) AS n, SUM(x.version) AS v FROM {table} AS x"
        for table in ("facts.syncs", "facts.ads_daily", "facts.orders", "marts.ads_daily")
    ]
    before = [await ledger.ask(text) for text in tables], await ledger.orders()
    for syncs in ([first], [second], [second, first]):
        await ledger.unify(*syncs, stream=stream)
        assert ([await ledger.ask(text) for text in tables], await ledger.orders()) == before


@BOTH_ENGINES
async def test_orders_are_replaced_by_key(ledger: Ledger) -> None:
    await ledger.bring(1, [order("o1", 1, "10"), order("o2", 1, "20")], stream=ORDERS)
    await ledger.bring(2, [order("o1", 5, "11", "?"), order("o3", 5, "30")], stream=ORDERS)
    assert await ledger.orders() == [
        ("o1", 5, Decimal(11), 2),  # its day moved
        ("o2", 1, Decimal(20), 1),
        ("o3", 5, Decimal(30), 2),
    ]


async def test_orders_before_the_start_do_not_count(ledger: Ledger) -> None:
    rows = [order("o1", 4, "1"), order("o2", 5, "2"), order("o3", 31, "3")]
    sync = await ledger.bring(1, rows, covers=(5, None), stream=ORDERS)
    await ledger.unify(sync, stream=ORDERS)
    assert await ledger.orders() == [("o2", 5, TWO, 1), ("o3", 31, THREE, 1)]
    assert await ledger.ask("SELECT r.id FROM raw.shop__orders AS r ORDER BY r.id") == [
        ("o1",),
        ("o2",),
        ("o3",),
    ]
    await ledger.bring(2, [order("o1", 4, "9")], stream=ORDERS)  # without a start: a file
    assert await ledger.orders() == [
        ("o1", 4, Decimal(9), 2),
        ("o2", 5, TWO, 1),
        ("o3", 31, THREE, 1),
    ]


async def test_the_start_takes_no_older_orders_away(ledger: Ledger) -> None:
    await ledger.bring(
        1, [order("o1", 5, "1"), order("o2", 6, "2")], covers=(5, None), stream=ORDERS
    )
    await ledger.bring(2, [order("o2", 6, "3")], covers=(5, None), stream=ORDERS)
    assert await ledger.orders() == [("o1", 5, ONE, 1), ("o2", 6, THREE, 2)]


async def test_an_older_version_of_an_order_loses(ledger: Ledger) -> None:
    await ledger.bring(9, [order("o1", 2, "9")], stream=ORDERS)
    await ledger.bring(8, [order("o1", 1, "8"), order("o2", 1, "8")], stream=ORDERS)
    newest = await ledger.add(11, [order("o2", 1, "11")], stream=ORDERS)
    older = await ledger.add(10, [order("o2", 1, "10")], stream=ORDERS)
    await ledger.unify(older, newest, stream=ORDERS)
    assert await ledger.orders() == [("o1", 2, Decimal(9), 9), ("o2", 1, Decimal(11), 11)]


async def test_an_order_of_another_connection_or_tenant_stays(ledger: Ledger) -> None:
    await ledger.bring(1, [order("o1", 1, "1")], stream=ORDERS)
    await ledger.bring(2, [order("o1", 1, "2")], stream=ORDERS, connection=2)
    await ledger.bring(3, [order("o1", 1, "3")], stream=ORDERS, tenant=B)
    assert await ledger.orders() == [("o1", 1, ONE, 1), ("o1", 1, TWO, 2)]
    assert await ledger.orders(B) == [("o1", 1, THREE, 3)]


async def test_what_was_known_then_can_be_read_later(ledger: Ledger) -> None:
    await ledger.bring(1, [ad(1, "c1", "1"), ad(2, "c1", "1")], covers=(1, 2))
    await ledger.bring(2, [ad(1, "c1", "2")], covers=(1, 2))
    as_of = (
        "SELECT f.reporting_date, f.spend FROM facts.ads_daily AS f"
        " WHERE f.known_at <= @at AND NOT EXISTS ("
        "SELECT 1 FROM facts.syncs AS n WHERE n.tenant_id = f.tenant_id"
        " AND n.connection_id = f.connection_id AND n.stream = f.stream AND n.known_at <= @at"
        " AND n.version > f.version AND f.reporting_date BETWEEN n.covers_from AND n.covers_to)"
        " ORDER BY f.reporting_date"
    )
    first, second = (dt.datetime(2026, 4, 1, hour, tzinfo=dt.UTC) for hour in (1, 2))
    assert await ledger.ask(as_of, at=first) == [(day(1), ONE), (day(2), ONE)]
    assert await ledger.ask(as_of, at=second) == [(day(1), TWO)]
    assert await ledger.ask(as_of, at=first - dt.timedelta(seconds=1)) == []


async def test_any_order_of_arrival_gives_the_same_view(duckdb_warehouse: Warehouse) -> None:
    def rows(version: int) -> list[dict[str, object]]:
        return [ad(n, "c1", str(version)) for n in range(version, 5) if n != version + 1]

    views = []
    for tenant_number, arrival in enumerate(itertools.permutations((1, 2, 3))):
        ledger = await Ledger(duckdb_warehouse).prepare()
        for version in arrival:
            await ledger.bring(
                10 * tenant_number + version,
                rows(version),
                covers=(version, 4),
                connection=tenant_number,
            )
        views.append(
            await ledger.ask(
                "SELECT m.reporting_date, m.spend FROM marts.ads_daily AS m"
                " WHERE m.connection_id = @connection ORDER BY m.reporting_date",
                connection=f"00000000-0000-0000-0000-{0xF0 + tenant_number:012x}",
            )
        )
    expected = [(day(1), ONE), (day(2), TWO), (day(3), THREE)]
    assert views == [expected] * 6


async def test_rows_of_a_tenant_outside_the_batch_are_not_read(ledger: Ledger) -> None:
    foreign = await ledger.add(1, [ad(1, "c1", "1")], covers=(1, 1), tenant=B)
    await ledger.unify(foreign, tenants=frozenset({A}))
    assert await ledger.spend(B) == []
    affected = await ledger.warehouse.execute(
        "again",
        insert_facts(ADS, FACTS["ads_daily"]),
        {SYNC_IDS: (str(foreign),)},
        AuditedTenants(frozenset({A}), "unify"),
    )
    assert affected == 0
