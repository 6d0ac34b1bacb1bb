"""What a warehouse does, whichever one it is.

    tables -> load (Parquet objects) -> execute (guarded DML) -> run (guarded questions)

`load` and `execute` take an id and happen exactly once for it, however often they are tried.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from domain.errors import InternalError, Terminal, Transient, UserError
from domain.facts.tables import Table
from domain.ports import Parameter, QueryWarehouse, Statement
from tenancy.audited_tenants import AuditedTenants

__all__ = [
    "AuditedTenants",
    "ForeignRowsError",
    "OnStatement",
    "QueryTooLargeError",
    "RemoteObject",
    "Retention",
    "SearchableWarehouse",
    "StoredColumn",
    "TransientWarehouseError",
    "Warehouse",
    "WarehouseError",
    "WarehouseLockedError",
    "WarehouseSchemaError",
]

OnStatement = Callable[[str], None]  # told of every text before it is sent


class WarehouseError(InternalError):
    """The warehouse refused or failed."""

    code = "WAREHOUSE_FAILED"


class TransientWarehouseError(WarehouseError, Transient):
    """A conflict, a rate limit or an outage; trying again can help."""

    code = "WAREHOUSE_UNAVAILABLE"


class WarehouseLockedError(WarehouseError, Terminal):
    """Another process owns the DuckDB file."""

    code = "WAREHOUSE_LOCKED"


class WarehouseSchemaError(WarehouseError, Terminal):
    """A table in the warehouse, or a landing object, is not shaped as declared."""

    code = "WAREHOUSE_SCHEMA"


class ForeignRowsError(WarehouseError, Terminal):
    """Rows to be loaded belong to a tenant that the load was not opened for (our bug)."""

    code = "FOREIGN_ROWS"


class QueryTooLargeError(UserError, Terminal):
    """The question would scan more bytes than one question may."""

    code = "QUERY_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """A landing object that the warehouse can read by itself.

    Attributes:
        uri: `gs://bucket/key`.
        tenant_ids: Values of its tenant_id column, proved by `tenancy.landing_store`.
    """

    uri: str
    tenant_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column that there is, whoever made it.

    Attributes:
        is_text: Its values are texts.
    """

    schema: str
    table: str
    name: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the warehouse keeps what it was told to delete.

    Attributes:
        time_travel: Old states of a table can still be asked for.
        fail_safe: After that, only the operator of the warehouse could bring them back.
    """

    time_travel: dt.timedelta
    fail_safe: dt.timedelta


class Warehouse(QueryWarehouse, Protocol):
    """A warehouse behind the tenant guard."""

    async def run_for(
        self, tenants: AuditedTenants, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        """Run a SELECT over several named tenants; as `run` otherwise."""

    async def ensure_tables(self, tables: Sequence[Table]) -> None:
        """Create tables that are missing and add columns that are missing.

        Raises:
            WarehouseSchemaError: A name is reserved, tenant_id is missing, or a column exists with
                another type.
        """

    async def load(
        self,
        load_id: str,
        table: Table,
        objects: Sequence[bytes | RemoteObject],
        tenants: AuditedTenants,
    ) -> int:
        """Append Parquet objects to a table, exactly once per `load_id`.

        Columns that an object lacks are NULL.

        Args:
            load_id: The same for every try.
            table: Ensured before.
            objects: All bytes, or all remote.
            tenants: Whose rows may be among them.

        Returns:
            Rows appended (by the first try that succeeded).

        Raises:
            ForeignRowsError: A row belongs to none of `tenants`; nothing was appended.
            WarehouseSchemaError: A column is unknown or of another type; nothing was appended.
        """

    async def execute(
        self,
        operation_id: str,
        statements: exp.Expr | Sequence[exp.Expr],
        parameters: Mapping[str, Parameter],
        tenants: AuditedTenants,
    ) -> int:
        """Run INSERT ... SELECT, DELETE or MERGE, all or nothing, exactly once per `operation_id`.

        Replace a slice by [DELETE, INSERT]: on DuckDB a MERGE ... ON FALSE reads the whole table
        (20 million rows: 130 s, the pair 0.07 s).

        Args:
            operation_id: The same for every try.
            statements: Run in order, in one transaction.
            parameters: Of all statements; each takes those that it names.
            tenants: Whose rows are read and written.

        Returns:
            Rows affected, added over the statements (by the first try that succeeded).
        """

    async def check(self) -> str:
        """One line for the doctor: which engine answers, and where.

        Raises:
            WarehouseError: It does not answer.
        """

    async def close(self) -> None:
        """Finish what runs and let go of files and sockets."""


class SearchableWarehouse(Warehouse, Protocol):
    """A warehouse that tells what there is in it, beside what was declared."""

    async def list_columns(self) -> list[StoredColumn]:
        """Every column of every table that tenants' rows can be in, also of undeclared ones."""

    async def retention(self) -> Retention:
        """The longest that any of its tables keeps what was deleted."""
