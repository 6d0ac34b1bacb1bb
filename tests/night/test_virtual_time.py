"""Virtual time: it passes when all sleep, and only then, in every process."""

import asyncio
import datetime as dt
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.night.virtual_time import VirtualTime, join_time, serve_time

pytestmark = pytest.mark.anyio

START = dt.datetime(2026, 11, 19, 14, tzinfo=dt.UTC)
SLEEP_A_WEEK = """
import asyncio, pathlib, sys
from tests.night.virtual_time import join_time
async def main():
    async with join_time(pathlib.Path(sys.argv[1])) as time:
        await time.sleep(604800)
asyncio.run(main())
"""


@asynccontextmanager
async def passing(people: int, grain_seconds: float = 0.001) -> AsyncIterator[VirtualTime]:
    """Time that passes while so many sleep."""

    async def is_quiet(asleep: Mapping[str, int]) -> bool:
        return sum(asleep.values()) == people

    with tempfile.TemporaryDirectory() as folder:
        async with serve_time(Path(folder), START, is_quiet, grain_seconds=grain_seconds) as time:
            passing = asyncio.create_task(time.pass_while(asyncio.Event().wait()))
            yield time
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)


async def test_time_jumps_to_the_next_who_wakes() -> None:
    woken: list[tuple[str, float]] = []
    async with passing(2) as time:

        async def nap(name: str, *naps: float) -> None:
            for seconds in naps:
                await time.sleeper(name)(seconds)
                woken.append((name, (time.clock() - START).total_seconds()))
            await time.sleeper(name)(10**6)

        napping = [
            asyncio.create_task(nap("a", 3600, 7200, 1)),
            asyncio.create_task(nap("b", 5000, 10000)),
        ]
        while len(woken) < 5:  # noqa: ASYNC110  # two tasks tell, each when it likes
            await asyncio.sleep(0.001)
        for task in napping:
            task.cancel()
        assert woken == [("a", 3600), ("b", 5000), ("a", 10800), ("a", 10801), ("b", 15000)]


async def test_time_stands_while_somebody_works() -> None:
    async with passing(2) as time:
        sleeping = asyncio.create_task(time.sleeper("a")(60))
        await asyncio.sleep(0.1)
        assert (time.clock(), sleeping.done(), time.jumps) == (START, False, 0)
        await time.sleeper("b")(30)
        assert time.clock() == START + dt.timedelta(seconds=30)
        sleeping.cancel()


async def test_wake_ups_fall_together_on_the_grain() -> None:
    async with passing(3, grain_seconds=60) as time:
        await asyncio.gather(*(time.sleeper("a")(seconds) for seconds in (1, 42, 60)))
        assert (time.clock(), time.jumps) == (START + dt.timedelta(seconds=60), 1)


async def test_cancelled_sleeper_is_forgotten() -> None:
    async with passing(2) as time:
        cancelled = asyncio.create_task(time.sleeper("a")(5))
        await asyncio.sleep(0)
        assert time.asleep() == {"a": 1}
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert time.asleep() == {}


async def test_another_process_sleeps_along_until_it_is_killed(tmp_path: Path) -> None:
    async def is_quiet(asleep: Mapping[str, int]) -> bool:
        return sum(asleep.values()) == 2

    async with serve_time(tmp_path, START, is_quiet) as time, join_time(tmp_path) as client:
        command = [sys.executable, "-c", SLEEP_A_WEEK, str(tmp_path)]
        process = subprocess.Popen(command)  # noqa: ASYNC220, S603  # our own text; it only sleeps
        await time.pass_while(client.sleep(90))
        assert client.clock() == time.clock() == START + dt.timedelta(seconds=90)
        process.kill()
        process.wait()
        async with asyncio.timeout(10):
            while time.asleep():  # noqa: ASYNC110  # the death is noticed by a socket
                await asyncio.sleep(0.001)
