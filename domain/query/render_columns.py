"""Columns of facts as SQL: buckets of days, dimensions, labels, filters.

    dimension + fact -> dimension_value -> SQL tree

Columns stay bare where they can, so that the warehouse may prune by them.
"""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from domain.facts.fact import ENVELOPE
from domain.metrics.definition import Aggregation
from domain.metrics.dimensions import Dimension
from domain.metrics.formula import Measure
from domain.query.periods import Shift
from domain.query.request import Direction, OrderBy
from domain.query.shape import FilterShape
from domain.time_window import Grain

__all__ = [
    "bucket",
    "dated_label",
    "dimension_value",
    "filter_condition",
    "is_not_null",
    "key_columns",
    "latest_label",
    "measured_value",
    "ordered",
    "parameter",
]

# Untyped in sqlglot.
_TRUNCATE: Final[Callable[..., exp.Expr]] = exp.DateTrunc
_DATE: Final = "reporting_date"
_DATE_LENGTH: Final = 10  # of "2026-03-31"
_SEPARATOR: Final = ":"
_CONNECTION: Final = "connection_id"
_OUR_IDS: Final = frozenset(column.name for column in ENVELOPE)


def parameter(name: str) -> exp.Parameter:
    """`@name`."""
    return exp.Parameter(this=exp.var(name))


def bucket(grain: Grain, shift: Shift | None) -> exp.Expr:
    """The first day of the bucket that a row's day, moved, lies in; weeks start on Monday."""
    day: exp.Expr = exp.column(_DATE)
    if shift is not None:
        moved = exp.DateAdd(this=day, expression=parameter("base_shift"), unit=exp.var(shift.value))
        day = exp.Greatest(
            this=_as_date(moved), expressions=[parameter("period_start")], ignore_nulls=False
        )
    if grain is Grain.DAY:
        return day
    unit: exp.Expr = exp.var(grain.value)
    if grain is Grain.WEEK:
        unit = exp.WeekStart(this=exp.var("MONDAY"))
    return _as_date(_TRUNCATE(this=day, unit=unit))


def dimension_value(dimension: Dimension, fact: str) -> exp.Expr:
    """A dimension's value in a row of a fact; a provider's id is qualified by its connection."""
    column = exp.column(dimension.columns[fact])
    if not dimension.qualified_by:
        return column
    return _qualified(dimension.qualified_by, column)


def dated_label(dimension: Dimension, fact: str) -> exp.Expr:
    """The greatest `<date><label>` of a group: the label of its last day; NULL: none has one."""
    if fact not in dimension.label_columns:
        return exp.Null()
    date = exp.Cast(this=exp.column(_DATE), to=exp.DataType.build("STRING", dialect="bigquery"))
    return exp.Max(this=exp.DPipe(this=date, expression=exp.column(dimension.label_columns[fact])))


def latest_label(dimension: Dimension, *, alone: bool) -> exp.Expr:
    """The latest label of a dimension's value in the whole result.

    Args:
        dimension: One with labels.
        alone: Nothing else groups the rows, so that each value has one row.
    """
    dated: exp.Expr = exp.column(f"{dimension.name}__label")
    if not alone:
        dated = exp.Window(this=exp.Max(this=dated), partition_by=[exp.column(dimension.name)])
    return exp.Substring(this=dated, start=exp.Literal.number(_DATE_LENGTH + 1))


def measured_value(measure: Measure) -> exp.Expr:
    """What is aggregated; distinct ids of a provider are told apart by connection."""
    column = exp.column(measure.column)
    is_provider_id = measure.column.endswith("_id") and measure.column not in _OUR_IDS
    if measure.aggregation is Aggregation.COUNT_DISTINCT and is_provider_id:
        return _qualified(_CONNECTION, column)
    return column


def filter_condition(shape: FilterShape, value: exp.Expr) -> exp.Expr:
    """Rows that a filter leaves; a NULL value is one of the values only if `with_null` is set."""
    is_null = exp.Is(this=value.copy(), expression=exp.Null())
    if not shape.parameter:
        return is_not_null(value) if shape.negated else is_null
    among: exp.Expr = exp.In(
        this=value, unnest=exp.Unnest(expressions=[parameter(shape.parameter)], offset=False)
    )
    if shape.negated:
        outside = exp.Not(this=among)
        return (
            outside if shape.with_null else exp.Paren(this=exp.Or(this=outside, expression=is_null))
        )
    return exp.Paren(this=exp.Or(this=among, expression=is_null)) if shape.with_null else among


def is_not_null(value: exp.Expr) -> exp.Expr:
    """`value IS NOT NULL`."""
    return exp.Not(this=exp.Is(this=value, expression=exp.Null()))


def ordered(order: OrderBy) -> exp.Ordered:
    """One term of ORDER BY, NULL last."""
    return exp.Ordered(
        this=exp.column(order.field),
        desc=order.direction is Direction.DESC,
        nulls_first=False,
    )


def key_columns(names: tuple[str, ...], labelled: tuple[Dimension, ...]) -> list[str]:
    """Key columns in the order of the answer: each followed by its label, where it has one."""
    with_label = {dimension.name for dimension in labelled}
    columns = []
    for name in names:
        columns.append(name)
        if name in with_label:
            columns.append(f"{name}__label")
    return columns


def _as_date(sql: exp.Expr) -> exp.Cast:
    """CAST AS DATE: nothing in BigQuery; elsewhere date functions may answer timestamps."""
    return exp.Cast(this=sql, to=exp.DataType.build("DATE", dialect="bigquery"))


def _qualified(qualifier: str, column: exp.Expr) -> exp.Expr:
    joined = exp.DPipe(this=exp.column(qualifier), expression=exp.Literal.string(_SEPARATOR))
    return exp.DPipe(this=joined, expression=column)
