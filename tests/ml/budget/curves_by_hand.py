"""Returns of curves given as tables of whole amounts, and the best split by trying all of them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ml.panel import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Tabled:
    """Outcome at 0, 1, 2, ... minor units, shape (items, draws, amounts); lines in between."""

    tables: Floats

    @property
    def draws(self) -> int:
        return int(self.tables.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"item {item}" for item in range(len(self.tables)))

    def highest(self, item: int) -> int:
        return int(self.tables.shape[2]) - 1 + 0 * item

    def outcome(self, item: int, amounts: Floats) -> Floats:
        places = np.arange(self.tables.shape[2])
        return np.array([np.interp(amounts, places, row) for row in self.tables[item]])


@dataclass(frozen=True, slots=True, eq=False)
class Powers:
    """`scale * amount ** exponent`, in one draw; never saturated."""

    scale: Floats
    exponent: Floats
    most: int = 10**12

    @property
    def draws(self) -> int:
        return 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"item {item}" for item in range(len(self.scale)))

    def highest(self, item: int) -> int:
        return self.most + 0 * item

    def outcome(self, item: int, amounts: Floats) -> Floats:
        brought: Floats = self.scale[item] * amounts[None] ** self.exponent[item]
        return brought


def concave(steps: Sequence[Sequence[float]]) -> Tabled:
    """Of one draw, from the rises of each item in any order."""
    rises = np.sort(np.array(steps, dtype=np.float64), axis=1)[:, ::-1]
    tables = np.concatenate([np.zeros((len(rises), 1)), np.cumsum(rises, axis=1)], axis=1)
    return Tabled(tables[:, None])


def splits(total: int, items: int) -> Iterator[tuple[int, ...]]:
    """All splits of a total in whole units."""
    for first in itertools.product(range(total + 1), repeat=items - 1):
        if sum(first) <= total:
            yield (*first, total - sum(first))
