"""Call budgets of the providers, shared by all workers.

    acquire(bucket, cost) -> one Lua script in Redis: refill, compare, spend -> 0 or seconds to wait

A token bucket for each quota that a provider grants. The script is atomic and reads the server's
own clock, so any number of processes share one budget without overspending it. Another clock can be
given, for time that does not pass by itself; all processes then have to share that one. When Redis
is down nothing is granted: better a late sync than an account that the provider locks.

Callers that have to wait stand in a line: each is told when its own call will have come back, and
whoever comes later does not take it. Nothing is booked, so who leaves the line costs nothing: calls
that nobody came for pile up, and the next one takes them.

Source: redis.io, EVALSHA (effects are replicated, so TIME may precede writes; since Redis 5).
"""

from typing import Final

from domain.ports import BudgetBucket, BudgetLeft, Clock
from tenancy.redis_server import RedisServer, reachable_redis

__all__ = ["RedisCallBudget"]

# Fields: tokens (what was left), at (when, in ms), held (nothing is granted before, in ms), line
# (when the last of those who wait comes back, in ms). The line is a minute long at most: some leave
# it, and nobody is to wait for those.
# A cost above the capacity waits for a full bucket and leaves a debt; refill 0 means that no
# limit is known and only holds apply. Redis counts the life of a key in its own time: by another
# clock a key lives for a day of it.
_REFILL: Final = """
local capacity, refill = tonumber(ARGV[1]), tonumber(ARGV[2])
local now, spare = tonumber(ARGV[3]), 86400000
if now == nil then
    local time = redis.call('TIME')
    now, spare = time[1] * 1000 + math.floor(time[2] / 1000), 1000
end
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'held', 'line')
local tokens, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
local held, line = tonumber(stored[3]) or 0, tonumber(stored[4]) or 0

tokens = math.min(capacity, tokens + math.max(0, now - at) * refill / 1000)
"""
_LOOK: Final = f"""{_REFILL}
return {{string.format('%.9f', tokens), math.ceil(math.max(0, held - now))}}
"""
_SPEND: Final = f"""{_REFILL}
local cost, hold_ms, waited = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
held = math.max(held, now + hold_ms)

local wait = 0
if hold_ms == 0 then
    wait = math.max(0, held - now)
    if refill > 0 then
        local needed = math.min(cost, capacity)
        local spoken_for = (line > now and not waited) and 1 or 0
        wait = math.max(wait, (needed - tokens) * 1000 / refill)
        if wait <= 0 and tokens >= needed + spoken_for then
            tokens = tokens - cost
        elseif not waited then
            local turn = math.min(line + cost * 1000 / refill, now + wait + 60000)
            line = math.ceil(math.max(now + wait, turn))
            wait = line - now
        end
    end
end

local until_full = 0
if refill > 0 then until_full = (capacity - tokens) * 1000 / refill end
tokens = string.format('%.9f', tokens)
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now, 'held', held, 'line', line)
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(until_full, held - now, line - now)) + spare)
return math.ceil(math.max(0, wait))
"""


class RedisCallBudget:
    """`domain.ports.CallBudget` and `BudgetGauge` on Redis; keys `budget:<bucket key>`."""

    def __init__(self, server: RedisServer, *, clock: Clock | None = None) -> None:
        """Connects to nothing yet.

        Args:
            server: Shared by all who spend.
            clock: The present UTC instant, the same one for all who spend; None: the server's own.
        """
        self._spend = server.commands.register_script(_SPEND)
        self._look = server.commands.register_script(_LOOK)
        self._clock = clock

    async def acquire(
        self, bucket: BudgetBucket, cost: float = 1.0, *, waited: bool = False
    ) -> float:
        """Spend `cost`.

        Args:
            bucket: From which.
            cost: How much.
            waited: The caller has waited for this as told: its turn has come.

        Returns:
            0.0 when granted; else the seconds to wait before asking again (nothing was spent).

        Raises:
            RedisUnavailableError: Redis does not answer; nothing is granted.
        """
        return await self._run(bucket, cost=cost, hold_ms=0, waited=waited)

    async def hold(self, bucket: BudgetBucket, seconds: float) -> None:
        """Grant nothing for `seconds`; the longest hold counts.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        await self._run(bucket, cost=0.0, hold_ms=max(1, round(seconds * 1000)), waited=False)

    async def look(self, bucket: BudgetBucket) -> BudgetLeft:
        """What is left; spends nothing.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        with reachable_redis():
            calls, held_ms = await self._look(keys=[_key(bucket)], args=self._now_of(bucket))
        return BudgetLeft(float(calls), float(held_ms) / 1000)

    async def _run(self, bucket: BudgetBucket, *, cost: float, hold_ms: int, waited: bool) -> float:
        arguments = [*self._now_of(bucket), cost, hold_ms, int(waited)]
        with reachable_redis():
            wait_ms = await self._spend(keys=[_key(bucket)], args=arguments)
        return float(wait_ms) / 1000

    def _now_of(self, bucket: BudgetBucket) -> list[float | str]:
        """The first arguments of both scripts: how the bucket fills, and the present."""
        now = "" if self._clock is None else round(self._clock().timestamp() * 1000)
        return [bucket.capacity, bucket.refill_per_second, now]


def _key(bucket: BudgetBucket) -> str:
    return f"budget:{bucket.key}"
