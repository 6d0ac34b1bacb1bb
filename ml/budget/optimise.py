"""The best split, with a bound that proves how good it is.

    coarse points -> programme -> finer points around its answer, until nothing is gained
                  -> where the answer lies on the bridge of an S-curve: split that item's range

Adding points where the programme wants them is column generation; for concave curves its answer is
the optimum. S-shaped curves make it branch and bound: each half of a range has a tighter envelope.
Both give a value that no split can exceed, to the resolution of the points.

Sources: Dantzig and Wolfe 1960; Falk and Soland 1969 for the branching on separable functions.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.budget.programme import Answer, Points, Programme
from ml.budget.returns import Returns
from ml.panel import Floats

__all__ = ["Optimum", "box_of", "goal_of", "optimise", "pays", "value_of"]

_COARSE: Final = 17

# What outcomes cost is judged on chords, which lie below a concave curve: they must be short.
_COSTED: Final = 65
_ROUNDS: Final = 12
_FINER: Final = 4

# Of an amount: how far points go beyond its limits, for their prices.
_BEYOND: Final = 0.01

# Relative to the value: a gain that no advertiser could measure.
_NOTHING: Final = 1e-7

# Of a weight: the solver's tolerance.
_UNUSED: Final = 1e-9

# Halves of ranges looked into. What is left open then is told by the bound.
_MOST_NODES: Final = 24


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """A split in fractions of minor units.

    Attributes:
        amounts: Of each item.
        value: Of the goal.
        bound: What no split exceeds, to the resolution of the points.
        prices: What one more minor unit of each limit's amount is worth, as `Answer.prices`.
    """

    amounts: Floats
    value: float
    bound: float
    prices: Floats


def optimise(programme: Programme, returns: Returns, low: Floats, high: Floats) -> Optimum | None:
    """Best split between `low` and `high`; None: no split keeps all limits."""
    count = _COSTED if programme.efficiencies else _COARSE
    coarse = [
        _points(returns, item, _grid(low[item], high[item], count)) for item in range(len(low))
    ]
    root = _refine(programme, returns, coarse)
    if root is None:
        return None
    best: Optimum | None = None
    priced: Sequence[Points] = root[1]
    order = itertools.count()
    queue = [(-root[0].value, next(order), root)]
    for _ in range(_MOST_NODES):
        if not queue or (best is not None and -queue[0][0] <= best.value * (1 + _NOTHING)):
            break
        _, _, (answer, points) = heapq.heappop(queue)
        value = value_of(programme, returns, answer.amounts)
        bridged = _bridges(programme, answer, points, returns)
        is_kept = pays(programme, returns, answer.amounts)
        if is_kept and (best is None or value > best.value):
            best, priced = Optimum(answer.amounts, value, answer.value, answer.prices), points
        item = int(np.argmax(bridged))
        if bridged[item] <= _NOTHING * abs(answer.value):
            continue
        for half in _halves(returns, points, item, float(answer.amounts[item])):
            child = _refine(programme, returns, half)
            if child is not None:
                heapq.heappush(queue, (-child[0].value, next(order), child))
    if best is None:
        return None
    still_open = max((-one[0] for one in queue), default=best.value)
    # A limit that no point lies beyond has no price of its own.
    priced_answer = programme.solve(
        [_beyond_the_ends(returns, item, one) for item, one in enumerate(priced)]
    )
    prices = best.prices if priced_answer is None else priced_answer.prices
    return Optimum(best.amounts, best.value, max(best.value, still_open), prices)


def value_of(programme: Programme, returns: Returns, amounts: Floats) -> float:
    """Of the goal, by the curves themselves."""
    outcomes = [
        returns.outcome(item, np.array([amount]))[::2, 0] for item, amount in enumerate(amounts)
    ]
    return goal_of(programme, programme.worth @ np.array(outcomes))


def goal_of(programme: Programme, gains: Floats) -> float:
    """Mean of draws (last axis), or of the worst of them, with a part of the last one counted."""
    if programme.worst is None:
        return float(gains.mean())
    count = programme.worst * len(gains)
    whole = int(np.ceil(count - 1e-9))
    worst = np.sort(gains)[:whole]
    return float((worst.sum() - (whole - count) * worst[-1]) / count)


def pays(programme: Programme, returns: Returns, amounts: Floats) -> bool:
    """Whether outcomes cost no more than they may, by the mean of all draws."""
    means = np.array(
        [
            returns.outcome(item, np.array([amount]))[:, 0].mean()
            for item, amount in enumerate(amounts)
        ]
    )
    for one in programme.efficiencies:
        places = list(one.items)
        if one.credit[places] @ means[places] < amounts[places].sum():
            return False
    return True


def box_of(programme: Programme, items: int, widest: float) -> tuple[Floats, Floats]:
    """Lowest and highest amount of each item by the limits that concern it alone."""
    low, high = np.zeros(items), np.full(items, widest)
    for limit in programme.limits:
        if len(limit.items) == 1:
            place = limit.items[0]
            low[place] = max(low[place], -np.inf if limit.lower is None else limit.lower)
            high[place] = min(high[place], np.inf if limit.upper is None else limit.upper)
    return low, high


def _refine(
    programme: Programme, returns: Returns, points: Sequence[Points]
) -> tuple[Answer, list[Points]] | None:
    found, answer = list(points), programme.solve(points)
    if answer is None:
        return None
    for _ in range(_ROUNDS):
        finer = [
            _with_finer(returns, item, one, weight)
            for item, (one, weight) in enumerate(zip(found, answer.weights, strict=True))
        ]
        better = programme.solve(finer)
        if better is None:  # more points allow more, up to the solver's tolerance
            break
        is_done = better.value - answer.value <= _NOTHING * abs(better.value)
        answer, found = better, finer
        if is_done:
            break
    return answer, found


def _with_finer(returns: Returns, item: int, points: Points, weight: Floats) -> Points:
    """More points on both sides of those with weight."""
    used = np.flatnonzero(weight > _UNUSED)
    amounts = points.amounts
    sides = {left for place in used.tolist() for left in (place - 1, place)}
    added = [
        _grid(amounts[left], amounts[left + 1], _FINER + 1)[1:-1]
        for left in sorted(sides)
        if 0 <= left < len(amounts) - 1 and amounts[left + 1] - amounts[left] > 1
    ]
    if not added:
        return points
    new = np.setdiff1d(np.concatenate(added), amounts)
    more = _points(returns, item, new)
    order = np.argsort(np.concatenate([amounts, new]))
    return Points(
        np.concatenate([amounts, new])[order],
        np.concatenate([points.outcomes, more.outcomes], axis=1)[:, order],
    )


def _grid(low: float, high: float, count: int) -> Floats:
    """Whole minor units, at most `count` of them, both ends among them."""
    return np.unique(np.round(np.linspace(low, high, count)))


def _points(returns: Returns, item: int, amounts: Floats) -> Points:
    return Points(amounts, returns.outcome(item, amounts))


def _beyond_the_ends(returns: Returns, item: int, points: Points) -> Points:
    """With an amount below and above."""
    amounts = points.amounts
    near = np.maximum(np.round(_BEYOND * amounts[[0, -1]]), 1.0)
    below = np.array([amounts[0] - near[0]] if amounts[0] >= near[0] else [])
    lower = _points(returns, item, below)
    upper = _points(returns, item, np.array([amounts[-1] + near[1]]))
    return Points(
        np.concatenate([below, amounts, upper.amounts]),
        np.concatenate([lower.outcomes, points.outcomes, upper.outcomes], axis=1),
    )


def _bridges(
    programme: Programme, answer: Answer, points: Sequence[Points], returns: Returns
) -> Floats:
    """How much the envelope promises of each item beyond its curve."""
    promised = [
        one.outcomes[::2].mean(axis=0) @ weight
        for one, weight in zip(points, answer.weights, strict=True)
    ]
    kept = [
        returns.outcome(item, np.array([amount]))[::2, 0].mean()
        for item, amount in enumerate(answer.amounts)
    ]
    spans = [
        np.ptp(one.amounts[weight > _UNUSED])
        for one, weight in zip(points, answer.weights, strict=True)
    ]
    missing = programme.worth * (np.array(promised) - np.array(kept))
    return np.where(np.array(spans) > 1, missing, 0)  # a minor unit is not split


def _halves(
    returns: Returns, points: Sequence[Points], item: int, amount: float
) -> list[list[Points]]:
    """The item's range up to an amount, and from it on."""
    at = _points(returns, item, np.array([amount]))
    amounts, outcomes = points[item].amounts, points[item].outcomes
    below, above = amounts < amount - 1e-9, amounts > amount + 1e-9
    left = Points(
        np.concatenate([amounts[below], at.amounts]),
        np.concatenate([outcomes[:, below], at.outcomes], axis=1),
    )
    right = Points(
        np.concatenate([at.amounts, amounts[above]]),
        np.concatenate([at.outcomes, outcomes[:, above]], axis=1),
    )
    return [[*points[:item], half, *points[item + 1 :]] for half in (left, right)]
