"""Late data, a push of features and a restored backup each try to bring an erased person back."""

import asyncio
import datetime as dt
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update

from domain.facts.tables import Table
from domain.ids import RunId
from domain.ports import Publication
from domain.privacy.evidence import RescanMoment
from domain.privacy.identifiers import platform_id
from domain.privacy.rights import RequestOutcome, RequestState
from domain.time_window import DateRange
from gdpr.erasure.job import ErasureJobs
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.outcome import find_outcome
from gdpr.erasure.rescan import rescan_later
from gdpr.erasure.search import search_everywhere
from gdpr.erasure.watch import ErasureWatch
from gdpr.erasure.work import Run, RunRequest
from tenancy.audited_tenants import AuditedTenants
from tenancy.jobs import JobEngine, JobsConfig
from tenancy.tables import Subject, SubjectIdentifier, SubjectRequest
from tenancy.unscoped import Doors
from tests.gdpr.erasure.twin import table_rows
from tests.gdpr.erasure.world import Agency, Shop, World, world
from tests.tenancy.warehouse.samples import parquet, question

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=6, orders_each=2)
CHOSEN = frozenset({2})
THEIRS = SHOP.orders_of(CHOSEN)


async def erased(world: World) -> tuple[Agency, tuple[RunRequest, ...]]:
    agency = await world.agency("late")
    await world.ingest_shop(agency, SHOP)
    requests = await world.request_all(agency, CHOSEN)
    await world.eraser().run(world.run(agency, requests))
    return agency, requests


async def found(world: World, agency: Agency) -> dict[str, int]:
    """Where anything names the person, searched by what they are called."""
    person = platform_id(Shop.customer(2), agency.connection_id)
    words = KnownWords.of([person], [Shop.customer(2), *THEIRS])
    return dict(await search_everywhere(world.stores, agency.tenant_id, words))


async def revenue(world: World, agency: Agency) -> Any:
    tables = {table.qualified: table for table in world.tables}
    rows = await table_rows(world, agency, tables["marts.orders"])
    return sorted((row["natural_key"], row["revenue"], row["order_status"]) for row in rows)


async def test_a_search_finds_what_is_there(world: World) -> None:
    """Before the erasure: else a search that finds nothing proves nothing."""
    agency = await world.agency("late")
    await world.ingest_shop(agency, SHOP)
    places = await found(world, agency)
    assert places == {
        "landing objects": 4,
        **{f"warehouse {schema}.customers.{column}": 1
           for schema in ("facts", "marts") for column in ("customer_id", "natural_key")},
        "warehouse raw.shopify__customers.customer_id": 1,
        **{f"warehouse {schema}.orders.customer_id": 2 for schema in ("facts", "marts")},
        **{f"warehouse {schema}.orders.{column}": 2
           for schema in ("facts", "marts") for column in ("order_id", "natural_key")},
        **{f"warehouse {schema}.order_lines.order_id": 4 for schema in ("facts", "marts")},
        **{f"warehouse {schema}.refunds.order_id": 1 for schema in ("facts", "marts")},
        "warehouse raw.shopify__orders.customer_id": 2,
        "warehouse raw.shopify__orders.order_id": 2,
        "warehouse raw.shopify__order_lines.order_id": 4,
        "warehouse raw.shopify__refunds.order_id": 1,
    }  # fmt: skip


async def test_features_pushed_by_a_stale_materialisation_are_replaced(world: World) -> None:
    """The next publication computes them anew, from facts that know nobody."""
    agency, _ = await erased(world)
    publication = Publication(
        agency.tenant_id,
        agency.client_id,
        agency.connection_id,
        RunId(agency.run_id),
        {"orders": DateRange(dt.date(2026, 10, 5), dt.date(2026, 10, 31))},
    )
    await world.features.published(publication)
    assert await found(world, agency) == {}


async def restore(
    world: World, agency: Agency, tables: list[tuple[Table, list[dict[str, Any]]]]
) -> None:
    """Put rows of a backup beside what is there."""
    scope = AuditedTenants(frozenset({agency.tenant_id}), "test")
    for table, rows in tables:
        if rows:
            data = parquet(rows, table)
            await world.warehouse.load(f"restored-{table.qualified}", table, [data], scope)


async def rows_with_ids(world: World, agency: Agency, table: Table) -> list[dict[str, Any]]:
    scope = AuditedTenants(frozenset({agency.tenant_id}), "test")
    statement = question(f"SELECT * FROM {table.qualified} AS r")
    rows: list[dict[str, Any]] = (await world.warehouse.run_for(scope, statement, {})).to_pylist()
    return rows


async def test_a_restored_backup_is_erased_again(world: World, tmp_path: Path) -> None:
    agency = await world.agency("late")
    await world.ingest_shop(agency, SHOP)
    requests = await world.request_all(agency, CHOSEN)
    about = [one.table for one in world.stores.erasables]
    kept = [(table, await rows_with_ids(world, agency, table)) for table in about]
    shutil.copytree(tmp_path / "land", tmp_path / "backup")
    async with world.database.session(agency.tenant_id) as session:
        mine = Subject.id == requests[0].subject_id
        sealed_key = await session.scalar(select(Subject.sealed_key).where(mine))
        theirs = SubjectIdentifier.subject_id == requests[0].subject_id
        rows = await session.execute(select(SubjectIdentifier.__table__).where(theirs))
        identifiers = [dict(row) for row in rows.mappings()]
    await world.eraser().run(world.run(agency, requests))
    expected = {table.qualified: await table_rows(world, agency, table) for table in about}
    assert await found(world, agency) == {}

    await restore(
        world,
        agency,
        [(t, [row for row in rows if is_theirs(row)]) for t, rows in kept],
    )
    async with world.database.session(agency.tenant_id) as session:
        await session.execute(
            update(Subject).where(mine).values(sealed_key=sealed_key, erased_at=None)
        )
        await session.execute(insert(SubjectIdentifier), identifiers)
    await put_back_objects(world, agency, tmp_path)
    assert await found(world, agency) != {}

    replay = Run(world.ids(), {agency.tenant_id: requests}, is_replay=True)
    await world.eraser().run(replay)

    assert await found(world, agency) == {}
    for table in about:
        distinct = []
        for row in await table_rows(world, agency, table):
            if row not in distinct:
                distinct.append(row)
        assert distinct == expected[table.qualified], table.qualified
    async with world.database.session(agency.tenant_id) as session:
        assert await session.scalar(select(func.count()).where(theirs)) == 0
        assert await session.scalar(select(Subject.sealed_key).where(mine)) is None


def is_theirs(row: dict[str, Any]) -> bool:
    return row.get("order_id") in THEIRS or row.get("customer_id") == Shop.customer(2)


async def put_back_objects(world: World, agency: Agency, folder: Path) -> None:
    """The folder and the manifest as they were before."""
    shutil.rmtree(folder / "land")
    shutil.copytree(folder / "backup", folder / "land")
    keys = await world.landing.for_tenant(agency.tenant_id).list()
    old = {key.rpartition("/")[0]: key for key in keys}
    async with world.database.session(agency.tenant_id) as session:
        for sync, key in old.items():
            await session.execute(
                text("UPDATE landing_objects SET uri = :key WHERE uri LIKE :sync"),
                {"key": key, "sync": f"{sync}/%"},
            )


async def test_what_comes_back_is_found_by_its_pseudonym_and_once(world: World) -> None:
    """Nobody knows the words any more, and a row of the person is there again."""
    agency, requests = await erased(world)
    async with world.database.session(agency.tenant_id) as session:
        due = (await session.execute(text("SELECT moment, client_id FROM erasure_rescans"))).all()
    assert sorted(due) == [
        ("erasure", None),
        ("ingest", agency.client_id),
        ("materialisation", agency.client_id),
    ]
    tables = {table.qualified: table for table in world.tables}
    customers = await rows_with_ids(world, agency, tables["facts.customers"])
    back = customers[0] | {"customer_id": Shop.customer(2), "natural_key": Shop.customer(2)}
    await restore(world, agency, [(tables["facts.customers"], [back])])
    later = (world.stores, agency.tenant_id)
    after = (agency.client_id, RescanMoment.INGEST)
    assert await rescan_later(*later, after=after) == 2  # its id and its key
    replay = Run(world.ids(), {agency.tenant_id: requests}, is_replay=True)
    await world.eraser().run(replay)
    assert await found(world, agency) == {}
    assert await rescan_later(*later, after=after) == 0  # once more, since it had found something
    assert await rescan_later(*later, after=after) is None


async def waiting(
    world: World, database_url: str
) -> tuple[Agency, uuid.UUID, ErasureWatch, list[tuple[Any, ...]]]:
    """A request that waits for its later searches, who watches over them, and what was settled."""
    agency, [request] = await erased(world)
    async with world.database.session(agency.tenant_id) as session:
        await session.execute(update(SubjectRequest).values(state=RequestState.WAITING))
    settled: list[tuple[Any, ...]] = []

    async def settle(*told: Any) -> None:
        settled.append(told)

    engine = JobEngine(JobsConfig(database_url), executor_id="test")
    jobs = ErasureJobs(world.eraser(), engine, Doors(world.database), asyncio.sleep)
    return agency, request.request_id, ErasureWatch(jobs, jobs.doors, settle), settled


async def test_a_request_is_settled_when_no_rescan_is_due_any_more(
    world: World, database_url: str
) -> None:
    agency, request_id, watch, settled = await waiting(world, database_url)
    async with world.database.session(agency.tenant_id) as session:
        outcome = await find_outcome(session, request_id)
    assert outcome is not None
    assert outcome.waits_for == (
        "rescan after the next sync, on 2026-11-05 at the latest",
        "rescan after features are computed anew, on 2026-11-05 at the latest",
    )
    counts = {one.place: one.count for one in outcome.counts if one.store == "warehouse"}
    assert counts["marts.orders"] == counts["facts.orders"] == SHOP.orders_each
    assert counts["marts.customers"] == 1
    assert await watch.do_due() == 0
    assert settled == []
    days = {"orders": DateRange(dt.date(2026, 10, 5), dt.date(2026, 10, 31))}
    await watch.published(
        Publication(
            agency.tenant_id, agency.client_id, agency.connection_id, RunId(agency.run_id), days
        )
    )
    assert settled == [(agency.tenant_id, request_id, RequestOutcome.DONE)]


async def test_a_client_that_is_not_synced_any_more_is_searched_all_the_same(
    world: World, database_url: str
) -> None:
    agency, request_id, watch, settled = await waiting(world, database_url)
    world.now += dt.timedelta(days=3, seconds=-1)
    assert (await watch.do_due(), settled) == (0, [])
    world.now += dt.timedelta(seconds=1)
    assert await watch.do_due() == 1
    assert set(settled) == {(agency.tenant_id, request_id, RequestOutcome.DONE)}
    assert await watch.do_due() == 0
