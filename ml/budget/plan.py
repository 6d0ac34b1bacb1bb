r"""Plan a budget: a split, what it gains, how sure that is, or why to hold or why it cannot be.

    request, returns -> limits -> optimise -> whole units -> judged on other draws -> move or hold
                              \-> contradictions, in words

The split is made on every second draw of the curves and judged on the others, because the best of
many looks better than it is on what it was chosen by. Below a probability of 0.8 of beating the
current split (at the same total) the advice is to hold: moving budgets resets what platforms have
learned, so that a coin's throw is not worth it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from ml.budget.conflict import Conflict, ImpossibleBudgetError, Reason, contradictions
from ml.budget.optimise import box_of, optimise, pays
from ml.budget.programme import Points, Programme
from ml.budget.request import Request, efficiencies_of, limits_of
from ml.budget.returns import Returns
from ml.budget.scenario import Outlook, judged, outlook_of, scaled
from ml.budget.whole import Amounts, in_whole_units, keeps, polish
from ml.panel import Floats

__all__ = ["SURE_ENOUGH", "Binding", "Plan", "plan_budget"]

SURE_ENOUGH: Final = 0.8

# Of the mean amount, at most a minor unit: what rounding may take from how outcomes pay.
_MARGIN: Final = 2e-3

_UNSURE: Final = (
    "the best split beats the current one with a probability of {:.0%} only: not worth what the "
    "platforms have to learn again"
)

# Points of an item where it is only asked whether a plan can be; closer where curves are steep.
_POINTS: Final = 65

# Of the dearest limit: a price below it is the solver's tolerance.
_FREE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that costs something.

    Attributes:
        words: The limit.
        price: What the goal gains per unit of currency by which the limit's amount rises.
    """

    words: str
    price: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The answer.

    Attributes:
        amounts: Minor units until the end, for each item; add up to what is left, exactly.
        held: The current split of the same total.
        outlook: What `amounts` bring.
        held_outlook: What `held` brings.
        gain: What `amounts` bring beyond `held`.
        is_better: Probability that they bring more.
        hold: Why to keep the current split; None: move.
        held_breaks: Limits that the current split does not keep; then there is no holding.
        bindings: Limits that cost something, dearest first.
        gap: Share of the goal by which a better split could beat this one, at most, to the
            resolution of the points.
        best_move: What the best move of a minor unit would still bring; at most 0, up to the
            arithmetic: the conditions of an optimum.
    """

    amounts: Amounts
    held: Amounts
    outlook: Outlook
    held_outlook: Outlook
    gain: Outlook
    is_better: float
    hold: str | None
    held_breaks: tuple[str, ...]
    bindings: tuple[Binding, ...]
    gap: float
    best_move: float

    @property
    def advised(self) -> Amounts:
        """What to spend: the current split while the gain is not sure enough."""
        return self.amounts if self.hold is None else self.held


def plan_budget(request: Request, returns: Returns) -> Plan:
    """Split what is left of a budget.

    Args:
        request: What is asked.
        returns: Of the same items, in the same order.

    Raises:
        ImpossibleBudgetError: No split keeps all limits; tells which contradict, and by how much.
        InvalidInputError: Request and returns tell of different items, or nothing can be split.
    """
    count = len(request.items)
    if count != len(returns.names) or not count:
        raise InvalidInputError(f"{count} items are asked for; there are {len(returns.names)}.")
    limits = limits_of(request, returns)
    unit = max(request.left / count, 1.0)
    programme = Programme(
        worth=np.array([item.worth for item in request.items]),
        worst=request.goal.worst,
        limits=limits,
        efficiencies=efficiencies_of(request, returns.names),
        unit=unit,
        margin=min(1.0, _MARGIN * unit),
    )
    low, high = _box(request, programme, returns)
    optimum = optimise(programme, returns, low, high)
    if optimum is None:
        raise ImpossibleBudgetError(_conflict(request, programme, returns))
    amounts, move_left = polish(programme, returns, in_whole_units(limits, optimum.amounts))
    if not pays(programme, returns, amounts.astype(np.float64)):
        raise ImpossibleBudgetError(_conflict(request, programme, returns))
    held = scaled(request, request.left)
    new, old = judged(request, returns, amounts), judged(request, returns, held)
    is_better = float(np.mean(new > old))
    breaks = _broken(programme, returns, held)
    return Plan(
        amounts=amounts,
        held=held,
        outlook=outlook_of(new),
        held_outlook=outlook_of(old),
        gain=outlook_of(new - old),
        is_better=is_better,
        hold=None if breaks or is_better >= SURE_ENOUGH else _UNSURE.format(is_better),
        held_breaks=breaks,
        bindings=_bindings(programme, optimum.prices, 10**request.minor_digits),
        gap=max(optimum.bound / max(optimum.value, 1e-12) - 1, 0.0),
        best_move=move_left,
    )


def _box(request: Request, programme: Programme, returns: Returns) -> tuple[Floats, Floats]:
    low, high = box_of(programme, len(request.items), float(request.left))
    if request.left < 0 or (low > high).any():
        raise ImpossibleBudgetError(_conflict(request, programme, returns))
    return low, high


def _conflict(request: Request, programme: Programme, returns: Returns) -> Conflict:
    points = []
    for item in range(len(request.items)):
        amounts = np.unique(np.round(returns.highest(item) * np.linspace(0, 1, _POINTS) ** 2))
        points.append(Points(amounts, returns.outcome(item, amounts)))
    found = contradictions(request, replace(programme, margin=0.0), points)
    if found is not None:
        return found
    # A whole unit or the dent of an S-curve is in the way, which points bridge: costs are to blame.
    return Conflict(tuple(Reason(one.words, None) for one in programme.efficiencies))


def _broken(programme: Programme, returns: Returns, held: Amounts) -> tuple[str, ...]:
    broken = [one.words for one in programme.limits if not keeps([one], held)]
    exact = held.astype(np.float64)
    dear = [
        one.words
        for one in programme.efficiencies
        if not pays(replace(programme, efficiencies=[one]), returns, exact)
    ]
    return (*broken, *dear)


def _bindings(programme: Programme, prices: Floats, minor_units: int) -> tuple[Binding, ...]:
    every = [one.words for one in programme.limits]
    every += [one.words for one in programme.efficiencies]
    least = _FREE * float(np.abs(prices).max())
    found = [
        Binding(words, float(price * minor_units))
        for words, price in zip(every, prices, strict=True)
        if abs(price) > least
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.price)))
