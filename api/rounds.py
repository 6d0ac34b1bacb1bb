"""Work in the background: round after round, as long as a block runs.

async with beside(repeat(one_round, sleep, seconds, "what_to_log")): ... -> cancelled at the end
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import structlog

__all__ = ["beside", "repeat"]

_LOG: Final = structlog.get_logger(__name__)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let `work` go on while a block runs; it is cancelled, and awaited, at the block's end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def repeat(
    one_round: Callable[[], Awaitable[object]],
    sleep: Callable[[float], Awaitable[None]],
    seconds: float,
    failure: str,
) -> NoReturn:
    """Do one round after the other, until cancelled.

    Args:
        one_round: What is done.
        sleep: Awaits so many seconds.
        seconds: Between two rounds.
        failure: Event of the log when a round fails; the next one is done all the same.
    """
    while True:
        try:
            await one_round()
        except Exception:  # noqa: BLE001  # whatever stops a round, there is a next one
            _LOG.exception(failure)
        await sleep(seconds)
