"""Calls of each app: so many in a second, a minute and a day.

    spend(app) -> nothing | TikTokRefusalError

Source: Business API, Rate limits (2026-11): after the limit of a second the next one is free; after
that of a minute the app waits five minutes; after that of a day it waits until 00:00 UTC.
"""

from datetime import datetime, timedelta
from typing import Final

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.tiktok_ads.config import CallLimits
from ingestion.simulator.tiktok_ads.failures import throttled

__all__ = ["CallQuota"]

_RESTRICTION: Final = timedelta(minutes=5)


class CallQuota:
    """Counts the calls of every app in fixed windows."""

    def __init__(self, limits: CallLimits, clock: SimulatedClock) -> None:
        self._limits = limits.by_period()
        self._clock = clock
        self._counts: dict[tuple[str, str], tuple[datetime, int]] = {}
        self._restricted_until: dict[str, datetime] = {}

    def spend(self, app_id: str) -> None:
        """Count one call.

        Raises:
            TikTokRefusalError: A limit is reached.
        """
        now = self._clock.now()
        if now < self._restricted_until.get(app_id, now):
            raise throttled(app_id, "minute", self._limits["minute"])
        for period, limit in self._limits.items():
            window = _window(now, period)
            begun, count = self._counts.get((app_id, period), (window, 0))
            count = count if begun == window else 0
            if count >= limit:
                if period == "minute":
                    self._restricted_until[app_id] = now + _RESTRICTION
                raise throttled(app_id, period, limit)
            self._counts[(app_id, period)] = (window, count + 1)

    def reset(self) -> None:
        """Forget all calls."""
        self._counts.clear()
        self._restricted_until.clear()


def _window(now: datetime, period: str) -> datetime:
    """The start of the window that `now` lies in."""
    if period == "day":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "minute":
        return now.replace(second=0, microsecond=0)
    return now.replace(microsecond=0)
