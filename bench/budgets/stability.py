"""How far a plan moves when a month of data is added: six times four weeks on each public set.

    data until week t -> curves -> the same total, anywhere in the observed range -> split
    split at t + 4 weeks against split at t -> share of the money that changes hands

A plan that jumps with every month of data is not believed, whatever its curves say.
"""

import itertools
from collections.abc import Callable
from typing import Final

import numpy as np

from bench.budgets.rivals import log_log, ridge, until
from ml.budget.plan import plan_budget
from ml.budget.request import Item, Request
from ml.budget.returns import PlannedReturns, Returns
from ml.panel import Floats
from ml.response.fit import fit_response
from ml.response.observed import Observed
from ml.response.priors import CLIENT_OUTCOME

__all__ = ["LEARNERS", "moved_by_a_month"]

_MONTHS: Final = 6
_MONTH: Final = 4

LEARNERS: Final[dict[str, Callable[[Observed], Returns]]] = {
    "ours": lambda observed: PlannedReturns(
        fit_response(observed, CLIENT_OUTCOME, np.random.default_rng(1)).curves, np.ones(_MONTH)
    ),
    "log-log OLS": lambda observed: log_log(observed, _MONTH),
    "ridge + fixed adstock": lambda observed: PlannedReturns(ridge(observed)[0], np.ones(_MONTH)),
}


def moved_by_a_month(observed: Observed) -> dict[str, float]:
    """By learner, the median share of the budget that a further month moves."""
    steps = observed.spend.shape[1]
    first = steps - _MONTHS * _MONTH
    current = np.round(100 * _MONTH * observed.spend[:, :first].mean(axis=1))
    found = {}
    for name, learn in LEARNERS.items():
        splits = [
            _split(learn(until(observed, first + month * _MONTH)), current)
            for month in range(_MONTHS + 1)
        ]
        moves = [
            0.5 * np.abs(after - before).sum() / current.sum()
            for before, after in itertools.pairwise(splits)
        ]
        found[name] = float(np.median(moves))
    return found


def _split(returns: Returns, current: Floats) -> Floats:
    items = tuple(Item(int(one)) for one in current)
    return plan_budget(Request(int(current.sum()), items), returns).amounts.astype(np.float64)
