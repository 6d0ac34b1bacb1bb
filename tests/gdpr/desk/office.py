"""The desk over a database alone: nothing is carried out, and no mail goes out."""

import secrets
import uuid
from collections.abc import Callable, Collection

from domain.ports import Clock
from gdpr.access.control_rows import ControlRows
from gdpr.access.exports import Exports
from gdpr.access.link_letter import LinkLetters
from gdpr.desk.office import PrivacyOffice, office_of
from gdpr.erasure.places import PLACES
from gdpr.erasure.plan import Plan, build_plan
from gdpr.requests.open import open_requests
from gdpr.requests.services import RequestServices
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine, JobsConfig
from tenancy.landing_store import LandingStore
from tenancy.session import Database
from tenancy.unscoped import Doors
from tenancy.vault import Vault

__all__ = ["open_office"]


def open_office(
    database: Database, vault: Vault, clock: Clock, ids: Callable[[], uuid.UUID]
) -> PrivacyOffice:
    services = RequestServices(database, vault, clock, ids, secrets.token_bytes)
    requests = open_requests(
        services,
        engine=JobEngine(JobsConfig("postgresql://nowhere"), executor_id="never started"),
        doors=Doors(database),
        exclusive=Exclusive(database, "requests"),
        fulfillers={},
    )

    def plan_of(held: Collection[str]) -> Plan:
        return build_plan((), PLACES, held)

    exports = Exports(database, LandingStore("memory://"), vault, clock, ids, secrets.token_bytes)
    letters = LinkLetters(services, exports, "https://bosco.example")
    return office_of(services, requests, plan_of, (ControlRows(database),), letters)
