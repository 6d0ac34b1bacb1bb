"""Worker processes that `bosco serve` keeps running beside itself.

keep_workers(2) -> bosco worker, twice -> one ends or is killed -> another in its place
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

__all__ = ["keep_workers"]

_LOG: Final = structlog.get_logger(__name__)

_COMMAND: Final = (sys.executable, "-m", "api.cli.main", "worker")
# A worker that cannot start is tried again, but not all the time.
_AGAIN_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 20.0


@asynccontextmanager
async def keep_workers(count: int) -> AsyncIterator[None]:
    """Keep so many workers running until the block ends; then they end too."""
    keeping = [asyncio.create_task(_keep_one(number)) for number in range(1, count + 1)]
    try:
        yield
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


async def _keep_one(number: int) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            code = await process.wait()
        finally:
            await _stop(process)
        _LOG.warning("worker_ended", number=number, code=code)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Let a worker put down what it does, and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
