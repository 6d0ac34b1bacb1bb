"""The desk of people's requests, wired: mail, fulfillers by right, and its rounds."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.alerts.person_mail import PersonMail
from api.alerts.sender import AlertSender
from api.rounds import beside, repeat
from domain.ports import QueryWarehouse
from domain.privacy.rights import Right
from gdpr.access.control_rows import ControlRows
from gdpr.access.fulfil import ExportFulfiller
from gdpr.access.sections import PersonSource
from gdpr.access.warehouse_rows import WarehouseRows
from gdpr.consent.desk import ConsentDesk
from gdpr.consent.fulfil import Withdrawal
from gdpr.rectify.fulfil import Rectification
from gdpr.requests.open import Requests
from gdpr.requests.rounds import ROUND_SECONDS
from gdpr.requests.rulings import RULED_RIGHTS, Ruled
from gdpr.requests.run import Fulfillers
from gdpr.requests.services import RequestServices
from tenancy.landing_store import LandingStore

__all__ = ["fulfillers_of", "person_mail", "person_sources", "running_requests"]

_RULED: Final[Fulfillers] = {right: Ruled() for right in RULED_RIGHTS}


def fulfillers_of(
    services: RequestServices, store: LandingStore, warehouse: QueryWarehouse, consent: ConsentDesk
) -> Fulfillers:
    """What carries requests out, by right.

    Args:
        services: The control plane and what goes with it.
        store: Keeps copies for people, sealed.
        warehouse: Asked for what it holds of a person.
        consent: Keeps what is withdrawn.
    """
    exports = ExportFulfiller(
        services.database,
        store,
        services.vault,
        person_sources(services, warehouse),
        services.clock,
        services.ids,
        services.random_bytes,
    )
    rectification = Rectification(services.database, services.vault, services.clock, services.ids)
    return {
        **_RULED,
        Right.ACCESS: exports,
        Right.PORTABILITY: exports,
        Right.RECTIFICATION: rectification,
        Right.WITHDRAWAL: Withdrawal(services.database, consent),
    }


def person_sources(
    services: RequestServices, warehouse: QueryWarehouse
) -> tuple[PersonSource, ...]:
    """Every store that knows something of people."""
    return ControlRows(services.database), WarehouseRows(warehouse)


def person_mail(services: RequestServices, *, public_only: bool) -> PersonMail:
    """What sends letters and codes.

    Args:
        services: The control plane and what goes with it.
        public_only: Mail servers at private addresses are refused.
    """
    sender = AlertSender(public_only=public_only)
    return PersonMail(services.database, services.vault, sender, services.clock, services.ids)


@asynccontextmanager
async def running_requests(
    requests: Requests, sleep: Callable[[float], Awaitable[None]]
) -> AsyncIterator[None]:
    """Keep requests going while a block runs."""
    work = repeat(requests.rounds.go_round, sleep, ROUND_SECONDS, "request_round_failed")
    async with beside(work):
        yield
