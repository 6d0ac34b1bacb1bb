"""Proof that a text scans nothing but the tenants of its scope.

    rendered text -> parse again -> every base table sits in its one permitted frame -> or an error

The frame of a table about people leaves out those who are suppressed.

Shares no code with `tenancy/sql_guard.py`: it reads the text that will be sent, and compares each
frame with sentences written out here.
"""

import re
from functools import cache
from typing import Final

from sqlglot import exp, parse_one

from domain.errors import InternalError, Terminal

__all__ = ["UnguardedScanError", "check_guarded", "tables_about_people"]

_IN: Final = {
    "duckdb": "BQ_IN({column}, ${name})",
    "bigquery": "{column} IN UNNEST(@{name})",
}
_EQUALS: Final = {
    "duckdb": "{column} = ${name}",
    "bigquery": "{column} = @{name}",
}


# Tables whose rows name people: what has to hold of no suppression, column by column. A test
# compares this with what the facts declare.
_BETWEEN: Final = "{0} >= _who.events_from AND {0} < _who.events_to"
_PERSON: Final = """
    NOT EXISTS(SELECT 1 FROM (
        SELECT _s.connection_id, _s.value, _s.events_from, _s.events_to
        FROM {privacy}.suppressed AS _s
        WHERE _s.tenant_id = @__tenant_id AND _s.purpose = @__purpose
    ) AS _who WHERE _who.connection_id = _scan.connection_id AND _who.value = _scan.customer_id
    AND {during})
"""
_ORDER: Final = """
    NOT EXISTS(SELECT 1 FROM (
        SELECT DISTINCT _s.connection_id, _o.order_id AS value, _o.ordered_at, _s.events_from,
            _s.events_to
        FROM {privacy}.suppressed AS _s JOIN {facts}.orders AS _o
        ON _o.connection_id = _s.connection_id AND _o.customer_id = _s.value
        WHERE _s.tenant_id = @__tenant_id AND _s.purpose = @__purpose
        AND _o.tenant_id = @__tenant_id
    ) AS _who WHERE _who.connection_id = _scan.connection_id AND _who.value = _scan.order_id
    AND {during})
"""
_PEOPLE: Final = {
    "customers": ((_PERSON, "_scan.known_at"),),
    "orders": ((_ORDER, "_scan.ordered_at"), (_PERSON, "_scan.ordered_at")),
    "order_lines": ((_ORDER, "_who.ordered_at"),),
    "refunds": ((_ORDER, "_scan.refunded_at"),),
}
_OF_FACTS: Final = re.compile(r"(?P<prefix>\w+_|)(?:facts|marts)")


class UnguardedScanError(InternalError, Terminal):
    """A table scan cannot be, or was not, narrowed to the tenants of the scope."""

    code = "UNGUARDED_SCAN"


def check_guarded(text: str, dialect: str, kind: str, *, nobody_suppressed: bool = False) -> None:
    """Prove that every base table in `text` is narrowed.

    Args:
        text: A rendered statement.
        dialect: `duckdb` or `bigquery`.
        kind: `tenant`, `clients` or `tenants`.
        nobody_suppressed: There is nobody whom the tenant's questions have to leave out.

    Raises:
        UnguardedScanError: A scan, or a written row, is not narrowed (our bug).
    """
    leaves_out = kind != "tenants" and not nobody_suppressed
    proof = _Proof(dialect, kind, leaves_out=leaves_out)
    tree = parse_one(text, dialect=dialect)
    written = proof.check_target(tree)
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.Select) and proof.is_frame(node):
            continue  # it is the permitted sentence, word for word: nothing else is in it
        if isinstance(node, exp.Table) and node is not written:
            proof.check_name(node)
        for value in node.args.values():
            pending.extend(
                child
                for child in (value if isinstance(value, list) else [value])
                if isinstance(child, exp.Expr)
            )


def tables_about_people() -> dict[str, set[tuple[str, str]]]:
    """What is known here: table -> columns that name somebody, each with the instant of a row."""
    columns = {_PERSON: "customer_id", _ORDER: "order_id"}
    return {
        name: {(columns[sentence], happened_at) for sentence, happened_at in sentences}
        for name, sentences in _PEOPLE.items()
    }


class _Proof:
    """The sentences that one dialect and kind of scope permits."""

    __slots__ = ("_dialect", "_kind", "_leaves_out")

    def __init__(self, dialect: str, kind: str, *, leaves_out: bool) -> None:
        self._dialect = dialect
        self._kind = kind
        self._leaves_out = leaves_out

    def check_name(self, table: exp.Table) -> None:
        """A table outside of any frame is a CTE."""
        if table.db or not table.name.startswith("_cte_"):
            raise self._unguarded(table)

    def is_frame(self, frame: exp.Select) -> bool:
        """Whether it is the one sentence in which its base table may stand."""
        sources = frame.args.get("from_")
        table = None if sources is None else sources.this
        if not isinstance(table, exp.Table) or not table.db:
            return False
        permitted = f"SELECT * FROM {table.db}.{table.name} AS _scan WHERE {self._narrow('_scan')}"
        if self._kind != "tenants" and table.db.endswith(("raw", "privacy")):
            return False
        of_facts = _OF_FACTS.fullmatch(table.db)
        if self._leaves_out and of_facts is not None:
            for sentence, happened_at in _PEOPLE.get(table.name, ()):
                during = _BETWEEN.format(happened_at)
                permitted += _left_out(sentence, during, of_facts["prefix"], self._dialect)
        return self._sql(frame) == permitted and isinstance(frame.parent, exp.Subquery)

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


@cache
def _left_out(sentence: str, during: str, prefix: str, dialect: str) -> str:
    """A sentence as the dialect writes it, led by AND."""
    text = sentence.format(during=during, privacy=f"{prefix}privacy", facts=f"{prefix}facts")
    if dialect == "duckdb":
        text = text.replace("@", "$")
    return f" AND {parse_one(text, dialect=dialect).sql(dialect)}"
