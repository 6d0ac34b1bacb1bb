"""Budgets: what is granted, how long to wait, and that many workers share one."""

import asyncio
import datetime as dt
import multiprocessing
import uuid

import pytest

from domain.ports import BudgetBucket
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer, RedisUnavailableError

pytestmark = pytest.mark.anyio


def bucket(capacity: float, refill_per_second: float) -> BudgetBucket:
    return BudgetBucket(f"shopify:calls:{uuid.uuid4()}", capacity, refill_per_second)


async def move_clock_back(server: RedisServer, given_bucket: BudgetBucket, ms: int) -> None:
    """Let the bucket believe that it was last used `ms` milliseconds earlier."""
    for field in ("at", "held", "line"):
        moved = server.commands.hincrby(f"budget:{given_bucket.key}", field, -ms)
        assert not isinstance(moved, int)  # the client's types cover its blocking twin as well
        await moved


async def test_capacity_is_granted_and_then_the_wait_for_one_more(
    redis_server: RedisServer,
) -> None:
    budget, slow = RedisCallBudget(redis_server), bucket(3, 0.001)
    assert [await budget.acquire(slow) for _ in range(3)] == [0, 0, 0]
    wait = await budget.acquire(slow)
    assert 990 < wait <= 1000


async def test_refused_call_spends_nothing(redis_server: RedisServer) -> None:
    budget, slow = RedisCallBudget(redis_server), bucket(3, 0.001)
    assert await budget.acquire(slow, cost=2) == 0
    assert await budget.acquire(slow, cost=2) > 0
    assert await budget.acquire(slow, cost=1, waited=True) == 0


async def test_bucket_refills_with_the_server_s_clock_up_to_its_capacity(
    redis_server: RedisServer,
) -> None:
    budget, slow = RedisCallBudget(redis_server), bucket(10, 0.01)
    assert await budget.acquire(slow, cost=10) == 0
    await move_clock_back(redis_server, slow, 500_000)
    assert await budget.acquire(slow, cost=5) == 0
    assert await budget.acquire(slow, cost=1) > 0
    await move_clock_back(redis_server, slow, 100_000_000)
    assert await budget.acquire(slow, cost=10) == 0
    assert await budget.acquire(slow, cost=1) > 0


async def test_cost_above_the_capacity_waits_for_a_full_bucket_and_leaves_a_debt(
    redis_server: RedisServer,
) -> None:
    budget, slow = RedisCallBudget(redis_server), bucket(10, 0.01)
    assert await budget.acquire(slow, cost=1) == 0
    assert 99 < await budget.acquire(slow, cost=25) <= 100
    await move_clock_back(redis_server, slow, 100_000)
    assert await budget.acquire(slow, cost=25) == 0
    assert 1599 < await budget.acquire(slow, cost=1) <= 1600


async def test_hold_grants_nothing_until_it_ends(redis_server: RedisServer) -> None:
    budget, slow = RedisCallBudget(redis_server), bucket(10, 1)
    await budget.hold(slow, 60)
    await budget.hold(slow, 5)
    assert 59 < await budget.acquire(slow) <= 60
    await move_clock_back(redis_server, slow, 60_000)
    assert await budget.acquire(slow) == 0


async def test_unknown_limit_grants_all_but_holds(redis_server: RedisServer) -> None:
    budget, unknown = RedisCallBudget(redis_server), bucket(1, 0)
    assert [await budget.acquire(unknown, cost=100) for _ in range(3)] == [0, 0, 0]
    await budget.hold(unknown, 30)
    assert 29 < await budget.acquire(unknown) <= 30


async def test_full_bucket_is_forgotten(redis_server: RedisServer) -> None:
    budget, slow = RedisCallBudget(redis_server), bucket(10, 0.1)
    assert await budget.acquire(slow, cost=3) == 0
    ttl = await redis_server.commands.pttl(f"budget:{slow.key}")
    assert 30_000 < ttl <= 31_000


async def test_buckets_do_not_touch_each_other(redis_server: RedisServer) -> None:
    budget = RedisCallBudget(redis_server)
    first, second = bucket(1, 0.001), bucket(1, 0.001)
    assert await budget.acquire(first) == 0
    assert await budget.acquire(second) == 0


async def test_a_clock_of_one_s_own_counts_instead_of_the_server_s(
    redis_server: RedisServer,
) -> None:
    now = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
    budget, slow = RedisCallBudget(redis_server, clock=lambda: now), bucket(2, 0.01)
    assert [await budget.acquire(slow) for _ in range(3)] == [0, 0, 100]
    now += dt.timedelta(seconds=99.999)
    assert await budget.acquire(slow, waited=True) == 0.001
    now += dt.timedelta(seconds=0.001)
    assert [await budget.acquire(slow, waited=True) for _ in range(2)] == [0, 100]
    await budget.hold(slow, 3600)
    now += dt.timedelta(seconds=3599)
    assert await budget.acquire(slow) == 1
    now += dt.timedelta(seconds=1)
    assert await budget.acquire(slow, waited=True) == 0


async def test_who_waits_is_served_in_line(redis_server: RedisServer) -> None:
    now = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
    budget, slow = RedisCallBudget(redis_server, clock=lambda: now), bucket(2, 0.1)
    assert [await budget.acquire(slow) for _ in range(5)] == [0, 0, 10, 20, 30]
    now += dt.timedelta(seconds=10)
    assert await budget.acquire(slow) == 30  # the call that came back belongs to who was told 10
    assert [await budget.acquire(slow, waited=True) for _ in range(2)] == [0, 10]
    now += dt.timedelta(seconds=20)  # and who was told 20 has left
    assert [await budget.acquire(slow) for _ in range(2)] == [0, 20]
    assert [await budget.acquire(slow, waited=True) for _ in range(2)] == [0, 10]
    now += dt.timedelta(seconds=20)  # the line has gone, and nobody has come
    assert [await budget.acquire(slow) for _ in range(3)] == [0, 0, 10]


async def test_line_is_a_minute_long_at_most(redis_server: RedisServer) -> None:
    now = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
    budget, slow = RedisCallBudget(redis_server, clock=lambda: now), bucket(1, 0.05)
    assert [await budget.acquire(slow) for _ in range(7)] == [0, 20, 40, 60, 80, 80, 80]


async def test_callers_come_back_one_by_one_after_a_hold(redis_server: RedisServer) -> None:
    now = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
    budget, slow = RedisCallBudget(redis_server, clock=lambda: now), bucket(2, 0.5)
    await budget.hold(slow, 100)
    assert [await budget.acquire(slow) for _ in range(3)] == [100, 102, 104]


async def test_by_a_clock_of_one_s_own_a_bucket_outlives_the_server_s_time(
    redis_server: RedisServer,
) -> None:
    now = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
    budget, fast = RedisCallBudget(redis_server, clock=lambda: now), bucket(1, 1)
    assert await budget.acquire(fast) == 0
    ttl = await redis_server.commands.pttl(f"budget:{fast.key}")
    assert 86_400_000 < ttl <= 86_401_000


async def test_many_clients_at_once_never_overspend(redis_url: str) -> None:
    shared = bucket(50, 0.0001)
    servers = [RedisServer(redis_url, timeout_seconds=10) for _ in range(8)]
    budgets = [RedisCallBudget(server) for server in servers]
    waits = await asyncio.gather(*(budgets[n % 8].acquire(shared) for n in range(200)))
    assert sum(wait == 0 for wait in waits) == 50
    for server in servers:
        await server.close()


async def test_two_processes_never_overspend(redis_url: str) -> None:
    shared = bucket(50, 0.0001)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        granted = pool.starmap(spend, [(redis_url, shared)] * 2)
    assert sum(granted) == 50


def spend(url: str, shared: BudgetBucket) -> int:
    async def work() -> int:
        server = RedisServer(url, timeout_seconds=10)
        budget = RedisCallBudget(server)
        granted = sum([await budget.acquire(shared) == 0 for _ in range(50)])
        await server.close()
        return granted

    return asyncio.run(work())


async def test_without_redis_nothing_is_granted(dead_redis: RedisServer) -> None:
    budget = RedisCallBudget(dead_redis)
    with pytest.raises(RedisUnavailableError):
        await budget.acquire(bucket(1, 1))
    with pytest.raises(RedisUnavailableError):
        await budget.hold(bucket(1, 1), 1)


async def test_full_redis_grants_nothing_and_says_so(redis_server: RedisServer) -> None:
    budget = RedisCallBudget(redis_server)
    await redis_server.commands.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisUnavailableError, match="check REDIS_URL"):
            await budget.acquire(bucket(3, 1))
    finally:
        await redis_server.commands.config_set("maxmemory", "0")
