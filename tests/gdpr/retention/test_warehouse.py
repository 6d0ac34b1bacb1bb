"""What is over leaves the warehouse and the landing store, for all agencies at once."""

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from domain.errors import InvalidInputError
from domain.privacy.holds import SHOP_CUSTOMER_ID
from domain.privacy.people_days import FEWEST_PEOPLE_DAYS, MOST_PEOPLE_DAYS
from feature_repo.feature_views import VIEWS
from gdpr.access.exports import Exports
from gdpr.retention.days import set_people_days
from gdpr.retention.sweep import Retention
from gdpr.retention.warehouse import WarehousePurge
from tenancy.audited_tenants import AuditedTenants
from tenancy.exclusive import Exclusive
from tenancy.tables import (
    AuditEntry,
    Client,
    DataVersion,
    LandingObject,
    LegalHold,
    QuarantinedRow,
    QuarantineState,
    RetentionRun,
    Sync,
    SyncState,
)
from tenancy.unscoped import Doors
from tests.gdpr.erasure.world import NOW, STREAMS, VAULT, Agency, World, world
from tests.tenancy.warehouse.samples import question

__all__ = ["world"]

pytestmark = pytest.mark.anyio

TODAY = NOW.date()
LAST = TODAY - dt.timedelta(days=1_095)  # exactly as old as is allowed
OVER = LAST - dt.timedelta(days=1)
MIDNIGHT = dt.datetime.combine(OVER, dt.time(), dt.UTC)
DAY = dt.timedelta(days=1)


def order(number: int, day: dt.date, **values: Any) -> dict[str, Any]:
    at = dt.datetime.combine(day, dt.time(11, 5), dt.UTC)
    return {
        "order_id": str(number),
        "ordered_on": day,
        "ordered_at": at,
        "created_at": at,
        "updated_at": at,
        "cancelled_at": None,
        "status": "PAID",
        "customer_id": "7",
        "channel": "email",
        "country": "DE",
        "currency": "EUR",
        "total": Decimal("19.90"),
        "discounts": Decimal(0),
        "tax": Decimal("3.18"),
        "shipping": Decimal("4.90"),
    } | values


def line(number: int, of_order: int, day: dt.date) -> dict[str, Any]:
    return {
        "order_line_id": str(number),
        "order_id": str(of_order),
        "ordered_on": day,
        "product_id": "1",
        "product_name": "Shoe",
        "variant_id": None,
        "sku": "S1",
        "channel": "direct",
        "country": "DE",
        "currency": "EUR",
        "units": 1,
        "price": Decimal("9.95"),
    }


def customer(number: int, day: dt.date) -> dict[str, Any]:
    at = dt.datetime.combine(day, dt.time(11, 5), dt.UTC)
    return {
        "customer_id": str(number),
        "created_on": day,
        "created_at": at,
        "updated_at": at,
        "country": "DE",
        "orders_to_date": 2,
    }


def shop(first: dt.date = OVER, second: dt.date = LAST) -> dict[str, list[dict[str, Any]]]:
    """An order, its line and a customer of each day."""
    return {
        "orders": [order(77, first), order(78, second)],
        "order_lines": [line(91, 77, first), line(92, 78, second)],
        "customers": [customer(7, first), customer(8, second)],
    }


def purge_of(world: World) -> WarehousePurge:
    return WarehousePurge(world.stores, Doors(world.database))


def retention_of(world: World, purge: WarehousePurge | None = None) -> Retention:
    exports = Exports(world.database, world.landing, VAULT, world.clock, world.ids, bytes)
    return Retention(
        world.database,
        Doors(world.database),
        purge or purge_of(world),
        exports,
        Exclusive(world.database, "retention"),
        world.clock,
        world.ids,
    )


async def rows(world: World, agency: Agency, table: str) -> list[dict[str, Any]]:
    statement = question(f"SELECT * FROM {table} AS r")
    tenants = AuditedTenants(frozenset({agency.tenant_id}), "test")
    found: list[dict[str, Any]] = (
        await world.warehouse.run_for(tenants, statement, {})
    ).to_pylist()
    return found


async def young_then_old(world: World, *agencies: Agency, days: int = 2) -> None:
    """Load a shop on a day on which nothing of it is over, and let days pass until one is."""
    world.now = NOW - days * DAY
    for agency in agencies:
        await world.ingest(agency, shop())
    world.now = NOW


def without_person(agency: Agency, row: Mapping[str, Any], word: str) -> dict[str, Any]:
    """What a row of an order becomes."""
    names, connection = agency.names, agency.connection_id
    changed = dict(row) | {"order_id": names.surrogate(connection, "order_id", row["order_id"])}
    if word != "order_id":
        changed[word] = names.surrogate(connection, word, row[word])
    if "natural_key" in row:
        changed["natural_key"] = changed[word]
    for name in ("customer_id", "unknown_fields"):
        if name in row:
            changed[name] = None
    if "ordered_at" in row:
        changed["ordered_at"] = MIDNIGHT
    return changed


PEOPLE = {
    "shop_people.facts.customers": 1,
    "shop_people.facts.order_lines": 1,
    "shop_people.facts.orders": 1,
    "shop_people.marts.customers": 1,
    "shop_people.marts.order_lines": 1,
    "shop_people.marts.orders": 1,
    "shop_people.raw.shopify__customers": 1,
    "shop_people.raw.shopify__order_lines": 1,
    "shop_people.raw.shopify__orders": 1,
}


async def test_the_day_after_the_last_one_a_row_loses_its_person_in_all_agencies(
    world: World,
) -> None:
    north, south = await world.agency("north"), await world.agency("south")
    await young_then_old(world, north, south)
    before = {
        (agency.tenant_id, table): await rows(world, agency, table)
        for agency in (north, south)
        for table in ("facts.orders", "marts.orders", "marts.order_lines", "facts.customers")
    }
    planned = await retention_of(world).plan(north.tenant_id)
    assert {one.name: one.rows for one in planned if one.rows} == PEOPLE
    assert {one.before.date() for one in planned if one.name in PEOPLE} == {LAST}

    assert await retention_of(world).run(north.tenant_id, actor="cli:ann") == PEOPLE

    for agency in (north, south):  # the purge of one is that of all
        for (tenant, table), old in before.items():
            if tenant != agency.tenant_id:
                continue
            expected = [row for row in old if row["reporting_date"] == LAST]
            if table != "facts.customers":
                word = "order_line_id" if table.endswith("lines") else "order_id"
                [over] = [row for row in old if row["reporting_date"] == OVER]
                expected.append(without_person(agency, over, word))
            assert sorted(await rows(world, agency, table), key=str) == sorted(expected, key=str)
        raws = await rows(world, agency, "raw.shopify__orders")
        surrogate = agency.names.surrogate(agency.connection_id, "order_id", "77")
        assert sorted(one["order_id"] for one in raws) == ["78", surrogate]
        assert await rows(world, agency, "privacy.targets") == []
    assert await retention_of(world).run(south.tenant_id, actor="cli:bob") == PEOPLE
    assert await retention_of(world).run(north.tenant_id, actor="cli:ann") == {}
    assert not [one for one in await retention_of(world).plan(north.tenant_id) if one.rows]


async def test_a_table_is_changed_once_a_day_for_everybody(
    world: World, statements: list[str]
) -> None:
    agencies = [await world.agency(name) for name in ("north", "south", "west")]
    await young_then_old(world, *agencies)
    statements.clear()
    for agency in agencies:
        await retention_of(world).run(agency.tenant_id, actor="cli:ann")
    await retention_of(world).go_round()
    changes = [
        one
        for one in statements
        if one.startswith(("DELETE", "INSERT INTO facts", "INSERT INTO marts", "INSERT INTO raw"))
    ]
    deletes = [one for one in changes if one.startswith("DELETE FROM facts.orders")]
    assert len(deletes) == 1
    assert len([one for one in changes if one.startswith("INSERT INTO facts.orders")]) == 1
    assert len([one for one in changes if one.startswith("DELETE FROM facts.customers")]) == 1


async def test_what_is_told_again_comes_in_without_the_person_and_counts_once(
    world: World,
) -> None:
    agency = await world.agency("north")
    await young_then_old(world, agency)
    await purge_of(world).run()
    await world.ingest(
        agency,
        {
            "orders": [order(77, OVER, total=Decimal("5.00")), order(78, LAST)],
            "customers": [customer(7, OVER)],
        },
    )
    found = await rows(world, agency, "marts.orders")
    surrogate = agency.names.surrogate(agency.connection_id, "order_id", "77")
    assert sorted((one["order_id"], one["revenue"]) for one in found) == [
        ("78", Decimal("19.90")),
        (surrogate, Decimal("5.00")),
    ]
    assert [one["customer_id"] for one in await rows(world, agency, "marts.customers")] == ["8"]
    assert sorted(str(one["customer_id"]) for one in found) == ["7", "None"]


@pytest.mark.slow
async def test_an_order_that_was_on_its_way_meanwhile_counts_once_after_the_next_purge(
    world: World,
) -> None:
    agency = await world.agency("north")
    await young_then_old(world, agency)
    world.now = NOW - 2 * DAY
    await world.land(agency, STREAMS["orders"], [order(77, OVER, total=Decimal("5.00"))])
    world.now = NOW
    await purge_of(world).run()
    await world.loader().load_pending()
    assert len(await rows(world, agency, "marts.orders")) == 3
    world.now = NOW + DAY
    await purge_of(world).run()
    surrogates = [
        agency.names.surrogate(agency.connection_id, "order_id", one) for one in ("77", "78")
    ]
    found = await rows(world, agency, "marts.orders")
    assert sorted((one["order_id"], one["revenue"]) for one in found) == sorted(
        zip(surrogates, (Decimal("5.00"), Decimal("19.90")), strict=True)
    )


async def test_an_agency_may_keep_a_client_shorter_and_never_longer(world: World) -> None:
    agency = await world.agency("north")
    recent = TODAY - dt.timedelta(days=90)
    await world.ingest(agency, shop(recent - DAY, recent))
    kept = {"clock": world.clock, "ids": world.ids, "actor": "user:dpo"}
    async with world.database.session(agency.tenant_id) as session:
        client = await session.get_one(Client, (agency.tenant_id, agency.client_id))
        for days, shown in ((1_096, "1,096"), (89, "89"), (0, "0"), (-5, "-5")):
            with pytest.raises(InvalidInputError) as refused:
                set_people_days(session, client, days, **kept)  # type: ignore[arg-type]
            assert str(refused.value) == (
                f"rows about people cannot be kept for {shown} days"
                " (the policy allows 1,095 days at most, and 90 are the fewest)"
            )
        set_people_days(session, client, 90, **kept)  # type: ignore[arg-type]
    assert await retention_of(world).run(agency.tenant_id, actor="cli:ann") == PEOPLE
    async with world.database.session(agency.tenant_id) as session:
        entry = (
            await session.scalars(
                select(AuditEntry).where(AuditEntry.action == "retention.days_set")
            )
        ).one()
        client = await session.get_one(Client, (agency.tenant_id, agency.client_id))
        set_people_days(session, client, 1_095, **kept)  # type: ignore[arg-type]
    assert entry.details == {"days": 90, "before": 1_095}
    assert (entry.actor, entry.object_id) == ("user:dpo", str(agency.client_id))
    # What is gone stays gone, also when the platform tells it again.
    world.now = NOW + DAY
    await world.ingest(agency, {"orders": [order(77, recent - DAY)]})
    await purge_of(world).run()
    surrogate = agency.names.surrogate(agency.connection_id, "order_id", "77")
    found = await rows(world, agency, "marts.orders")
    assert sorted(one["order_id"] for one in found) == ["78", surrogate]


async def test_landing_objects_and_raw_rows_go_after_400_days(world: World) -> None:
    agency, other = await world.agency("north"), await world.agency("south")
    midnight = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
    world.now = midnight - 400 * DAY
    await world.ingest(agency, {"orders": [order(78, TODAY - 500 * DAY)]})  # not over yet
    world.now -= dt.timedelta(microseconds=1)
    await world.ingest(agency, {"orders": [order(77, TODAY - 500 * DAY)]})
    await world.ingest(other, {"customers": [customer(7, TODAY - 500 * DAY)]})
    world.now = NOW
    keys = await world.landing.for_tenant(agency.tenant_id).list()
    assert len(keys) == 2
    expected = {"landed.landing_objects": 1, "landed.raw.shopify__orders": 1}
    planned = await retention_of(world).plan(agency.tenant_id)
    assert {one.name: one.rows for one in planned if one.rows} == {
        "landed.landing objects": 1,
        "landed.raw.shopify__orders": 1,
    }
    facts = await rows(world, agency, "facts.orders")
    assert await retention_of(world).run(agency.tenant_id, actor="cli:ann") == expected
    left = await world.landing.for_tenant(agency.tenant_id).list()
    async with world.database.session(agency.tenant_id) as session:
        lines = (await session.scalars(select(LandingObject))).all()
    assert {one.uri: one.purged_at for one in lines} == {
        key: None if key in left else NOW for key in keys
    }
    assert [one["order_id"] for one in await rows(world, agency, "raw.shopify__orders")] == ["78"]
    assert await rows(world, agency, "facts.orders") == facts
    assert await world.landing.for_tenant(other.tenant_id).list() == []
    assert await rows(world, other, "raw.shopify__customers") == []


async def test_objects_that_cannot_be_seen_are_not_called_purged(
    world: World, tmp_path: Path
) -> None:
    agency = await world.agency("north")
    await world.ingest(agency, {"orders": [order(78, TODAY - DAY)]})
    world.now = NOW - 401 * DAY
    await world.ingest(agency, {"orders": [order(77, TODAY - 500 * DAY)]})
    world.now = NOW
    (tmp_path / "land").rename(tmp_path / "elsewhere")
    await purge_of(world).run()
    (tmp_path / "elsewhere").rename(tmp_path / "land")
    assert len(await world.landing.for_tenant(agency.tenant_id).list()) == 2
    async with world.database.session(agency.tenant_id) as session:
        assert set(await session.scalars(select(LandingObject.purged_at))) == {None}
    await purge_of(world).run()
    assert len(await world.landing.for_tenant(agency.tenant_id).list()) == 1
    async with world.database.session(agency.tenant_id) as session:
        assert set(await session.scalars(select(LandingObject.purged_at))) == {None, NOW}


async def test_objects_of_syncs_that_have_not_ended_stay(world: World) -> None:
    agency = await world.agency("north")
    world.now = NOW - 401 * DAY
    numbers = dict(enumerate(SyncState, start=1))
    syncs = {
        state: await world.land(agency, STREAMS["orders"], [order(number, TODAY - 500 * DAY)])
        for number, state in numbers.items()
    }
    await world.loader().load_pending()
    world.now = NOW
    async with world.database.session(agency.tenant_id) as session:
        for state, sync_id in syncs.items():
            await session.execute(update(Sync).where(Sync.id == sync_id).values(state=state))
    await purge_of(world).run()
    found = await rows(world, agency, "raw.shopify__orders")
    assert {numbers[int(one["order_id"])] for one in found} == {
        SyncState.PLANNED,
        SyncState.EXTRACTING,
        SyncState.LANDED,
        SyncState.LOADED,
        SyncState.HELD,
    }
    assert len(await world.landing.for_tenant(agency.tenant_id).list()) == 5


async def test_what_a_replay_would_read_stays_until_its_row_is_settled(world: World) -> None:
    agency = await world.agency("north")
    world.now = NOW - 401 * DAY
    ids = [
        await world.land(agency, STREAMS["orders"], [order(n, TODAY - 500 * DAY)])
        for n in (1, 2, 3)
    ]
    await world.loader().load_pending()
    world.now = NOW
    async with world.database.session(agency.tenant_id) as session:
        row = QuarantinedRow(
            id=world.ids(),
            sync_id=ids[1],
            connection_id=agency.connection_id,
            source="shopify",
            stream="orders",
            row_number=2,
            field="total",
            reason="not_a_number",
            message="",
            raw={},
            state=QuarantineState.OPEN,
            created_at=NOW,
        )
        session.add(row)
    await purge_of(world).run()
    found = await rows(world, agency, "raw.shopify__orders")
    assert sorted(one["order_id"] for one in found) == ["2", "3"]
    async with world.database.session(agency.tenant_id) as session:
        await session.execute(update(QuarantinedRow).values(state=QuarantineState.DISMISSED))
    world.now = NOW + DAY
    await purge_of(world).run()
    assert await rows(world, agency, "raw.shopify__orders") == []


async def test_an_open_hold_keeps_everything_of_its_client(world: World) -> None:
    agency, other = await world.agency("north"), await world.agency("south")
    await young_then_old(world, agency, other, days=402)
    async with world.database.session(agency.tenant_id) as session:
        session.add(
            LegalHold(
                id=world.ids(),
                client_id=agency.client_id,
                basis="proceedings",
                owner="ann",
                created_by="user:ann",
                created_at=NOW,
                expires_at=NOW + dt.timedelta(hours=1),
            )
        )
    await purge_of(world).run()
    assert "77" in {one["order_id"] for one in await rows(world, agency, "marts.orders")}
    assert "77" not in {one["order_id"] for one in await rows(world, other, "marts.orders")}
    assert len(await world.landing.for_tenant(agency.tenant_id).list()) == 3
    assert await world.landing.for_tenant(other.tenant_id).list() == []
    world.now = NOW + DAY  # the hold is over by itself
    await purge_of(world).run()
    assert "77" not in {one["order_id"] for one in await rows(world, agency, "marts.orders")}
    assert await world.landing.for_tenant(agency.tenant_id).list() == []


async def test_new_versions_let_cached_answers_die_where_something_went(world: World) -> None:
    agency, other = await world.agency("north"), await world.agency("south")
    await young_then_old(world, agency)
    await world.ingest(other, shop(TODAY, TODAY))

    async def versions(of: Agency) -> set[uuid.UUID]:
        async with world.database.session(of.tenant_id) as session:
            return set(await session.scalars(select(DataVersion.id)))

    before, before_other = await versions(agency), await versions(other)
    await purge_of(world).run()
    async with world.database.session(agency.tenant_id) as session:
        new = select(DataVersion.fact).where(DataVersion.id.not_in(before))
        facts = sorted(await session.scalars(new))
    assert facts == ["customers", "order_lines", "orders"]
    assert await versions(other) == before_other


async def test_the_chain_proves_what_the_warehouse_lost(world: World) -> None:
    agency = await world.agency("north")
    await young_then_old(world, agency)
    await retention_of(world).go_round()
    async with world.database.session(agency.tenant_id) as session:
        last = await retention_of(world).last(session)
        run = (await session.scalars(select(RetentionRun))).one()
    assert last is not None
    assert (dict(last.counts), last.actor) == (PEOPLE, "job:retention")
    assert (run.day, run.counts, run.done_at, run.told_at) == (TODAY, PEOPLE, NOW, NOW)


class Killed(BaseException):
    """A process that is killed says nothing."""


class Deadly:
    """A warehouse that its process does not outlive after so many changes."""

    def __init__(self, warehouse: Any, calls: int) -> None:
        self._warehouse, self._left = warehouse, calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    async def execute(self, *arguments: Any) -> int:
        if self._left == 0:
            raise Killed
        self._left -= 1
        done: int = await self._warehouse.execute(*arguments)
        return done

    async def load(self, *arguments: Any) -> int:
        if self._left == 0:
            raise Killed
        self._left -= 1
        done: int = await self._warehouse.load(*arguments)
        return done


@pytest.mark.slow
async def test_killed_anywhere_it_goes_on_and_ends_the_same(world: World) -> None:
    north, south = await world.agency("north"), await world.agency("south")
    await young_then_old(world, north, south, days=402)
    alive = world.warehouse
    kills = 0
    for calls in range(30):
        world.warehouse = Deadly(alive, calls)
        try:
            await purge_of(world).run()
            break
        except Killed:
            kills += 1
            world.now += dt.timedelta(hours=1)
    world.warehouse = alive
    assert kills == 13
    for agency in (north, south):
        found = await retention_of(world).run(agency.tenant_id, actor="cli:ann")
        raws = ("customers", "order_lines", "orders")
        landed = {f"landed.raw.shopify__{one}": 2 for one in raws}
        people = {one: count for one, count in PEOPLE.items() if ".raw." not in one}
        assert found == {"landed.landing_objects": 3, **landed, **people}
        for table in ("facts.orders", "marts.orders", "marts.order_lines"):
            after = await rows(world, agency, table)
            surrogate = agency.names.surrogate(agency.connection_id, "order_id", "77")
            assert sorted(one["order_id"] for one in after) == ["78", surrogate], table
            assert all(one["natural_key"] for one in after)
        assert await rows(world, agency, "raw.shopify__orders") == []
        assert await rows(world, agency, "privacy.targets") == []
        assert await world.landing.for_tenant(agency.tenant_id).list() == []


@pytest.mark.slow
async def test_cut_short_before_midnight_it_goes_on_as_of_its_own_day(world: World) -> None:
    agency = await world.agency("north")
    await young_then_old(world, agency)
    alive = world.warehouse
    world.warehouse = Deadly(alive, 4)
    with pytest.raises(Killed):
        await purge_of(world).run()
    world.warehouse, world.now = alive, NOW + DAY
    assert await retention_of(world).run(agency.tenant_id, actor="cli:ann") == PEOPLE
    async with world.database.session(agency.tenant_id) as session:
        assert [one.day for one in await session.scalars(select(RetentionRun))] == [TODAY]
    assert await purge_of(world).run()  # its own day's, with what is over since
    async with world.database.session(agency.tenant_id) as session:
        days = select(RetentionRun.day).order_by(RetentionRun.day)
        assert list(await session.scalars(days)) == [TODAY, TODAY + DAY]
    assert not await purge_of(world).run()


async def test_an_agency_whose_key_does_not_open_keeps_nobody_back(world: World) -> None:
    broken, agency = await world.agency("broken"), await world.agency("north")
    await young_then_old(world, broken, agency)
    async with world.database.session(broken.tenant_id) as session:
        await session.execute(text("UPDATE tenants SET wrapped_data_key = 'x'"))
    await purge_of(world).run()
    assert "77" in {one["order_id"] for one in await rows(world, broken, "marts.orders")}
    assert "77" not in {one["order_id"] for one in await rows(world, agency, "marts.orders")}


def test_features_look_back_less_far_than_any_client_may_be_shortened_to() -> None:
    windows = [
        int(feature.name.rsplit("_", 1)[1].removesuffix("d"))
        for view in VIEWS.values()
        for feature in view.features
        if feature.name.endswith("d") and feature.name.rsplit("_", 1)[1][:-1].isdigit()
    ]
    assert max(windows) == 28
    assert max(windows) < FEWEST_PEOPLE_DAYS < MOST_PEOPLE_DAYS == 1_095
    assert SHOP_CUSTOMER_ID.retention == "shop_people"
