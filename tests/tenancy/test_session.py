"""One tenant, one transaction: commit, rollback, cancellation, and what is refused."""

import asyncio
import datetime as dt
import uuid

import anyio
import pytest
from sqlalchemy import NullPool, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from domain.ids import ClientId, TenantId
from migrations.upgrade import head
from tenancy.session import (
    Database,
    DatabaseConfig,
    DatabaseUnavailableError,
    TenantChangeError,
    TenantSession,
)
from tenancy.tables import Client, SigningKey, Tenant
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

Two = tuple[FilledTenant, FilledTenant]


def new_client(slug: str) -> Client:
    return Client(
        id=ClientId(uuid.uuid4()),
        slug=slug,
        name=slug,
        currency="EUR",
        time_zone="Europe/Berlin",
        created_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    )


async def slugs(database: Database, tenant_id: TenantId) -> set[str]:
    async with database.session(tenant_id) as session:
        return set(await session.scalars(select(Client.slug)))


async def test_new_row_takes_the_tenant_of_its_session_and_is_committed(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    async with database.session(first.tenant_id) as session:
        session.add(new_client("acme"))
    assert await slugs(database, first.tenant_id) == {first.rows["clients"]["slug"], "acme"}
    assert await slugs(database, second.tenant_id) == {second.rows["clients"]["slug"]}


async def test_error_rolls_back(database: Database, two_tenants: Two) -> None:
    first, _ = two_tenants

    async def fail() -> None:
        async with database.session(first.tenant_id) as session:
            session.add(new_client("lost"))
            await session.flush()
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await fail()
    assert await slugs(database, first.tenant_id) == {first.rows["clients"]["slug"]}


async def test_cancelled_task_rolls_back_and_returns_its_connection(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    stored = asyncio.Event()

    async def work() -> None:
        async with database.session(first.tenant_id) as session:
            session.add(new_client("lost"))
            await session.flush()
            stored.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await stored.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The pool has one connection: this hangs if the cancelled task kept it.
    assert await slugs(database, second.tenant_id) == {second.rows["clients"]["slug"]}
    assert await slugs(database, first.tenant_id) == {first.rows["clients"]["slug"]}


async def test_cancelled_statement_leaves_no_tenant_behind(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    for _ in range(3):
        with anyio.move_on_after(0.05) as scope:
            async with database.session(first.tenant_id) as session:
                await session.execute(text("SELECT pg_sleep(30)"))
        assert scope.cancelled_caught
        async with database.platform_session() as session:
            assert await session.scalar(select(func.count()).select_from(Tenant)) == 0
        assert await slugs(database, second.tenant_id) == {second.rows["clients"]["slug"]}


async def test_setting_ends_with_its_transaction(database: Database, two_tenants: Two) -> None:
    first, second = two_tenants
    for tenant in (first, second, first, second):
        async with database.session(tenant.tenant_id) as session:
            assert await session.scalar(TENANT_NAME) == str(tenant.tenant_id)
        async with database.platform_session() as session:
            assert await session.scalar(TENANT_NAME) in (None, "")
            assert await session.scalar(select(func.count()).select_from(Client)) == 0


# Read through a parameter: the guard refuses statements that name the setting itself.
TENANT_NAME = text("SELECT current_setting(:name, true)").bindparams(name="app.tenant_id")


async def test_setting_ends_with_its_transaction_even_if_the_pool_resets_nothing(
    database_url: str,
) -> None:
    engine = create_async_engine(database_url, pool_size=1, pool_reset_on_return=None)
    tenant_id = TenantId(uuid.uuid4())
    async with TenantSession(engine, info={"tenant_id": tenant_id}) as session, session.begin():
        assert await session.scalar(TENANT_NAME) == str(tenant_id)
    async with engine.connect() as connection:
        assert await connection.scalar(TENANT_NAME) == ""
    await engine.dispose()


async def test_borrower_s_settings_do_not_survive(database: Database, two_tenants: Two) -> None:
    first, _ = two_tenants

    def widen(session: Session) -> None:
        session.connection().connection.cursor().execute("SET SESSION work_mem = '77MB'")

    async with database.session(first.tenant_id) as session:
        await session.run_sync(widen)
    async with database.session(first.tenant_id) as session:
        assert await session.scalar(text("SELECT current_setting('work_mem')")) == "4MB"


async def test_savepoint_keeps_the_tenant(database: Database, two_tenants: Two) -> None:
    first, _ = two_tenants
    async with database.session(first.tenant_id) as session:
        async with session.begin_nested() as savepoint:
            session.add(new_client("undone"))
            await session.flush()
            await savepoint.rollback()
        async with session.begin_nested():
            session.add(new_client("kept"))
        assert await session.scalar(TENANT_NAME) == str(first.tenant_id)
    assert await slugs(database, first.tenant_id) == {first.rows["clients"]["slug"], "kept"}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config('app.tenant_id', '00000000-0000-0000-0000-000000000001', true)",
        "SELECT SET_CONFIG ('x.y', '', false)",
        "SET app.tenant_id = '00000000-0000-0000-0000-000000000001'",
        "SELECT 1; SET LOCAL app.tenant_id = ''",
        "SET ROLE NONE",
        "  reset role",
        "RESET ALL",
        "DISCARD ALL",
        "SET SESSION AUTHORIZATION DEFAULT",
    ],
)
async def test_statement_that_would_leave_the_tenant_is_refused(
    database: Database, two_tenants: Two, statement: str
) -> None:
    first, _ = two_tenants
    async with database.session(first.tenant_id) as session:
        with pytest.raises(TenantChangeError) as refusal:
            await session.execute(text(statement))
        assert refusal.value.message == (
            "a statement tries to change the role or a setting of the transaction"
        )
        assert await session.scalar(TENANT_NAME) == str(first.tenant_id)


async def test_ordinary_statements_pass_the_guard(database: Database, two_tenants: Two) -> None:
    first, _ = two_tenants
    async with database.session(first.tenant_id) as session:
        await session.execute(text("UPDATE clients SET name = :name"), {"name": "x; set role none"})
        assert await session.scalar(select(Client.name)) == "x; set role none"


async def test_autocommit_is_refused(database: Database, two_tenants: Two) -> None:
    async with database.session(two_tenants[0].tenant_id) as session:
        connection = await session.connection()
        with pytest.raises(TenantChangeError) as refusal:
            _ = await connection.execution_options(isolation_level="AUTOCOMMIT")
    assert refusal.value.message == "AUTOCOMMIT would drop the tenant after every statement"


async def test_row_of_another_tenant_is_refused_before_it_is_sent(
    database: Database, two_tenants: Two
) -> None:
    first, second = two_tenants
    stray = new_client("stray")
    stray.tenant_id = second.tenant_id

    async def store() -> None:
        async with database.session(first.tenant_id) as session:
            session.add(stray)

    with pytest.raises(TenantChangeError) as refusal:
        await store()
    assert refusal.value.message == "a row of Client belongs to another tenant than its session"
    assert await slugs(database, second.tenant_id) == {second.rows["clients"]["slug"]}


async def test_platform_session_stores_platform_rows_and_no_tenant_s(database: Database) -> None:
    key = SigningKey(
        kid="2026-03",
        algorithm="EdDSA",
        public_jwk={"kty": "OKP"},
        wrapped_private_key=b"sealed",
        created_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    )
    async with database.platform_session() as session:
        session.add(key)
    async with database.platform_session() as session:
        assert list(await session.scalars(select(SigningKey.kid))) == ["2026-03"]
        with pytest.raises(TenantChangeError) as refusal:
            _ = session.tenant_id
        assert refusal.value.message == "this session has no tenant"

    async def store_client() -> None:
        async with database.platform_session() as session:
            session.add(new_client("stray"))

    with pytest.raises(TenantChangeError):
        await store_client()


async def test_session_tells_its_tenant(database: Database, two_tenants: Two) -> None:
    async with database.session(two_tenants[0].tenant_id) as session:
        assert isinstance(session, TenantSession)
        assert session.tenant_id == two_tenants[0].tenant_id


async def test_door_sessions_cannot_write(database: Database) -> None:
    async with database.unscoped_session() as session:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await session.execute(text("CREATE TEMP TABLE t (a int)"))


async def test_no_server_is_one_clear_error(tmp_path: str) -> None:
    nowhere = Database(DatabaseConfig(f"postgresql+psycopg://x@/bosco?host={tmp_path}"))
    with pytest.raises(DatabaseUnavailableError) as error:
        async with nowhere.session(TenantId(uuid.uuid4())):
            pass
    assert error.value.message == "PostgreSQL gives no connection"
    await nowhere.close()


async def test_exhausted_pool_is_one_clear_error(database_url: str, two_tenants: Two) -> None:
    config = DatabaseConfig(database_url, pool_size=1, overflow=0, wait_seconds=0.01)
    small = Database(config)
    async with small.session(two_tenants[0].tenant_id):
        with pytest.raises(DatabaseUnavailableError):
            async with small.session(two_tenants[1].tenant_id):
                pass
    await small.close()


async def test_check_of_a_sound_database_is_silent(database: Database) -> None:
    assert await database.check() == ()


async def test_check_tells_an_open_table_and_an_old_schema(
    database: Database, database_url: str
) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE users NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert await database.check() == (
        f"the schema is at version 0000, this release needs {head()} (run migrate)",
        (
            "table users: row-level security is not enabled and forced"
            " (ALTER TABLE ... FORCE ROW LEVEL SECURITY)"
        ),
    )
