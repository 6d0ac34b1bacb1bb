"""Suppressions reach the questions, in one load for all agencies, and end again."""

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass, field

import pytest
from sqlalchemy import func, select, update

from domain.errors import NotFoundError
from domain.facts.orders import ORDERS
from domain.facts.tables import SUPPRESSED, facts_table, marts_table
from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from domain.privacy.consent import Denial
from domain.privacy.identifiers import email, platform_id
from domain.privacy.purposes import Purpose, SuppressionCause
from tenancy.cache import KeyKind, TenantRedis
from tenancy.exclusive import Exclusive
from tenancy.privacy.subjects import match, shred
from tenancy.privacy.suppression_writer import SuppressionWriter
from tenancy.privacy.suppressions import Denials, follow_denials, is_suppressed, lift, suppress
from tenancy.redis_server import RedisServer
from tenancy.tables import Suppression
from tenancy.unscoped import Doors
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import AuditedTenants, WarehouseError
from tests.tenancy.privacy.agency import ACME, NOON, OTHER_SHOP, SHOP, People, people
from tests.tenancy.warehouse.samples import parquet, question

__all__ = ["people"]

pytestmark = pytest.mark.anyio

ADA = platform_id("ada", SHOP)
HOUR = dt.timedelta(hours=1)
ALL = ["a-early", "a-late", "b-late", "x-late"]
OBJECTION, WITHDRAWAL = SuppressionCause.OBJECTION, SuppressionCause.WITHDRAWAL
ORDERED = (
    ("a-early", "ada", SHOP, NOON - HOUR),
    ("a-late", "ada", SHOP, NOON + HOUR),
    ("b-late", "bob", SHOP, NOON + HOUR),
    ("x-late", "ada-there", OTHER_SHOP, NOON + HOUR),
)


@dataclass(slots=True)
class Reading:
    """The people, the warehouse that holds their orders, and what writes between them."""

    people: People
    warehouse: DuckDbWarehouse
    redis: RedisServer
    statements: list[str]
    followed: list[tuple[TenantId, ClientId]] = field(default_factory=list)

    @property
    def doors(self) -> Doors:
        return Doors(self.people.database)

    @property
    def writer(self) -> SuppressionWriter:
        async def follow(tenant_id: TenantId, client_id: ClientId) -> None:
            self.followed.append((tenant_id, client_id))

        return SuppressionWriter(
            database=self.people.database,
            unwritten=self.doors.agencies_with_unwritten_suppressions,
            unfollowed=self.doors.agencies_with_unfollowed_suppressions,
            warehouse=self.warehouse,
            vault=self.people.vault,
            redis=self.redis,
            exclusive=Exclusive(self.people.database, "suppressions"),
            follow=follow,
            clock=lambda: NOON,
            ids=self.people.ids,
        )

    async def fill(self) -> uuid.UUID:
        """Orders of ada and bob, and who ada is."""
        await self.warehouse.ensure_tables([SUPPRESSED, facts_table(ORDERS), marts_table(ORDERS)])
        tenants = AuditedTenants(frozenset({self.people.tenant_id}), "test")
        rows = [
            {
                "tenant_id": str(self.people.tenant_id),
                "client_id": str(ACME),
                "connection_id": str(shop),
                "natural_key": key,
                "order_id": key,
                "customer_id": who,
                "ordered_at": at,
            }
            for key, who, shop, at in ORDERED
        ]
        for make in (facts_table, marts_table):
            table = make(ORDERS)
            await self.warehouse.load(table.qualified, table, [parquet(rows, table)], tenants)
        await self.people.observe((ADA, email("ada@northwind.example")))
        return await self.ada()

    async def ada(self) -> uuid.UUID:
        async with self.people.database.session(self.people.tenant_id) as session:
            (found,) = await match(session, [self.people.names.of(ACME, ADA)])
        return found

    async def suppress(self, subject_id: uuid.UUID, *purposes: Purpose, **more: object) -> None:
        cause = more.get("cause", OBJECTION)
        assert isinstance(cause, SuppressionCause)
        async with self.people.database.session(self.people.tenant_id) as session:
            await suppress(
                session,
                subject_id,
                purposes or (Purpose.ANALYTICS,),
                cause,
                NOON,
                origin="request",
                ids=self.people.ids,
            )

    async def read(self) -> list[str]:
        statement = question("SELECT natural_key AS k FROM marts.orders ORDER BY 1")
        answer = await self.warehouse.run(TenantScope(self.people.tenant_id), statement, {})
        keys: list[str] = answer.column("k").to_pylist()
        return keys


@pytest.fixture
async def reading(
    people: People,
    duckdb_warehouse: DuckDbWarehouse,
    redis_server: RedisServer,
    statements: list[str],
) -> Reading:
    return Reading(people, duckdb_warehouse, redis_server, statements)


async def test_an_objection_is_in_force_after_one_round_and_ends_after_another(
    reading: Reading,
) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    assert await reading.read() == ALL  # accepted, and not yet in force
    assert await reading.writer.write_due() == 1
    assert await reading.read() == ["b-late", "x-late"]
    assert await reading.writer.write_due() == 0
    async with reading.people.database.session(reading.people.tenant_id) as session:
        assert await is_suppressed(session, ada)
        assert not await is_suppressed(session, ada, Purpose.ADVERTISING)
        assert await lift(session, ada, OBJECTION, NOON, origin="another request") == 0
        assert await lift(session, ada, OBJECTION, NOON) == 1
        assert not await is_suppressed(session, ada)
    assert await reading.read() == ["b-late", "x-late"]
    assert await reading.writer.write_due() == 1
    assert await reading.read() == ALL


async def test_suppressing_again_changes_nothing_and_storage_cannot_be(reading: Reading) -> None:
    ada = await reading.fill()
    for _ in range(2):
        await reading.suppress(ada, *Purpose)
    async with reading.people.database.session(reading.people.tenant_id) as session:
        stored = await session.scalars(select(Suppression.purpose).order_by(Suppression.purpose))
        assert stored.all() == [
            Purpose.ADVERTISING,
            Purpose.ANALYTICS,
            Purpose.PERSONALISATION,
        ]


async def test_a_withdrawal_takes_out_only_what_happened_since(reading: Reading) -> None:
    ada = await reading.fill()
    await reading.suppress(ada, cause=WITHDRAWAL)
    await reading.writer.write_due()
    assert await reading.read() == ["a-early", "b-late", "x-late"]


async def test_nobody_is_suppressed_who_is_not_there(reading: Reading) -> None:
    with pytest.raises(NotFoundError, match="there is no such person"):
        await reading.suppress(uuid.UUID(int=99))


async def test_ids_that_come_later_are_left_out_too(reading: Reading) -> None:
    """Also those of somebody who turns out to be the same person."""
    ada = await reading.fill()
    await reading.suppress(ada)
    await reading.writer.write_due()
    there = platform_id("ada-there", OTHER_SHOP)
    await reading.people.observe((there, email("a.lovelace@northwind.example")))
    assert await reading.writer.write_due() == 0  # nobody knows yet
    both = (email("a.lovelace@northwind.example"), email("ada@northwind.example"))
    await reading.people.observe(both)
    assert await reading.writer.write_due() == 1
    assert await reading.read() == ["b-late"]


async def test_merging_into_an_older_person_keeps_the_younger_suppressed(reading: Reading) -> None:
    await reading.fill()
    there = (platform_id("ada-there", OTHER_SHOP), email("a.lovelace@northwind.example"))
    await reading.people.observe(there, now=NOON + HOUR)
    async with reading.people.database.session(reading.people.tenant_id) as session:
        (younger,) = await match(session, [reading.people.names.of(ACME, there[0])])
    await reading.suppress(younger)
    await reading.writer.write_due()
    assert await reading.read() == ["a-early", "a-late", "b-late"]
    await reading.people.observe((email("ada@northwind.example"), there[1]))
    assert await reading.ada() != younger
    await reading.writer.write_due()
    assert await reading.read() == ["b-late"]


async def test_of_somebody_erased_nothing_stays_in_the_warehouse(reading: Reading) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    await reading.writer.write_due()
    async with reading.people.database.session(reading.people.tenant_id) as session:
        await shred(session, ada, NOON)
    assert await reading.writer.write_due() == 1
    tenants = AuditedTenants(frozenset({reading.people.tenant_id}), "test")
    kept = question("SELECT COUNT(*) AS n FROM privacy.suppressed")
    assert (await reading.warehouse.run_for(tenants, kept, {})).to_pylist() == [{"n": 0}]


async def test_a_round_that_failed_is_done_again(reading: Reading) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    writer = reading.writer
    broken = SuppressionWriter(
        **{name: getattr(writer, name) for name in writer.__slots__ if name != "warehouse"},
        warehouse=_Broken(),  # type: ignore[arg-type]
    )
    with pytest.raises(WarehouseError, match="it is down"):
        await broken.write_due()
    assert await reading.read() == ALL
    assert await writer.write_due() == 1
    assert await reading.read() == ["b-late", "x-late"]


async def test_a_round_that_died_after_its_load_leaves_nothing_behind(reading: Reading) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    await reading.writer.write_due()
    async with reading.people.database.session(reading.people.tenant_id) as session:
        await session.execute(update(Suppression).values(written_revision=0, written_at=None))
    await reading.writer.write_due()  # the same rows stand there twice
    async with reading.people.database.session(reading.people.tenant_id) as session:
        await lift(session, ada, OBJECTION, NOON)
    await reading.writer.write_due()
    assert await reading.read() == ALL


async def test_a_change_during_a_round_is_not_taken_for_written(reading: Reading) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    writer, database = reading.writer, reading.people.database
    some = {reading.people.tenant_id: await writer._read(reading.people.tenant_id)}  # noqa: SLF001
    async with database.session(reading.people.tenant_id) as session:
        await lift(session, ada, OBJECTION, NOON)
    await writer._load(some)  # noqa: SLF001
    await writer._note(reading.people.tenant_id, some[reading.people.tenant_id])  # noqa: SLF001
    assert await reading.read() == ["b-late", "x-late"]
    assert await writer.write_due() == 1
    assert await reading.read() == ALL


async def test_many_people_are_one_load(reading: Reading) -> None:
    await reading.fill()
    crowd = [platform_id(f"p{number}", SHOP) for number in range(300)]
    await reading.people.observe(*([one] for one in crowd))
    async with reading.people.database.session(reading.people.tenant_id) as session:
        for subject_id in await match(
            session, [reading.people.names.of(ACME, one) for one in crowd]
        ):
            await suppress(
                session,
                subject_id,
                [Purpose.ANALYTICS],
                OBJECTION,
                NOON,
                origin="request",
                ids=reading.people.ids,
            )
    before = len(reading.statements)
    assert await reading.writer.write_due() == 300
    assert len(reading.statements) - before == 1
    assert "INSERT INTO privacy.suppressed" in reading.statements[-1]


async def test_listeners_hear_and_features_follow_once(reading: Reading) -> None:
    ada = await reading.fill()
    writer, tenant_id = reading.writer, reading.people.tenant_id
    await reading.suppress(ada, Purpose.ANALYTICS, Purpose.ADVERTISING)
    assert await reading.doors.agencies_with_unwritten_suppressions() == [tenant_id]
    assert await writer.follow_due() == 0  # the warehouse comes first
    redis = TenantRedis(reading.redis, tenant_id)
    async with redis.subscribe(KeyKind.DATA_VERSION, "orders") as messages:
        await writer.write_due()
        heard = await asyncio.wait_for(anext(messages), 10)
    assert heard == b'{"fact":"orders","suppressions":2}'
    assert await reading.doors.agencies_with_unwritten_suppressions() == []
    assert await reading.doors.agencies_with_unfollowed_suppressions() == [tenant_id]
    assert await writer.follow_due() == 1
    assert reading.followed == [(tenant_id, ACME)]
    assert await reading.doors.agencies_with_unfollowed_suppressions() == []
    async with reading.people.database.session(tenant_id) as session:
        assert await session.scalar(select(func.max(Suppression.written_at))) == NOON


async def test_each_agency_is_left_its_own(reading: Reading) -> None:
    """Another agency has the same shop and the same customer in it, by name."""
    other = TenantId(uuid.UUID(int=900))
    ada = await reading.fill()
    row = {
        "tenant_id": str(other),
        "client_id": str(ACME),
        "connection_id": str(SHOP),
        "natural_key": "theirs",
        "order_id": "a-late",
        "customer_id": "ada",
        "ordered_at": NOON + HOUR,
    }
    tenants = AuditedTenants(frozenset({other}), "test")
    for one in (facts_table(ORDERS), marts_table(ORDERS)):
        await reading.warehouse.load(f"other-{one.qualified}", one, [parquet([row], one)], tenants)
    await reading.suppress(ada)
    redis = TenantRedis(reading.redis, other)
    async with redis.subscribe(KeyKind.DATA_VERSION, "orders") as messages:
        await reading.writer.write_due()
        await redis.publish(KeyKind.DATA_VERSION, "orders", message=b"own")
        assert await asyncio.wait_for(anext(messages), 10) == b"own"
    assert await reading.read() == ["b-late", "x-late"]
    statement = question("SELECT natural_key AS k FROM marts.orders")
    answer = await reading.warehouse.run(TenantScope(other), statement, {})
    assert answer.column("k").to_pylist() == ["theirs"]
    kept = question("SELECT DISTINCT tenant_id AS t FROM privacy.suppressed")
    both = AuditedTenants(frozenset({other, reading.people.tenant_id}), "test")
    rows = await reading.warehouse.run_for(both, kept, {})
    assert rows.column("t").to_pylist() == [str(reading.people.tenant_id)]


async def test_redis_that_is_away_holds_nothing_up(
    reading: Reading, dead_redis: RedisServer
) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    reading.redis = dead_redis
    assert await reading.writer.write_due() == 1
    assert await reading.read() == ["b-late", "x-late"]


async def _follow(reading: Reading, ada: uuid.UUID, *intervals: Denial) -> int:
    async with reading.people.database.session(reading.people.tenant_id) as session:
        return await follow_denials(
            session,
            [Denials(ada, Purpose.ANALYTICS, intervals)],
            NOON,
            ids=reading.people.ids,
        )


async def test_denials_come_move_and_go(reading: Reading) -> None:
    ada = await reading.fill()
    assert await _follow(reading, ada, Denial("tcf", NOON, None)) == 1
    assert await _follow(reading, ada, Denial("tcf", NOON, None)) == 0
    await reading.writer.write_due()
    assert await reading.read() == ["a-early", "b-late", "x-late"]
    # They agree again, and withdraw again: what happened between is read.
    again = (Denial("tcf", NOON, NOON + HOUR), Denial("tcf", NOON + 2 * HOUR, None))
    assert await _follow(reading, ada, *again) == 2
    await reading.writer.write_due()
    assert await reading.read() == ALL
    # A word that came late says that they had withdrawn long before.
    assert await _follow(reading, ada, Denial("tcf", NOON - 2 * HOUR, None)) == 3
    await reading.writer.write_due()
    assert await reading.read() == ["b-late", "x-late"]


async def test_what_one_person_denied_ends_nothing_of_another_cause(reading: Reading) -> None:
    ada = await reading.fill()
    await reading.suppress(ada)
    assert await _follow(reading, ada) == 0
    async with reading.people.database.session(reading.people.tenant_id) as session:
        assert await is_suppressed(session, ada)


class _Broken:
    async def load(self, *_: object) -> int:
        raise WarehouseError("it is down")
