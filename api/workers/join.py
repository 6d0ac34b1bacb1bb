"""A worker beside an owner: it reads from providers and lands, for as long as the owner lives.

    worker -> owner's socket: workers.join -> addresses of the embedded servers -> jobs
        ... the owner ends -> OwnerLostError

The open command is the tie between the two: the kernel closes it however the owner ends.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from api.bootstrap import open_worker
from api.control.client import NotListeningError, OwnerLostError, hand_over
from api.control.protocol import ErrorEvent, Event, Invocation, JsonEvent
from api.control.same_settings import digests_of
from api.control.server import control_socket
from api.embedded.servers import ServerUrls
from api.settings import Settings
from domain.errors import ConflictError, UserError
from tenancy.jobs import JobEngine

__all__ = ["JOIN", "JoinRefusedError", "JoinedWorker", "NobodyServesError", "join_owner"]

JOIN: Final = "workers.join"


class NobodyServesError(ConflictError):
    """There is no owner to work for."""

    code = "NOBODY_SERVES"


class JoinRefusedError(UserError):
    """The owner does not take this worker; says why."""

    code = "JOIN_REFUSED"


class JoinedWorker:
    """A running worker, and its tie to the owner."""

    def __init__(self, jobs: JobEngine, events: AsyncGenerator[Event, None]) -> None:
        self._jobs = jobs
        self._events = events

    @property
    def executor_id(self) -> str:
        """Names this worker in the job tables."""
        return self._jobs.executor_id

    async def wait_for_owner(self) -> None:
        """Wait until the owner stops, or is gone.

        Raises:
            OwnerLostError: Always, in the end.
        """
        async for event in self._events:
            if isinstance(event, ErrorEvent):
                raise OwnerLostError(event.message, hint="bosco serve, then bosco worker again")


@asynccontextmanager
async def join_owner(settings: Settings) -> AsyncIterator[JoinedWorker]:
    """Work for the owner of the state folder.

    Raises:
        NobodyServesError: Nobody owns it, or the owner is not ready yet.
        JoinRefusedError: The owner runs with other settings, or another release.
        CannotStartError: A server or store cannot be used.
    """
    invocation = Invocation(JOIN, {}, str(Path.cwd()), digests_of(settings))
    events = hand_over(control_socket(settings.state_dir), invocation)
    async with contextlib.aclosing(events):
        urls = await _ask_addresses(settings, events)
        async with open_worker(settings, urls) as jobs:
            yield JoinedWorker(jobs, events)


async def _ask_addresses(settings: Settings, events: AsyncGenerator[Event, None]) -> ServerUrls:
    """The owner's embedded servers; what the settings name is as they name it."""
    try:
        told = await anext(events)
    except NotListeningError:
        raise NobodyServesError(
            f"nobody serves {settings.state_dir}",
            hint="start bosco serve first: it owns the servers that workers share",
        ) from None
    if isinstance(told, ErrorEvent):
        raise JoinRefusedError(told.message, hint=told.hint)
    if not isinstance(told, JsonEvent):
        raise JoinRefusedError("the owner is of another release", hint="start it again")
    return ServerUrls(
        database_url=settings.database_url or told.value["database_url"],
        redis_url=settings.redis_url or told.value["redis_url"],
    )
