"""Where the two engines differ, closed in one place.

    tree in BigQuery's dialect -> duckdb_sql | bigquery_sql -> text with the same meaning

Two rules are ours, so that no type inference is needed, and hold on both engines:
`/`, SAFE_DIVIDE and AVG are FLOAT64; a quotient directly under CAST(... AS NUMERIC) is exact to
9 digits.

| BigQuery | DuckDB without care | here |
|---|---|---|
| a / 0 raises | inf or NaN | bq_div |
| CAST(a / b AS NUMERIC) is exact | by way of DOUBLE, 15 digits | bq_quotient |
| CAST(x AS NUMERIC) keeps 9 digits | DECIMAL(18, 3) | DECIMAL(38, 9) |
| 1.5 is FLOAT64 | DECIMAL(2, 1) | CAST('1.5' AS DOUBLE) |
| DATE_TRUNC, DATE_ADD, DATE_SUB give DATE | TIMESTAMP | CAST(... AS DATE) |
| weeks start on Sunday unless said otherwise | Monday | shifted |
| DAYOFWEEK is 1 to 7 | 0 to 6 | + 1 |
| x IN UNNEST(@empty) is FALSE | semi-join, slower | bq_in |
| JSON_VALUE of JSON text | other quoting | json_extract_string |
| SUM(INT64) is INT64, NUMERIC * NUMERIC is NUMERIC | HUGEINT, DECIMAL(38, 18) | types.conform |

A product of NUMERICs beyond 1e20 raises on DuckDB, it is never cut: cast between the factors.

Sources: BigQuery "Conversion rules" and "Date functions"; DuckDB 1.5 "CREATE MACRO". Macros whose
overloads are chosen by argument types are no way out: DuckDB 1.5.5 silently binds an aggregate
argument to the wrong one.
"""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from domain.errors import InternalError, Terminal

__all__ = ["BQ_MACROS", "UnportableSqlError", "bigquery_sql", "duckdb_name", "duckdb_sql"]

_DECIMAL: Final = "DECIMAL(38,9)"
_NUMERIC: Final = "NUMERIC(38, 9)"

BQ_MACROS: Final = (
    """CREATE OR REPLACE MACRO bq_div(a, b) AS
        CASE WHEN b = 0 THEN error('division by zero')
        ELSE CAST(a AS DOUBLE) / CAST(b AS DOUBLE) END""",
    """CREATE OR REPLACE MACRO bq_safe_divide(a, b) AS
        CASE WHEN b = 0 THEN NULL ELSE CAST(a AS DOUBLE) / CAST(b AS DOUBLE) END""",
    # A first quotient by way of DOUBLE holds 15 digits; the remainder, exact in decimals, gives
    # the rest.
    f"""CREATE OR REPLACE MACRO bq_first_quotient(a, b) AS
        CAST(CAST(a AS DOUBLE) / CAST(b AS DOUBLE) AS {_DECIMAL})""",
    f"""CREATE OR REPLACE MACRO bq_quotient(a, b) AS bq_first_quotient(a, b) + CAST(
        CAST(CAST(a AS {_DECIMAL}) - bq_first_quotient(a, b) * CAST(b AS {_DECIMAL}) AS DOUBLE)
        / CAST(b AS DOUBLE) AS {_DECIMAL})""",
    """CREATE OR REPLACE MACRO bq_exact_div(a, b) AS
        CASE WHEN b = 0 THEN error('division by zero') ELSE bq_quotient(a, b) END""",
    """CREATE OR REPLACE MACRO bq_exact_safe_divide(a, b) AS
        CASE WHEN b = 0 THEN NULL ELSE bq_quotient(a, b) END""",
    """CREATE OR REPLACE MACRO bq_in(x, list) AS
        CASE WHEN len(list) = 0 THEN FALSE ELSE list_contains(list, x) END""",
)

# Words that DuckDB takes for its own unless quoted: `duckdb_keywords()` of 1.5.5 without those that
# are "unreserved". BigQuery's own list is sqlglot's.
_KEYWORDS: Final = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization between
    bigint binary bit boolean both by case cast char character check coalesce collate collation
    column columns concurrently constraint create cross dec decimal default deferrable desc
    describe distinct do else end except exists extract false fetch float for foreign freeze
    from full generated glob group grouping grouping_id having ilike in initially inner inout
    int integer intersect interval into is isnull join lambda lateral leading left like limit
    map national natural nchar none not notnull null nullif numeric offset on only or order out
    outer overlaps overlay pivot pivot_longer pivot_wider placing position positional precision
    primary qualify real references returning right row select semi setof show similar smallint
    some struct substring summarize symmetric table tablesample then time timestamp to trailing
    treat trim true try_cast union unique unpack unpivot using values varchar variadic verbose
    when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
    xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_DUCKDB_KEYWORDS: Final = frozenset(_KEYWORDS.split())

_WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TRUNCATIONS: Final = frozenset({"DAY", "MONTH", "QUARTER", "YEAR"})
_EXTRACTIONS: Final = frozenset({"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})


class UnportableSqlError(InternalError, Terminal):
    """A construct that both engines cannot be made to agree on (our bug, at its author)."""

    code = "UNPORTABLE_SQL"


def duckdb_sql(tree: exp.Expr) -> str:
    """Write a tree for DuckDB; the tree stays as it is.

    Raises:
        UnportableSqlError: A construct without an equal on DuckDB.
    """
    written = _rewritten(tree, _DUCKDB)
    for name in written.find_all(exp.Identifier):
        if name.name.lower() in _DUCKDB_KEYWORDS:
            name.set("quoted", True)
    return written.sql("duckdb")


def duckdb_name(name: str) -> str:
    """A column's name as DuckDB reads it: quoted when it is a keyword."""
    return f'"{name}"' if name in _DUCKDB_KEYWORDS else name


def bigquery_sql(tree: exp.Expr, *, dataset_prefix: str) -> str:
    """Write a tree for BigQuery, schema `marts` being the dataset `<dataset_prefix>_marts`.

    Raises:
        UnportableSqlError: A construct without an equal on BigQuery.
    """
    written = _rewritten(tree, _BIGQUERY)
    for table in written.find_all(exp.Table):
        schema = table.args.get("db")
        if schema is not None:
            schema.set("this", f"{dataset_prefix}_{schema.name}")
    return written.sql("bigquery")


def _rewritten(
    tree: exp.Expr, rules: dict[type[exp.Expr], Callable[..., exp.Expr | None]]
) -> exp.Expr:
    root = tree.copy()
    # Inner nodes first: a rule finds its operands already rewritten.
    for node in reversed(list(root.find_all(*rules))):
        rule = rules.get(type(node))
        replacement = None if rule is None else rule(node)
        if replacement is not None:
            node.replace(replacement)
    return root


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _quotient(rounded: str, exact: str) -> Callable[[exp.Expr], exp.Expr]:
    def rule(node: exp.Expr) -> exp.Expr:
        name = exact if _is_cast_to_numeric(node.parent) else rounded
        return _call(name, _unwrapped(node.this), _unwrapped(node.expression))

    return rule


def _is_cast_to_numeric(node: exp.Expr | None) -> bool:
    while isinstance(node, exp.Paren):
        node = node.parent
    if not isinstance(node, exp.Cast):
        return False
    return node.to.this is exp.DataType.Type.DECIMAL or node.to.args.get("kind") == _NUMERIC


def _unwrapped(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Paren) else node


def _in_floats(node: exp.Expr) -> exp.Expr | None:
    """The dividend, or what is averaged, as FLOAT64, which makes the result FLOAT64."""
    if _is_cast_to_numeric(node.parent) or isinstance(node.this, exp.Distinct):
        return None
    changed = node.copy()
    changed.set("this", exp.Cast(this=node.this.copy(), to=exp.DataType.build("DOUBLE")))
    return changed


def _data_type(node: exp.DataType) -> exp.Expr | None:
    if node.this is exp.DataType.Type.BIGDECIMAL:
        raise UnportableSqlError("BIGNUMERIC has no equal on DuckDB", hint="use NUMERIC")
    if node.this is exp.DataType.Type.DECIMAL and not node.expressions:
        return exp.DataType.build(_DECIMAL, dialect="duckdb")
    return None


def _spelled_out(node: exp.DataType) -> exp.Expr | None:
    # NUMERIC(38, 9) is what NUMERIC means; the emulator would keep 3 digits of a bare NUMERIC.
    if node.this is exp.DataType.Type.DECIMAL and not node.expressions:
        return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=_NUMERIC)
    return None


def _literal(node: exp.Literal) -> exp.Expr | None:
    if node.is_string or node.this.isdigit():
        return None
    return exp.cast(exp.Literal.string(node.this), exp.DataType.Type.DOUBLE)


def _as_date(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node.copy(), to=exp.DataType.build("DATE"))


def _date_trunc(node: exp.DateTrunc) -> exp.Expr:
    unit = node.args["unit"]
    name = unit.name.upper()
    if name in _TRUNCATIONS:
        return _as_date(node)
    start = unit.this.name.upper() if isinstance(unit, exp.WeekStart) else None
    if name == "ISOWEEK":
        start = "MONDAY"
    elif name == "WEEK" and start is None:
        start = "SUNDAY"
    if start not in _WEEKDAYS:
        raise UnportableSqlError(
            f"DATE_TRUNC by {unit.sql('bigquery')} differs between the engines"
        )
    shift = _WEEKDAYS.index(start)
    monday = exp.DateTrunc(  # type: ignore[no-untyped-call]  # sqlglot leaves it untyped
        this=_moved(node.this, -shift), unit=exp.Literal.string("WEEK")
    )
    return _as_date(_moved(monday, shift))


def _moved(date: exp.Expr, days: int) -> exp.Expr:
    if days == 0:
        return date.copy()
    kind = exp.DateAdd if days > 0 else exp.DateSub
    return kind(
        this=date.copy(), expression=exp.Literal.string(str(abs(days))), unit=exp.Var(this="DAY")
    )


def _extract(node: exp.Extract) -> exp.Expr | None:
    part = node.name.upper()
    if part == "DAYOFWEEK":
        return exp.Paren(this=exp.Add(this=node.copy(), expression=exp.Literal.number(1)))
    if part == "ISOWEEK":
        return exp.Extract(this=exp.Var(this="WEEK"), expression=node.expression.copy())
    if part not in _EXTRACTIONS:
        raise UnportableSqlError(f"EXTRACT({part}) differs between the engines")
    return None


def _in(node: exp.In) -> exp.Expr | None:
    unnest = node.args.get("unnest")
    if unnest is None:
        return None
    return _call("bq_in", node.this, unnest.expressions[0])


def _json_value(node: exp.Expr) -> exp.Expr:
    return _call("json_extract_string", node.this, node.args.get("path") or node.expression)


def _count(node: exp.Count) -> None:
    distinct = node.this
    if isinstance(distinct, exp.Distinct) and len(distinct.expressions) > 1:
        raise UnportableSqlError(
            "COUNT(DISTINCT a, b) is not in BigQuery", hint="count a key column"
        )


_DUCKDB: Final[dict[type[exp.Expr], Callable[..., exp.Expr | None]]] = {
    exp.Div: _quotient("bq_div", "bq_exact_div"),
    exp.SafeDivide: _quotient("bq_safe_divide", "bq_exact_safe_divide"),
    exp.DataType: _data_type,
    exp.Literal: _literal,
    exp.DateTrunc: _date_trunc,
    exp.DateAdd: _as_date,
    exp.DateSub: _as_date,
    exp.Extract: _extract,
    exp.In: _in,
    exp.JSONValue: _json_value,
    exp.Count: _count,
}


def _spelled_out_trunc(node: exp.DateTrunc) -> exp.Expr:
    # ISOWEEK is WEEK(MONDAY), WEEK is WEEK(SUNDAY), and DATE_TRUNC of a DATE is a DATE: all three
    # need no telling but to the emulator.
    start = {"ISOWEEK": "MONDAY", "WEEK": "SUNDAY"}.get(node.args["unit"].name.upper())
    if start is None or isinstance(node.args["unit"], exp.WeekStart):
        return _as_date(node)
    changed = node.copy()
    changed.set("unit", exp.WeekStart(this=exp.Var(this=start)))
    return _as_date(changed)


_BIGQUERY: Final[dict[type[exp.Expr], Callable[..., exp.Expr | None]]] = {
    exp.Div: _in_floats,
    exp.SafeDivide: _in_floats,
    exp.Avg: _in_floats,
    exp.DataType: _spelled_out,
    exp.DateTrunc: _spelled_out_trunc,
    exp.Count: _count,
}
