"""What SQL alone can reach of another tenant: each table attacked under each role.

    one table, two tenants -> each attack in a SAVEPOINT, undone -> names of those that got through

The same attacks are run on the schema as it is, where none may get through, and on a schema whose
lock was taken away in the same transaction, where one has to: `test_locks.py`.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tenancy.rls import APP_ROLE, DOOR_ROLE, FEATURES_ROLE, JOBS_ROLE, TENANT_SETTING
from tests.fixtures.database import FilledTenant

__all__ = ["ATTACKS", "another_id", "breaches", "row_id", "tenant_column"]

_OWNER: Final = "plain_owner"
_REFUSED: Final = "42501"  # insufficient_privilege: no grant, or a row that the policy refuses

Attack = Callable[[Connection, Table, FilledTenant, FilledTenant], bool]


def breaches(
    connection: Connection, table: Table, own: FilledTenant, foreign: FilledTenant, *names: str
) -> set[str]:
    """Names of the attacks on the foreign tenant that got through; of those `names`, or of all."""
    found = set()
    for name in names or ATTACKS:
        savepoint = connection.begin_nested()
        try:
            if ATTACKS[name](connection, table, own, foreign):
                found.add(name)
        finally:
            savepoint.rollback()
    return found


def tenant_column(table: Table) -> str:
    """The column that says whose a row is."""
    return "id" if table.name == "tenants" else "tenant_id"


def row_id(table: Table) -> str:
    """A column of the primary key that tells rows of one tenant apart."""
    return next((c.name for c in table.primary_key if c.name not in {"tenant_id", "stream"}), "id")


def another_id(value: object) -> object:
    """A value of the same kind, that no row has."""
    if isinstance(value, bytes):
        return b"planted"
    return dt.date(1999, 12, 31) if isinstance(value, dt.date) else uuid.uuid4()


def _become(connection: Connection, role: str, tenant: FilledTenant | None = None) -> None:
    connection.execute(text(f"SET LOCAL ROLE {role}"))
    setting = {"name": TENANT_SETTING, "value": "" if tenant is None else str(tenant.tenant_id)}
    connection.execute(text("SELECT set_config(:name, :value, true)"), setting)


def _tried(connection: Connection, statement: Any, values: Mapping[str, Any] | None = None) -> int:
    """Rows that a statement reached, undone; -1 if it was refused for want of rights.

    Any other error means that it came as far as a row: 1.
    """
    savepoint = connection.begin_nested()
    try:
        reached = connection.execute(statement, values).rowcount
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _REFUSED:
            raise
        return -1
    except DBAPIError:
        return 1
    finally:
        savepoint.rollback()
    return max(reached, 0)


def _read(connection: Connection, table: Table, own: FilledTenant, _: FilledTenant) -> bool:
    """Another tenant's rows show, or the own ones do not."""
    _become(connection, APP_ROLE, own)
    owners = list(connection.scalars(select(table.c[tenant_column(table)])))
    return owners != [own.tenant_id]


def _read_as_nobody(
    connection: Connection, table: Table, _: FilledTenant, __: FilledTenant
) -> bool:
    _become(connection, APP_ROLE)
    return bool(connection.execute(select(table.c[tenant_column(table)])).all())


def _change(connection: Connection, table: Table, own: FilledTenant, foreign: FilledTenant) -> bool:
    """Rows of the other tenant are found by UPDATE or DELETE."""
    _become(connection, APP_ROLE, own)
    key = table.c[tenant_column(table)]
    is_theirs = key == foreign.tenant_id
    changed = _tried(connection, update(table).where(is_theirs).values({key.name: key}))
    return changed > 0 or _tried(connection, delete(table).where(is_theirs)) > 0


def _move(connection: Connection, table: Table, own: FilledTenant, foreign: FilledTenant) -> bool:
    """An own row can be given away."""
    _become(connection, APP_ROLE, own)
    given = update(table).values({tenant_column(table): foreign.tenant_id})
    return _tried(connection, given) > 0


def _plant(connection: Connection, table: Table, own: FilledTenant, foreign: FilledTenant) -> bool:
    """A row can be put among those of the other tenant."""
    _become(connection, APP_ROLE, own)
    row, key = foreign.rows[table.name], row_id(table)
    planted = {**row, key: another_id(row[key])}
    return _tried(connection, insert(table), planted) >= 0


def _own(connection: Connection, table: Table, _: FilledTenant, __: FilledTenant) -> bool:
    """The owner of the table sees rows."""
    connection.execute(text(f"CREATE ROLE {_OWNER}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {_OWNER}"))
    connection.execute(text(f"ALTER TABLE {table.name} OWNER TO {_OWNER}"))
    _become(connection, _OWNER)
    return bool(connection.execute(select(table.c[tenant_column(table)])).all())


def _read_whole(role: str) -> Attack:
    def attack(connection: Connection, table: Table, _: FilledTenant, __: FilledTenant) -> bool:
        """A role that has no business with whole rows reads them."""
        _become(connection, role)
        return _tried(connection, text(f"SELECT * FROM public.{table.name}")) >= 0

    return attack


def _truncate(connection: Connection, table: Table, own: FilledTenant, _: FilledTenant) -> bool:
    _become(connection, APP_ROLE, own)
    return _tried(connection, text(f"TRUNCATE {table.name} CASCADE")) >= 0


ATTACKS: Final[Mapping[str, Attack]] = {
    "read": _read,
    "read as nobody": _read_as_nobody,
    "change": _change,
    "move": _move,
    "plant": _plant,
    "own": _own,
    "truncate": _truncate,
    **{f"read as {role}": _read_whole(role) for role in (DOOR_ROLE, FEATURES_ROLE, JOBS_ROLE)},
}
