"""The most probable curves: damped Gauss-Newton on all items of a client at once.

    parameters -> effects and their slopes -> normal equations -> step, shortened until it helps

Every term is a square (noise, priors, lift tests), so the normal equations are also the precision
of the normal approximation around the answer (Laplace). Outcomes meet only in the priors and in
the demand that they share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.panel import Floats
from ml.response.noise import Filter
from ml.response.observed import LiftTest, Observed
from ml.response.shapes import Shape, adstock, effect_slopes

__all__ = ["Problem", "State", "climb", "evaluate", "level_before", "predicted_lift"]

_MOST_STEPS: Final = 30

# Of the objective: far below what a draw of the posterior differs by.
_GOOD_ENOUGH: Final = 1e-5
_FIRST_STEPS: Final = 4
_FIRST_DAMPING: Final = 1e-3
_MOST_DAMPING: Final = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What stays the same while the noise is re-estimated.

    Attributes:
        observed: Spend and outcomes.
        tests: Experiments.
        reference: Reference spend of each item.
        mean: Prior mean, shape (items, 4).
        precision: Prior precision, shape (items * 4, items * 4).
        demand_spread: Prior standard deviation of the demand's coefficients.
        centred: Outcomes less the baseline's prior mean; 0 where not known.
    """

    observed: Observed
    tests: Sequence[LiftTest]
    reference: Floats
    mean: Floats
    precision: Floats
    demand_spread: float
    centred: Floats

    @property
    def demand_columns(self) -> Floats:
        """What multiplies all effects, shape (steps, columns)."""
        return self.observed.calendar.returning


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A point of the search.

    Attributes:
        free: Unconstrained parameters, shape (items, 4).
        demand: Coefficients of the demand.
        effects: Outcome that each item brings, shape (items, steps).
        slopes: Its derivatives, shape (items, steps, 4).
        multiplier: Demand on each step.
    """

    free: Floats
    demand: Floats
    effects: Floats
    slopes: Floats
    multiplier: Floats


def evaluate(problem: Problem, free: Floats, demand: Floats) -> State:
    """Effects of all items under some parameters."""
    multiplier = np.exp(problem.demand_columns @ demand)
    value, slopes = _path(problem, free, problem.observed.spend, slice(None))
    return State(free, demand, value * multiplier, slopes * multiplier[:, None], multiplier)


def climb(problem: Problem, state: State, filters: Sequence[Filter]) -> tuple[State, Floats]:
    """From a state to the nearest summit, with the precision there.

    Returns:
        The summit, and the precision of (all parameters, demand) at it.
    """
    damping = _FIRST_DAMPING
    objective, gradient, precision = _normal(problem, state, filters)
    for _ in range(_MOST_STEPS):
        if damping > _MOST_DAMPING:
            break
        ridge = damping * np.diag(np.diag(precision))
        step = np.linalg.solve(precision + ridge, gradient)
        items = state.free.size
        tried = evaluate(
            problem, state.free + step[:items].reshape(-1, 4), state.demand + step[items:]
        )
        reached = _objective(problem, tried, filters)
        if not reached < objective:
            damping *= 10
            continue
        is_done = objective - reached < _GOOD_ENOUGH * (1 + abs(objective))
        state, damping = tried, max(damping / 10, 1e-9)
        objective, gradient, precision = _normal(problem, state, filters)
        if is_done:
            break
    return state, precision


def predicted_lift(problem: Problem, state: State, test: LiftTest) -> tuple[float, Floats, Floats]:
    """Effect of a test's change of spend; derivatives by the item's parameters and demand."""
    without = problem.observed.spend[test.item].copy()
    without[test.start : test.stop] = np.maximum(without[test.start : test.stop] - test.change, 0)
    value, slopes = _path(problem, state.free, without[None], slice(test.item, test.item + 1))
    window = slice(test.start, test.stop)
    multiplier = state.multiplier[window]
    difference = state.effects[test.item, window] - value[0, window] * multiplier
    by_free = state.slopes[test.item, window] - slopes[0, window] * multiplier[:, None]
    by_demand = difference @ problem.demand_columns[window]
    return float(difference.sum()), by_free.sum(axis=0), by_demand


def level_before(spend: Floats) -> Floats:
    """Level before the first step: nobody saw it, the first steps are the best guess."""
    level: Floats = spend[:, :_FIRST_STEPS].mean(axis=1)
    return level


def _path(problem: Problem, free: Floats, spend: Floats, items: slice) -> tuple[Floats, Floats]:
    """Effects (items, steps) and their derivatives (items, steps, 4) without demand."""
    shape = Shape.of(free[items], problem.mean[items])
    relative = spend / problem.reference[items, None]
    carried = level_before(problem.observed.spend[items]) / problem.reference[items]
    worked = adstock(relative, shape.retention, carried)
    # d a / d retention obeys the same recursion, driven by what is kept instead of spent.
    before = np.column_stack([carried, worked[:, :-1]])
    drive = (before - relative) / (1 - shape.retention[:, None])
    by_retention = adstock(drive, shape.retention, np.zeros(len(spend)))
    column = Shape(
        shape.level[:, None], shape.retention[:, None], shape.half[:, None], shape.slope[:, None]
    )
    value, by_spend, by_half, by_slope = effect_slopes(worked, column)
    logistic = (shape.retention * (1 - shape.retention))[:, None]
    return value, np.stack([value, by_spend * by_retention * logistic, by_half, by_slope], axis=-1)


def _residual(problem: Problem, state: State, outcome: int) -> Floats:
    fed = problem.observed.feeds == outcome
    residual: Floats = problem.centred[outcome] - state.effects[fed].sum(axis=0)
    return residual


def _objective(problem: Problem, state: State, filters: Sequence[Filter]) -> float:
    offset = (state.free - problem.mean).ravel()
    total = float(offset @ problem.precision @ offset)
    total += float(np.square(state.demand / problem.demand_spread).sum())
    for outcome, one in enumerate(filters):
        whole = one.noise.whiten(_residual(problem, state, outcome))
        total += float(whole @ one.unexplained(whole))
    for test in problem.tests:
        miss = (test.effect - predicted_lift(problem, state, test)[0]) / test.standard_error
        total += miss**2
    return total


def _normal(
    problem: Problem, state: State, filters: Sequence[Filter]
) -> tuple[float, Floats, Floats]:
    """Objective, half its descent, and the precision (items * 4 + demand, twice)."""
    size, columns = state.free.size, len(state.demand)
    precision = np.zeros((size + columns, size + columns))
    precision[:size, :size] = problem.precision
    precision[size:, size:] = np.eye(columns) / problem.demand_spread**2
    offset = (state.free - problem.mean).ravel()
    gradient = -np.concatenate(
        [problem.precision @ offset, state.demand / problem.demand_spread**2]
    )
    for outcome, one in enumerate(filters):
        fed = np.flatnonzero(problem.observed.feeds == outcome)
        jacobian = np.column_stack(
            [*state.slopes[fed], state.effects[fed].sum(axis=0)[:, None] * problem.demand_columns]
        )
        places = np.concatenate(
            [(4 * fed[:, None] + np.arange(4)).ravel(), size + np.arange(columns)]
        )
        rows = one.noise.whiten(jacobian)
        left = one.unexplained(rows)
        whole = one.noise.whiten(_residual(problem, state, outcome))
        precision[np.ix_(places, places)] += rows.T @ left
        gradient[places] += left.T @ whole
    for test in problem.tests:
        lift, by_free, by_demand = predicted_lift(problem, state, test)
        row = np.zeros(size + columns)
        row[4 * test.item : 4 * test.item + 4], row[size:] = by_free, by_demand
        row /= test.standard_error
        precision += np.outer(row, row)
        gradient += row * (test.effect - lift) / test.standard_error
    return _objective(problem, state, filters), gradient, precision
