"""From fractions to whole minor units, to the last one, and as good as whole ones can be.

    fractions -> floors, and who gets the rest (largest remainders, within every limit)
              -> move a unit from one item to another while that helps -> amounts, exact total

For concave curves, and groups that are apart or one in the other, a split that no move of a single
unit improves is the best there is: such problems are M-concave (Murota 2003, theorem 6.26). The
moves are therefore also the check of the optimality conditions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from domain.errors import InternalError
from ml.budget.optimise import goal_of
from ml.budget.programme import Programme
from ml.budget.request import Limit
from ml.budget.returns import Returns
from ml.panel import Floats

__all__ = ["Amounts", "in_whole_units", "keeps", "largest_remainders", "polish"]

Amounts = npt.NDArray[np.int64]

# Of the value: below it, a difference is that of the arithmetic.
_ROUNDING: Final = 1e-12

_MOST_MOVES: Final = 400
_LARGER: Final = 8


def largest_remainders(total: int, shares: Floats) -> Amounts:
    """Split a total by shares (not negative, not all 0), to the last unit; ties to the first."""
    exact = total * shares / shares.sum()
    whole: Amounts = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def keeps(limits: Sequence[Limit], amounts: Amounts) -> bool:
    """Whether every limit is kept."""
    for limit in limits:
        total = int(amounts[list(limit.items)].sum())
        if limit.lower is not None and total < limit.lower:
            return False
        if limit.upper is not None and total > limit.upper:
            return False
    return True


def in_whole_units(limits: Sequence[Limit], amounts: Floats) -> Amounts:
    """Next to the amounts, with every linear limit kept exactly.

    Who gets a unit more is a linear programme whose corners are whole, because groups form a tree.
    """
    floors = np.floor(amounts + 1e-6)
    rows, bounds = [], []
    for limit in limits:
        row = np.isin(np.arange(len(amounts)), limit.items).astype(np.float64)
        for sign, bound in ((1, limit.upper), (-1, limit.lower)):
            if bound is not None:
                rows.append(sign * row)
                bounds.append(sign * (bound - row @ floors))
    # A unit below the floor or above the ceiling mends what the solver's tolerance broke; it costs.
    sides = np.array(rows)
    result = linprog(
        np.concatenate([floors - amounts, np.full(2 * len(amounts), 2.0)]),
        A_ub=np.concatenate([sides, sides, -sides], axis=1),
        b_ub=np.array(bounds),
        bounds=(0, 1),
        method="highs-ds",
    )
    if result.x is None:
        raise InternalError(f"A split could not be rounded: {result.message}")
    up, above, below = np.round(result.x).reshape(3, -1)
    whole: Amounts = (floors + up + above - below).astype(np.int64)
    return whole


@dataclass(slots=True, eq=False)
class _Table:
    """Gains (draws) and mean outcomes of the present amounts, and of a step up and down."""

    programme: Programme
    returns: Returns
    step: int
    gains: Floats  # (items, 3, planned draws): down, here, up
    means: Floats  # (items, 3)

    def look(self, item: int, amount: int) -> None:
        amounts = np.maximum(np.array([amount - self.step, amount, amount + self.step]), 0)
        outcomes = self.returns.outcome(item, amounts.astype(np.float64))
        self.gains[item] = self.programme.worth[item] * outcomes[::2].T
        self.means[item] = outcomes.mean(axis=0)


def polish(programme: Programme, returns: Returns, amounts: Amounts) -> tuple[Amounts, float]:
    """Move units while that helps; also what the best move that is left would bring (0 or less)."""
    found, left, step = amounts.copy(), 0.0, _LARGER**2
    while step:
        found, left = _move(programme, returns, found, step)
        step //= _LARGER
    return found, left


def _move(
    programme: Programme, returns: Returns, amounts: Amounts, step: int
) -> tuple[Amounts, float]:
    count, planned = len(amounts), (returns.draws + 1) // 2
    table = _Table(programme, returns, step, np.empty((count, 3, planned)), np.empty((count, 3)))
    for item in range(count):
        table.look(item, int(amounts[item]))
    best_left = 0.0
    for _ in range(_MOST_MOVES):
        here = goal_of(programme, table.gains[:, 1].sum(axis=0))
        rises = _rises(programme, table) - here
        rises[~_allowed(programme, table, amounts, step)] = -np.inf
        to, source = np.unravel_index(int(np.argmax(rises)), rises.shape)
        best_left = float(rises[to, source])
        if best_left <= _ROUNDING * max(abs(here), 1e-300):
            break
        amounts[to] += step
        amounts[source] -= step
        table.look(int(to), int(amounts[to]))
        table.look(int(source), int(amounts[source]))
    return amounts, best_left


def _rises(programme: Programme, table: _Table) -> Floats:
    """Goal after a step towards an item (row) from another (column)."""
    up = table.gains[:, 2] - table.gains[:, 1]
    down = table.gains[:, 0] - table.gains[:, 1]
    total = table.gains[:, 1].sum(axis=0)
    if programme.worst is None:
        rises: Floats = total.mean() + up.mean(axis=1)[:, None] + down.mean(axis=1)[None, :]
        return rises
    return np.array(
        [[goal_of(programme, total + one + other) for other in down] for one in up]
    ).reshape(len(up), len(down))


def _allowed(
    programme: Programme, table: _Table, amounts: Amounts, step: int
) -> npt.NDArray[np.bool_]:
    """Whether a step towards an item (row) from another (column) keeps every limit."""
    count = len(amounts)
    allowed = ~np.eye(count, dtype=np.bool_)
    for limit in programme.limits:
        is_in = np.isin(np.arange(count), limit.items)
        total = int(amounts[is_in].sum())
        if limit.upper is not None and total + step > limit.upper:
            allowed &= ~(is_in[:, None] & ~is_in[None, :])
        if limit.lower is not None and total - step < limit.lower:
            allowed &= ~(~is_in[:, None] & is_in[None, :])
    for one in programme.efficiencies:
        is_in = np.isin(np.arange(count), one.items)
        paid = one.credit[:, None] * table.means - np.stack(
            [amounts - step, amounts, amounts + step], axis=1
        )
        paid *= is_in[:, None]
        here = paid[:, 1].sum()
        up, down = paid[:, 2] - paid[:, 1], paid[:, 0] - paid[:, 1]
        after = here + up[:, None] + down[None, :]
        allowed &= (after >= 0) | (after >= here)
    return allowed
