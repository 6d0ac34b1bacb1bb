"""What the owner tells a worker that joins it: `bosco worker`."""

import asyncio
from collections.abc import AsyncIterator

from api.control.protocol import Arguments, Event, JsonEvent
from api.runtime import Runtime

__all__ = ["join"]


async def join(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """Tell where the embedded servers are; goes on until the worker or the owner ends.

    Addresses that the settings name, maybe with a password, are not told: the worker has them.
    """
    given, running = runtime.settings, runtime.urls
    yield JsonEvent(
        {
            "database_url": None if given.database_url else running.database_url,
            "redis_url": None if given.redis_url else running.redis_url,
        }
    )
    await asyncio.Event().wait()
