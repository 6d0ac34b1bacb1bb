"""The plan and the search, changed in every way that would leave somebody behind: each is noticed.

    plan: an edge less, a step less, a treatment less or another one -> its rules (plan_rules)
    run: a step less, or a table or column treated otherwise -> carried out, compared with the twin
    search: a store left out -> what was planted there is not found

A mutant that nothing notices is alive; at most one in twenty may be.
"""

import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import func, select

from domain.facts.fact import Erased
from domain.facts.tables import Table
from domain.ids import SyncId
from domain.privacy.evidence import RescanMoment, TreatmentAction
from domain.privacy.identifiers import Identifier, platform_id
from gdpr.erasure import search
from gdpr.erasure.erasable import Erasable, NotErasableError
from gdpr.erasure.journal import Journal
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.places import PLACES
from gdpr.erasure.plan import Plan, Step, build_plan
from gdpr.erasure.run import Eraser
from gdpr.erasure.search import search_everywhere
from gdpr.erasure.targets import TARGETS
from gdpr.erasure.work import RunRequest
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_sweep import iter_stored
from tenancy.session import TenantSession
from tenancy.tables import (
    DataVersion,
    ErasureRescan,
    QuarantinedRow,
    QuarantineState,
    Subject,
    Sync,
    Tombstone,
)
from tests.gdpr.erasure.plan_rules import before, find_flaws, needed_edges
from tests.gdpr.erasure.shop import ERASABLES, TABLES
from tests.gdpr.erasure.twin import as_erased, ask, features_of, landed, stored, table_rows
from tests.gdpr.erasure.world import Agency, Shop, World, world

__all__ = ["world"]

PLAN = build_plan(list(ERASABLES.values()), PLACES)
ABOUT = [table.qualified for table in TABLES if table.names_people]
LEAST_KILLED = 0.95
LEAST = [("steps", 24), ("raw", 17), ("facts", 11), ("marts", 11)]  # mutants of runs

SHOP = Shop(people=3, orders_each=1)
PERSON = 0  # whose order was refunded
ORDERS = SHOP.orders_of(frozenset({PERSON}))


def survivors(mutants: Iterator[tuple[str, Plan]]) -> tuple[list[str], int]:
    """Mutants of the plan whose flaws no rule tells, and how many there were."""
    tried = list(mutants)
    alive = [name for name, plan in tried if not list(find_flaws(plan, ABOUT, PLACES))]
    return alive, len(tried)


def changed(step: Step, **values: Any) -> Plan:
    """The plan with a step changed."""
    new = dataclasses.replace(step, **values)
    return Plan(tuple(new if one is step else one for one in PLAN.steps))


def without_edges() -> Iterator[tuple[str, Plan]]:
    steps = {step.name: step for step in PLAN.steps}
    for first, then in needed_edges(PLAN):
        less = tuple(name for name in steps[then].after if name != first)
        yield f"{then} after {first}", changed(steps[then], after=less)


def without_steps(whole: Plan = PLAN) -> Iterator[tuple[str, Plan]]:
    for gone in whole.steps:
        steps = (
            dataclasses.replace(step, after=tuple(dict.fromkeys(_bridged(step, gone))))
            for step in whole.steps
            if step is not gone
        )
        yield gone.name, Plan(tuple(steps))


def _bridged(step: Step, gone: Step) -> Iterator[str]:
    """What a step follows when one is gone: what that one followed."""
    for name in step.after:
        yield from gone.after if name == gone.name else (name,)


def with_other_treatments() -> Iterator[tuple[str, Plan]]:
    for step in PLAN.steps:
        for one in step.treatments:
            others = tuple(other for other in step.treatments if other is not one)
            yield f"{one.place} untold", changed(step, treatments=others)
            for action in set(TreatmentAction) - {one.action}:
                other = (*others, dataclasses.replace(one, action=action))
                yield f"{one.place} to {action.value}", changed(step, treatments=other)
            if one.reason:
                silent = (*others, dataclasses.replace(one, reason=""))
                yield f"{one.place} without a reason", changed(step, treatments=silent)


def test_the_plan_itself_has_no_flaw() -> None:
    assert list(find_flaws(PLAN, ABOUT, PLACES)) == []


def test_edges_that_are_left_out_here_change_no_order() -> None:
    """Mutants of them would be the same plan: others imply them."""
    needed = set(needed_edges(PLAN))
    assert len(needed) >= 60
    steps = tuple(
        dataclasses.replace(step, after=tuple(n for n in step.after if (n, step.name) in needed))
        for step in PLAN.steps
    )
    assert before(Plan(steps)) == before(PLAN)


@pytest.mark.parametrize(
    ("mutants", "least"), [(without_edges, 60), (without_steps, 28), (with_other_treatments, 200)]
)
def test_a_plan_that_lacks_something_is_noticed(mutants: Any, least: int) -> None:
    alive, tried = survivors(mutants())
    assert tried >= least
    assert len(alive) <= (1 - LEAST_KILLED) * tried, alive
    assert alive == []


@dataclass(slots=True)
class Told:
    """A recipient of the data, and the copies that a person was given: both remember."""

    identifiers: list[tuple[Identifier, ...]] = field(default_factory=list)
    exports: list[Any] = field(default_factory=list)

    async def notify(
        self,
        session: TenantSession,
        run_id: Any,
        request: RunRequest,
        identifiers: Sequence[Identifier],
    ) -> int:
        del session, run_id, request
        self.identifiers.append(tuple(identifiers))
        return 1

    async def forget_exports(self, session: TenantSession, subject_id: Any) -> int:
        del session
        self.exports.append(subject_id)
        return 0


@dataclass(slots=True)
class Twin:
    """What a system holds that never saw the person; read once."""

    agency: Agency
    tables: dict[str, pa.Table] = field(default_factory=dict)
    landed: dict[str, pa.Table] = field(default_factory=dict)
    features: list[Any] = field(default_factory=list)


async def twin_of(world: World) -> Twin:
    agency = await world.agency("unseen")
    await world.ingest_shop(agency, SHOP, without=frozenset({PERSON}))
    await world.features.refresh_client(agency.tenant_id, agency.client_id)
    twin = Twin(agency, features=await features_of(world, agency))
    for erasable in world.stores.erasables:
        table = erasable.table
        twin.tables[table.qualified] = await stored(world, agency, table)
        if table.schema == "raw":
            stream = table.name.removeprefix("shopify__")
            twin.landed[stream] = await landed(world, agency, stream)
    return twin


@dataclass(frozen=True, slots=True)
class Mutant:
    """A plan and tables as they should not be; `erasables` are those that the run uses."""

    name: str
    plan: Plan
    erasables: Sequence[Erasable]


def run_mutants(what: str, erasables: Sequence[Erasable]) -> Iterator[Mutant]:
    """Runs that leave out a step, or treat a table of a schema otherwise."""
    plan = build_plan(erasables, PLACES)
    if what == "steps":
        for name, less in without_steps(plan):
            yield Mutant(f"without {name}", less, erasables)
    for one in erasables:
        for name, table in _otherwise(one.table) if one.table.schema == what else ():
            try:
                other = dataclasses.replace(one, table=table)
            except NotErasableError:
                continue  # nothing can be planned with it at all
            yield Mutant(name, plan, [other if e is one else e for e in erasables])


def _otherwise(table: Table) -> Iterator[tuple[str, Table]]:
    stays = not table.outlives_person
    yield f"{table.qualified} flipped", dataclasses.replace(table, outlives_person=stays)
    for column in table.columns if table.outlives_person else ():
        if column.erased is Erased.KEPT:
            continue
        kept = dataclasses.replace(column, erased=Erased.KEPT)
        columns = tuple(kept if one is column else one for one in table.columns)
        yield f"{table.qualified}.{column.name} kept", dataclasses.replace(table, columns=columns)


async def plant(world: World, agency: Agency, sync_id: SyncId, text: str) -> None:
    """A row that did not fit, and names somebody."""
    async with world.database.session(agency.tenant_id) as session:
        session.add(
            QuarantinedRow(
                id=world.ids(),
                sync_id=sync_id,
                connection_id=agency.connection_id,
                source="shopify",
                stream="customers",
                row_number=1,
                reason="type",
                message="no number",
                raw={"customer": {"id": text}},
                state=QuarantineState.OPEN,
                created_at=world.now,
            )
        )


async def a_sync(world: World, agency: Agency) -> SyncId:
    async with world.database.session(agency.tenant_id) as session:
        return SyncId((await session.scalars(select(Sync.id).order_by(Sync.id).limit(1))).one())


async def find_flaw(world: World, twin: Twin, agency: Agency, mutant: Mutant) -> str:
    """Carry a plan out for one person; the first thing that is not as it should be, or nothing."""
    told = Told()
    [request] = await world.request_all(agency, frozenset({PERSON}))
    stores = dataclasses.replace(
        world.stores,
        erasables=mutant.erasables,
        recipients=(told,),
        forget_exports=told.forget_exports,
    )
    eraser = Eraser(stores, mutant.plan, Journal(world.database, world.clock, "test"))
    async with world.database.session(agency.tenant_id) as session:
        versions = await session.scalar(select(func.count()).select_from(DataVersion))
    try:
        await eraser.run(world.run(agency, (request,)))
    except Exception as error:  # noqa: BLE001  # any end but the right one is noticed
        return f"the run failed: {type(error).__name__}"
    if [len(one) for one in told.identifiers] != [2]:
        return "the recipient does not know whom to erase"
    if told.exports != [request.subject_id]:
        return "the copies that the person was given can be read"
    async for flaw in _control_plane(world, agency, request, versions or 0):
        return flaw
    async for flaw in _places(world, twin, agency):
        return flaw
    return ""


async def _places(world: World, twin: Twin, agency: Agency) -> AsyncIterator[str]:
    for erasable in world.stores.erasables:
        table = erasable.table
        stream = table.name.removeprefix("shopify__")
        expected = as_erased(twin.tables[table.qualified], erasable, agency, ORDERS)
        if await stored(world, agency, table) != expected:
            yield table.qualified
        if table.schema == "raw":
            expected = as_erased(twin.landed[stream], erasable, agency, ORDERS)
            if await landed(world, agency, stream) != expected:
                yield f"objects of {stream}"
    if await features_of(world, agency) != twin.features:
        yield "features"
    if any([":answer:" in key async for key, _ in iter_stored(world.redis, agency.tenant_id)]):
        yield "answers"
    if await table_rows(world, agency, TARGETS):
        yield "who was looked for"


async def _control_plane(
    world: World, agency: Agency, request: RunRequest, versions: int
) -> AsyncIterator[str]:
    async with world.database.session(agency.tenant_id) as session:
        if await session.scalar(select(func.count()).select_from(Tombstone)) != 2 + len(ORDERS):
            yield "tombstones"
        mine = Subject.id == request.subject_id
        if await session.scalar(select(Subject.sealed_key).where(mine)) is not None:
            yield "the person's key"
        row = (await session.scalars(select(QuarantinedRow))).one()
        if row.raw or row.state is not QuarantineState.DISMISSED:
            yield "quarantine"
        if await session.scalar(select(func.count()).select_from(DataVersion)) == versions:
            yield "data versions"
        at_once = ErasureRescan.moment == RescanMoment.ERASURE
        found = (await session.scalars(select(ErasureRescan.found).where(at_once))).all()
        if list(found) != [0]:
            yield "the search at the end"


async def seen(world: World, slug: str) -> Agency:
    """An agency that has seen the person, in every store."""
    agency = await world.agency(slug)
    await world.ingest_shop(agency, SHOP)
    await world.features.refresh_client(agency.tenant_id, agency.client_id)
    await ask(world, agency)
    await plant(world, agency, await a_sync(world, agency), Shop.customer(PERSON))
    return agency


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize(("what", "least"), LEAST)
async def test_a_run_that_leaves_something_is_noticed(world: World, what: str, least: int) -> None:
    twin = await twin_of(world)
    whole = list(world.stores.erasables)
    right = Mutant("", build_plan(whole, PLACES), whole)
    assert await find_flaw(world, twin, await seen(world, "right"), right) == ""
    mutants = list(run_mutants(what, whole))
    alive = [
        mutant.name
        for number, mutant in enumerate(mutants)
        if not await find_flaw(world, twin, await seen(world, f"m{number}"), mutant)
    ]
    assert len(mutants) >= least
    assert len(alive) <= (1 - LEAST_KILLED) * len(mutants), alive
    assert alive == []


async def _finds(world: World, agency: Agency) -> dict[str, int]:
    person = platform_id(Shop.customer(PERSON), agency.connection_id)
    words = KnownWords.of([person], [Shop.customer(PERSON), *ORDERS])
    return dict(await search_everywhere(world.stores, agency.tenant_id, words))


async def _searches_nothing(*_: Any) -> None:
    """A store that is left out."""


async def _no_keys(*_: Any) -> AsyncIterator[tuple[str, bytes]]:
    for pair in list[tuple[str, bytes]]():
        yield pair


STORES = {
    "search_postgres": ("postgres", _searches_nothing),
    "_search_warehouse": ("warehouse", _searches_nothing),
    "_search_landing": ("landing", _searches_nothing),
    "iter_stored": ("redis", _no_keys),
}


@pytest.mark.anyio
async def test_a_search_that_leaves_a_store_out_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is planted in each store, so each store that is left out lacks its findings."""
    agency = await world.agency("shop")
    await world.ingest_shop(agency, SHOP)
    await plant(world, agency, await a_sync(world, agency), f"gid://c/{Shop.customer(PERSON)}")
    redis = TenantRedis(world.redis, agency.tenant_id)
    await redis.set(KeyKind.ANSWER, "x", value=Shop.customer(PERSON).encode(), ttl_seconds=60)
    whole = await _finds(world, agency)
    stores = sorted({place.split()[0] for place in whole})
    assert stores == sorted(store for store, _ in STORES.values())
    tables = {p.split()[1].rpartition(".")[0] for p in whole if p.startswith("warehouse")}
    assert tables == {one.table.qualified for one in world.stores.erasables}
    assert whole["postgres quarantined_rows"] == 1
    assert whole["redis answer"] == 1
    killed = 0
    for name, (store, nothing) in STORES.items():
        with monkeypatch.context() as patched:
            patched.setattr(search, name, nothing)
            found = await _finds(world, agency)
        assert found == {p: n for p, n in whole.items() if p.split()[0] != store}, store
        killed += found != whole
    assert killed == len(STORES)
