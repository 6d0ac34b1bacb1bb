"""Reproducible chance: the same seed and the same names always draw the same numbers.

    seed, names -> BLAKE2b -> eight 64-bit numbers -> draws

No state is shared between two draws with different names, so a day or an order can be made alone,
in any order and in any process. Integers only: sums over a world are exact.
"""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

__all__ = ["Chance", "numbers"]

T = TypeVar("T")

_EIGHT = struct.Struct("<8Q")


def numbers(seed: int, *names: object) -> tuple[int, ...]:
    """Draw eight independent integers in `[0, 2**64)` for `names`."""
    text = "\x1f".join(map(str, names)).encode()
    return _EIGHT.unpack(blake2b(text, digest_size=64, key=str(seed).encode()).digest())


class Chance:
    """A stream of draws for one named thing; not shared between things."""

    __slots__ = ("_block", "_left", "_names", "_seed")

    def __init__(self, seed: int, *names: object) -> None:
        self._seed = seed
        self._names = names
        self._block = 0
        self._left: list[int] = []

    def below(self, limit: int) -> int:
        """Draw an integer in `[0, limit)`; `limit` is at least 1."""
        if not self._left:
            self._left = list(numbers(self._seed, *self._names, self._block))
            self._block += 1
        return self._left.pop() % limit

    def between(self, low: int, high: int) -> int:
        """Draw an integer in `[low, high]`."""
        return low + self.below(high - low + 1)

    def happens(self, per_mille: int) -> bool:
        """Draw True with a probability of `per_mille` in a thousand."""
        return self.below(1000) < per_mille

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one of `choices`, each as likely as the others."""
        return choices[self.below(len(choices))]
