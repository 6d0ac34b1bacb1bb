"""Tokens of each property: what reports cost, and what is left of them.

    report -> spend(property, rows) -> nothing | Ga4RefusalError; left(property) -> propertyQuota

Source: developers.google.com/analytics/devguides/reporting/data/v1/quotas, 2026-11: tokens of a day
come back at midnight Pacific time, those of an hour within the hour; most requests cost ten tokens
or fewer, and more with rows and columns; ten server errors in an hour close the property to the
project.
"""

from collections import Counter
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.ga4.config import TokenLimits
from ingestion.simulator.ga4.failures import exhausted

__all__ = ["PropertyQuota"]

_PACIFIC: Final = ZoneInfo("America/Los_Angeles")
_ROWS_PER_TOKEN: Final = 2_000
_CHEAPEST: Final = 2


class PropertyQuota:
    """Counts tokens and server errors; one project reads all properties."""

    def __init__(self, limits: TokenLimits, clock: SimulatedClock) -> None:
        self._limits = limits
        self._clock = clock
        self._spent: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()

    def check(self, property_id: str) -> None:
        """Let a request in.

        Raises:
            Ga4RefusalError: A quota is exhausted.
        """
        hour, day = self._windows(property_id)
        if self._errors[hour] >= self._limits.server_errors_per_hour:
            raise exhausted("errors")
        for window, limit, quota in (
            (day, self._limits.tokens_per_day, "day"),
            (hour, self._limits.tokens_per_hour, "hour"),
            (hour, self._limits.tokens_per_project_per_hour, "project"),
        ):
            if self._spent[window] >= limit:
                raise exhausted(quota)

    def spend(self, property_id: str, rows: int) -> int:
        """Count the tokens of a report of so many rows; returns them."""
        tokens = _CHEAPEST + rows // _ROWS_PER_TOKEN
        for window in self._windows(property_id):
            self._spent[window] += tokens
        return tokens

    def fail(self, property_id: str) -> None:
        """Count a server error."""
        self._errors[self._windows(property_id)[0]] += 1

    def left(self, property_id: str, consumed: int) -> dict[str, dict[str, int]]:
        """Build `propertyQuota` of an answer that cost `consumed` tokens."""
        hour, day = self._windows(property_id)
        limits = self._limits

        def status(limit: int, spent: int, consumed: int = 0) -> dict[str, int]:
            left = max(limit - spent, 0)
            return {"consumed": consumed, "remaining": left}

        return {
            "tokensPerDay": status(limits.tokens_per_day, self._spent[day], consumed),
            "tokensPerHour": status(limits.tokens_per_hour, self._spent[hour], consumed),
            "concurrentRequests": status(limits.concurrent_requests, 0),
            "serverErrorsPerProjectPerHour": status(
                limits.server_errors_per_hour, self._errors[hour]
            ),
            "potentiallyThresholdedRequestsPerHour": status(
                limits.thresholded_requests_per_hour, 0
            ),
            "tokensPerProjectPerHour": status(
                limits.tokens_per_project_per_hour, self._spent[hour], consumed
            ),
        }

    def reset(self) -> None:
        """Forget what was spent."""
        self._spent.clear()
        self._errors.clear()

    def _windows(self, property_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
        now: datetime = self._clock.now()
        pacific = now.astimezone(_PACIFIC).date().isoformat()
        return (property_id, now.strftime("%Y-%m-%dT%H")), (property_id, pacific)
