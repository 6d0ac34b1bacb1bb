"""Work in the background for features: the daily check of every agency, and the log of reads.

watching_features -> every ten minutes: enqueue what is due | write down a few of the reads
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.rounds import beside, repeat
from api.runtime import Runtime
from feature_repo.monitoring.read_log import FLUSH_SECONDS

__all__ = ["watching_features"]

_SECONDS: Final = 600.0


@asynccontextmanager
async def watching_features(
    runtime: Runtime, sleep: Callable[[float], Awaitable[None]]
) -> AsyncIterator[None]:
    """Go on while a block runs; what was read until its end is kept."""
    monitor, flush = runtime.monitoring.go_round, runtime.features.reads.flush
    async with (
        beside(repeat(monitor, sleep, _SECONDS, "feature_round_failed")),
        beside(repeat(flush, sleep, FLUSH_SECONDS, "feature_reads_lost")),
    ):
        try:
            yield
        finally:
            await flush()
