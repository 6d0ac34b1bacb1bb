"""The chain in PostgreSQL: gapless, one at a time per agency, the same hashes as in Python."""

import asyncio
import datetime as dt
import itertools
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, Text, create_engine, event, insert, make_url, select, text
from sqlalchemy.engine import Connection

import migrations
from domain.audit.entry import FIRST_PREVIOUS, ChainedEntry, compute_hash, microseconds_of
from domain.audit.verify import Anchor, Fault, Finding, Link, verify_chain
from domain.ids import TenantId
from migrations.upgrade import migrate
from tenancy.audit import BATCH, find_last_link, iter_chain, record
from tenancy.session import Database, DatabaseConfig, TenantSession
from tenancy.tables import AuditEntry, Client
from tests.domain.audit.chains import rehash
from tests.fixtures.database import FilledTenant, administrate, in_database

pytestmark = pytest.mark.anyio

Two = tuple[FilledTenant, FilledTenant]
NOON = dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
_NUMBERS = itertools.count(1)


def _new_id() -> uuid.UUID:
    return uuid.UUID(int=(0x0193 << 112) | next(_NUMBERS))


def _record(session: TenantSession, action: str = "connection.paused", **details: Any) -> None:
    record(
        session,
        clock=lambda: NOON,
        ids=_new_id,
        actor="user:7",
        action=action,
        object_kind="connection",
        object_id="con_1",
        details=details,
    )


async def _chain(database: Database, tenant_id: TenantId) -> list[ChainedEntry]:
    async with database.session(tenant_id) as session:
        return [entry async for batch in iter_chain(session) for entry in batch]


@pytest.fixture
async def wide(database_url: str) -> AsyncIterator[Database]:
    """Room for many transactions at once."""
    opened = Database(DatabaseConfig(database_url, pool_size=32, overflow=8))
    yield opened
    await opened.close()


@pytest.fixture
def tenant_id(two_tenants: Two) -> TenantId:
    """An agency that has one entry already."""
    return two_tenants[0].tenant_id


async def test_entries_are_numbered_and_linked(database: Database, tenant_id: TenantId) -> None:
    for number in range(3):
        async with database.session(tenant_id) as session:
            _record(session, f"a{number}.done")
            _record(session, f"b{number}.done")
    chain = await _chain(database, tenant_id)
    assert [one.sequence for one in chain] == [1, 2, 3, 4, 5, 6, 7]
    recorded = [f"{letter}{number}.done" for number in range(3) for letter in "ab"]
    assert [one.action for one in chain[1:]] == recorded
    assert chain[0].previous_hash == FIRST_PREVIOUS
    assert verify_chain(tenant_id, chain) is None


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"b": 1, "a": [], "aa": ["x", "y"], "none": None, "yes": True},
        {"float": 1.5, "large": 12345678901234567890, "tiny": 1e-9, "huge": 1e22, "zero": -0.0},
        {"text": "\N{EURO SIGN}\N{GRINNING FACE}\\\"'\n\u2028", "\u00e9": "e\u0301"},
    ],
)
async def test_postgresql_and_python_compute_the_same_hash(
    database: Database, tenant_id: TenantId, details: dict[str, Any]
) -> None:
    async with database.session(tenant_id) as session:
        _record(session, **details)
    entry = (await _chain(database, tenant_id))[-1]
    assert entry.hash == compute_hash(entry)


@pytest.mark.parametrize("year", [1, 1900, 1969, 1970, 2026, 9999])
async def test_every_instant_hashes_the_same(
    database: Database, tenant_id: TenantId, year: int
) -> None:
    async with database.session(tenant_id) as session:
        session.add(_entry(at=dt.datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)))
    assert verify_chain(tenant_id, await _chain(database, tenant_id)) is None


def _entry(**given: Any) -> AuditEntry:
    row = {
        "id": _new_id(),
        "at": NOON,
        "actor": "user:7",
        "action": "x.done",
        "object_kind": "x",
        "object_id": "1",
        "details": {},
    }
    return AuditEntry(**{**row, **given})


async def test_a_row_put_in_by_hand_is_chained_all_the_same(
    database: Database, tenant_id: TenantId
) -> None:
    async with database.session(tenant_id) as session:
        given = {"sequence": 77, "previous_hash": b"p" * 32, "hash": b"h" * 32}
        row = {**vars(_entry()), **given, "tenant_id": tenant_id}
        row.pop("_sa_instance_state")
        await session.execute(insert(AuditEntry).values(row))
    chain = await _chain(database, tenant_id)
    assert [one.sequence for one in chain] == [1, 2]
    assert verify_chain(tenant_id, chain) is None


async def test_a_deed_undone_leaves_no_gap(database: Database, tenant_id: TenantId) -> None:
    async def fail() -> None:
        async with database.session(tenant_id) as session:
            _record(session)
            session.add(_entry())
            await session.flush()
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await fail()
    async with database.session(tenant_id) as session:
        _record(session)
    chain = await _chain(database, tenant_id)
    assert [one.sequence for one in chain] == [1, 2]
    assert verify_chain(tenant_id, chain) is None


async def test_an_entry_goes_with_its_savepoint(database: Database, tenant_id: TenantId) -> None:
    async with database.session(tenant_id) as session:
        _record(session, "outer.done")
        for action, is_kept in (("kept.done", True), ("undone.done", False)):
            async with session.begin_nested() as savepoint:
                async with session.begin_nested():
                    _record(session, action)
                if not is_kept:
                    await savepoint.rollback()
        _record(session, "last.done")
    chain = await _chain(database, tenant_id)
    assert [one.action for one in chain[1:]] == ["outer.done", "kept.done", "last.done"]


async def test_entries_are_stored_last(database: Database, tenant_id: TenantId) -> None:
    """The lock of the agency is taken when all else is done."""
    statements: list[str] = []
    async with database.session(tenant_id) as session:
        connection = await session.connection()
        event.listen(
            connection.sync_connection,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: statements.append(statement.split(" (")[0]),
        )
        _record(session)
        await session.execute(select(Client.id))
        session.add(_client("late"))
    assert [one for one in statements if one.startswith("INSERT")] == [
        "INSERT INTO clients",
        "INSERT INTO audit_entries",
    ]


def _client(slug: str) -> Client:
    return Client(
        id=_new_id(), slug=slug, name=slug, currency="EUR", time_zone="UTC", created_at=NOON
    )


async def test_many_at_once_make_one_chain(wide: Database, tenant_id: TenantId) -> None:
    async def work(number: int) -> None:
        for turn in range(4):
            async with wide.session(tenant_id) as session:
                for step in range(1 + number % 3):
                    _record(session, "x.done", number=number, turn=turn, step=step)
                await session.execute(select(Client.id))

    await asyncio.gather(*(work(number) for number in range(32)))
    chain = await _chain(wide, tenant_id)
    written = 4 * sum(1 + number % 3 for number in range(32))
    assert [one.sequence for one in chain] == list(range(1, written + 2))
    assert verify_chain(tenant_id, chain) is None


@asynccontextmanager
async def _open_entry(database: Database, tenant_id: TenantId) -> AsyncIterator[None]:
    """A transaction that has put an entry into the chain and has not ended."""
    async with database.session(tenant_id) as session:
        session.add(_entry())
        await session.flush()
        yield


async def test_agencies_do_not_wait_for_each_other(wide: Database, two_tenants: Two) -> None:
    first, second = (tenant.tenant_id for tenant in two_tenants)
    async with asyncio.timeout(20), _open_entry(wide, first), wide.session(second) as session:
        _record(session)
        session.add(_entry())
        await session.flush()
    assert [len(await _chain(wide, one)) for one in (first, second)] == [2, 3]


async def test_transactions_of_an_agency_come_one_after_the_other(
    wide: Database, tenant_id: TenantId
) -> None:
    async def commit() -> None:
        async with wide.session(tenant_id) as session:
            _record(session, "second.done")

    async with _open_entry(wide, tenant_id):
        second = asyncio.create_task(commit())
        await _wait_for_a_lock(wide)
        assert not second.done()
    await second
    chain = await _chain(wide, tenant_id)
    assert [one.action for one in chain[1:]] == ["x.done", "second.done"]
    assert verify_chain(tenant_id, chain) is None


async def _wait_for_a_lock(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with asyncio.timeout(20), database.platform_session() as session:
        while await session.scalar(waiting) == 0:  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0)


async def test_a_part_of_the_chain_can_be_read(database: Database, tenant_id: TenantId) -> None:
    async with database.session(tenant_id) as session:
        for _ in range(4):
            _record(session)
    async with database.session(tenant_id) as session:
        found = [one async for batch in iter_chain(session, after=2, up_to=4) for one in batch]
        last = await find_last_link(session)
    assert [one.sequence for one in found] == [3, 4]
    assert last == Link(5, (await _chain(database, tenant_id))[-1].hash)


async def test_an_agency_without_entries_has_an_empty_chain(database: Database) -> None:
    new = TenantId(uuid.UUID(int=99))
    assert await _chain(database, new) == []
    async with database.session(new) as session:
        assert await find_last_link(session) == Link()


# Tampering as the superuser, past every right and trigger.


@pytest.fixture
async def long_chain(database: Database, tenant_id: TenantId) -> Anchor:
    """40 entries, and what was known of the last one."""
    for _ in range(13):
        async with database.session(tenant_id) as session:
            for number in range(3):
                _record(session, number=number)
    async with database.session(tenant_id) as session:
        return Anchor(await find_last_link(session), "the export")


def _edit(connection: Connection, rng: random.Random) -> None:
    change = rng.choice(
        [
            "actor = actor || ' '",
            "action = 'x'",
            "object_kind = object_id, object_id = object_kind",
            "object_id = ''",
            "details = details || '{\"more\": 1}'",
            "at = at + interval '1 microsecond'",
            "id = gen_random_uuid()",
            "hash = sha256(hash)",
            "previous_hash = sha256(previous_hash)",
            "sequence = sequence + 1000",
        ]
    )
    connection.execute(text(f"UPDATE audit_entries SET {change} WHERE {_ONE}"), _pick(rng))


def _rehash_one(connection: Connection, rng: random.Random) -> None:
    change = text(
        "UPDATE audit_entries SET actor = 'evil', hash = audit_hash(previous_hash, tenant_id,"
        f" sequence, id, at, 'evil', action, object_kind, object_id, details) WHERE {_ONE}"
    )
    connection.execute(change, _pick(rng))


def _drop(connection: Connection, rng: random.Random) -> None:
    connection.execute(text(f"DELETE FROM audit_entries WHERE {_ONE}"), _pick(rng))


def _truncate(connection: Connection, rng: random.Random) -> None:
    connection.execute(
        text("DELETE FROM audit_entries WHERE tenant_id = :tenant AND sequence > :n"),
        {**_pick(rng), "n": rng.randrange(40)},
    )


def _swap(connection: Connection, rng: random.Random) -> None:
    one, other = rng.sample(range(1, 41), 2)
    for old, new in ((one, 1000), (other, one), (1000, other)):
        connection.execute(
            text(
                "UPDATE audit_entries SET sequence = :new"
                " WHERE tenant_id = :tenant AND sequence = :old"
            ),
            {**_pick(rng), "old": old, "new": new},
        )


def _fork(connection: Connection, rng: random.Random) -> None:
    """The whole end anew, by the database's own trigger."""
    start, parameters = rng.randrange(40), _pick(rng)
    connection.execute(
        text(
            "CREATE TEMP TABLE suffix ON COMMIT DROP AS SELECT * FROM audit_entries"
            " WHERE tenant_id = :tenant AND sequence > :start ORDER BY sequence"
        ),
        {**parameters, "start": start},
    )
    connection.execute(
        text("DELETE FROM audit_entries WHERE tenant_id = :tenant AND sequence > :start"),
        {**parameters, "start": start},
    )
    connection.execute(text("UPDATE suffix SET actor = 'evil'"))
    connection.execute(
        text("INSERT INTO audit_entries SELECT * FROM suffix ORDER BY suffix.sequence")
    )


_ONE = "tenant_id = :tenant AND sequence = :n"
_TENANT = uuid.UUID(int=1 << 96 | 1)


def _pick(rng: random.Random) -> dict[str, object]:
    return {"tenant": _TENANT, "n": rng.randint(1, 40)}


Tampering = Callable[[Connection, random.Random], None]


@pytest.mark.parametrize("tamper", [_edit, _rehash_one, _drop, _truncate, _swap, _fork])
async def test_tampering_by_the_superuser_is_found(
    database_url: str, tenant_id: TenantId, long_chain: Anchor, tamper: Tampering
) -> None:
    assert (tenant_id, long_chain.link.sequence) == (_TENANT, 40)
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert _verify(connection, long_chain) is None
        connection.rollback()
        for seed in range(25):
            tamper(connection, random.Random(seed))  # noqa: S311  # no secret
            assert _verify(connection, long_chain) is not None, seed
            connection.rollback()
        assert _verify(connection, long_chain) is None


def _verify(connection: Connection, anchor: Anchor) -> Finding | None:
    return verify_chain(TenantId(_TENANT), _read(connection, _TENANT), [anchor])


def _read(connection: Connection, tenant_id: uuid.UUID) -> list[ChainedEntry]:
    """Row by row through the model, for `iter_chain` is not to be its own witness."""
    whose = select(AuditEntry.__table__, AuditEntry.details.cast(Text).label("text")).where(
        AuditEntry.tenant_id == tenant_id
    )
    return [
        ChainedEntry(
            tenant=row.tenant_id.bytes,
            sequence=row.sequence,
            id=row.id.bytes,
            at=microseconds_of(row.at),
            actor=row.actor,
            action=row.action,
            object_kind=row.object_kind,
            object_id=row.object_id,
            details=row.text,
            previous_hash=row.previous_hash,
            hash=row.hash,
        )
        for row in connection.execute(whose.order_by(AuditEntry.sequence))
    ]


@pytest.fixture
def old_url(postgres_url: str) -> str:
    """A database as it was before there was a chain; its owner is no superuser."""
    owner, name = f"owner_{uuid.uuid4().hex[:8]}", f"old_{uuid.uuid4().hex}"
    administrate(postgres_url, f"CREATE ROLE {owner} LOGIN CREATEROLE NOSUPERUSER")
    for role in ("bosco_app", "bosco_door", "bosco_features", "bosco_jobs"):
        administrate(
            postgres_url,
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        )
        administrate(postgres_url, f"GRANT {role} TO {owner} WITH INHERIT FALSE, SET TRUE")
    administrate(postgres_url, f"CREATE DATABASE {name} OWNER {owner}")
    url = make_url(in_database(postgres_url, name)).set(username=owner)
    with create_engine(url, poolclass=NullPool).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    return url.render_as_string(hide_password=False)


def test_entries_from_before_the_chain_are_chained_by_their_instant(
    postgres_url: str, old_url: str
) -> None:
    superuser = in_database(postgres_url, str(make_url(old_url).database))
    tenants = [uuid.UUID(int=number) for number in (5, 6)]
    engine = create_engine(superuser, poolclass=NullPool)
    with engine.begin() as connection:
        for tenant in tenants:
            row = {"id": tenant, "slug": f"t{tenant.int}"}
            connection.execute(text(INSERT_TENANT), row)
            for day in (3, 1, 2, 2):
                connection.execute(text(INSERT_OLD_ENTRY), {"tenant": tenant, "day": day})
    migrate(old_url)
    with engine.connect() as connection:
        for tenant in tenants:
            chain = _read(connection, tenant)
            assert [one.object_id for one in chain] == ["1", "2", "2", "3"]
            assert chain[1].id < chain[2].id
            assert rehash(chain, 0) == chain


BEFORE = "0007"
INSERT_TENANT = "INSERT INTO tenants VALUES (:id, :slug, 'n', 'EUR', 'UTC', 'k', now())"
INSERT_OLD_ENTRY = """
INSERT INTO audit_entries VALUES (
    :tenant, gen_random_uuid(),
    TIMESTAMPTZ '2026-03-01 12:00:00.000001Z' + CAST(:day AS integer) * INTERVAL '1 day',
    'user:7', 'x.done', 'x', CAST(:day AS text), jsonb_build_object('b', 1.50, 'aa', 2)
)
"""


async def test_batches_pass_nothing_over(
    database: Database, database_url: str, tenant_id: TenantId
) -> None:
    """More entries than a batch holds, and at its border two with one number."""
    count = BATCH + 100
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text(INSERT_MANY), {"tenant": tenant_id, "count": count})
    chain = await _chain(database, tenant_id)
    assert [one.sequence for one in chain] == list(range(1, count + 2))
    assert verify_chain(tenant_id, chain) is None
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(
            text("ALTER TABLE audit_entries DROP CONSTRAINT uq_audit_entries__tenant_id_sequence")
        )
        connection.execute(
            text(
                "UPDATE audit_entries"
                " SET sequence = :last, id = 'ffffffff-0000-0000-0000-000000000000'"
                " WHERE tenant_id = :tenant AND sequence = :last + 1"
            ),
            {"tenant": tenant_id, "last": BATCH},
        )
    finding = verify_chain(tenant_id, await _chain(database, tenant_id))
    assert finding is not None
    assert (finding.fault, finding.sequence) == (Fault.REPEATED, BATCH)


INSERT_MANY = """
INSERT INTO audit_entries (tenant_id, id, at, actor, action, object_kind, object_id, details)
SELECT :tenant, gen_random_uuid(), now(), 'user:7', 'x.done', 'x', '1', '{}'
FROM generate_series(1, :count)
"""
