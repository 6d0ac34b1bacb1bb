"""How often somebody may do something, counted over all processes.

    hit(bucket, limit) -> moving window in Redis (the scripts of `limits`) -> Standing

A moving window: of a limit of n calls, the n-th last one must be older than the window. A call that
is refused is not counted. What an agency's app or account does is kept under the agency's keys; an
address that has not said who it is has keys of its own, `open:rate:...`. Nobody's name or address
is stored, only a hash of it, and no longer than the window.

Without Redis a limit that guards secrets is counted in this process alone, and any other lets all
pass: see ADR-0019.

Source: limits 5.8 documentation, "Strategies" (moving window); RFC 4291 section 2.5.4 (an IPv6
subscriber holds a /64).
"""

import hashlib
import ipaddress
import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

import structlog
from limits.aio.storage.redis.bridge import RedisBridge

from domain.ids import TenantId
from domain.ports import Clock
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_server import RedisServer, RedisUnavailableError, reachable_redis

__all__ = [
    "SIGN_IN_OF_ACCOUNT",
    "SIGN_IN_OF_ADDRESS",
    "AddressBucket",
    "RateLimit",
    "RateLimits",
    "Standing",
    "TenantBucket",
]

_LOG: Final = structlog.get_logger(__name__)

# A lost Redis is asked again after this long, so that a slow one does not slow down every call.
_ASK_AGAIN_SECONDS: Final = 1.0

_LOCAL_BUCKETS: Final = 10_000

# Both scripts of the library in one round trip.
_HIT: Final = f"""
local function acquire(KEYS, ARGV)
{RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW.decode()}
end
local function window(KEYS, ARGV)
{RedisBridge.SCRIPT_MOVING_WINDOW.decode()}
end
local now, calls, seconds, spends = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local is_allowed = spends == '0' or acquire(KEYS, {{now, calls, seconds, 1}})
return {{is_allowed and 1 or 0, window(KEYS, {{now - seconds, calls}})}}
"""
_SUBSCRIBER_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `calls` in any `seconds`.

    Attributes:
        name: Letters, digits and `_`; part of the key and shown to callers.
        guards_secrets: Without Redis it is counted in this process; any other lets all pass.
    """

    name: str
    calls: int
    seconds: int
    guards_secrets: bool


# For whoever signs people in: `look` before the password is tried, `hit` after a wrong one, and
# `forget` the account's after a right one. NIST SP 800-63B section 5.2.2 allows 100 in a row.
SIGN_IN_OF_ACCOUNT: Final = RateLimit("sign_in_account", 10, 15 * 60, guards_secrets=True)
SIGN_IN_OF_ADDRESS: Final = RateLimit("sign_in_address", 50, 5 * 60, guards_secrets=True)


@dataclass(frozen=True, slots=True)
class TenantBucket:
    """An app or an account of an agency; `name` is any text, told apart exactly."""

    tenant_id: TenantId
    name: str


@dataclass(frozen=True, slots=True)
class AddressBucket:
    """A network address of somebody unknown; an IPv6 one counts by its /64."""

    address: str


Bucket = TenantBucket | AddressBucket


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a bucket stands.

    Attributes:
        remaining: Calls that would be allowed now.
        reset_seconds: Whole seconds until the oldest counted call leaves the window, 0 without one.
        is_allowed: Whether this call is; to `look`, whether one more would be.
    """

    limit: RateLimit
    remaining: int
    reset_seconds: int
    is_allowed: bool

    @property
    def wait_seconds(self) -> int:
        """Whole seconds until one more call is allowed; 0 when it is now."""
        return 0 if self.is_allowed else max(1, self.reset_seconds)


class RateLimits:
    """Counts calls. Used from one event loop.

    Args:
        server: Where all processes count.
        clock: Present instant; the same for all processes, give or take what clocks differ.
    """

    def __init__(self, server: RedisServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._hit = server.commands.register_script(_HIT)
        self._local = _LocalWindows()
        self._lost_at: float | None = None

    async def hit(self, bucket: Bucket, limit: RateLimit) -> Standing:
        """Count a call if it is allowed."""
        return await self._count(bucket, limit, spends=True)

    async def look(self, bucket: Bucket, limit: RateLimit) -> Standing:
        """Tell whether one more call would be allowed; counts nothing."""
        return await self._count(bucket, limit, spends=False)

    async def forget(self, bucket: Bucket, limit: RateLimit) -> None:
        """Count from the beginning."""
        key = self._key(bucket, limit)
        self._local.forget(key)
        if not self._is_lost():
            try:
                with reachable_redis():
                    await self._server.commands.delete(key)
            except RedisUnavailableError as error:
                self._note_loss(error)

    async def _count(self, bucket: Bucket, limit: RateLimit, *, spends: bool) -> Standing:
        key, now = self._key(bucket, limit), self._clock().timestamp()
        if not self._is_lost():
            try:
                standing = await self._count_in_redis(key, limit, now, spends=spends)
            except RedisUnavailableError as error:
                self._note_loss(error)
            else:
                self._note_return()
                return standing
        if not limit.guards_secrets:
            return Standing(limit, limit.calls, 0, is_allowed=True)
        return self._local.count(key, limit, now, spends=spends)

    async def _count_in_redis(
        self, key: str, limit: RateLimit, now: float, *, spends: bool
    ) -> Standing:
        arguments = [now, limit.calls, limit.seconds, int(spends)]
        with reachable_redis():
            acquired, *window = await self._hit(keys=[key], args=arguments)
        oldest, counted = (float(window[0][0]), int(window[0][1])) if window else (None, 0)
        is_allowed = bool(acquired) if spends else counted < limit.calls
        return _standing(limit, now, oldest, counted, is_allowed=is_allowed)

    def _key(self, bucket: Bucket, limit: RateLimit) -> str:
        if isinstance(bucket, TenantBucket):
            redis = TenantRedis(self._server, bucket.tenant_id)
            return redis.key(KeyKind.RATE, limit.name, _digest(bucket.name))
        return f"open:rate:{limit.name}:{_digest(_subscriber(bucket.address))}"

    def _is_lost(self) -> bool:
        if self._lost_at is None:
            return False
        return self._clock().timestamp() - self._lost_at < _ASK_AGAIN_SECONDS

    def _note_loss(self, error: RedisUnavailableError) -> None:
        if self._lost_at is None:
            _LOG.warning("rate_limits_lost", reason=str(error))
        self._lost_at = self._clock().timestamp()

    def _note_return(self) -> None:
        if self._lost_at is not None:
            _LOG.info("rate_limits_back")
        self._lost_at = None


class _LocalWindows:
    """The same windows in this process; of many buckets the one used longest ago is forgotten."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, key: str, limit: RateLimit, now: float, *, spends: bool) -> Standing:
        calls = self._calls.setdefault(key, deque())
        self._calls.move_to_end(key)
        if len(self._calls) > _LOCAL_BUCKETS:
            self._calls.popitem(last=False)
        while calls and calls[0] < now - limit.seconds:
            calls.popleft()
        is_allowed = len(calls) < limit.calls
        if is_allowed and spends:
            calls.append(now)
        oldest = calls[0] if calls else None
        return _standing(limit, now, oldest, len(calls), is_allowed=is_allowed)

    def forget(self, key: str) -> None:
        self._calls.pop(key, None)


def _standing(
    limit: RateLimit, now: float, oldest: float | None, counted: int, *, is_allowed: bool
) -> Standing:
    # Seconds are floats of about seven digits after the point here: the tolerance keeps whole ones.
    left = 0.0 if oldest is None else oldest + limit.seconds - now
    return Standing(
        limit=limit,
        remaining=max(0, limit.calls - counted),
        reset_seconds=max(0, math.ceil(left - 1e-3)),
        is_allowed=is_allowed,
    )


def _subscriber(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _SUBSCRIBER_BITS), strict=False))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
