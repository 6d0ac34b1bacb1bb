"""Tenant B against tenant A's rows, on every table of the control plane."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import NullPool, Table, create_engine, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from tenancy.session import Database
from tenancy.tables import Base
from tests.fixtures.database import TEMPLATE, FilledTenant, copied_database, fill_two_tenants
from tests.isolation.entries import is_of_tenant
from tests.isolation.locks import another_id

pytestmark = pytest.mark.anyio

Two = tuple[FilledTenant, FilledTenant]
TABLES = [table for table in Base.metadata.sorted_tables if is_of_tenant(table)]
REFERENCES = [
    (table, key)
    for table in TABLES
    for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name))
    if len(key.elements) > 1
]

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))


@pytest.fixture(scope="module")
def database_url(database_template: str) -> Iterator[str]:
    """One database for the module: nothing that a test here tries may change it."""
    with copied_database(database_template, TEMPLATE) as url:
        yield url


@pytest.fixture(scope="module")
def two_tenants(database_url: str) -> Two:
    return fill_two_tenants(database_url)


@each_table
async def test_read_shows_own_rows_only(database: Database, two_tenants: Two, table: Table) -> None:
    for own, foreign in (two_tenants, two_tenants[::-1]):
        async with database.session(own.tenant_id) as session:
            rows = (await session.execute(select(table))).mappings().all()
        assert [dict(row) for row in rows] == [own.rows[table.name]]
        assert foreign.canary not in repr(rows)


@each_table
async def test_read_without_tenant_shows_nothing_twice(
    database: Database, two_tenants: Two, table: Table
) -> None:
    # Twice on one connection, after a tenant used it: the setting then reads as ''.
    for _ in range(2):
        async with database.session(two_tenants[0].tenant_id) as session:
            assert len((await session.execute(select(table))).all()) == 1
        async with database.platform_session() as session:
            assert (await session.execute(select(table))).all() == []


@each_table
async def test_foreign_rows_cannot_be_changed(
    database: Database, database_url: str, two_tenants: Two, table: Table
) -> None:
    first, second = two_tenants
    key = _tenant_column(table)
    same = {key: first.tenant_id}
    for statement in (
        update(table).where(table.c[key] == first.tenant_id).values(same),
        delete(table).where(table.c[key] == first.tenant_id),
    ):
        try:
            async with database.session(second.tenant_id) as session:
                result = await session.execute(statement.returning(table.c[key]))
                assert result.all() == []
        except ProgrammingError as error:
            assert "permission denied" in str(error.orig)  # noqa: PT017  # either way is safe
    assert _all_rows(database_url, table) == [t.rows[table.name] for t in two_tenants]


@each_table
async def test_rows_cannot_be_moved_to_another_tenant(
    database: Database, database_url: str, two_tenants: Two, table: Table
) -> None:
    first, second = two_tenants
    statement = update(table).values({_tenant_column(table): second.tenant_id})
    with pytest.raises(ProgrammingError, match=r"row-level security|permission denied"):
        async with database.session(first.tenant_id) as session:
            await session.execute(statement)
    assert _all_rows(database_url, table) == [t.rows[table.name] for t in two_tenants]


@each_table
async def test_rows_cannot_be_planted_in_another_tenant(
    database: Database, database_url: str, two_tenants: Two, table: Table
) -> None:
    first, second = two_tenants
    key = _row_id(table)
    row = second.rows[table.name]
    planted = {**row, key: another_id(row[key])}
    if table.name == "stream_states":
        planted["stream"] = "planted"
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with database.session(first.tenant_id) as session:
            await session.execute(insert(table), planted)
    assert _all_rows(database_url, table) == [t.rows[table.name] for t in two_tenants]


@pytest.mark.parametrize(("table", "key"), REFERENCES, ids=[str(key.name) for _, key in REFERENCES])
async def test_reference_into_another_tenant_is_refused(
    database: Database, two_tenants: Two, table: Table, key: object
) -> None:
    first, second = two_tenants
    reference = next(k for t, k in REFERENCES if t is table and k is key)
    column = next(e.parent.name for e in reference.elements if e.parent.name != "tenant_id")
    row = {**first.rows[table.name], column: second.rows[table.name][column]}
    if column != "id" and "id" in table.columns:
        row["id"] = uuid.uuid4()
    row = {name: _unique(value, first) for name, value in row.items()}
    with pytest.raises(IntegrityError, match=str(reference.name)):
        async with database.session(first.tenant_id) as session:
            await session.execute(insert(table), row)


@pytest.mark.parametrize("table", ["clients", "users", "connections"])
async def test_two_tenants_may_use_the_same_names(
    database: Database, two_tenants: Two, table: str
) -> None:
    first, second = two_tenants
    model = Base.metadata.tables[table]
    row = {
        name: second.rows[table][name] if isinstance(value, uuid.UUID) else value
        for name, value in first.rows[table].items()
    }
    async with database.session(second.tenant_id) as session:
        await session.execute(insert(model), {**row, "id": uuid.uuid4()})
        assert len((await session.execute(select(model))).all()) == 2
        await session.rollback()


@pytest.mark.parametrize("table", ["users", "audit_entries", "tenants"])
@pytest.mark.parametrize("role", ["bosco_app", "bosco_door", "bosco_jobs"])
def test_no_role_may_truncate(database_url: str, two_tenants: Two, role: str, table: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SET ROLE {role}"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"TRUNCATE public.{table} CASCADE"))
    assert len(_all_rows(database_url, Base.metadata.tables[table])) == len(two_tenants)


def test_owner_of_the_tables_sees_no_rows(database_url: str, two_tenants: Two) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT id FROM users")).all()) == len(two_tenants)
        connection.execute(text("CREATE ROLE plain_owner"))
        connection.execute(text("GRANT USAGE ON SCHEMA public TO plain_owner"))
        connection.execute(text("ALTER TABLE users OWNER TO plain_owner"))
        connection.execute(text("SET ROLE plain_owner"))
        assert connection.execute(text("SELECT id FROM users")).all() == []


def _tenant_column(table: Table) -> str:
    return "id" if table.name == "tenants" else "tenant_id"


def _row_id(table: Table) -> str:
    return next((c.name for c in table.primary_key if c.name not in {"tenant_id", "stream"}), "id")


def _unique(value: object, tenant: FilledTenant) -> object:
    if isinstance(value, bytes):
        return value + b" again"
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1
    return f"{value} again" if isinstance(value, str) and tenant.canary in value else value


def _all_rows(url: str, table: Table) -> list[dict[str, object]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        query = select(table).order_by(table.c[_tenant_column(table)])
        return [dict(row) for row in connection.execute(query).mappings()]
