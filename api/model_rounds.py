"""Work in the background for models: forecasts, training, judgement and the morning's watch.

forecasting -> every ten minutes: enqueue what is due
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.rounds import beside, repeat
from api.runtime import Runtime

__all__ = ["forecasting"]

_SECONDS: Final = 600.0


@asynccontextmanager
async def forecasting(
    runtime: Runtime, sleep: Callable[[float], Awaitable[None]]
) -> AsyncIterator[None]:
    """Go on while a block runs."""
    models = runtime.models
    async with (
        beside(repeat(models.rounds.go_round, sleep, _SECONDS, "model_round_failed")),
        beside(repeat(models.response_rounds.go_round, sleep, _SECONDS, "response_round_failed")),
        beside(repeat(models.mornings.go_round, sleep, _SECONDS, "watch_round_failed")),
    ):
        yield
