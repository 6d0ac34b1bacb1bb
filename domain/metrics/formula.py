"""Formulas: expressions with every name resolved down to measures.

    expression + formulas of its names -> build_formula -> formula over measures

A missing (NULL) amount in a sum counts as nothing, unless every amount in it is missing: net
revenue without a refund is revenue. A missing ratio makes the sum missing. Decision: ADR-0007.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from domain.metrics.definition import Aggregation, MetricFilter, Unit
from domain.metrics.expression import Binary, Call, Expression, Name, Negate, Number
from domain.metrics.inference import Inferred, call_unit, product_unit, quotient_unit, sum_unit

__all__ = [
    "Constant",
    "Formula",
    "Function",
    "Measure",
    "Product",
    "Quotient",
    "Sum",
    "Value",
    "build_formula",
    "children",
    "formula_cost",
    "formula_height",
    "iter_measures",
    "with_filters",
]


@dataclass(frozen=True, slots=True)
class Measure:
    """One aggregate of one column of one fact, over the rows that its filters leave.

    Attributes:
        fact: Name of the fact.
        column: Its column.
        aggregation: How rows become one value; no rows give NULL, also for counts.
        unit: Of the value.
        money: The value is in the row's currency.
        claimed: A sum of what a platform credits itself with; NULL over several attributions.
        where: All must hold.
        metric: The simple metric that it comes from; two metrics may share a measure.
    """

    fact: str
    column: str
    aggregation: Aggregation
    unit: Unit
    money: bool
    claimed: bool = False
    where: tuple[MetricFilter, ...] = ()
    metric: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Constant:
    """A number without a unit."""

    value: Decimal

    @property
    def unit(self) -> None:
        """None: a constant has no unit."""
        return


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a measure."""

    measure: Measure

    @property
    def unit(self) -> Unit:
        """Of the measure."""
        return self.measure.unit


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms added or (where the flag is True) subtracted."""

    terms: tuple[tuple[bool, "Formula"], ...]
    unit: Unit | None

    @property
    def skips_missing(self) -> bool:
        """Whether a missing term counts as nothing: true of amounts, not of ratios."""
        return self.unit is not Unit.RATIO


@dataclass(frozen=True, slots=True)
class Product:
    """`left * right`."""

    left: "Formula"
    right: "Formula"
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class Quotient:
    """`left / right`; missing when `right` is 0."""

    left: "Formula"
    right: "Formula"
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class Function:
    """A function of `domain.metrics.expression.FUNCTIONS`.

    `least` and `greatest` of a missing argument are missing.
    """

    name: str
    arguments: tuple["Formula", ...]
    unit: Unit | None


Formula = Constant | Value | Sum | Product | Quotient | Function


def build_formula(tree: Expression, names: Mapping[str, Formula]) -> Formula:
    """Resolve the names of an expression whose units are known to fit.

    Args:
        tree: Checked by `domain.metrics.inference.infer`.
        names: Formula of every name in it.
    """
    match tree:
        case Number(value=value):
            return Constant(value)
        case Name(name=name):
            return names[name]
        case Negate(operand=operand):
            inner = build_formula(operand, names)
            return Sum(_terms(inner, inner.unit, negative=True), inner.unit)
        case Call(function=function, arguments=arguments):
            parts = tuple(build_formula(argument, names) for argument in arguments)
            unit = _unit(call_unit(function, tuple(map(_inferred, parts))))
            return Function(function, parts, unit)
        case Binary():
            return _binary(tree, names)


def iter_measures(formula: Formula) -> Iterator[Measure]:
    """Every measure of a formula from left to right, repeated ones too."""
    if isinstance(formula, Value):
        yield formula.measure
    for child in children(formula):
        yield from iter_measures(child)


def with_filters(
    formula: Formula, choose: Callable[[Measure], tuple[MetricFilter, ...]]
) -> Formula:
    """The formula with the filters that `choose` names for each measure added to it."""
    match formula:
        case Constant():
            return formula
        case Value(measure=measure):
            return Value(_narrowed(measure, choose(measure)))
        case Sum(terms=terms, unit=unit):
            return Sum(tuple((sign, with_filters(term, choose)) for sign, term in terms), unit)
        case Product(left=left, right=right, unit=unit):
            return Product(with_filters(left, choose), with_filters(right, choose), unit)
        case Quotient(left=left, right=right, unit=unit):
            return Quotient(with_filters(left, choose), with_filters(right, choose), unit)
        case Function(name=name, arguments=arguments, unit=unit):
            return Function(name, tuple(with_filters(one, choose) for one in arguments), unit)


def formula_cost(formula: Formula) -> int:
    """How large the formula's SQL is: sums of amounts name their terms twice."""
    below = sum(map(formula_cost, children(formula)))
    doubled = isinstance(formula, Sum) and formula.skips_missing and len(formula.terms) > 1
    if doubled or (isinstance(formula, Function) and formula.name in _DOUBLED):
        return 1 + 2 * below
    return 1 + below


def formula_height(formula: Formula) -> int:
    """How deep the formula is nested; a lone value is 1."""
    return 1 + max(map(formula_height, children(formula)), default=0)


def children(formula: Formula) -> tuple[Formula, ...]:
    """The parts that a formula is made of, from left to right."""
    match formula:
        case Sum(terms=terms):
            return tuple(term for _, term in terms)
        case Product(left=left, right=right) | Quotient(left=left, right=right):
            return (left, right)
        case Function(arguments=arguments):
            return arguments
        case Constant() | Value():
            return ()


_DOUBLED: Final = frozenset({"least", "greatest"})


def _binary(tree: Binary, names: Mapping[str, Formula]) -> Formula:
    left, right = build_formula(tree.left, names), build_formula(tree.right, names)
    sides = (_inferred(left), _inferred(right))
    if tree.operator == "*":
        return Product(left, right, _unit(product_unit(*sides)))
    if tree.operator == "/":
        return Quotient(left, right, _unit(quotient_unit(*sides)))
    unit = _unit(sum_unit(*sides))
    second = _terms(right, unit, negative=tree.operator == "-")
    return Sum(_terms(left, unit, negative=False) + second, unit)


def _terms(
    formula: Formula, unit: Unit | None, *, negative: bool
) -> tuple[tuple[bool, Formula], ...]:
    """The formula as terms of a sum of `unit`; a sum with the same rule is opened up.

    One with a constant stays closed: `clicks + 1` is missing without clicks, and then adds nothing.
    """
    if (
        isinstance(formula, Sum)
        and formula.skips_missing is (unit is not Unit.RATIO)
        and all(term.unit is not None for _, term in formula.terms)
    ):
        return tuple((sign is not negative, term) for sign, term in formula.terms)
    return ((negative, formula),)


def _inferred(formula: Formula) -> Inferred:
    zero = isinstance(formula, Constant) and formula.value == 0
    return Inferred(formula.unit, is_zero=zero)


def _unit(found: Inferred | None) -> Unit | None:
    if found is None:
        message = "a formula is built of units that do not fit"
        raise TypeError(message)
    return found.unit


def _narrowed(measure: Measure, filters: tuple[MetricFilter, ...]) -> Measure:
    added = tuple(one for one in filters if one not in measure.where)
    return dataclasses.replace(measure, where=measure.where + added)
