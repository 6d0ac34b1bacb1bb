"""From a statement and a scope to a guarded text and the values to bind.

Statement -> guard (once per statement and kind of scope) -> GuardedSql
scope + the question's parameters -> values by name
"""

import re
import weakref
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Final

from sqlglot import exp

from domain.errors import InternalError
from domain.facts.fact import ColumnType
from domain.facts.tables import Table
from domain.ports import Parameter, Statement, TenantScope
from tenancy.audited_tenants import AuditedTenants
from tenancy.sql_guard import (
    CLIENT_IDS,
    CTE_PREFIX,
    PURPOSE,
    TENANT_ID,
    TENANT_IDS,
    GuardedSql,
    ScopeKind,
    SqlDialect,
    guard,
)
from tenancy.warehouse.port import WarehouseSchemaError

__all__ = ["OPS_SCHEMA", "GuardedStatements", "bound", "check_table", "kind_of", "scope_values"]

OPS_SCHEMA: Final = "ops"  # of the adapters themselves: ledger and staging

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED_SCHEMAS: Final = frozenset(
    {OPS_SCHEMA, "information_schema", "main", "pg_catalog", "system", "temp"}
)

Scope = TenantScope | AuditedTenants


class GuardedStatements:
    """Guards statements, and remembers the text of those that live on."""

    __slots__ = ("_changes", "_dialect", "_known")

    def __init__(self, dialect: SqlDialect) -> None:
        self._dialect = dialect
        self._known: MutableMapping[Statement, dict[tuple[ScopeKind, bool], GuardedSql]]
        self._known = weakref.WeakKeyDictionary()
        self._changes: dict[int, GuardedSql] = {}  # by identity of the tree, while it lives

    def question(
        self, statement: Statement, scope: Scope, *, nobody_suppressed: bool = False
    ) -> GuardedSql:
        """The guarded text of a question; derived once per statement and kind of scope."""
        texts = self._known.setdefault(statement, {})
        kind = kind_of(scope)
        key = (kind, nobody_suppressed)
        if key not in texts:
            if not isinstance(statement.tree, exp.Query):
                raise InternalError("a question is a SELECT; use execute for anything else")
            texts[key] = guard(
                statement.tree, kind, dialect=self._dialect, nobody_suppressed=nobody_suppressed
            )
        return texts[key]

    def changes(self, statements: exp.Expr | Sequence[exp.Expr]) -> list[GuardedSql]:
        """The guarded texts of DML; derived once per tree, which must not change afterwards."""
        trees = [statements] if isinstance(statements, exp.Expr) else list(statements)
        if not trees or any(isinstance(tree, exp.Query) for tree in trees):
            raise InternalError("execute takes INSERT ... SELECT, DELETE or MERGE, at least one")
        return [self._change(tree) for tree in trees]

    def _change(self, tree: exp.Expr) -> GuardedSql:
        key = id(tree)
        if key not in self._changes:
            self._changes[key] = guard(tree, ScopeKind.TENANTS, dialect=self._dialect)
            weakref.finalize(tree, self._changes.pop, key, None)
        return self._changes[key]


def kind_of(scope: Scope) -> ScopeKind:
    """How scans are narrowed for a scope."""
    if isinstance(scope, AuditedTenants):
        return ScopeKind.TENANTS
    return ScopeKind.TENANT if scope.clients is None else ScopeKind.CLIENTS


def scope_values(scope: Scope) -> dict[str, Parameter]:
    """The guard's own parameters."""
    if isinstance(scope, AuditedTenants):
        return {TENANT_IDS: scope.texts}
    values: dict[str, Parameter] = {
        TENANT_ID: str(scope.tenant_id),
        PURPOSE: scope.purpose.value,
    }
    if scope.clients is not None:
        values[CLIENT_IDS] = tuple(sorted(str(client) for client in scope.clients))
    return values


def bound(
    sql: GuardedSql, scope: Scope, parameters: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """Values for exactly the names in the text; the guard's own win over anything given.

    Raises:
        InternalError: A parameter of the text has no value (our bug).
    """
    values = {**parameters, **scope_values(scope)}
    missing = sorted(sql.parameters - values.keys())
    if missing:
        raise InternalError(f"no value for parameter {', '.join(missing)}")
    return {name: values[name] for name in sql.parameters}


def check_table(table: Table) -> None:
    """Refuse names that the guard could not tell apart, and tables without an owner.

    Raises:
        WarehouseSchemaError: A reserved or odd name, or no `tenant_id STRING`.
    """
    names = (table.schema, table.name, *(column.name for column in table.columns))
    odd = [name for name in names if not _NAME.fullmatch(name) or name.startswith(CTE_PREFIX)]
    if odd:
        raise WarehouseSchemaError(
            f"{table.qualified} uses the name {odd[0]!r}",
            hint="names are lower-case letters, digits and _, starting with a letter",
        )
    if table.schema in _RESERVED_SCHEMAS:
        raise WarehouseSchemaError(f"{table.qualified} lies in the reserved schema {table.schema}")
    tenant = next((column for column in table.columns if column.name == "tenant_id"), None)
    if tenant is None or tenant.type is not ColumnType.STRING:
        raise WarehouseSchemaError(f"{table.qualified} has no column tenant_id of type STRING")
