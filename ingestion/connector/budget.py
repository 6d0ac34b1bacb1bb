"""Quotas: asked before each request, fed by what each answer tells.

    declared budgets -> acquire -> (wait) -> request -> answer -> signals -> hold
    server error -> its own budget -> (wait, hold)

One bucket is shared by every worker and tenant that spends from it: `source:budget:scope value`.
The one that fewest share is asked first: who then waits for the next one keeps a call of few, and
the bucket that most share is spent at the moment of the call.
Values of secrets do not go into keys; app and credentials are named by a digest.
"""

import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from domain.ports import BudgetBucket, CallBudget, Clock
from ingestion.connector.auth import token_key
from ingestion.connector.failures import ThrottledError
from ingestion.connector.paths import find_all, find_first
from ingestion.connector.spec import BudgetSpec, RateSignal, SourceSpec, WaitRule

__all__ = ["Budgets", "Waiter", "app_scope", "seconds_to_wait", "shared_buckets"]

_MINUTE: Final = 60.0
_MILLIS: Final = 1000.0
_SHORTEST_WAIT: Final = 0.01
_NARROWEST_FIRST: Final = ("account", "credentials", "app", "provider")
_SHARED: Final = ("app", "provider")
_BURST_SHARE: Final = 0.05  # of a limit, where the source file names no burst


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits, tells about it, and gives up on waits that are too long for a worker.

    Attributes:
        sleep: Awaits so many seconds.
        tell: Called before a wait, with seconds and reason.
        longest_seconds: A longer wait raises `ThrottledError` instead.
        label: Of the source, for messages.
    """

    sleep: Callable[[float], Awaitable[None]]
    tell: Callable[[float, str], None]
    longest_seconds: float
    label: str

    async def wait(self, seconds: float, reason: str) -> None:
        """Wait.

        Raises:
            ThrottledError: `seconds` is too long for a worker.
        """
        if seconds > self.longest_seconds:
            raise ThrottledError(
                f"{self.label} grants no calls for {seconds:.0f} seconds: {reason}",
                wait_seconds=seconds,
            )
        self.tell(seconds, reason)
        await self.sleep(seconds)


class Budgets:
    """The quotas of one source, for one app, account and set of credentials."""

    def __init__(
        self,
        source: SourceSpec,
        scopes: Mapping[str, str],
        budget: CallBudget,
        clock: Clock,
    ) -> None:
        """Name the buckets.

        Args:
            source: Declares budgets and signals.
            scopes: `app`, `account` and `credentials` -> what tells them apart (secrets are
                hashed). A budget of the scope `provider` is shared by all.
            budget: Shared by all workers.
            clock: For resets given as instants.
        """
        self._signals = source.signals
        self._budget = budget
        self._clock = clock
        buckets = {
            item: _bucket(source.name, item, scopes)
            for item in sorted(source.budgets, key=lambda item: _NARROWEST_FIRST.index(item.scope))
        }
        self._buckets = {
            item.name: bucket for item, bucket in buckets.items() if item.counts == "calls"
        }
        self._error_buckets = [
            bucket for item, bucket in buckets.items() if item.counts == "server_errors"
        ]

    async def acquire(self, waiter: Waiter) -> None:
        """Spend one call from every budget; waits where one grants none.

        Raises:
            ThrottledError: The wait is too long for a worker.
        """
        for name, bucket in self._buckets.items():
            seconds = await self._budget.acquire(bucket)
            while seconds > 0:
                await waiter.wait(seconds, f"the budget {name} is spent")
                seconds = await self._budget.acquire(bucket, waited=True)

    async def hold(self, seconds: float, name: str = "") -> None:
        """Let no worker that spends from a budget call for `seconds`.

        Args:
            seconds: How long.
            name: Of the budget; empty: all of them.
        """
        for bucket in [self._buckets[name]] if name else self._buckets.values():
            await self._budget.hold(bucket, seconds)

    async def spend_server_error(self) -> float:
        """Count a server error where the provider allows so many only.

        Returns:
            Seconds in which the next one could be one too many; 0: it may be asked again at once.
        """
        waits = [await self._budget.acquire(one, waited=True) for one in self._error_buckets]
        return max(waits, default=0.0)

    async def heed(self, headers: Mapping[str, str], document: Any) -> float:
        """Hold the budgets that an answer says are (nearly) spent.

        Args:
            headers: Of the answer; names in lower case.
            document: Decoded body, or None.

        Returns:
            The longest hold in seconds; 0: none.
        """
        longest = 0.0
        for signal in self._signals:
            seconds = _hold_seconds(signal, headers, document, self._clock().timestamp())
            if seconds > _SHORTEST_WAIT:
                await self._budget.hold(self._buckets[signal.budget], seconds)
                longest = max(longest, seconds)
        return longest


def app_scope(app_credentials: Mapping[str, str]) -> str:
    """Tells our apps at a platform apart, without their secrets."""
    return token_key({f"app.{name}": text for name, text in app_credentials.items()})


def shared_buckets(source: SourceSpec, app_credentials: Mapping[str, str]) -> list[BudgetBucket]:
    """The quotas that all accounts of one app of ours spend from."""
    scopes = {"app": app_scope(app_credentials)}
    return [
        _bucket(source.name, item, scopes)
        for item in source.budgets
        if item.scope in _SHARED and item.counts == "calls"
    ]


def _bucket(source: str, item: BudgetSpec, scopes: Mapping[str, str]) -> BudgetBucket:
    scope = "all" if item.scope == "provider" else scopes[item.scope]
    if item.scope in {"app", "credentials"}:
        scope = hashlib.sha256(scope.encode()).hexdigest()[:16]
    burst, rate = _burst_and_rate(item)
    return BudgetBucket(f"{source}:{item.name}:{scope}", burst, rate)


def _burst_and_rate(item: BudgetSpec) -> tuple[float, float]:
    """Capacity, and refill per second, that keep every window of a period at the limit.

    Whoever spends the burst at once and then all that comes back makes `burst + rate * period`
    calls in the period after the first of them, less one that falls beyond its end. A burst above
    the limit can only be a bucket of the provider's own, which is filled at the limit.
    """
    if not item.limit:
        return 1.0, 0.0
    burst = item.burst or max(1.0, item.limit * _BURST_SHARE)
    spent_at_once = burst - 1.0 if burst <= item.limit else 0.0
    return burst, (item.limit - spent_at_once) / item.period_seconds


def _hold_seconds(
    signal: RateSignal, headers: Mapping[str, str], document: Any, now: float
) -> float:
    if signal.kind == "headers":
        return _by_headers(signal, headers, now)
    if signal.kind == "percent":
        return _by_percent(signal, headers, now)
    if signal.kind == "left":
        return _by_points_left(signal, document, now)
    return _by_cost(signal, document)


def _by_headers(signal: RateSignal, headers: Mapping[str, str], now: float) -> float:
    remaining = _number(headers.get(signal.remaining.lower()))
    reset = _number(headers.get(signal.reset.lower()))
    if remaining is None or remaining >= 1 or reset is None:
        return 0.0
    return _seconds(reset, signal.reset_unit, now)


def _by_percent(signal: RateSignal, headers: Mapping[str, str], now: float) -> float:
    text = headers.get(signal.header.lower())
    if text is None:
        return 0.0
    try:
        usage = orjson.loads(text)
    except orjson.JSONDecodeError:
        return 0.0  # a usage header is advice; a broken one must not stop a sync
    shares = [_number(value) for path in signal.percent for value in find_all(usage, path)]
    if max((share for share in shares if share is not None), default=0.0) < signal.hold_above:
        return 0.0
    waits = [_number(value) for value in find_all(usage, signal.wait)] if signal.wait else []
    told = max((value for value in waits if value), default=0.0)
    return _seconds(told, signal.wait_unit, now) or signal.hold_seconds


def _by_cost(signal: RateSignal, document: Any) -> float:
    needed = _number(find_first(document, signal.requested))
    left = _number(find_first(document, signal.remaining))
    rate = _number(find_first(document, signal.restore_rate))
    if needed is None or left is None or not rate or left >= needed:
        return 0.0
    return (needed - left) / rate


def _by_points_left(signal: RateSignal, document: Any, now: float) -> float:
    left = [_number(value) for value in find_all(document, signal.remaining)]
    if min((points for points in left if points is not None), default=inf) >= signal.hold_below:
        return 0.0
    if signal.until_midnight:
        return _seconds_until_midnight(signal.until_midnight, now)
    return signal.hold_seconds


def seconds_to_wait(
    rule: WaitRule, headers: Mapping[str, str], document: Any, now: float, *, held: float
) -> float | None:
    """How long an answer says to wait, or None when it says nothing.

    Args:
        rule: Where it may say it, and what counts when it does not.
        headers: Of the answer; names in lower case. `Retry-After` counts in seconds.
        document: Decoded body.
        now: Epoch seconds.
        held: Seconds that the answer's rate signals tell; 0: none.
    """
    told = [_duration(value, rule.unit, now) for value in find_all(document, rule.path)]
    known = [seconds for seconds in told if seconds is not None]
    if rule.path and known:
        return max(known)
    retry_after = _number(headers.get("retry-after"))
    if retry_after is not None:
        return retry_after
    if held:
        return held
    if rule.until_midnight:
        return _seconds_until_midnight(rule.until_midnight, now)
    return rule.seconds


def _seconds_until_midnight(time_zone: str, now: float) -> float:
    local = dt.datetime.fromtimestamp(now, ZoneInfo(time_zone))
    tomorrow = local.date() + dt.timedelta(days=1)
    return dt.datetime.combine(tomorrow, dt.time(), local.tzinfo).timestamp() - now


def _duration(value: Any, unit: str, now: float) -> float | None:
    if unit == "duration" and isinstance(value, str):
        return _number(value.removesuffix("s"))
    number = _number(value)
    return None if number is None else _seconds(number, unit, now)


def _seconds(number: float, unit: str, now: float) -> float:
    if unit == "milliseconds":
        return number / _MILLIS
    if unit == "minutes":
        return number * _MINUTE
    if unit == "epoch_seconds":
        return max(0.0, number - now)
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
