"""Budgets: what a declared quota makes of a bucket."""

import asyncio
import dataclasses
import datetime as dt
from fractions import Fraction
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from domain.ports import BudgetBucket
from ingestion.connector.budget import Budgets, Waiter
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import BudgetSpec

NOW: Final = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


class Recorder:
    """Grants everything and keeps the buckets."""

    def __init__(self) -> None:
        self.buckets: list[BudgetBucket] = []

    async def acquire(
        self, bucket: BudgetBucket, cost: float = 1.0, *, waited: bool = False
    ) -> float:
        assert (cost, waited) == (1.0, False)
        self.buckets.append(bucket)
        return 0.0

    async def hold(self, bucket: BudgetBucket, seconds: float) -> None:
        raise AssertionError(bucket, seconds)


async def never(seconds: float) -> None:
    raise AssertionError(seconds)


def bucket_of(declared: BudgetSpec) -> BudgetBucket:
    """The bucket that one call is taken from."""
    (bucket,) = buckets_of(declared)
    return bucket


def buckets_of(*declared: BudgetSpec) -> list[BudgetBucket]:
    """The buckets that one call is taken from, in the order of asking."""
    source = dataclasses.replace(load_source("google_ads"), budgets=declared, signals=())
    recorder = Recorder()
    scopes = {"app": "an app", "account": "123", "credentials": "a token"}
    budgets = Budgets(source, scopes, recorder, lambda: NOW)
    asyncio.run(budgets.acquire(Waiter(never, lambda *_: None, 1.0, "Google Ads")))
    return recorder.buckets


def most_calls_in_a_period(bucket: BudgetBucket, period: int) -> int:
    """Calls of one who spends all there is at once, in the half-open period from the first one."""
    capacity, refill = Fraction(bucket.capacity), Fraction(bucket.refill_per_second)
    calls, now, tokens = 0, Fraction(0), capacity
    while now < period:
        if tokens >= 1:
            tokens -= 1
            calls += 1
        else:
            now += (1 - tokens) / refill
            tokens = Fraction(1)
    return calls


@given(
    limit=st.integers(1, 300),
    period=st.sampled_from([1, 60, 3600]),
    burst_share=st.none() | st.floats(0, 1),
)
def test_no_window_has_more_calls_than_the_limit_and_few_are_lost(
    limit: int, period: int, burst_share: float | None
) -> None:
    burst = 0.0 if burst_share is None else max(1.0, round(limit * burst_share))
    bucket = bucket_of(BudgetSpec("calls", "account", limit, period, burst))
    calls = most_calls_in_a_period(bucket, period)
    assert limit - 1 <= calls <= limit + 1  # one more when a division of doubles rounds up
    if not burst:
        assert bucket.refill_per_second * period >= 0.95 * limit


def test_no_burst_named_is_a_twentieth_of_the_limit() -> None:
    bucket = bucket_of(BudgetSpec("calls", "account", 200, 60))
    assert bucket == BudgetBucket("google_ads:calls:123", 10, 191 / 60)
    assert bucket_of(BudgetSpec("calls", "account", 5, 1)).capacity == 1


def test_burst_counts_against_the_limit() -> None:
    bucket = bucket_of(BudgetSpec("calls", "account", 3500, 60, 350))
    assert (bucket.capacity, bucket.refill_per_second) == (350, 3151 / 60)


def test_burst_above_the_limit_is_a_bucket_that_the_provider_fills() -> None:
    bucket = bucket_of(BudgetSpec("points", "account", 50, 1, 1000))
    assert (bucket.capacity, bucket.refill_per_second) == (1000, 50)


def test_without_a_limit_only_holds_apply() -> None:
    bucket = bucket_of(BudgetSpec("points", "account"))
    assert (bucket.capacity, bucket.refill_per_second) == (1, 0)


def test_apps_are_named_by_a_digest() -> None:
    key = bucket_of(BudgetSpec("calls", "app", 5)).key
    assert key == "google_ads:calls:66e93a7c5a2576c3"


def test_the_bucket_that_fewest_share_is_asked_first() -> None:
    scopes = ("provider", "app", "credentials", "account")
    buckets = buckets_of(*(BudgetSpec(scope, scope, 5) for scope in scopes))
    assert [bucket.key.split(":")[1] for bucket in buckets] == [*reversed(scopes)]


def test_budget_of_the_provider_is_shared_by_all() -> None:
    assert bucket_of(BudgetSpec("calls", "provider", 5)).key == "google_ads:calls:all"


def test_calls_are_not_taken_from_a_budget_of_server_errors() -> None:
    errors = BudgetSpec("errors", "account", 5, 3600, 5, counts="server_errors")
    buckets = buckets_of(BudgetSpec("calls", "account", 5), errors)
    assert [bucket.key for bucket in buckets] == ["google_ads:calls:123"]
