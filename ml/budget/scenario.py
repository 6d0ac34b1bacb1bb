"""What if: what a split or a total would bring, with its interval, within what was observed.

    amounts, returns -> cut to what was observed, and said so -> draws of the goal -> Outlook

A curve says nothing of spend that was never seen. What lies beyond is counted as if it brought
nothing more, which errs on the safe side, and is told with its amount.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from ml.budget.request import Request
from ml.budget.returns import Returns
from ml.budget.whole import Amounts, largest_remainders
from ml.panel import Floats

__all__ = ["Outlook", "Scenario", "judged", "outlook_of", "scaled", "what_if"]

_QUANTILES: Final = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A distribution of outcomes.

    Attributes:
        mean: Expected.
        low_95: 2.5 % lie below.
        low_80: 10 % lie below.
        median: Half lie below.
        high_80: 10 % lie above.
        high_95: 2.5 % lie above.
    """

    mean: float
    low_95: float
    low_80: float
    median: float
    high_80: float
    high_95: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a split would bring.

    Attributes:
        amounts: The split, in minor units.
        outlook: What it brings, worth counted.
        by_item: What each item brings.
        against_current: What it brings beyond going on as it is.
        beyond: Where it leaves what was observed, in words; the amount beyond is counted as
            bringing nothing.
    """

    amounts: tuple[int, ...]
    outlook: Outlook
    by_item: tuple[Outlook, ...]
    against_current: Outlook
    beyond: tuple[str, ...]


def what_if(request: Request, returns: Returns, amounts: Amounts) -> Scenario:
    """What a split brings; limits of the request are not asked for here, its words are.

    Raises:
        InvalidInputError: An amount is negative, or there is not one for each item.
    """
    if len(amounts) != len(request.items) or (amounts < 0).any():
        raise InvalidInputError("A split has one amount for each item, none of them negative.")
    beyond = []
    for item, (amount, name) in enumerate(zip(amounts, returns.names, strict=True)):
        highest = returns.highest(item)
        if amount > highest:
            over = request.money(int(amount) - highest)
            beyond.append(f"{name!r} gets {over} more than the highest that was observed supports")
    current = np.array([item.current for item in request.items], dtype=np.int64)
    new, old = _by_item(request, returns, amounts), _by_item(request, returns, current)
    return Scenario(
        tuple(int(one) for one in amounts),
        outlook_of(new.sum(axis=0)),
        tuple(outlook_of(row) for row in new),
        outlook_of(new.sum(axis=0) - old.sum(axis=0)),
        tuple(beyond),
    )


def scaled(request: Request, total: int) -> Amounts:
    """The current split with another total, to the last minor unit."""
    current = np.array([item.current for item in request.items], dtype=np.float64)
    return largest_remainders(total, current if current.sum() > 0 else np.ones(len(current)))


def judged(request: Request, returns: Returns, amounts: Amounts) -> Floats:
    """Draws of the goal by which plans are not made; all, where there is only one."""
    gains: Floats = _by_item(request, returns, amounts).sum(axis=0)
    return gains[1::2] if returns.draws > 1 else gains


def outlook_of(draws: Floats) -> Outlook:
    """Of draws."""
    low_95, low_80, median, high_80, high_95 = np.quantile(draws, _QUANTILES).tolist()
    return Outlook(float(draws.mean()), low_95, low_80, median, high_80, high_95)


def _by_item(request: Request, returns: Returns, amounts: Sequence[int] | Amounts) -> Floats:
    """Worth of what each item brings, shape (items, draws)."""
    rows = []
    for place, (amount, item) in enumerate(zip(amounts, request.items, strict=True)):
        seen = np.array([min(int(amount), returns.highest(place))], dtype=np.float64)
        rows.append(item.worth * returns.outcome(place, seen)[:, 0])
    return np.array(rows)
