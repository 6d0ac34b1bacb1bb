"""The leaky bucket of one app at one shop.

    requested cost -> room? -> taken -> actual cost -> difference given back; restored with time

Source: shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits (2026-11).
"""

from datetime import datetime
from typing import Any

__all__ = ["LeakyBucket"]


class LeakyBucket:
    """Points that one app may spend at one shop."""

    def __init__(self, *, size: int, restore_rate: int) -> None:
        """Start full.

        Args:
            size: Most points.
            restore_rate: Points restored per second.
        """
        self._size = size
        self._restore_rate = restore_rate
        self._available = float(size)
        self._seen_at: datetime | None = None

    def take(self, points: int, now: datetime) -> bool:
        """Take `points` if there is room; says whether there was."""
        self._restore(now)
        if points > self._available:
            return False
        self._available -= points
        return True

    def give_back(self, points: int) -> None:
        """Return points that were requested and not used."""
        self._available = min(self._available + points, float(self._size))

    def status(self, now: datetime) -> dict[str, Any]:
        """Build `throttleStatus`."""
        self._restore(now)
        return {
            "maximumAvailable": float(self._size),
            "currentlyAvailable": int(self._available),
            "restoreRate": float(self._restore_rate),
        }

    def _restore(self, now: datetime) -> None:
        if self._seen_at is not None and now > self._seen_at:
            seconds = (now - self._seen_at).total_seconds()
            restored = self._available + seconds * self._restore_rate
            self._available = min(restored, float(self._size))
        self._seen_at = now
