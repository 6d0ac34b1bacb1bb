"""Two worker processes on shared quotas, in virtual time, measured at the provider.

spenders -> Budgets -> RedisCallBudget -> call -> provider notes tenant, app and instant
"""

import asyncio
import datetime as dt
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.night.calls import jain_index, most_in_any_window
from tests.night.sources import source_text
from tests.night.virtual_time import VirtualTime, serve_time

pytestmark = pytest.mark.anyio

START: Final = dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC)
MINUTE: Final = 60.0
PERIODS: Final = 3
TENANTS: Final = [f"tenant-{number}" for number in range(50)]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the provider; `at` in seconds since the start."""

    tenant: str
    app: str
    at: float


@asynccontextmanager
async def provider(folder: Path, time: VirtualTime, calls: list[Call]) -> AsyncIterator[None]:
    """Answers at `provider.sock`, and notes every call by its own clock."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            tenant, app = line.decode().split()
            calls.append(Call(tenant, app, (time.clock() - START).total_seconds()))
            writer.write(b"\n")
        writer.close()

    async with await asyncio.start_unix_server(answer, str(folder / "provider.sock")):
        yield


async def spend(
    folder: Path, redis_url: str, workers: Sequence[Mapping[str, str]], *budgets: str
) -> list[Call]:
    """Let workers, each with its tenants and their apps, call for three minutes."""
    (folder / "ads.yaml").write_text(source_text("ads", *budgets))
    people = sum(map(len, workers)) + 1
    until = PERIODS * MINUTE
    calls: list[Call] = []

    async def is_quiet(asleep: Mapping[str, int]) -> bool:
        return sum(asleep.values()) == people

    async with AsyncExitStack() as stack:
        time = await stack.enter_async_context(serve_time(folder, START, is_quiet))
        await stack.enter_async_context(provider(folder, time, calls))
        for tenants in workers:
            words = [str(folder), redis_url, str(START.timestamp() + until)]
            words += [f"{tenant}:{app}" for tenant, app in tenants.items()]
            process = subprocess.Popen(  # noqa: ASYNC220, S603  # our own module, started at once
                [sys.executable, "-m", "tests.night.spender", *words]
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        await time.pass_while(time.sleeper("test")(until + MINUTE))
    return calls


def check_limit(calls: Sequence[Call], limit: int) -> None:
    """No window of a minute has more than one call above the limit."""
    assert most_in_any_window((call.at for call in calls), MINUTE) <= limit + 1


@pytest.mark.usefixtures("redis_server")
async def test_fifty_tenants_of_two_workers_share_one_app(redis_url: str, tmp_path: Path) -> None:
    halves = [dict.fromkeys(TENANTS[:25], "agency"), dict.fromkeys(TENANTS[25:], "agency")]
    calls = await spend(
        tmp_path, redis_url, halves, "name: calls, scope: app, limit: 600, per: minute"
    )
    check_limit(calls, 600)
    shares = Counter(call.tenant for call in calls)
    used = len(calls) / (600 * PERIODS)
    fairness = jain_index([shares[tenant] for tenant in TENANTS])
    assert used >= 0.9
    assert fairness >= 0.99
    assert min(shares[tenant] for tenant in TENANTS) >= 0.9 * len(calls) / len(TENANTS)


@pytest.mark.usefixtures("redis_server")
async def test_provider_app_and_account_are_kept_at_once(redis_url: str, tmp_path: Path) -> None:
    """Five accounts of one app could make 300 calls, the other app 600, all together 800."""
    apps = {tenant: "small" if number < 5 else "large" for number, tenant in enumerate(TENANTS)}
    halves = [{name: apps[name] for name in TENANTS[start::2]} for start in (0, 1)]
    calls = await spend(
        tmp_path,
        redis_url,
        halves,
        "name: everybody, scope: provider, limit: 800, per: minute",
        "name: calls, scope: app, limit: 600, per: minute",
        "name: account, scope: account, limit: 60, per: minute",
    )
    check_limit(calls, 800)
    for app in ("small", "large"):
        check_limit([call for call in calls if call.app == app], 600)
    shares = Counter(call.tenant for call in calls)
    for tenant in TENANTS:
        check_limit([call for call in calls if call.tenant == tenant], 60)
    used = len(calls) / (800 * PERIODS)
    assert used >= 0.9
    large = [shares[tenant] for tenant in TENANTS[5:]]
    assert jain_index(large) >= 0.99
    assert min(large) >= 0.9 * sum(large) / len(large)
