"""How many calls of each ad account are spent, and the headers that tell.

    call -> sliding hour -> shares in percent -> headers, on good answers and on refusals

Source: developers.facebook.com/docs/graph-api/overview/rate-limiting and
.../marketing-api/insights/best-practices (2026-11): shares are whole percent, the time until access
is granted again is in minutes, and at a hundred percent calls are refused.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

import orjson

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.meta_ads.config import MetaAdsConfig
from ingestion.simulator.meta_ads.failures import throttled

__all__ = ["CallUsage", "usage_headers"]

_HOUR: Final = timedelta(hours=1)
_FULL: Final = 100
_TIER: Final = "standard_access"
_APP_LIMIT: Final = 4  # error code of the app's own limit


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
        percent: Share of the account's calls that is spent.
        minutes: Until access is granted again.
        code: Of the refusal that the headers go with; 0: a good answer. Of the app's own limit the
            app's share is told as full.
    """
    app_percent = _FULL if code == _APP_LIMIT else 1
    account_percent = 1 if code == _APP_LIMIT else percent
    business = {
        "type": "ads_insights",
        "call_count": account_percent,
        "total_cputime": account_percent // 2,
        "total_time": account_percent // 2,
        "estimated_time_to_regain_access": minutes,
        "ads_api_access_tier": _TIER,
    }
    documents = {
        "x-business-use-case-usage": {account_id: [business]},
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
