"""Many rows in one statement.

    rows -> one JSON parameter -> INSERT ... SELECT FROM json_to_recordset(...)

With a list of parameters each row is a statement of its own: planned, checked and answered one by
one, and whatever a trigger does FOR EACH STATEMENT is done for each row.

Source: PostgreSQL documentation, "JSON Functions and Operators" (json_to_recordset).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import orjson
from sqlalchemy import JSON, Table, Text, bindparam, column, func, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import Insert, insert

from tenancy.session import TenantSession
from tenancy.tables.base import Base

__all__ = ["insert_rows"]


async def insert_rows(
    session: TenantSession,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    skip_existing: bool = False,
) -> None:
    """Insert rows of the session's tenant. One statement, in the order of the rows; none: nothing.

    Args:
        session: Of the tenant.
        table: Of the rows; they are tenants'.
        rows: Values by column, all of the same columns; the tenant is filled in.
        skip_existing: Leave out rows whose key is there, or came before; else they are refused.

    Raises:
        IntegrityError: A key is there already, or a row breaks a rule of the table.
    """
    if not rows:
        return
    told = orjson.dumps(rows, default=_written).decode()
    stored = cast("Table", table.__table__)
    statement = _statement(stored, tuple(rows[0]), skip_existing)
    await session.execute(statement, {_ROWS: told, _TENANT: session.tenant_id})


_ROWS = "bulk_rows"
_TENANT = "bulk_tenant"


@cache
def _statement(table: Table, names: tuple[str, ...], skip_existing: bool) -> Insert:  # noqa: FBT001  # part of the key of the cache
    told = (
        func.json_to_recordset(sql_cast(bindparam(_ROWS, type_=Text), JSON))
        .table_valued(*(column(name, table.c[name].type) for name in names))
        .render_derived(with_types=True)
    )
    tenant = bindparam(_TENANT, type_=table.c.tenant_id.type)
    rows = select(tenant, *(told.c[name] for name in names))
    statement = insert(table).from_select(["tenant_id", *names], rows)
    return statement.on_conflict_do_nothing() if skip_existing else statement


def _written(value: object) -> str:
    """Bytes, as PostgreSQL reads them."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)
