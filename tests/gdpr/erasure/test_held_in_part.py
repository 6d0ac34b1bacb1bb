"""A legal hold over one category: the rest is erased now, and that category when the hold ends.

one person's rows, by table -> a run that leaves a category out -> late data, neighbours, a replay
-> a run for the rest -> as if one run had erased everything
"""

import datetime as dt
import itertools
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from domain.privacy.evidence import TreatmentAction
from domain.privacy.held_categories import HELD_CATEGORIES
from domain.privacy.identifiers import email, platform_id
from gdpr.erasure.job import _kept, _replayed
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.outcome import find_outcome
from gdpr.erasure.places import PLACES
from gdpr.erasure.plan import StepKind, build_plan
from gdpr.erasure.rescan import buried_words
from gdpr.erasure.search import search_everywhere
from gdpr.erasure.work import Run, RunRequest
from tenancy.privacy.subjects import reveal
from tenancy.privacy.tombstones import Tombstones
from tenancy.tables import Subject, Tombstone
from tests.gdpr.erasure.plan_rules import before
from tests.gdpr.erasure.shop import ERASABLES
from tests.gdpr.erasure.twin import as_erased, landed, stored, table_rows
from tests.gdpr.erasure.world import VAULT, Agency, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio

ACCOUNT, ORDERS, CONTACT = "user.account", "user.behavior.purchase_history", "user.contact"
SUBSETS = [set(some) for n in range(4) for some in itertools.combinations(HELD_CATEGORIES, n)]
SHOP = Shop(people=6)
ADA = SHOP.customer(2)
HERS = SHOP.orders_of(frozenset({2}))


def test_every_table_about_people_tells_of_something_that_can_be_held() -> None:
    told = {name: one.table.tells_of for name, one in ERASABLES.items()}
    assert set(told.values()) == {ACCOUNT, ORDERS}
    for name, category in told.items():  # a table and what is made of it are held together
        fact = name.partition(".")[2].rpartition("__")[2]
        assert category == told[f"facts.{fact}"], name


@pytest.mark.parametrize("held", SUBSETS, ids=lambda held: ",".join(sorted(held)) or "nothing")
def test_each_place_is_erased_or_kept_and_says_why(held: set[str]) -> None:
    plan = build_plan(list(ERASABLES.values()), PLACES, held)
    told = Counter((one.store, one.place) for one in plan.treatments)
    assert set(told.values()) == {1}
    changed = {step.name for step in plan.steps if step.kind is StepKind.TABLE}
    by_place = {one.place: one for one in plan.treatments}
    for name, erasable in ERASABLES.items():
        assert (name in changed) is (erasable.table.tells_of not in held)
        if name not in changed:
            assert by_place[name].action is TreatmentAction.KEEP
            assert erasable.table.tells_of in by_place[name].reason
            assert "GDPR 17(3)" in by_place[name].reason
    kinds = [step.kind for step in plan.steps]
    assert (StepKind.SHRED in kinds) is not (StepKind.IDENTITY in kinds)
    assert (StepKind.SHRED in kinds) is not bool(held)
    unread = TreatmentAction.KEEP if held else TreatmentAction.DELETE
    assert by_place["privacy.suppressed"].action is unread
    last = "identity" if held else "shred"
    assert {"rescan", "recipients"} <= before(plan)[last]
    assert last in before(plan)["forget"]
    assert plan.to_json()["held"] == sorted(held)


def test_plans_that_keep_something_else_are_other_plans() -> None:
    hashes = {build_plan(list(ERASABLES.values()), PLACES, held).hash for held in SUBSETS}
    assert len(hashes) == len(SUBSETS) == 8


@given(
    st.dictionaries(st.text("abc", min_size=1), st.frozensets(st.sampled_from([ACCOUNT, ORDERS])))
)
def test_a_tombstone_counts_for_whatever_is_not_held(held_of: dict[str, frozenset[str]]) -> None:
    held = {
        one: frozenset(name for name, held in held_of.items() if one in held)
        for one in (ACCOUNT, ORDERS)
    }
    stones = Tombstones(1, frozenset(held_of), held)
    for category in (ACCOUNT, ORDERS, CONTACT, ""):
        assert stones.of(category) == {n for n, held in held_of.items() if category not in held}


async def rows_of(world: World, agency: Agency) -> dict[str, pa.Table]:
    """What tables and landing objects of each raw table have, by name."""
    found = {}
    for erasable in world.stores.erasables:
        table = erasable.table
        found[table.qualified] = await stored(world, agency, table)
        if table.schema == "raw":
            stream = table.name.removeprefix("shopify__")
            found[f"landing {stream}"] = await landed(world, agency, stream)
    return found


def without_her(
    world: World, agency: Agency, rows: dict[str, pa.Table], held: set[str]
) -> dict[str, pa.Table]:
    """The same, with her taken out of what no hold keeps."""
    gone = {}
    for erasable in world.stores.erasables:
        table = erasable.table
        stream = table.name.removeprefix("shopify__")
        for place in (table.qualified, f"landing {stream}"):
            if place not in rows or (table.schema != "raw" and place != table.qualified):
                continue
            if table.tells_of in held:
                gone[place] = rows[place]
            elif not table.outlives_person:
                gone[place] = rows[place].filter(pc.field("customer_id") != ADA)
            else:
                gone[place] = as_erased(rows[place], erasable, agency, HERS)
    return gone


def the_run(world: World, agency: Agency, request: RunRequest, *held: str) -> Run:
    return Run(world.ids(), {agency.tenant_id: (request,)}, held=frozenset(held))


async def find_her(world: World, agency: Agency) -> dict[str, int]:
    words = KnownWords.of(
        [platform_id(ADA, agency.connection_id), email("person2@shop.example")], HERS
    )
    return dict(await search_everywhere(world.stores, agency.tenant_id, words))


async def ask_for_ada(world: World, agency: Agency) -> RunRequest:
    [request] = await world.request_all(agency, frozenset({2}))
    return request


@pytest.mark.parametrize(
    "held",
    [
        pytest.param({ORDERS}, id="orders"),
        pytest.param({ACCOUNT}, id="account", marks=pytest.mark.slow),
        pytest.param({CONTACT}, id="contact", marks=pytest.mark.slow),
        pytest.param({ACCOUNT, ORDERS}, id="both", marks=pytest.mark.slow),
    ],
)
async def test_the_rest_goes_now_and_what_is_held_when_the_hold_ends(
    world: World, held: set[str]
) -> None:
    agency, neighbour = await world.agency("one"), await world.agency("two")
    for one in (agency, neighbour):
        await world.ingest_shop(one, SHOP)
    at_first, others = await rows_of(world, agency), await rows_of(world, neighbour)
    request = await ask_for_ada(world, agency)

    await world.eraser().run(the_run(world, agency, request, *held))

    assert await rows_of(world, agency) == without_her(world, agency, at_first, held)
    async with world.database.session(agency.tenant_id) as session:
        assert request.subject_id is not None
        known = await reveal(session, VAULT, request.subject_id)
        assert {one.value for one in known} == {ADA, "person2@shop.example"}
        outcome = await find_outcome(session, request.request_id)
    assert outcome is not None
    kept = {one.place for one in outcome.treatments if "legal hold over" in one.reason}
    tables = {name for name, one in ERASABLES.items() if one.table.tells_of in held}
    assert kept == tables & {e.table.qualified for e in world.stores.erasables} | {"subjects"}
    assert {one.place for one in outcome.counts}.isdisjoint(kept)

    world.now += dt.timedelta(days=400)
    await world.eraser().run(the_run(world, agency, request))

    assert await rows_of(world, agency) == without_her(world, agency, at_first, set())
    assert await rows_of(world, neighbour) == others
    assert await find_her(world, agency) == {}
    async with world.database.session(agency.tenant_id) as session:
        subject = await session.get_one(Subject, (agency.tenant_id, request.subject_id))
        assert subject.erased_at == world.now
        assert await session.scalar(select(Tombstone.pseudonym).where(Tombstone.held != [])) is None
        outcome = await find_outcome(session, request.request_id)
    assert outcome is not None
    counted = {one.place: one.count for one in outcome.counts}
    assert counted["facts.customers"] == 1  # by whichever of the two runs
    assert counted["facts.orders"] == SHOP.orders_each
    assert counted["subjects"] == 2
    assert not [one for one in outcome.treatments if "legal hold over" in one.reason]


async def test_late_data_comes_in_where_a_hold_keeps_it_and_nowhere_else(world: World) -> None:
    agency = await world.agency("one")
    await world.ingest_shop(agency, SHOP)
    request = await ask_for_ada(world, agency)
    await world.eraser().run(the_run(world, agency, request, ORDERS))
    mart = next(e.table for e in world.stores.erasables if e.table.qualified == "marts.orders")
    orders = await table_rows(world, agency, mart)

    await world.ingest_shop(agency, SHOP)  # the platform tells everything again

    assert await table_rows(world, agency, mart) == orders  # hers were replaced, not doubled
    hers = [row for row in orders if row["customer_id"] == ADA]
    assert {row["order_id"] for row in hers} == HERS
    found = [place.partition(" ")[2] for place in await find_her(world, agency)]
    assert {place.rpartition(".")[0] for place in found if "." in place} == {
        e.table.qualified
        for e in world.stores.erasables
        if e.table.tells_of == ORDERS and not e.table.name.startswith("file__")
    }
    blind = await buried_words(world.stores, agency.tenant_id)
    assert await search_everywhere(world.stores, agency.tenant_id, blind) == {}  # nothing is amiss


async def test_nobody_else_s_run_and_no_replay_takes_what_is_held(world: World) -> None:
    agency = await world.agency("one")
    await world.ingest_shop(agency, SHOP)
    request = await ask_for_ada(world, agency)
    await world.eraser().run(the_run(world, agency, request, ORDERS))
    [bob] = await world.request_all(agency, frozenset({3}))
    await world.eraser().run(the_run(world, agency, bob))
    held = {
        e.table.qualified: [
            row
            for row in await table_rows(world, agency, e.table)
            if row.get("customer_id") == ADA or row.get("order_id") in HERS
        ]
        for e in world.stores.erasables
    }
    assert [len(held[f"facts.{one}"]) for one in ("orders", "order_lines", "customers")] == [
        2,
        4,
        0,
    ]
    kept = await _kept(world.database, agency.tenant_id)
    assert kept == [[], [ORDERS]]
    for one in kept:
        replay = await _replayed(world.database, agency.tenant_id, world.ids(), one)
        assert [r.request_id for r in replay.requests[agency.tenant_id]] == [
            request.request_id if one else bob.request_id
        ]
        await world.eraser().run(replay)
    for erasable in world.stores.erasables:
        rows = await table_rows(world, agency, erasable.table)
        assert [row for row in rows if row in held[erasable.table.qualified]] == held[
            erasable.table.qualified
        ]
    async with world.database.session(agency.tenant_id) as session:
        assert request.subject_id is not None
        assert len(await reveal(session, VAULT, request.subject_id)) == 2
