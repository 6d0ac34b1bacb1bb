"""How many calls of each ad account are spent, and the headers that tell.

    call -> sliding hour -> shares in percent -> headers, on good answers and on refusals

Source: developers.facebook.com/docs/graph-api/overview/rate-limiting and
.../marketing-api/insights/best-practices (2026-11): shares are whole percent, the time until access
is granted again is in minutes, and at a hundred percent calls are refused. Answers carry the
headers "once enough calls have been made".
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.meta_ads.config import MetaAdsConfig
from ingestion.simulator.meta_ads.failures import APP_LIMIT, throttled

__all__ = ["CallUsage", "usage_headers"]

_HOUR: Final = timedelta(hours=1)
_FULL: Final = 100
_TIER: Final = "standard_access"


class CallUsage:
    """Calls of the last hour, by ad account."""

    def __init__(self, config: MetaAdsConfig, clock: SimulatedClock) -> None:
        self._limit = config.calls_per_hour
        self._clock = clock
        self._calls: dict[str, deque[datetime]] = {}

    def spend(self, account_id: str) -> None:
        """Count one call.

        Raises:
            MetaRefusalError: The account has no calls left; the refused call does not count.
        """
        calls = self._recent(account_id)
        if len(calls) >= self._limit:
            raise throttled()
        calls.append(self._clock.now())

    def percent(self, account_id: str) -> int:
        """Share of the hour's calls that is spent, 0 to 100."""
        return len(self._recent(account_id)) * _FULL // self._limit

    def minutes_left(self, account_id: str) -> int:
        """Minutes until a call is granted again, rounded up; 0: at once."""
        calls = self._recent(account_id)
        if len(calls) < self._limit:
            return 0
        seconds = (calls[0] + _HOUR - self._clock.now()).total_seconds()
        return int(-(-seconds // 60))

    def reset(self) -> None:
        """Start the hour anew."""
        self._calls.clear()

    def _recent(self, account_id: str) -> deque[datetime]:
        calls = self._calls.setdefault(account_id, deque())
        start = self._clock.now() - _HOUR
        while calls and calls[0] <= start:
            calls.popleft()
        return calls


def usage_headers(
    account_id: str, percent: int, *, minutes: int = 0, code: int = 0
) -> dict[str, str]:
    """Build the usage headers of an answer.

    Args:
        account_id: Whose insights are asked for.
        percent: Share of the calls that is spent.
        minutes: Until access is granted again.
        code: Of the refusal that the headers go with; 0: a good answer. Of the app's own limit it
            is the app's share that is told, and no time.
    """
    is_of_app = code == APP_LIMIT
    app_percent, account_percent = (percent, 1) if is_of_app else (1, percent)
    if is_of_app:
        minutes = 0
    insights = _business("ads_insights", account_percent, minutes)
    management = _business("ads_management", 3, 0)
    documents = {
        "x-business-use-case-usage": {account_id: [management, insights]},
        "x-app-usage": {"call_count": app_percent, "total_cputime": 1, "total_time": 1},
        "x-ad-account-usage": {
            "acc_id_util_pct": account_percent,
            "reset_time_duration": minutes * 60,
            "ads_api_access_tier": _TIER,
        },
        "x-fb-ads-insights-throttle": {
            "app_id_util_pct": app_percent,
            "acc_id_util_pct": account_percent,
            "ads_api_access_tier": _TIER,
        },
    }
    return {name: orjson.dumps(document).decode() for name, document in documents.items()}


def _business(kind: str, percent: int, minutes: int) -> dict[str, Any]:
    return {
        "type": kind,
        "call_count": percent,
        "total_cputime": percent // 2,
        "total_time": percent // 2,
        "estimated_time_to_regain_access": minutes,
        "ads_api_access_tier": _TIER,
    }
