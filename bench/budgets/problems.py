"""Thousands of random budgets with known curves: limits kept, and how near the optimum.

    seed -> curves, bounds, groups, limits on cost -> plan -> violations, proven gap, baselines

Limits are counted from the request, by other code than what makes the plan.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bench.budgets.splits import equal, fitted, proportional_to_return, random_feasible, slsqp
from ml.budget.conflict import ImpossibleBudgetError
from ml.budget.plan import Plan, plan_budget
from ml.budget.request import Group, Item, Request, limits_of
from ml.panel import Floats

__all__ = ["BASELINES", "Tally", "run_problems"]

BASELINES: Final = (
    "current split",
    "equal split",
    "proportional to ROAS",
    "random feasible",
    "scipy SLSQP single start",
)
_MOST: Final = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Hills:
    """Hill curves of minor units, in one draw."""

    top: Floats
    half: Floats
    slope: Floats

    @property
    def draws(self) -> int:
        return 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"item {item}" for item in range(len(self.top)))

    def highest(self, item: int) -> int:
        return _MOST + 0 * item

    def outcome(self, item: int, amounts: Floats) -> Floats:
        raised = amounts[None] ** self.slope[item]
        brought: Floats = self.top[item] * raised / (raised + self.half[item] ** self.slope[item])
        return brought


@dataclass(slots=True)
class Tally:
    """What came of all problems."""

    solved: int = 0
    refused: int = 0
    violations: int = 0
    largest_gap: float = 0.0
    beaten: int = 0
    shares: dict[str, list[float]] = field(default_factory=lambda: {one: [] for one in BASELINES})


def run_problems(count: int, seed: int) -> dict[str, Tally]:
    """Plan `count` problems of each kind."""
    found = {}
    for kind in ("concave", "S-shaped", "S-shaped, groups and costs"):
        tally = Tally()
        for number in range(count):
            _run(np.random.default_rng([seed, number, len(kind)]), kind, tally)
        found[kind] = tally
    return found


def _run(rng: np.random.Generator, kind: str, tally: Tally) -> None:
    returns, request = _problem(rng, kind)
    try:
        plan = plan_budget(request, returns)
    except ImpossibleBudgetError:
        tally.refused += 1
        return
    tally.solved += 1
    tally.violations += _violations(request, returns, plan)
    tally.largest_gap = max(tally.largest_gap, plan.gap)
    if not request.groups and request.most_cost is None:
        _compare(rng, returns, request, plan, tally)


def _problem(rng: np.random.Generator, kind: str) -> tuple[Hills, Request]:
    items = int(rng.integers(2, 13))
    current = np.round(np.exp(rng.normal(11, 0.8, items)))
    half = current * np.exp(rng.normal(0.2, 0.6, items))
    slope = rng.uniform(0.6, 1.0 if kind == "concave" else 2.2, items)
    top = current / 2_000 * np.exp(rng.normal(0, 0.5, items))
    returns = Hills(*(np.asarray(one, dtype=np.float64) for one in (top, half, slope)))
    low, high = rng.uniform(0.2, 0.9, items), rng.uniform(1.1, 2.5, items)
    asked = tuple(
        Item(int(now), least=int(now * down), most=int(now * up))
        for now, down, up in zip(current, low, high, strict=True)
    )
    total = int(current.sum() * rng.uniform(0.8, 1.3))
    if not kind.endswith("costs"):
        return returns, Request(total, asked)
    members = frozenset(int(one) for one in range(items // 2 + 1))
    inside = int(current[list(members)].sum())
    group = Group("a channel", members, least=int(inside * 0.6), most=int(inside * 1.2))
    brought = sum(returns.outcome(one, np.array([now]))[0, 0] for one, now in enumerate(current))
    cost = int(current.sum() / brought * rng.uniform(0.85, 1.3))
    return returns, Request(total, asked, groups=(group,), step=0.7, most_cost=cost)


def _violations(request: Request, returns: Hills, plan: Plan) -> int:
    """Counted from the request, not by what made the plan."""
    amounts = plan.amounts
    broken = int(amounts.sum() != request.left)
    for place, item in enumerate(request.items):
        broken += int(amounts[place] < item.least) + int(amounts[place] > (item.most or _MOST))
        if request.step is not None:
            broken += int(abs(amounts[place] - item.current) > request.step * item.current + 1e-6)
    for group in request.groups:
        inside = int(amounts[list(group.items)].sum())
        broken += int(inside < group.least) + int(inside > (group.most or _MOST))
    if request.most_cost is not None:
        broken += int(
            amounts.sum()
            > request.most_cost * _value(returns, amounts.astype(np.float64)) * (1 + 1e-12)
        )
    return broken


def _value(returns: Hills, amounts: Floats) -> float:
    return float(
        sum(returns.outcome(one, np.array([float(x)]))[0, 0] for one, x in enumerate(amounts))
    )


def _compare(
    rng: np.random.Generator, returns: Hills, request: Request, plan: Plan, tally: Tally
) -> None:
    limits = limits_of(request, returns)
    count, total = len(request.items), float(request.left)
    low, high = np.zeros(count), np.full(count, float(_MOST))
    for limit in limits[1:]:
        place = limit.items[0]
        low[place] = max(low[place], limit.lower if limit.lower is not None else 0)
        high[place] = min(high[place], limit.upper if limit.upper is not None else _MOST)
    worth, current = np.ones(count), np.array([float(one.current) for one in request.items])
    start = proportional_to_return(returns, worth, current, total, low, high)
    held = fitted(current, total, low, high)
    rivals = (
        held,
        equal(total, low, high),
        start,
        random_feasible(rng, total, low, high),
        slsqp(returns, worth, held, total, low, high),
    )
    best, base = _value(returns, plan.amounts.astype(np.float64)), _value(returns, held)
    values = [_value(returns, rival) for rival in rivals]
    tally.beaten += int(max(values) > best * (1 + 1e-6))
    reachable = max(best, *values)
    if reachable <= base * (1 + 1e-6):
        return
    for name, value in zip(BASELINES, values, strict=True):
        tally.shares[name].append((value - base) / (reachable - base))
