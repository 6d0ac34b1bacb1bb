"""Suppressions are written, and features follow them, as long as the server runs.

two rounds beside each other, each second: the warehouse never waits for the features
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.rounds import beside, repeat
from tenancy.privacy.suppression_writer import SuppressionWriter

__all__ = ["keep_suppressing"]

_ROUND_SECONDS: Final = 1.0


@asynccontextmanager
async def keep_suppressing(
    writer: SuppressionWriter, sleep: Callable[[float], Awaitable[None]]
) -> AsyncIterator[None]:
    """Do what is due while a block runs."""
    write = repeat(writer.write_due, sleep, _ROUND_SECONDS, "suppressions_not_written")
    follow = repeat(writer.follow_due, sleep, _ROUND_SECONDS, "suppressions_not_followed")
    async with beside(write), beside(follow):
        yield
