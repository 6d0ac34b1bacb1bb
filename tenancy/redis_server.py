"""The connection to Redis that `tenancy.cache` and `tenancy.quota` share.

    RedisServer(url) -> pooled commands (short timeout, one retry) | listeners (no timeout)

Connects on first use. Redis 6.2 is the oldest server that it speaks to. A command that gets no
answer fails within `timeout_seconds` twice over, so that a sick Redis cannot hold up a request.

Source: redis-py 7.4 documentation, "Retry" and "Connections".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from domain.errors import InternalError, Transient

__all__ = ["RedisServer", "RedisUnavailableError", "reachable_redis"]

_UNAVAILABLE: Final = (RedisConnectionError, RedisTimeoutError, OutOfMemoryError, ReadOnlyError)

# Redis before 7 words a script's failure to write its own way, and the client does not know it.
_UNAVAILABLE_TO_SCRIPT: Final = ("-OOM ", "-READONLY ")


class RedisUnavailableError(InternalError, Transient):
    """Redis does not answer, or cannot store (the operator can mend it)."""

    code = "REDIS_UNAVAILABLE"


class RedisServer:
    """Pools of connections to one Redis.

    Attributes:
        commands: For calls that answer at once.
        listeners: For subscriptions, which may be silent for hours.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 0.5) -> None:
        # A pooled connection may have died with a restarted server: try once more, at once.
        retry = Retry(NoBackoff(), 1)
        self.commands: Redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=retry,
        )
        self.listeners: Redis = Redis.from_url(
            url, socket_connect_timeout=timeout_seconds, retry=retry
        )

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            RedisUnavailableError: There is none.
        """
        with reachable_redis():
            await self.commands.time()

    async def close(self) -> None:
        """Close every connection."""
        await self.commands.aclose()
        await self.listeners.aclose()


@contextmanager
def reachable_redis() -> Iterator[None]:
    """Turn the client's failures to reach a working server into `RedisUnavailableError`."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise _unavailable(error) from error
    except ResponseError as error:
        if any(word in str(error) for word in _UNAVAILABLE_TO_SCRIPT):
            raise _unavailable(error) from error
        raise


def _unavailable(error: Exception) -> RedisUnavailableError:
    return RedisUnavailableError(
        f"Redis does not do its work: {type(error).__name__}",
        hint="check REDIS_URL, that the server runs, and its memory limit",
    )
