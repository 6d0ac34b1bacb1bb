"""Rate limits: what is allowed, how long to wait, who is counted, and life without Redis."""

import datetime as dt
import uuid
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from domain.ids import TenantId
from tenancy import rate_limits
from tenancy.rate_limits import AddressBucket, Bucket, RateLimit, RateLimits, TenantBucket
from tenancy.redis_server import RedisServer

pytestmark = pytest.mark.anyio

ALICE, BOB = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
APP = TenantBucket(ALICE, "app_1")
THREE_A_MINUTE = RateLimit("calls", 3, 60, guards_secrets=False)
GUARDING = RateLimit("sign_in", 3, 60, guards_secrets=True)


@dataclass(slots=True)
class FakeClock:
    now: dt.datetime = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["redis", "this process"])
def limits(
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    dead_redis: RedisServer,
    clock: FakeClock,
) -> RateLimits:
    """Counted in Redis, and where it is lost; for limits that guard, both must say the same."""
    return RateLimits(redis_server if request.param == "redis" else dead_redis, clock)


async def allowed(limits: RateLimits, bucket: Bucket, limit: RateLimit, times: int) -> list[bool]:
    return [(await limits.hit(bucket, limit)).is_allowed for _ in range(times)]


async def test_counts_down_and_then_tells_when_the_oldest_call_leaves_the_window(
    limits: RateLimits, clock: FakeClock
) -> None:
    seen = []
    for _ in range(4):
        standing = await limits.hit(APP, GUARDING)
        seen.append((standing.remaining, standing.reset_seconds, standing.wait_seconds))
        clock.advance(10)
    assert seen == [(2, 60, 0), (1, 50, 0), (0, 40, 0), (0, 30, 30)]


async def test_one_call_is_free_again_when_the_oldest_has_left(
    limits: RateLimits, clock: FakeClock
) -> None:
    for _ in range(3):
        assert (await limits.hit(APP, GUARDING)).is_allowed
        clock.advance(10)
    clock.advance(30.5)
    assert await allowed(limits, APP, GUARDING, 2) == [True, False]
    clock.advance(600)
    assert await allowed(limits, APP, GUARDING, 4) == [True, True, True, False]


async def test_refused_call_is_not_counted(limits: RateLimits, clock: FakeClock) -> None:
    assert await allowed(limits, APP, GUARDING, 3) == [True, True, True]
    clock.advance(59)
    assert await allowed(limits, APP, GUARDING, 5) == [False] * 5
    clock.advance(1.5)
    assert await allowed(limits, APP, GUARDING, 4) == [True, True, True, False]


async def test_refused_just_before_the_window_ends_waits_a_whole_second(
    limits: RateLimits, clock: FakeClock
) -> None:
    await allowed(limits, APP, GUARDING, 3)
    clock.advance(60)
    standing = await limits.hit(APP, GUARDING)
    assert (standing.is_allowed, standing.wait_seconds) == (False, 1)


async def test_looking_counts_nothing(limits: RateLimits) -> None:
    for _ in range(5):
        standing = await limits.look(APP, GUARDING)
        assert (standing.is_allowed, standing.remaining, standing.reset_seconds) == (True, 3, 0)
    await allowed(limits, APP, GUARDING, 3)
    standing = await limits.look(APP, GUARDING)
    assert (standing.is_allowed, standing.remaining, standing.wait_seconds) == (False, 0, 60)


async def test_forgotten_bucket_counts_from_the_beginning(limits: RateLimits) -> None:
    await allowed(limits, APP, GUARDING, 4)
    await limits.forget(APP, GUARDING)
    assert await allowed(limits, APP, GUARDING, 4) == [True, True, True, False]


@pytest.mark.parametrize(
    "other",
    [
        TenantBucket(BOB, "app_1"),
        TenantBucket(ALICE, "app_2"),
        TenantBucket(ALICE, "APP_1"),
        AddressBucket("app_1"),
    ],
)
async def test_others_are_counted_apart(limits: RateLimits, other: Bucket) -> None:
    await allowed(limits, APP, GUARDING, 4)
    assert await allowed(limits, other, GUARDING, 1) == [True]


async def test_limits_of_one_bucket_are_counted_apart(redis_server: RedisServer) -> None:
    limits = RateLimits(redis_server, FakeClock())
    await allowed(limits, APP, THREE_A_MINUTE, 4)
    assert await allowed(limits, APP, GUARDING, 1) == [True]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("", "", True),
    ],
)
async def test_addresses_of_one_subscriber_share_a_bucket(
    limits: RateLimits, one: str, other: str, *, is_same: bool
) -> None:
    await allowed(limits, AddressBucket(one), GUARDING, 3)
    assert await allowed(limits, AddressBucket(other), GUARDING, 1) == [not is_same]


async def test_keys_begin_with_the_tenant_or_open_and_hold_nobody_s_name_and_end(
    redis_server: RedisServer,
) -> None:
    limits = RateLimits(redis_server, FakeClock())
    await limits.hit(TenantBucket(ALICE, "ada@example.org"), GUARDING)
    await limits.hit(AddressBucket("203.0.113.7"), GUARDING)
    keys = sorted(await redis_server.commands.keys("*"))
    account, address = (key.decode().rpartition(":") for key in keys[::-1])
    assert account[0] == "t:00000000-0000-0000-0000-000000000001:rate:sign_in"
    assert address[0] == "open:rate:sign_in"
    assert {len(account[2]), len(address[2])} == {64}
    assert [await redis_server.commands.ttl(key) for key in keys] == [60, 60]


async def test_processes_count_together(redis_url: str, redis_server: RedisServer) -> None:
    clock, other_server = FakeClock(), RedisServer(redis_url)
    one, other = RateLimits(redis_server, clock), RateLimits(other_server, clock)
    await allowed(one, APP, THREE_A_MINUTE, 2)
    assert await allowed(other, APP, THREE_A_MINUTE, 2) == [True, False]
    await other_server.close()


async def test_without_redis_what_guards_no_secret_passes(dead_redis: RedisServer) -> None:
    limits = RateLimits(dead_redis, FakeClock())
    with capture_logs() as lines:
        assert await allowed(limits, APP, THREE_A_MINUTE, 5) == [True] * 5
        assert (await limits.look(APP, THREE_A_MINUTE)).is_allowed
    assert [line["event"] for line in lines] == ["rate_limits_lost"]


async def test_redis_is_asked_again_after_a_second(redis_server: RedisServer) -> None:
    clock = FakeClock()
    limits = RateLimits(redis_server, clock)
    with capture_logs() as lines:
        await redis_server.commands.config_set("maxmemory", "1")
        try:
            assert await allowed(limits, APP, THREE_A_MINUTE, 2) == [True, True]
        finally:
            await redis_server.commands.config_set("maxmemory", "0")
        await allowed(limits, APP, THREE_A_MINUTE, 2)
        assert await redis_server.commands.keys("*") == []
        clock.advance(1)
        assert await allowed(limits, APP, THREE_A_MINUTE, 4) == [True, True, True, False]
    assert [line["event"] for line in lines] == ["rate_limits_lost", "rate_limits_back"]


async def test_lost_redis_does_not_keep_a_bucket_from_being_forgotten(
    dead_redis: RedisServer,
) -> None:
    limits = RateLimits(dead_redis, FakeClock())
    await limits.forget(APP, GUARDING)
    await allowed(limits, APP, GUARDING, 4)
    await limits.forget(APP, GUARDING)
    assert await allowed(limits, APP, GUARDING, 1) == [True]


async def test_process_remembers_the_buckets_used_last(
    dead_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "_LOCAL_BUCKETS", 2)
    limits = RateLimits(dead_redis, FakeClock())
    for address in ("a", "b", "a", "c"):
        await allowed(limits, AddressBucket(address), GUARDING, 2)
    assert await allowed(limits, AddressBucket("a"), GUARDING, 1) == [False]
    assert await allowed(limits, AddressBucket("b"), GUARDING, 3) == [True, True, True]
