"""Response curves of all items of a client, from what they spent and what came of it.

    observed, priors, lift tests -> search <-> noise, a few times -> drift -> draws -> Response

The answer is the summit of the posterior with a normal approximation around it. It takes about a
second for a client with two hundred campaigns and a year of days, so that a plan is never made on
last month's curves; sampling takes minutes to hours (google/meridian#1092: seven hours).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from ml.panel import Floats
from ml.response.curves import Curves, observed_limit
from ml.response.drift import Drift
from ml.response.noise import Filter, Noise
from ml.response.observed import LiftTest, Observed
from ml.response.priors import Priors, prior_of
from ml.response.search import Problem, State, climb, evaluate, level_before
from ml.response.shapes import Shape
from ml.response.support import supports

__all__ = ["Response", "fit_response"]

# The noise changes little after the second.
_REWEIGHTINGS: Final = 3

# Of the logarithm of a level that no experiment has tested, beyond what the noise tells: spend
# follows demand, and no regression knows how closely. Gordon, Moakler and Zettelmeyer 2021 compare
# 1,009 experiments: the better of two methods without them is off by 30 to 60 %.
_UNTESTED: Final = 0.4

_MONTH: Final = dt.timedelta(weeks=4)

# Fewer steps hold no more than a mean and a trend.
_FEWEST_STEPS: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What was learned.

    Attributes:
        curves: Draws of all items.
        contributions: Most probable outcome that each item brought, shape (items, steps).
        baseline: Most probable outcome without any item, shape (outcomes, steps).
        demand: Coefficients of season and events, which multiply all effects; what was good or bad
            about the last months is in the level of the curves.
    """

    curves: Curves
    contributions: Floats
    baseline: Floats
    demand: Floats

    def demand_on(self, columns: Floats) -> Floats:
        """How many times the average a spend brings on steps with these demand columns."""
        times: Floats = np.exp(columns @ self.demand)
        return times


def fit_response(
    observed: Observed,
    priors: Priors,
    rng: np.random.Generator,
    *,
    tests: Sequence[LiftTest] = (),
    draws: int = 400,
) -> Response:
    """Learn response curves.

    Args:
        observed: Spend and outcomes of one client.
        priors: Beliefs, for example `ATTRIBUTED`.
        rng: Of the draws; the most probable curves do not depend on it.
        tests: Experiments.
        draws: How many draws of the curves.

    Raises:
        InvalidInputError: The history is too short, or a test lies outside it.
    """
    _check(observed, tests)
    problem, base, base_mean = _problem(observed, priors, tests)
    sizes = np.array([max(np.nanmean(row), 1e-9) for row in observed.outcomes])
    base_spreads = priors.spread_base * sizes[:, None] * np.ones(base.shape[1])
    state = evaluate(problem, problem.mean, np.zeros(problem.demand_columns.shape[1]))
    # Before there is a fit, the noise is thought to be all that the outcome varies by.
    fitted = np.repeat(sizes[:, None], base.shape[0], axis=1)
    filters = _filters(observed, fitted, sizes, base, base_spreads)
    state, precision = climb(problem, state, filters)
    for _ in range(_REWEIGHTINGS):
        fitted = _fitted(problem, state, filters, base, base_mean)
        filters = _filters(observed, fitted, sizes, base, base_spreads)
        state, precision = climb(problem, state, filters)
    fitted = _fitted(problem, state, filters, base, base_mean)
    contributions = state.effects
    noises = [one.noise for one in filters]
    drift = Drift.of(observed, fitted, noises, round(_MONTH / observed.calendar.cadence.step))
    curves = _curves(problem, state, precision, drift, rng, draws)
    fed = np.array([contributions[observed.feeds == one].sum(axis=0) for one in range(len(sizes))])
    return Response(curves, contributions, fitted - fed, state.demand)


def _check(observed: Observed, tests: Sequence[LiftTest]) -> None:
    steps = observed.spend.shape[1]
    if steps < _FEWEST_STEPS:
        raise InvalidInputError(
            f"{steps} steps are too few to learn from; it takes {_FEWEST_STEPS}."
        )
    for test in tests:
        if not (0 <= test.start < test.stop <= steps and test.standard_error > 0):
            raise InvalidInputError(
                f"The lift test of {observed.names[test.item]!r} lies outside the history, or its "
                "standard error is not positive."
            )


def _problem(
    observed: Observed, priors: Priors, tests: Sequence[LiftTest]
) -> tuple[Problem, Floats, Floats]:
    """The problem, the baseline's columns and its prior mean, shape (outcomes,)."""
    reference = np.array([row[row > 0].mean() for row in observed.spend])
    mean, precision = prior_of(priors, observed, reference)
    calendar = observed.calendar
    base = np.column_stack(
        [
            np.ones(calendar.steps),
            calendar.trend,
            calendar.season,
            calendar.events,
            observed.controls,
        ]
    )
    sizes = np.nanmean(observed.outcomes, axis=1)
    base_mean = (1 - priors.media_share) * sizes
    centred = np.nan_to_num(observed.outcomes - base_mean[:, None])
    problem = Problem(observed, tests, reference, mean, precision, priors.spread_demand, centred)
    return problem, base, base_mean


def _filters(
    observed: Observed, fitted: Floats, sizes: Floats, base: Floats, base_spreads: Floats
) -> list[Filter]:
    rows = zip(observed.outcomes, fitted, sizes, base_spreads, strict=True)
    return [
        Filter.of(Noise.of(outcome - expected, expected, float(size)), base, spread)
        for outcome, expected, size, spread in rows
    ]


def _fitted(
    problem: Problem, state: State, filters: Sequence[Filter], base: Floats, base_mean: Floats
) -> Floats:
    rows = []
    for outcome, one in enumerate(filters):
        effect = state.effects[problem.observed.feeds == outcome].sum(axis=0)
        coefficients = one.coefficients(problem.centred[outcome] - effect)
        rows.append(effect + base_mean[outcome] + base @ coefficients)
    return np.array(rows)


def _curves(
    problem: Problem,
    state: State,
    precision: Floats,
    drift: Drift,
    rng: np.random.Generator,
    draws: int,
) -> Curves:
    factor = np.linalg.cholesky(precision)
    noise = np.linalg.solve(factor.T, rng.standard_normal((len(precision), draws)))
    items = state.free.size
    free = state.free + noise[:items].T.reshape(draws, -1, 4)
    tested = [test.item for test in problem.tests]
    spread = np.hypot(drift.spread[problem.observed.feeds], _UNTESTED)
    spread[tested] = drift.spread[problem.observed.feeds[tested]]
    free[..., 0] += drift.shift[problem.observed.feeds]
    free[..., 0] += spread * rng.standard_normal(free.shape[:2])
    shape = Shape.of(free, problem.mean)
    spend = problem.observed.spend
    level = np.broadcast_to(level_before(spend), shape.level.shape)
    for step in range(spend.shape[1]):
        level = shape.retention * level + (1 - shape.retention) * spend[:, step]
    covariance = np.linalg.inv(precision).astype(np.float64)[:items, :items]
    support = supports(problem, state, covariance)
    names = problem.observed.names
    return Curves(names, shape, problem.reference, observed_limit(spend), level, support)
