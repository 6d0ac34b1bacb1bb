"""Tenant guard: the last pass before SQL leaves the process.

    tree -> refuse unknown shapes -> narrow every scan -> render -> check_guarded -> GuardedSql

A question of one tenant also leaves out people who may not be read for its purpose
(`tenancy/left_out.py`). Work over several tenants keeps and repairs what is stored, and sees them.

Adding and checking are two pieces of code on purpose (`tenancy/sql_guard_check.py` works on the
rendered text): a bug in one is caught by the other. What is not understood is refused. There is no
off switch.

The predicate is qualified (`_scan.tenant_id`): in a correlated subquery a bare `tenant_id` would
bind to the outer row when the inner table has no such column, and be true for everything.

Sources: getsentry/snuba mandatory_condition_applier.py and conditions_enforcer.py; PostHog
team_id_guard_for_table.
"""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from domain.errors import InternalError, Terminal
from tenancy.left_out import PURPOSE, TENANT_ID, with_people_left_out
from tenancy.sql_guard_check import UnguardedScanError, check_guarded

__all__ = [
    "CLIENT_IDS",
    "CTE_PREFIX",
    "PURPOSE",
    "TENANT_ID",
    "TENANT_IDS",
    "GuardedSql",
    "RefusedSqlError",
    "ScopeKind",
    "SqlDialect",
    "UnguardedScanError",
    "guard",
]

# Base tables are always schema-qualified and never start with this prefix, so an unqualified name
# is a CTE or an error. Without it `WITH t AS (SELECT * FROM t)` would read the base table `t` while
# looking like a reference to the CTE.
CTE_PREFIX: Final = "_cte_"

TENANT_IDS: Final = "__tenant_ids"
CLIENT_IDS: Final = "__client_ids"
_RESERVED: Final = "__"  # parameters of this prefix belong to the guard

_SCAN: Final = "_scan"
_SOURCE: Final = "_source"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_FOREIGN_SCHEMAS: Final = frozenset(
    {"information_schema", "ops", "main", "pg_catalog", "system", "temp"}
)

# What is kept, not what is asked about: nobody who is suppressed is left out of it.
_KEPT_SCHEMAS: Final = frozenset({"privacy", "raw"})

# Shapes that read past a plain scan, change what a scan means, or do something other than read.
_REFUSED: Final = (
    exp.Alter,
    exp.Command,
    exp.Create,
    exp.Drop,
    exp.Hint,
    exp.Into,
    exp.Lateral,
    exp.Lock,
    exp.MatchRecognize,
    exp.Pivot,
    exp.Placeholder,
    exp.SessionParameter,
    exp.TableFromRows,
    exp.TableSample,
    exp.TruncateTable,
    exp.Use,
    exp.Values,
    exp.Version,
)
_TABLE_PARTS: Final = frozenset({"this", "db", "alias"})


class RefusedSqlError(UnguardedScanError):
    """The statement has a shape that the guard does not narrow (our bug, at its author)."""

    code = "REFUSED_SQL"


class ScopeKind(enum.Enum):
    """How a scan is narrowed; the values themselves are bound at run time."""

    TENANT = "tenant"  # @__tenant_id
    CLIENTS = "clients"  # @__tenant_id and @__client_ids
    TENANTS = "tenants"  # @__tenant_ids


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """How a warehouse writes SQL.

    Attributes:
        name: sqlglot dialect that reads the text back.
        render: Writes a tree of BigQuery's dialect; leaves the tree as it is.
    """

    name: str
    render: Callable[[exp.Expr], str]


_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class GuardedSql:
    """SQL narrowed and checked. Only `guard` builds it.

    Attributes:
        text: In the warehouse's dialect, without values.
        dialect: sqlglot dialect of the text.
        kind: How it is narrowed.
        parameters: Names that must be bound, those of the guard included.
        seal: Proves the origin.
    """

    text: str
    dialect: str
    kind: ScopeKind
    parameters: frozenset[str]
    seal: object

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise SealError("GuardedSql is built by guard() alone")


class SealError(InternalError, Terminal):
    """Somebody tried to pass SQL off as guarded (our bug)."""


def guard(
    tree: exp.Expr, kind: ScopeKind, *, dialect: SqlDialect, nobody_suppressed: bool = False
) -> GuardedSql:
    """Narrow every table scan to the tenants of a scope.

    Args:
        tree: SELECT or set operation; for `ScopeKind.TENANTS` also INSERT ... SELECT, MERGE or
            DELETE. Tables are schema-qualified, CTE names start with `_cte_`. Not changed.
        kind: What the scans are narrowed to.
        dialect: Of the warehouse.
        nobody_suppressed: The warehouse knows that `privacy.suppressed` has no row of the tenant:
            it need not be read.

    Returns:
        The text; bind `@__tenant_id`, `@__client_ids`, `@__tenant_ids` or `@__purpose` beside its
        own parameters.

    Raises:
        RefusedSqlError: A shape that is not narrowed: an unqualified table, a table function,
            PIVOT, TABLESAMPLE, FOR SYSTEM_TIME, a reserved parameter, DML in one tenant's scope.
        UnguardedScanError: The check found a scan that was missed (our bug).
    """
    _refuse_unknown_shapes(tree)
    narrowed = tree.copy()
    target = None if isinstance(narrowed, exp.Query) else _guard_change(narrowed, kind)
    for scan in [table for table in narrowed.find_all(exp.Table) if table.args.get("db")]:
        if kind is not ScopeKind.TENANTS and scan.db in _KEPT_SCHEMAS:
            raise _refused(f"{scan.db}.{scan.name} in a question of one tenant", scan)
        if scan is not target:
            scan.replace(_narrowed(scan, kind, nobody_suppressed=nobody_suppressed))
    text = dialect.render(narrowed)
    check_guarded(text, dialect.name, kind.value, nobody_suppressed=nobody_suppressed)
    names = frozenset(parameter.name for parameter in narrowed.find_all(exp.Parameter))
    return GuardedSql(text, dialect.name, kind, names, _SEAL)


def _refuse_unknown_shapes(tree: exp.Expr) -> None:
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for node in tree.walk():
        odd = _oddity(node)
        if odd is None and isinstance(node, exp.Table):
            odd = _odd_table(node, ctes)
        if odd is not None:
            raise _refused(odd, node)


def _oddity(node: exp.Expr) -> str | None:  # noqa: PLR0911 - one for each shape
    """What is wrong with a node by itself, or None."""
    match node:
        case exp.From() | exp.Join():
            known = isinstance(node.this, exp.Table | exp.Subquery | exp.Unnest)
            return None if known else f"{type(node.this).__name__} as a source of rows"
        case exp.Subquery():
            return None if isinstance(node.this, exp.Query) else "parentheses around a table"
        case exp.With():
            return "WITH RECURSIVE" if node.recursive else None
        case exp.CTE():
            known = node.alias.startswith(CTE_PREFIX)
            return None if known else f"CTE {node.alias!r} without the prefix {CTE_PREFIX}"
        case exp.Parameter():
            return None if _is_own_parameter(node) else f"parameter {node.name!r}"
        case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
            known = node.parent is None or isinstance(node.parent, exp.When)
            return None if known else "a change inside a statement"
        case exp.Dot():
            known = not isinstance(node.expression, exp.Func)
            return None if known else "a function of a dataset"
        case _:
            return type(node).__name__.upper() if isinstance(node, _REFUSED) else None


def _is_own_parameter(node: exp.Parameter) -> bool:
    return isinstance(node.this, exp.Var) and not node.name.startswith(_RESERVED)


def _odd_table(table: exp.Table, ctes: set[str]) -> str | None:  # noqa: PLR0911 - one each
    """What is wrong with a table's shape, or None: all but `schema.name [AS alias]` is."""
    name, schema, alias = table.this, table.args.get("db"), table.args.get("alias")
    extra = {key for key, value in table.args.items() if value} - _TABLE_PARTS
    if not isinstance(name, exp.Identifier):
        return "a table function"
    if extra:
        return f"a table with {', '.join(sorted(extra))}"
    if alias is not None and not _is_plain_alias(alias):
        return "an odd alias of a table"
    if schema is None:
        return None if name.name in ctes else f"table {name.name!r}, neither qualified nor a CTE"
    if not (_NAME.fullmatch(name.name) and _NAME.fullmatch(schema.name)):
        return f"the table name {table.sql('bigquery')}"
    if schema.name in _FOREIGN_SCHEMAS or name.name.startswith(CTE_PREFIX):
        return f"the table {schema.name}.{name.name}"
    return None


def _is_plain_alias(alias: exp.Expr) -> bool:
    return isinstance(alias.this, exp.Identifier) and not alias.args.get("columns")


def _narrowed(scan: exp.Table, kind: ScopeKind, *, nobody_suppressed: bool) -> exp.Subquery:
    alias = scan.alias_or_name
    table = exp.Table(this=scan.this.copy(), db=scan.args["db"].copy())
    predicate = _predicate(_SCAN, kind)
    if kind is not ScopeKind.TENANTS and not nobody_suppressed:
        predicate = with_people_left_out(scan.db, scan.name, predicate)
    inner = (
        exp.Select(expressions=[exp.Star()])
        .from_(exp.alias_(table, _SCAN, table=True))
        .where(predicate)
    )
    return inner.subquery(alias)


def _predicate(table: str, kind: ScopeKind) -> exp.Expr:
    tenant = exp.column("tenant_id", table=table)
    if kind is ScopeKind.TENANTS:
        return _is_in(tenant, TENANT_IDS)
    one = exp.EQ(this=tenant, expression=_parameter(TENANT_ID))
    if kind is ScopeKind.TENANT:
        return one
    return exp.And(this=one, expression=_is_in(exp.column("client_id", table=table), CLIENT_IDS))


def _is_in(column: exp.Column, parameter: str) -> exp.In:
    return exp.In(this=column, unnest=exp.Unnest(expressions=[_parameter(parameter)]))


def _parameter(name: str) -> exp.Parameter:
    return exp.Parameter(this=exp.Var(this=name))


def _and(condition: exp.Expr, predicate: exp.Expr) -> exp.And:
    return exp.And(this=exp.Paren(this=condition.copy()), expression=predicate)


def _plain_target(target: exp.Expr | None, statement: exp.Expr) -> exp.Table:
    if not isinstance(target, exp.Table) or target.args.get("db") is None:
        raise _refused("a target that is no plain table", statement)
    return target


def _only(node: exp.Expr, allowed: set[str]) -> None:
    extra = {key for key, value in node.args.items() if value} - allowed
    if extra:
        raise _refused(f"{type(node).__name__.upper()} with {', '.join(sorted(extra))}", node)


def _guard_change(change: exp.Expr, kind: ScopeKind) -> exp.Table:
    """Narrow what a change writes; its own scans are narrowed by the caller.

    Returns:
        The table that is written, which stays as it is.
    """
    if kind is not ScopeKind.TENANTS:
        raise _refused(f"{type(change).__name__.upper()} in a question of one tenant", change)
    match change:
        case exp.Insert():
            return _guard_insert(change)
        case exp.Delete():
            return _guard_delete(change)
        case exp.Merge():
            return _guard_merge(change)
        case _:
            raise _refused(f"a statement of kind {type(change).__name__.upper()}", change)


def _guard_insert(insert: exp.Insert) -> exp.Table:
    _only(insert, {"this", "expression"})
    query = insert.expression
    if not isinstance(insert.this, exp.Schema) or not isinstance(query, exp.Query):
        raise _refused("INSERT without a column list and a SELECT", insert)
    target = _plain_target(insert.this.this, insert)
    columns = [identifier.name for identifier in insert.this.expressions]
    if "tenant_id" not in columns:
        raise _refused("INSERT without tenant_id", insert)
    _name_columns(query, columns)
    insert.set("expression", _of_tenants(query))
    return target


def _name_columns(query: exp.Query, columns: list[str]) -> None:
    """Give the rows the names that they are inserted under, so that a filter can speak of them."""
    while isinstance(query, exp.SetOperation):
        query = query.left
    values = query.expressions
    if not isinstance(query, exp.Select) or len(values) != len(columns) or query.is_star:
        raise _refused("INSERT whose SELECT does not give one value for each column", query)
    query.set(
        "expressions",
        [exp.alias_(value.unalias(), name) for value, name in zip(values, columns, strict=True)],
    )


def _of_tenants(query: exp.Query) -> exp.Select:
    """Rows of `query` that belong to the tenants: what is written is narrowed by value."""
    return (
        exp.Select(expressions=[exp.Star()])
        .from_(
            exp.Subquery(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier(_SOURCE)))
        )
        .where(_predicate(_SOURCE, ScopeKind.TENANTS))
    )


def _guard_delete(delete: exp.Delete) -> exp.Table:
    _only(delete, {"this", "where"})
    target = _plain_target(delete.this, delete)
    where = delete.args.get("where")
    predicate: exp.Expr = _predicate(target.alias_or_name, ScopeKind.TENANTS)
    if where is not None:
        predicate = _and(where.this, predicate)
    delete.set("where", exp.Where(this=predicate))
    return target


def _guard_merge(merge: exp.Merge) -> exp.Table:
    _only(merge, {"this", "using", "on", "whens"})
    target = _plain_target(merge.this, merge)
    using = merge.args["using"]
    if not isinstance(using, exp.Subquery) or not using.alias:
        raise _refused("MERGE whose source is no aliased subquery", merge)
    source = using.alias
    using.set("this", _of_tenants(using.this))
    if (
        merge.args["on"] != exp.false()
    ):  # nothing matches FALSE, and BigQuery is fast only when it stays so
        merge.set("on", _and(merge.args["on"], _predicate(target.alias_or_name, ScopeKind.TENANTS)))
    for when in merge.args["whens"].expressions:
        _guard_when(when, target.alias_or_name, source)
    return target


def _guard_when(when: exp.When, target: str, source: str) -> None:
    then = when.args["then"]
    if not when.args.get("matched") and when.args.get("source"):
        predicate: exp.Expr = _predicate(target, ScopeKind.TENANTS)
        condition = when.args.get("condition")
        when.set("condition", predicate if condition is None else _and(condition, predicate))
    match then:
        case exp.Insert(this=exp.Tuple() as columns, expression=exp.Tuple() as values):
            pairs = dict(
                zip([c.name for c in columns.expressions], values.expressions, strict=True)
            )
            if pairs.get("tenant_id") != exp.column("tenant_id", table=source):
                raise _refused(
                    f"MERGE that inserts another tenant_id than {source}.tenant_id", when
                )
        case exp.Update():
            if any(setting.this.name == "tenant_id" for setting in then.expressions):
                raise _refused("MERGE that changes tenant_id", when)
        case exp.Var(this="DELETE"):
            pass
        case _:
            raise _refused("MERGE action without explicit columns", when)


def _refused(what: str, node: exp.Expr) -> RefusedSqlError:
    return RefusedSqlError(
        f"the tenant guard refuses {what}: {node.sql('bigquery')[:200]}",
        hint="use schema-qualified tables, _cte_ names and the shapes of tenancy/sql_guard.py",
    )
