"""Which lines of a file have the key of an earlier line.

    first reading: hash of every key -> those that occur twice -> second reading: keys compared

Eight bytes a line are kept, however long the keys are, and no line is refused because two keys only
hash alike.
"""

from array import array
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["KeyCensus", "RepeatedKeys"]

Key = tuple[str, ...]


class KeyCensus:
    """Counts the keys of a file; then makes the check."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def note(self, keys: Iterable[Key]) -> None:
        """Count some keys."""
        self._hashes.extend(map(hash, keys))

    def finish(self) -> "RepeatedKeys":
        """The check for the second reading of the same file in the same process."""
        buffer = pa.py_buffer(self._hashes)
        hashes = pa.Array.from_buffers(pa.int64(), len(self._hashes), [None, buffer])
        # Sorting takes a tenth of the memory that counting them in a hash table would.
        ordered = hashes.take(pc.array_sort_indices(hashes))
        again = ordered[1:].filter(pc.equal(ordered[1:], ordered[:-1]))
        return RepeatedKeys(frozenset(again.to_pylist()))


class RepeatedKeys:
    """Tells the earlier line of a key."""

    def __init__(self, suspicious: frozenset[int]) -> None:
        self._suspicious = suspicious
        self._lines: dict[Key, int] = {}

    def is_any(self, keys: Iterable[Key]) -> bool:
        """Whether some of the keys may stand in two lines: a quick look."""
        return bool(self._suspicious) and not self._suspicious.isdisjoint(map(hash, keys))

    def earlier_line(self, key: Key, line: int) -> int | None:
        """The first line with this key, or None when `line` is the first."""
        if hash(key) not in self._suspicious:
            return None
        first = self._lines.setdefault(key, line)
        return None if first == line else first
