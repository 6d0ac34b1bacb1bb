"""Proof that a text scans nothing but the tenants of its scope.

    rendered text -> parse again -> every base table sits in its one permitted frame -> or an error

Shares no code with `tenancy/sql_guard.py`: it reads the text that will be sent, and compares each
frame with sentences written out here.
"""

from typing import Final

from sqlglot import exp, parse_one

from domain.errors import InternalError, Terminal

__all__ = ["UnguardedScanError", "check_guarded"]

_IN: Final = {
    "duckdb": "BQ_IN({column}, ${name})",
    "bigquery": "{column} IN UNNEST(@{name})",
}
_EQUALS: Final = {
    "duckdb": "{column} = ${name}",
    "bigquery": "{column} = @{name}",
}


class UnguardedScanError(InternalError, Terminal):
    """A table scan cannot be, or was not, narrowed to the tenants of the scope."""

    code = "UNGUARDED_SCAN"


def check_guarded(text: str, dialect: str, kind: str) -> None:
    """Prove that every base table in `text` is narrowed.

    Args:
        text: A rendered statement.
        dialect: `duckdb` or `bigquery`.
        kind: `tenant`, `clients` or `tenants`.

    Raises:
        UnguardedScanError: A scan, or a written row, is not narrowed (our bug).
    """
    proof = _Proof(dialect, kind)
    tree = parse_one(text, dialect=dialect)
    written = proof.check_target(tree)
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.Table) and node is not written:
            proof.check_scan(node)
        for value in node.args.values():
            pending.extend(
                child
                for child in (value if isinstance(value, list) else [value])
                if isinstance(child, exp.Expr)
            )


class _Proof:
    """The sentences that one dialect and kind of scope permits."""

    __slots__ = ("_dialect", "_kind")

    def __init__(self, dialect: str, kind: str) -> None:
        self._dialect = dialect
        self._kind = kind

    def check_scan(self, table: exp.Table) -> None:
        if not table.db:
            if not table.name.startswith("_cte_"):
                raise self._unguarded(table)
            return
        frame = table.find_ancestor(exp.Select)
        permitted = f"SELECT * FROM {table.db}.{table.name} AS _scan WHERE {self._narrow('_scan')}"
        if (
            frame is None
            or self._sql(frame) != permitted
            or not isinstance(frame.parent, exp.Subquery)
        ):
            raise self._unguarded(table)

    def check_target(self, tree: exp.Expr) -> exp.Table | None:
        match tree:
            case exp.Select() | exp.SetOperation():
                return None
            case exp.Insert(this=exp.Schema(this=exp.Table() as target)):
                self._check_rows(tree.expression, tree)
                self._require(
                    "tenant_id" in [column.name for column in tree.this.expressions], tree
                )
            case exp.Delete(this=exp.Table() as target):
                where = tree.args.get("where")
                self._require(where is not None and self._holds(where.this, target), tree)
            case exp.Merge(this=exp.Table() as target):
                self._check_merge(tree, target)
            case _:
                raise self._unguarded(tree)
        self._require(self._kind == "tenants", tree)
        return target

    def _check_merge(self, merge: exp.Merge, target: exp.Table) -> None:
        using, on = merge.args["using"], merge.args["on"]
        self._check_rows(using.this, merge)
        self._require(self._sql(on) == "FALSE" or self._holds(on, target), merge)
        for when in merge.args["whens"].expressions:
            action, condition = when.args["then"], when.args.get("condition")
            if isinstance(action, exp.Insert):
                wanted = f"{using.alias}.tenant_id"
                values = [self._sql(value) for value in action.expression.expressions]
                names = [column.name for column in action.this.expressions]
                self._require(wanted in values, merge)
                self._require(names[values.index(wanted)] == "tenant_id", merge)
            if when.args.get("source"):
                self._require(condition is not None and self._holds(condition, target), merge)

    def _check_rows(self, rows: exp.Expr, statement: exp.Expr) -> None:
        """Rows to be written come through `SELECT * FROM (...) AS _source WHERE <narrow>`."""
        self._require(isinstance(rows, exp.Select), statement)
        start, end = "SELECT * FROM (", f") AS _source WHERE {self._narrow('_source')}"
        text = self._sql(rows)
        self._require(text.startswith(start) and text.endswith(end), statement)
        sources = rows.args.get("from_")
        self._require(
            sources is not None and sources.this.alias == "_source" and not rows.args.get("joins"),
            statement,
        )

    def _holds(self, condition: exp.Expr, target: exp.Table) -> bool:
        """The predicate is the condition, or its last conjunct beside a parenthesised rest."""
        wanted = self._narrow(target.alias_or_name)
        if self._sql(condition) == wanted:
            return True
        return (
            isinstance(condition, exp.And)
            and isinstance(condition.left, exp.Paren)
            and self._sql(condition.right) == wanted
        )

    def _narrow(self, table: str) -> str:
        tenant, client = f"{table}.tenant_id", f"{table}.client_id"
        if self._kind == "tenants":
            return _IN[self._dialect].format(column=tenant, name="__tenant_ids")
        one = _EQUALS[self._dialect].format(column=tenant, name="__tenant_id")
        if self._kind == "tenant":
            return one
        some = _IN[self._dialect].format(column=client, name="__client_ids")
        return f"{one} AND {some}"

    def _sql(self, node: exp.Expr) -> str:
        return node.sql(self._dialect)

    def _require(self, condition: bool, node: exp.Expr) -> None:  # noqa: FBT001 - a claim
        if not condition:
            raise self._unguarded(node)

    def _unguarded(self, node: exp.Expr) -> UnguardedScanError:
        return UnguardedScanError(
            f"not narrowed to the {self._kind} of the scope: {self._sql(node)[:300]}"
        )
