"""A budget as a linear programme over points of the curves.

    points of each item, limits -> weights of the points (sum 1 for each item) -> amounts and prices

With weights of points, everything that is asked for is linear: outcomes in each draw, their mean,
the mean of the worst of them (Rockafellar and Uryasev 2000), sums of money, and what an outcome
costs. Where a curve is concave, only neighbouring points get weight; where it is S-shaped, the
programme walks its concave envelope, and its value is a bound.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, vstack

from domain.errors import InternalError
from ml.budget.request import Efficiency, Limit
from ml.panel import Floats

__all__ = ["Answer", "Points", "Programme"]

_SOLVED: Final = 0
_INFEASIBLE: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Of one item.

    Attributes:
        amounts: In minor units, rising, shape (points,).
        outcomes: Shape (draws, points).
    """

    amounts: Floats
    outcomes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A solved programme.

    Attributes:
        amounts: Of each item.
        value: Of the goal, on the envelope of the points: what no split of them exceeds.
        weights: Of the points of each item.
        prices: What one more minor unit of each limit's amount is worth, limits first, then
            efficiencies.
    """

    amounts: Floats
    value: float
    weights: tuple[Floats, ...]
    prices: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """What is made large, under which limits.

    Attributes:
        worth: Of one outcome of each item.
        worst: Share of the worst draws whose mean counts; None: the mean of all.
        limits: Linear limits.
        efficiencies: Limits on what outcomes cost.
        unit: Minor units that are counted as 1, so that all numbers are of one size.
        margin: Minor units for each item by which outcomes have to pay for more than the spend;
            rounding to whole units takes it away again.
    """

    worth: Floats
    worst: float | None
    limits: Sequence[Limit]
    efficiencies: Sequence[Efficiency]
    unit: float
    margin: float = 0.0

    def solve(self, points: Sequence[Points]) -> Answer | None:
        """The best weights; None: no weights keep all limits."""
        sizes = [len(one.amounts) for one in points]
        starts = np.cumsum([0, *sizes])
        amounts = np.concatenate([one.amounts for one in points]) / self.unit
        # Planned on every second draw; the others judge the plan.
        gains = np.concatenate(
            [one.outcomes[::2] * worth for one, worth in zip(points, self.worth, strict=True)],
            axis=1,
        )
        size = max(float(gains.mean(axis=0).max()), 1e-12)
        owner = np.repeat(np.arange(len(points)), sizes)
        rows, bounds = self._limits(points, amounts, owner)
        cost, extra_rows, extra_bounds, extra = self._goal(gains / size)
        above = vstack(
            [hstack([csr_matrix(rows), csr_matrix((len(rows), extra))]), extra_rows], format="csr"
        )
        chosen = (owner[None, :] == np.arange(len(points))[:, None]).astype(np.float64)
        result = linprog(
            cost,
            A_ub=above,
            b_ub=np.concatenate([bounds, extra_bounds]),
            A_eq=hstack([csr_matrix(chosen), csr_matrix((len(points), extra))], format="csr"),
            b_eq=np.ones(len(points)),
            bounds=[(0, None)] * len(amounts)
            + [(None, None)] * min(extra, 1)
            + [(0, None)] * max(extra - 1, 0),
            method="highs",
        )
        if result.status == _INFEASIBLE:
            return None
        if result.status != _SOLVED:
            raise InternalError(f"A budget could not be solved: {result.message}")
        weights = tuple(result.x[start:stop] for start, stop in itertools.pairwise(starts))
        found = np.array(
            [one.amounts @ weight for one, weight in zip(points, weights, strict=True)]
        )
        prices = -result.ineqlin.marginals[: len(bounds)] * size / self.unit
        return Answer(found, -result.fun * size, weights, self._by_limit(prices))

    def _limits(
        self, points: Sequence[Points], amounts: Floats, owner: np.ndarray
    ) -> tuple[Floats, Floats]:
        rows, bounds = [], []
        for limit in self.limits:
            row = np.isin(owner, limit.items) * amounts
            for sign, bound in ((1, limit.upper), (-1, limit.lower)):
                if bound is not None:
                    rows.append(sign * row)
                    bounds.append(sign * bound / self.unit)
        means = np.concatenate([one.outcomes.mean(axis=0) for one in points]) / self.unit
        for one in self.efficiencies:
            is_in = np.isin(owner, one.items)
            rows.append(is_in * (amounts - one.credit[owner] * means))
            bounds.append(-len(one.items) * self.margin / self.unit)
        return np.array(rows).reshape(len(rows), len(amounts)), np.array(bounds)

    def _goal(self, gains: Floats) -> tuple[Floats, csr_matrix, Floats, int]:
        """Cost of the columns; rows, bounds and number of further columns."""
        draws, columns = gains.shape
        if self.worst is None:
            return -gains.mean(axis=0), csr_matrix((0, columns)), np.empty(0), 0
        # threshold - gain - shortfall <= 0; the goal: threshold - mean shortfall / worst.
        cost = np.concatenate([np.zeros(columns), [-1.0], np.full(draws, 1 / (self.worst * draws))])
        rows = hstack(
            [csr_matrix(-gains), csr_matrix(np.ones((draws, 1))), -csr_matrix(np.eye(draws))],
            format="csr",
        )
        return cost, rows, np.zeros(draws), 1 + draws

    def _by_limit(self, prices: Floats) -> Floats:
        """A limit with two sides has two rows, of which at most one binds."""
        found, row = [], 0
        for limit in self.limits:
            sides = (limit.upper is not None) + (limit.lower is not None)
            signs = [1.0] * (limit.upper is not None) + [-1.0] * (limit.lower is not None)
            found.append(float(np.dot(signs, prices[row : row + sides])))
            row += sides
        return np.array([*found, *prices[row:]])
