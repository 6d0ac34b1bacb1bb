"""Loading: one load per table for everybody, whole syncs only, and a bad one falls alone."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlglot import exp

from domain.facts.tables import Table
from domain.ids import SyncId
from domain.ports import Parameter
from ingestion.landing.parquet import Lineage, write_object
from ingestion.publish import Publisher
from tenancy.audited_tenants import AuditedTenants
from tenancy.tables import DataVersion, LandingObject, SyncState
from tenancy.unscoped import PendingLoad
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import RemoteObject, TransientWarehouseError, WarehouseError
from tests.ingestion.plane import NOW, Agency, Plane, page
from tests.ingestion.unify.ledger import ADS, ORDERS, ad, batch, order

pytestmark = pytest.mark.anyio


class Watched(DuckDbWarehouse):
    """Notes what is loaded and executed."""

    def __init__(self, path: str) -> None:
        super().__init__(path, memory_limit_mb=512)
        self.loads: list[tuple[str, int]] = []
        self.executions = 0

    async def load(
        self,
        load_id: str,
        table: Table,
        objects: Sequence[bytes | RemoteObject],
        tenants: AuditedTenants,
    ) -> int:
        self.loads.append((table.qualified, len(objects)))
        return await super().load(load_id, table, objects, tenants)

    async def execute(
        self,
        operation_id: str,
        statements: exp.Expr | Sequence[exp.Expr],
        parameters: Mapping[str, Parameter],
        tenants: AuditedTenants,
    ) -> int:
        self.executions += 1
        return await super().execute(operation_id, statements, parameters, tenants)


async def test_every_cut_adds_up_to_the_same(plane: Plane) -> None:
    agency = await plane.agency("one")
    rows = [ad(1, "c1", "1.10"), ad(2, "c2", "2.20")]
    sync_id = await plane.land(agency, rows)
    await plane.loader().load_pending()
    for table in ("ads_daily", "ads_ad_daily", "ads_country_daily"):
        sums = f"SELECT SUM(m.spend) AS spend, COUNT(*) AS n FROM marts.{table} AS m"
        assert await plane.rows(agency, sums) == [(Decimal("3.30"), 2)]
    async with plane.database.session(agency.tenant_id) as session:
        query = select(DataVersion.fact).where(DataVersion.sync_id == sync_id)
        told = (await session.scalars(query.order_by(DataVersion.fact))).all()
    assert told == ["ads_ad_daily", "ads_country_daily", "ads_daily"]


async def test_loads_many_tenants_at_once(plane: Plane, tmp_path: Path) -> None:
    agencies = [await plane.agency(slug) for slug in ("one", "two", "three")]
    for number, agency in enumerate(agencies, 1):
        await plane.land(agency, [ad(1, "c1", str(number))])
        await plane.land(agency, [order("o1", 1, str(number))], None, stream=ORDERS)
    watched = Watched(str(tmp_path / "watched.duckdb"))
    plane.warehouse = watched
    assert await plane.loader().load_pending() == 6
    assert sorted(watched.loads) == [
        ("raw.bosco__syncs", 1),
        ("raw.shop__orders", 3),
        ("raw.web__ads", 3),
    ]
    assert watched.executions == 1
    for number, agency in enumerate(agencies, 1):
        assert await plane.spend(agency) == [(1, "c1", number)]
        assert await plane.rows(agency, "SELECT o.order_id, o.revenue FROM marts.orders AS o") == [
            ("o1", number)
        ]
    assert await plane.loader().load_pending() == 0
    assert watched.executions == 1
    await watched.close()


@pytest.mark.parametrize(("limit", "batches"), [(1, 3), (2, 3), (3, 2), (4, 3), (5, 2), (6, 1)])
async def test_a_batch_holds_whole_syncs(
    plane: Plane, tmp_path: Path, limit: int, batches: int
) -> None:
    agency = await plane.agency("one")
    for parts, first in ((1, 1), (3, 2), (1, 5)):
        sync_id = await plane.plan(agency, (first, first + parts - 1))
        for part in range(parts):
            writer = plane.writer(agency, sync_id, next_part=part)
            await writer.add(page([ad(first + part, "c1", "1")], first=part + 1))
            if part < parts - 1:
                await writer._flush()  # noqa: SLF001  # an object of its own
            else:
                await writer.finish()
    plane.warehouse = watched = Watched(str(tmp_path / "watched.duckdb"))
    assert await plane.loader(objects_per_batch=limit).load_pending() == 3
    assert watched.executions == batches
    assert await plane.spend(agency) == [(number, "c1", 1) for number in range(1, 6)]
    await watched.close()


async def _spoil(plane: Plane, agency: Agency, sync_id: SyncId, data: bytes | None) -> None:
    key = (await plane.objects(agency, sync_id))[0].uri
    handle = plane.store.for_tenant(agency.tenant_id)
    if data is None:
        await handle.delete(key)
    else:
        await handle.put(key, data)


@pytest.mark.parametrize("data", [None, b"", b"PAR1 no more of it PAR1"])
async def test_a_damaged_object_fails_its_own_sync_only(plane: Plane, data: bytes | None) -> None:
    one, two = await plane.agency("one"), await plane.agency("two")
    await plane.land(one, [ad(1, "good", "1")], (1, 1))
    bad = await plane.land(one, [ad(2, "bad", "1")], (2, 2))
    await plane.land(two, [ad(1, "other", "1")], (1, 1))
    await _spoil(plane, one, bad, data)
    assert await plane.loader().load_pending() == 2
    assert await plane.spend(one) == [(1, "good", 1)]
    assert await plane.spend(two) == [(1, "other", 1)]
    failed = await plane.sync(one, bad)
    assert (failed.state, failed.error_code, failed.error_message, failed.finished_at) == (
        SyncState.FAILED,
        "DAMAGED_OBJECT",
        "an error of ours; it is in the log",
        NOW,
    )
    assert await plane.loader().load_pending() == 0


async def test_rows_of_another_tenant_fail_their_own_sync_only(plane: Plane) -> None:
    one, two = await plane.agency("one"), await plane.agency("two")
    sync_id = await plane.plan(one, (1, 1))
    key = f"tenant={one.tenant_id}/smuggled"
    smuggled = write_object(
        ADS.raw_table, _lineage(two, sync_id, plane), [batch(ADS, [ad(1, "two's", "9")])]
    )
    await plane.store.for_tenant(one.tenant_id).put(key, smuggled.data)
    await plane.writer(one, sync_id).finish()
    async with plane.database.session(one.tenant_id) as session:
        entry = (await session.scalars(select(LandingObject))).one()
        entry.uri, entry.content_hash = key, smuggled.content_hash
    await plane.land(one, [ad(2, "good", "1")], (2, 2))
    assert await plane.loader().load_pending() == 1
    failed = await plane.sync(one, sync_id)
    assert (failed.state, failed.error_code) == (SyncState.FAILED, "FOREIGN_ROWS")
    assert await plane.spend(one) == [(2, "good", 1)]
    assert await plane.spend(two) == []


def _lineage(agency: Agency, sync_id: SyncId, plane: Plane) -> Lineage:
    return Lineage(
        tenant_id=agency.tenant_id,
        client_id=agency.client_id,
        connection_id=agency.connection_id,
        sync_id=sync_id,
        object_id=plane.ids(),  # type: ignore[arg-type]  # any id
        account_currency="EUR",
        account_time_zone="Europe/Berlin",
    )


class Away(DuckDbWarehouse):
    """A warehouse that cannot be reached."""

    async def execute(self, *_: Any, **__: Any) -> int:
        raise TransientWarehouseError("away")


async def test_an_outage_fails_no_sync(plane: Plane, tmp_path: Path) -> None:
    agency = await plane.agency("one")
    await plane.land(agency, [ad(1, "c1", "1")])
    away = Away(str(tmp_path / "away.duckdb"), memory_limit_mb=512)
    with pytest.raises(TransientWarehouseError, match=r"^away$"):
        await plane.loader(warehouse=away).load_pending()
    await away.close()
    assert await plane.states(agency) == [SyncState.LANDED]
    assert await plane.loader().load_pending() == 1
    assert await plane.spend(agency) == [(1, "c1", 1)]


class CrashError(Exception):
    """The process ended here."""


@dataclass
class Fuse:
    """Breaks off the work at its n-th boundary."""

    left: int
    has_burnt: bool = False

    def burn(self) -> None:
        if self.left == 0 and not self.has_burnt:
            self.has_burnt = True
            raise CrashError
        self.left -= 1


class CrashingWarehouse(DuckDbWarehouse):
    """Meets the fuse before and after each write."""

    fuse: Fuse

    async def load(
        self,
        load_id: str,
        table: Table,
        objects: Sequence[bytes | RemoteObject],
        tenants: AuditedTenants,
    ) -> int:
        self.fuse.burn()
        appended = await super().load(load_id, table, objects, tenants)
        self.fuse.burn()
        return appended

    async def execute(
        self,
        operation_id: str,
        statements: exp.Expr | Sequence[exp.Expr],
        parameters: Mapping[str, Parameter],
        tenants: AuditedTenants,
    ) -> int:
        self.fuse.burn()
        affected = await super().execute(operation_id, statements, parameters, tenants)
        self.fuse.burn()
        return affected


class CrashingPublisher(Publisher):
    """Meets the fuse before and after each publication."""

    fuse: Fuse

    async def publish(self, loads: Sequence[PendingLoad], facts: Sequence[str]) -> None:
        self.fuse.burn()
        await super().publish(loads, facts)
        self.fuse.burn()


async def _result(plane: Plane, agency: Agency) -> Any:
    """All that a load leaves behind, without ids and with the sync's place for its version."""
    facts = await plane.rows(
        agency,
        "SELECT f.reporting_date, f.spend, COUNT(*) AS n FROM facts.ads_daily AS f"
        " GROUP BY f.reporting_date, f.spend ORDER BY f.reporting_date, f.spend",
    )
    syncs = await plane.rows(agency, "SELECT COUNT(*) AS n FROM facts.syncs AS s")
    orders = await plane.rows(agency, "SELECT o.order_id, o.revenue FROM marts.orders AS o")
    async with plane.database.session(agency.tenant_id) as session:
        published = (await session.scalars(select(DataVersion.fact))).all()
    coverage = await plane.coverage(agency)
    covered = None if coverage is None else (coverage.covered_from, coverage.covered_to)
    spend = await plane.spend(agency)
    return facts, syncs, orders, sorted(published), covered, spend, await plane.states(agency)


@pytest.mark.parametrize(
    "joined_by_more",
    [
        pytest.param(False, marks=pytest.mark.slow, id="alone"),
        pytest.param(True, id="joined by more"),
    ],
)
async def test_a_crash_at_any_step_is_made_good(
    plane: Plane, tmp_path: Path, *, joined_by_more: bool
) -> None:
    warehouse = CrashingWarehouse(str(tmp_path / "crashing.duckdb"), memory_limit_mb=512)
    plane.warehouse = warehouse
    results = []
    for boundary in range(100):
        fuse = Fuse(boundary)
        warehouse.fuse = fuse
        publisher = CrashingPublisher(plane.database, plane.redis, lambda: NOW, plane.ids)
        object.__setattr__(publisher, "fuse", fuse)
        agency = await plane.agency(f"agency-{boundary}")
        await plane.land(agency, [ad(1, "c1", "1"), ad(2, "c1", "1")], (1, 2))
        await plane.land(agency, [ad(2, "c1", "2")], (2, 2))
        await plane.land(agency, [order("o1", 1, "1")], None, stream=ORDERS)
        loader = plane.loader(publisher=publisher)
        with contextlib.suppress(CrashError):
            await loader.load_pending()
        fuse.left = -1
        if joined_by_more:
            await plane.land(await plane.agency(f"more-{boundary}"), [ad(1, "c1", "1")], (1, 1))
        await loader.load_pending()
        results.append(await _result(plane, agency))
        if not fuse.has_burnt:
            break
    # 3 loads and 1 execution with two boundaries each, and so 3 publications.
    assert len(results) == 2 * (3 + 1 + 3) + 1
    assert all(result == results[-1] for result in results)
    assert results[-1][5] == [(1, "c1", 1), (2, "c1", 2)]
    await warehouse.close()


async def test_two_loaders_share_the_work(plane: Plane, tmp_path: Path) -> None:
    agency = await plane.agency("one")
    for number in range(1, 6):
        await plane.land(agency, [ad(number, "c1", "1")], (number, number))
    plane.warehouse = watched = Watched(str(tmp_path / "watched.duckdb"))
    published = await asyncio.gather(*(plane.loader().load_pending() for _ in range(3)))
    assert sorted(published) == [0, 0, 5]
    assert watched.executions == 1
    assert await plane.spend(agency) == [(number, "c1", 1) for number in range(1, 6)]
    await watched.close()


class AwayOnce(DuckDbWarehouse):
    """Cannot be reached at the first try to unify."""

    was_away = False

    async def execute(
        self,
        operation_id: str,
        statements: exp.Expr | Sequence[exp.Expr],
        parameters: Mapping[str, Parameter],
        tenants: AuditedTenants,
    ) -> int:
        if not self.was_away:
            self.was_away = True
            raise TransientWarehouseError("away")
        return await super().execute(operation_id, statements, parameters, tenants)


async def test_raw_rows_that_stand_twice_count_once(plane: Plane, tmp_path: Path) -> None:
    one, two = await plane.agency("one"), await plane.agency("two")
    await plane.land(one, [ad(1, "c1", "1"), ad(2, "c1", "2")])
    plane.warehouse = away = AwayOnce(str(tmp_path / "away.duckdb"), memory_limit_mb=512)
    with pytest.raises(TransientWarehouseError, match=r"^away$"):
        await plane.loader().load_pending()
    await plane.land(two, [ad(1, "c1", "1"), ad(2, "c1", "2")])  # the next batch is another one
    assert await plane.loader().load_pending() == 2
    for agency, times in ((one, 2), (two, 1)):
        raw = "SELECT COUNT(*) AS n FROM raw.web__ads AS r"
        assert await plane.rows(agency, raw) == [(2 * times,)]
        assert await plane.spend(agency) == [(1, "c1", 1), (2, "c1", 2)]
    await away.close()


class Full(DuckDbWarehouse):
    """Refuses to unify two tenants at once, for a reason of its own."""

    async def execute(
        self,
        operation_id: str,
        statements: exp.Expr | Sequence[exp.Expr],
        parameters: Mapping[str, Parameter],
        tenants: AuditedTenants,
    ) -> int:
        if len(tenants.tenant_ids) > 1:
            raise WarehouseError("too many tenants")
        return await super().execute(operation_id, statements, parameters, tenants)


async def test_what_fails_together_is_tried_alone(plane: Plane, tmp_path: Path) -> None:
    one, two = await plane.agency("one"), await plane.agency("two")
    for agency in (one, two):
        await plane.land(agency, [ad(1, "c1", "1"), ad(2, "c1", "2")])
    plane.warehouse = full = Full(str(tmp_path / "full.duckdb"), memory_limit_mb=512)
    assert await plane.loader().load_pending() == 2
    for agency in (one, two):
        assert await plane.rows(agency, "SELECT COUNT(*) AS n FROM raw.web__ads AS r") == [(2,)]
        assert await plane.spend(agency) == [(1, "c1", 1), (2, "c1", 2)]
    await full.close()
