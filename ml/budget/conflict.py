"""Why a plan cannot be: the fewest limits that contradict each other, and by how much.

    limits -> leave out one after another while the rest still contradict -> each with its amount

What is left is minimal: without any one of them, the others can be kept. The amount of each is how
far it alone has to give way.

Source: Chinneck and Dravnieks 1991, the deletion filter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from scipy.optimize import linprog

from domain.errors import UserError
from ml.budget.programme import Points, Programme
from ml.budget.request import Efficiency, Limit, Request

__all__ = ["Conflict", "ImpossibleBudgetError", "Reason", "contradictions"]

# Per cent that an outcome may cost more before nobody would call it the same wish.
_FURTHEST: Final = 1000

_Any = TypeVar("_Any")


@dataclass(frozen=True, slots=True)
class Reason:
    """One of the limits that contradict.

    Attributes:
        words: The limit, with its amount.
        gives_way: How far it alone has to give way; None: that would not help by any amount.
    """

    words: str
    gives_way: str | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """The fewest limits that contradict each other."""

    reasons: tuple[Reason, ...]


class ImpossibleBudgetError(UserError):
    """No split keeps all limits."""

    code = "BUDGET_IMPOSSIBLE"

    def __init__(self, conflict: Conflict) -> None:
        self.conflict = conflict
        told = "; ".join(
            one.words if one.gives_way is None else f"{one.words} ({one.gives_way})"
            for one in conflict.reasons
        )
        super().__init__(
            f"These cannot be kept together: {told}.", hint="Let one of them give way."
        )


def contradictions(
    request: Request, programme: Programme, points: Sequence[Points]
) -> Conflict | None:
    """The limits that cannot be kept together; None: they can.

    Args:
        request: For words.
        programme: With all limits.
        points: Of the items, over all that is observed; tell what outcomes cost.
    """
    linear: list[Limit | Efficiency] = list(programme.limits)
    for limits in (linear, [*linear, *programme.efficiencies]):

        def is_possible(some: Sequence[Limit | Efficiency]) -> bool:
            return _is_possible(programme, points, some)

        if not is_possible(limits):
            rest = _fewest(limits, is_possible)
            return Conflict(tuple(_reason(request, rest, one, is_possible) for one in rest))
    return None


def _is_possible(
    programme: Programme, points: Sequence[Points], some: Sequence[Limit | Efficiency]
) -> bool:
    limits = [one for one in some if isinstance(one, Limit)]
    efficiencies = [one for one in some if isinstance(one, Efficiency)]
    if efficiencies:
        part = replace(programme, limits=limits, efficiencies=efficiencies)
        return part.solve(points) is not None
    rows, bounds = [np.zeros(len(points))], [0.0]
    for limit in limits:
        row = np.isin(np.arange(len(points)), limit.items) / programme.unit
        for sign, bound in ((1, limit.upper), (-1, limit.lower)):
            if bound is not None:
                rows.append(sign * row)
                bounds.append(sign * bound / programme.unit)
    result = linprog(
        np.zeros(len(points)), A_ub=np.array(rows), b_ub=np.array(bounds), bounds=(None, None)
    )
    return bool(result.success)


def _fewest(limits: Sequence[_Any], is_possible: Callable[[Sequence[_Any]], bool]) -> list[_Any]:
    rest = list(limits)
    for one in limits:
        without = [other for other in rest if other is not one]
        if not is_possible(without):
            rest = without
    return rest


def _reason(
    request: Request,
    rest: Sequence[Limit | Efficiency],
    one: Limit | Efficiency,
    is_possible: Callable[[Sequence[Limit | Efficiency]], bool],
) -> Reason:
    others = [other for other in rest if other is not one]
    if isinstance(one, Efficiency):
        times = _least(
            lambda step: is_possible([*others, replace(one, credit=one.credit * (1 + step / 100))]),
            _FURTHEST,
        )
        return Reason(one.words, None if times is None else f"{times}% more would do")
    ways = []
    if one.lower is not None:
        ways.append((-1, "less", max(abs(one.lower), 1)))
    if one.upper is not None:
        ways.append((1, "more", max(abs(request.total) + abs(one.upper), 1)))
    for sign, word, furthest in ways:

        def is_enough(step: int, sign: int = sign) -> bool:
            return is_possible([*others, _moved(one, sign * step)])

        amount = _least(is_enough, furthest)
        if amount is not None:
            return Reason(one.words, f"{request.money(amount)} {word} would do")
    return Reason(one.words, None)


def _moved(limit: Limit, amount: int) -> Limit:
    lower = None if limit.lower is None else limit.lower + amount
    upper = None if limit.upper is None else limit.upper + amount
    return replace(limit, lower=lower, upper=upper)


def _least(is_enough: Callable[[int], bool], furthest: int) -> int | None:
    """Smallest whole number up to `furthest` that is enough, by halving; None: none is."""
    if not is_enough(furthest):
        return None
    low, high = 0, furthest
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
