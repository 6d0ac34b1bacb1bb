"""The desk of people's requests, wired: mail, fulfillers by right, and its rounds."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.alerts.person_mail import PersonMail
from api.alerts.sender import AlertSender
from api.rounds import beside, repeat
from gdpr.requests.open import Requests, open_requests
from gdpr.requests.rounds import ROUND_SECONDS
from gdpr.requests.rulings import RULED_RIGHTS, Ruled
from gdpr.requests.run import Fulfillers
from gdpr.requests.services import RequestServices
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine
from tenancy.unscoped import Doors

__all__ = ["requests_of", "running_requests"]

_RULED: Final[Fulfillers] = {right: Ruled() for right in RULED_RIGHTS}


def requests_of(
    services: RequestServices,
    *,
    jobs: JobEngine,
    doors: Doors,
    public_only: bool,
    fulfillers: Fulfillers,
) -> Requests:
    """The desk; before the job engine starts.

    Args:
        services: The control plane and what goes with it.
        jobs: Carries requests out.
        doors: Tells which agencies have requests.
        public_only: Mail servers at private addresses are refused.
        fulfillers: By right, besides those that officers rule on.
    """
    database, vault = services.database, services.vault
    sender = AlertSender(public_only=public_only)
    return open_requests(
        services,
        engine=jobs,
        doors=doors,
        exclusive=Exclusive(database, "requests of people"),
        fulfillers={**_RULED, **fulfillers},
        messenger=PersonMail(database, vault, sender, services.clock, services.ids),
    )


@asynccontextmanager
async def running_requests(
    requests: Requests, sleep: Callable[[float], Awaitable[None]]
) -> AsyncIterator[None]:
    """Keep requests going while a block runs."""
    work = repeat(requests.rounds.go_round, sleep, ROUND_SECONDS, "request_round_failed")
    async with beside(work):
        yield
