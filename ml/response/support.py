"""How much of a curve's slope the data told, and how much was believed before.

    variance of the log marginal return, before and after -> contraction -> evidence and reason

The marginal return is what a budget turns on. Its variance before and after the data is that of a
normal approximation at the summit. Spend that hardly moved says nothing of the slope, however well
the model fits: level and baseline trade places freely.
"""

from typing import Final

import numpy as np

from ml.panel import Floats
from ml.response.curves import Evidence, Support
from ml.response.search import Problem, State
from ml.response.shapes import Shape

__all__ = ["supports"]

_MOSTLY_DATA: Final = 0.75
_HARDLY_DATA: Final = 0.35

# Standard deviation over mean: budgets that only pacing moves stay below it.
_HARDLY_MOVED: Final = 0.1


def supports(problem: Problem, state: State, covariance: Floats) -> tuple[Support, ...]:
    """Support of each item, given the posterior covariance of all parameters."""
    prior = np.linalg.inv(problem.precision)
    tested = {test.item for test in problem.tests}
    found = []
    for item, spend in enumerate(problem.observed.spend):
        places = slice(4 * item, 4 * item + 4)
        by_free = _log_marginal_slopes(state.free[item], problem.mean[item])
        before = by_free @ prior[places, places] @ by_free
        after = by_free @ covariance[places, places] @ by_free
        contraction = float(np.clip(1 - after / before, 0, 1))
        moved = float(spend.std() / spend.mean())
        found.append(_support(contraction, moved, is_tested=item in tested))
    return tuple(found)


def _log_marginal_slopes(free: Floats, mean: Floats) -> Floats:
    """Derivatives of log(level * slope * bend / (1 + bend)) at the reference spend."""
    shape = Shape.of(free[None], mean[None])
    half, slope = float(shape.half[0]), float(shape.slope[0])
    rest = 1 / (1 + half**slope)
    return np.array([1.0, 0.0, slope * rest, 1 + slope * np.log(half) * rest])


def _support(contraction: float, moved: float, *, is_tested: bool) -> Support:
    told = f"the data tell {contraction:.0%} of the slope"
    if is_tested:
        return Support(
            Evidence.EXPERIMENT, contraction, f"a lift test is among the evidence; {told}"
        )
    if moved < _HARDLY_MOVED:
        reason = f"spend moved by {moved:.0%} only, so its effect cannot be told from the baseline"
        return Support(Evidence.PRIOR, contraction, reason)
    if contraction >= _MOSTLY_DATA:
        return Support(Evidence.OBSERVED, contraction, f"observational; {told}")
    if contraction >= _HARDLY_DATA:
        reason = f"observational; {told}, the rest is what is usual in its channel"
        return Support(Evidence.PARTLY_POOLED, contraction, reason)
    reason = f"{told} only: the curve is what is usual in its channel and client"
    return Support(Evidence.PRIOR, contraction, reason)
