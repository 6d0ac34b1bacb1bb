"""Claims: what platforms credit themselves with, by their own rules.

    expression + formulas of its names -> check_claims -> refused where a sale would count twice
    formula -> claim_groups -> measures whose rows must be of one attribution

Several platforms may claim one sale, and the shop books it once more. So claims of different kinds,
and a claim and the shop's own sale, are never terms of one sum; nor, when a question is answered,
are claims of one kind whose attributions differ. Quotients set claims side by side: they are free.

Decision: ADR-0010.
"""

from collections.abc import Mapping

from domain.facts import FACTS
from domain.metrics.definition import Unit
from domain.metrics.expression import Binary, Call, Expression, Negate
from domain.metrics.formula import (
    Formula,
    Measure,
    Quotient,
    Value,
    build_formula,
    children,
)
from domain.metrics.tokens import ExpressionError

__all__ = ["check_claims", "claim_groups"]

Measures = tuple[Measure, ...]


def check_claims(text: str, tree: Expression, names: Mapping[str, Formula]) -> None:
    """Check that no sum of an expression can count a sale twice.

    Args:
        text: What `tree` was read from, for complaints.
        tree: The expression; its units fit.
        names: Formula of every name in it.

    Raises:
        ExpressionError: Two terms of a sum may tell of the same sale; the message names both.
    """
    match tree:
        case Binary(operator=operator, left=left, right=right):
            check_claims(text, left, names)
            check_claims(text, right, names)
            if operator in {"+", "-"}:
                sides = [_amount(build_formula(one, names), []) for one in (left, right)]
                _check_sum(text, tree, *sides)
        case Negate(operand=operand):
            check_claims(text, operand, names)
        case Call(arguments=arguments):
            for argument in arguments:
                check_claims(text, argument, names)


def claim_groups(formula: Formula) -> tuple[Measures, ...]:
    """The claims of one kind that meet in one amount of a formula, in order of appearance."""
    closed: list[Measures] = []
    closed.append(_amount(formula, closed))
    groups: dict[Measures, None] = {}
    for amount in closed:
        kinds: dict[tuple[str, str], list[Measure]] = {}
        for measure in amount:
            if measure.claimed:
                kinds.setdefault(_kind(measure), []).append(measure)
        groups |= dict.fromkeys(map(tuple, kinds.values()))
    return tuple(groups)


def _amount(formula: Formula, closed: list[Measures]) -> Measures:
    """The measures that tell of sales and are terms of the formula's value.

    Those below a quotient by things or money are terms of its sides only: they go to `closed`.
    """
    if isinstance(formula, Value):
        measure = formula.measure
        return (measure,) if measure.claimed or FACTS[measure.fact].books_sales else ()
    parts = [_amount(part, closed) for part in children(formula)]
    if isinstance(formula, Quotient) and formula.right.unit not in {None, Unit.RATIO}:
        closed += parts
        return ()
    return tuple(dict.fromkeys(measure for part in parts for measure in part))


def _check_sum(text: str, tree: Binary, left: Measures, right: Measures) -> None:
    for one in left:
        for other in right:
            if (one.claimed or other.claimed) and _kind(one) != _kind(other):
                raise ExpressionError(
                    f"{one.metric} and {other.metric} may tell of the same sale",
                    text,
                    tree.position,
                    hint="ask for both and see them side by side, or divide one by the other",
                )


def _kind(measure: Measure) -> tuple[str, str]:
    """Claims of one kind are of one column, in whatever cut of its fact."""
    return FACTS[measure.fact].refines or measure.fact, measure.column
