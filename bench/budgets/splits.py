"""What people do without a model, or with a plain optimiser: the baselines of a plan.

    bounds, total, shares -> the nearest split within the bounds -> what is compared

All of them keep total and bounds; groups and limits on cost are more than a pencil manages.
"""

import numpy as np
from scipy.optimize import minimize

from ml.budget.returns import Returns
from ml.panel import Floats

__all__ = ["equal", "fitted", "proportional_to_return", "random_feasible", "slsqp"]


def fitted(shares: Floats, total: float, low: Floats, high: Floats) -> Floats:
    """A split by shares, cut to the bounds; what is cut goes to the others by their shares."""
    amounts: Floats = np.clip(total * shares / shares.sum(), low, high)
    for _ in range(200):
        rest = total - amounts.sum()
        if abs(rest) < 1e-9 * max(total, 1):
            break
        room = high - amounts if rest > 0 else amounts - low
        weight = np.where(room > 0, np.maximum(shares, 1e-12), 0)
        if not weight.sum():
            break
        amounts = np.clip(amounts + rest * weight / weight.sum(), low, high)
    return amounts


def equal(total: float, low: Floats, high: Floats) -> Floats:
    """The same for all."""
    return fitted(np.ones(len(low)), total, low, high)


def proportional_to_return(
    returns: Returns, worth: Floats, current: Floats, total: float, low: Floats, high: Floats
) -> Floats:
    """By what a unit of spend brings on average now."""
    gains = np.array(
        [
            returns.outcome(item, np.array([amount]))[:, 0].mean()
            for item, amount in enumerate(current)
        ]
    )
    return fitted(np.maximum(worth * gains / np.maximum(current, 1), 1e-12), total, low, high)


def random_feasible(rng: np.random.Generator, total: float, low: Floats, high: Floats) -> Floats:
    """Any split within the bounds."""
    return fitted(rng.dirichlet(np.ones(len(low))), total, low, high)


def slsqp(
    returns: Returns, worth: Floats, start: Floats, total: float, low: Floats, high: Floats
) -> Floats:
    """scipy's SLSQP from one start, with numeric gradients: what notebooks do."""
    unit = total / len(start)
    size = max(_value(returns, worth, start), 1e-12)

    def loss(amounts: Floats) -> float:
        return -_value(returns, worth, np.clip(amounts * unit, low, high)) / size

    result = minimize(
        loss,
        start / unit,
        method="SLSQP",
        bounds=list(zip(low / unit, high / unit, strict=True)),
        constraints=[{"type": "eq", "fun": lambda amounts: amounts.sum() - len(start)}],
        options={"maxiter": 200},
    )
    found = np.clip(result.x * unit, low, high)
    return found if abs(found.sum() - total) < 1e-6 * total else start


def _value(returns: Returns, worth: Floats, amounts: Floats) -> float:
    rows = [
        returns.outcome(item, np.array([amount]))[:, 0].mean()
        for item, amount in enumerate(amounts)
    ]
    return float(worth @ np.array(rows))
