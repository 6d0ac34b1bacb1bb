"""Units and additivity of an expression, inferred from its parts.

    expression + units of its names -> infer -> Inferred(kind, additivity)

    money + money = money          money / money = ratio       money * ratio|number|count = money
    count + count = count          count / count = ratio       count * ratio|constant = number
    ratio + ratio|constant = ratio                             money / ratio|number|count = money

A constant is a number without a unit; zero fits any unit. Only sums, differences and scalings by
constants of additive metrics are additive, as far as the least additive of them.

Decision: ADR-0007.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.metrics.definition import Additivity, Unit
from domain.metrics.expression import (
    Binary,
    Call,
    Expression,
    Name,
    Negate,
    Number,
    format_expression,
)
from domain.metrics.tokens import ExpressionError

__all__ = ["Inferred", "call_unit", "infer", "product_unit", "quotient_unit", "sum_unit"]

_STRICTNESS: Final = (Additivity.FULL, Additivity.WITHIN_ATTRIBUTION, Additivity.NONE)
_THINGS: Final = frozenset({Unit.COUNT, Unit.NUMBER})


@dataclass(frozen=True, slots=True)
class Inferred:
    """What an expression is.

    Attributes:
        unit: None for a constant.
        additivity: Over what the values of parts may be summed to that of the whole.
        is_zero: The constant 0, which fits any unit.
    """

    unit: Unit | None
    additivity: Additivity = Additivity.NONE
    is_zero: bool = False


def sum_unit(left: Inferred, right: Inferred) -> Inferred | None:
    """What `left + right` or `left - right` is; None when the units do not fit."""
    units = {left.unit, right.unit}
    additivity = max(left.additivity, right.additivity, key=_STRICTNESS.index)
    if left.unit is right.unit:
        return Inferred(left.unit, additivity)
    if left.is_zero or right.is_zero:
        return Inferred(left.unit or right.unit)
    if units in (_THINGS, {Unit.COUNT, None}):
        return Inferred(Unit.NUMBER, additivity)
    if units in ({Unit.NUMBER, None}, {Unit.RATIO, None}):
        return Inferred(left.unit or right.unit)
    return None


def product_unit(left: Inferred, right: Inferred) -> Inferred | None:
    """What `left * right` is; None when the units do not fit."""
    if left.unit is None or right.unit is None:
        scaled = right if left.unit is None else left
        return Inferred(_fractional(scaled.unit), scaled.additivity)
    if Unit.RATIO in (left.unit, right.unit):
        other = right.unit if left.unit is Unit.RATIO else left.unit
        return Inferred(_fractional(other))
    if (left.unit is Unit.MONEY and right.unit in _THINGS) or (
        right.unit is Unit.MONEY and left.unit in _THINGS
    ):
        return Inferred(Unit.MONEY)
    return None


def quotient_unit(left: Inferred, right: Inferred) -> Inferred | None:
    """What `left / right` is; None when the units do not fit."""
    if right.unit is None:
        return Inferred(_fractional(left.unit), left.additivity)
    if right.unit is Unit.RATIO:
        return Inferred(Unit.RATIO if left.unit is None else _fractional(left.unit))
    if left.unit is right.unit:
        return Inferred(Unit.RATIO)
    if right.unit in _THINGS:
        return Inferred(Unit.MONEY if left.unit is Unit.MONEY else Unit.RATIO)
    return None


def call_unit(function: str, arguments: tuple[Inferred, ...]) -> Inferred | None:
    """What `function(arguments)` is; None when the units do not fit."""
    if function == "abs":
        return Inferred(arguments[0].unit)
    both = sum_unit(arguments[0], arguments[1])
    return None if both is None else Inferred(both.unit)


def infer(text: str, tree: Expression, names: Mapping[str, Inferred]) -> Inferred:
    """Infer unit and additivity.

    Args:
        text: What `tree` was read from, for complaints.
        tree: The expression.
        names: What every metric and parameter that it names is.

    Raises:
        ExpressionError: Two sides whose units do not fit; the message names both.
    """
    match tree:
        case Number(value=value):
            return Inferred(None, is_zero=value == 0)
        case Name(name=name):
            return names[name]
        case Negate(operand=operand):
            inner = infer(text, operand, names)
            return Inferred(inner.unit, inner.additivity)
        case Binary(left=left, right=right):
            sides = (infer(text, left, names), infer(text, right, names))
            found = _RULES[tree.operator](*sides)
            return _fitting(found, text, tree, (left, right), sides)
        case Call(arguments=arguments):
            parts = tuple(infer(text, argument, names) for argument in arguments)
            found = call_unit(tree.function, parts)
            ends = (arguments[0], arguments[-1])
            return _fitting(found, text, tree, ends, (parts[0], parts[-1]))


_RULES: Final[Mapping[str, Callable[[Inferred, Inferred], Inferred | None]]] = {
    "+": sum_unit,
    "-": sum_unit,
    "*": product_unit,
    "/": quotient_unit,
}
_VERBS: Final = {
    "+": ("{0} cannot be added to {1}", "both sides of + need the same unit"),
    "-": ("{1} cannot be subtracted from {0}", "both sides of - need the same unit"),
    "*": ("{0} cannot be multiplied by {1}", "multiply by a ratio, a count or a constant"),
    "/": ("{0} cannot be divided by {1}", "divide like by like, or money by a count"),
}


def _fitting(
    found: Inferred | None,
    text: str,
    tree: Binary | Call,
    sides: tuple[Expression, Expression],
    parts: tuple[Inferred, Inferred],
) -> Inferred:
    if found is not None:
        return found
    named = [
        f"{format_expression(side)} ({'a constant' if one.unit is None else one.unit.value})"
        for side, one in zip(sides, parts, strict=True)
    ]
    if isinstance(tree, Call):
        reason = f"{tree.function} of {named[0]} and {named[1]} has no unit"
        raise ExpressionError(reason, text, tree.position, hint="both arguments need the same unit")
    sentence, hint = _VERBS[tree.operator]
    raise ExpressionError(sentence.format(*named), text, tree.position, hint=hint)


def _fractional(unit: Unit | None) -> Unit | None:
    return Unit.NUMBER if unit is Unit.COUNT else unit
