"""Formulas as SQL, exact as long as they only add.

    formula + columns of its measures -> FormulaRenderer.metric -> SQL tree

Each part is computed in the narrowest of INT64, NUMERIC and FLOAT64 that holds it: sums stay exact,
a product or quotient is FLOAT64, and so is what is made of it. A FLOAT64 amount is rounded to six
decimals and stored as NUMERIC (through nine decimals first, which takes the binary noise away from
ties); a ratio is rounded to twelve decimals, so that engines agree. Decision: ADR-0007.
"""

import enum
from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from typing import Final

from sqlglot import exp

from domain.metrics.definition import Unit
from domain.metrics.formula import (
    Constant,
    Formula,
    Function,
    Measure,
    Product,
    Quotient,
    Sum,
    Value,
)

__all__ = ["FormulaRenderer"]

_AMOUNT_DECIMALS: Final = 6
_RATIO_DECIMALS: Final = 12
_AMOUNT_LIMIT: Final = "1e28"  # NUMERIC ends just below 1e29


class _Storage(enum.IntEnum):
    """Storage of a part, ordered by what it can hold."""

    INT64 = 1
    NUMERIC = 2
    FLOAT64 = 3


class FormulaRenderer:
    """Renders formulas of one statement.

    Args:
        column: Column that holds a measure.
        constant: Names the parameter that holds a constant.
    """

    def __init__(
        self, column: Callable[[Measure], exp.Expr], constant: Callable[[Decimal | int], str]
    ) -> None:
        self._column = column
        self._constant = constant

    def metric(self, formula: Formula, unit: Unit) -> exp.Expr:
        """The formula in the type of its unit: INT64 counts, NUMERIC amounts, FLOAT64 ratios."""
        storage = _storage(formula)
        if unit is Unit.COUNT:
            return self._render(formula, _Storage.INT64)
        if unit is Unit.RATIO:
            value = self._render(formula, _Storage.FLOAT64)
            return exp.Round(this=value, decimals=exp.Literal.number(_RATIO_DECIMALS))
        if storage is not _Storage.FLOAT64:
            return self._render(formula, _Storage.NUMERIC)
        value = self._render(formula, _Storage.FLOAT64)
        # Beyond NUMERIC an amount is missing: an error would spoil the other metrics too.
        held = exp.LT(this=exp.Abs(this=value), expression=exp.Literal.number(_AMOUNT_LIMIT))
        exact = _cast(exp.If(this=held, true=value.copy(), false=exp.Null()), _Storage.NUMERIC)
        rounded = exp.Round(this=exact, decimals=exp.Literal.number(_AMOUNT_DECIMALS))
        return _cast(rounded, _Storage.NUMERIC)

    def _render(self, formula: Formula, wanted: _Storage) -> exp.Expr:  # noqa: PLR0911  # one a node
        """The formula, converted to `wanted` at the last step that can be exact."""
        storage = _storage(formula)
        if storage is not wanted and not isinstance(formula, Constant):
            return _cast(self._render(formula, storage), wanted)
        match formula:
            case Constant(value=value):
                held = int(value) if wanted is _Storage.INT64 else value
                parameter = exp.Parameter(this=exp.var(self._constant(held)))
                return _cast(parameter, wanted)
            case Value(measure=measure):
                return self._column(measure)
            case Sum():
                return self._sum(formula, wanted)
            case Product(left=left, right=right):
                sides = (self._render(left, wanted), self._render(right, wanted))
                return exp.Mul(this=_enclosed(sides[0]), expression=_enclosed(sides[1]))
            case Quotient(left=left, right=right):
                sides = (self._render(left, wanted), self._render(right, wanted))
                return exp.SafeDivide(this=sides[0], expression=sides[1])
            case Function(name=name, arguments=arguments):
                return _FUNCTIONS[name]([self._render(one, wanted) for one in arguments])

    def _sum(self, formula: Sum, wanted: _Storage) -> exp.Expr:
        terms = [(negative, self._render(term, wanted)) for negative, term in formula.terms]
        amounts = [
            sql.copy()
            for (_, sql), (_, term) in zip(terms, formula.terms, strict=True)
            if term.unit is not None
        ]
        if not formula.skips_missing or len(amounts) < 2:  # noqa: PLR2004  # nothing to skip
            return _added(terms)
        filled = [
            (negative, sql if term.unit is None else _or_zero(sql))
            for (negative, sql), (_, term) in zip(terms, formula.terms, strict=True)
        ]
        missing = exp.Is(this=_coalesce(amounts), expression=exp.Null())
        return exp.If(this=missing, true=exp.Null(), false=_added(filled))


def _storage(formula: Formula) -> _Storage:
    match formula:
        case Constant(value=value):
            return _Storage.INT64 if value == value.to_integral_value() else _Storage.NUMERIC
        case Value(measure=measure):
            return _Storage.INT64 if measure.unit is Unit.COUNT else _Storage.NUMERIC
        case Product() | Quotient():
            return _Storage.FLOAT64
        case Sum(terms=terms):
            return max(_storage(term) for _, term in terms)
        case Function(arguments=arguments):
            return max(map(_storage, arguments))


def _added(terms: list[tuple[bool, exp.Expr]]) -> exp.Expr:
    (negative, first), *others = terms
    start: exp.Expr = exp.Neg(this=_enclosed(first)) if negative else _enclosed(first)
    return reduce(_joined, others, start)


def _joined(left: exp.Expr, term: tuple[bool, exp.Expr]) -> exp.Expr:
    negative, right = term
    kind = exp.Sub if negative else exp.Add
    return kind(this=left, expression=_enclosed(right))


def _enclosed(sql: exp.Expr) -> exp.Expr:
    return exp.Paren(this=sql) if isinstance(sql, (exp.Binary, exp.Neg)) else sql


def _cast(sql: exp.Expr, storage: _Storage) -> exp.Expr:
    return exp.Cast(this=sql, to=exp.DataType.build(storage.name, dialect="bigquery"))


def _coalesce(values: list[exp.Expr]) -> exp.Expr:
    return exp.Coalesce(this=values[0], expressions=values[1:])


def _or_zero(sql: exp.Expr) -> exp.Expr:
    return _coalesce([sql, exp.Literal.number(0)])


def _extreme(
    kind: type[exp.Least | exp.Greatest],
) -> Callable[[list[exp.Expr]], exp.Expr]:
    def build(values: list[exp.Expr]) -> exp.Expr:
        return kind(this=values[0], expressions=values[1:], ignore_nulls=False)

    return build


_FUNCTIONS: Final[dict[str, Callable[[list[exp.Expr]], exp.Expr]]] = {
    "abs": lambda values: exp.Abs(this=values[0]),
    "coalesce": _coalesce,
    "nullif": lambda values: exp.Nullif(this=values[0], expression=values[1]),
    "least": _extreme(exp.Least),
    "greatest": _extreme(exp.Greatest),
}
