"""What people do about incidents: look after them, close them.

    incident of the agency -> acknowledge | resolve -> event, audit entry, alert cleared

An incident of another agency, or of a client that the caller may not see, is not found.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, TenantId, public_id
from domain.ports import Clock, IdFactory
from ingestion.quality.incidents import IncidentWriter
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import Incident

__all__ = ["IncidentDesk", "Person", "find_incident"]

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Who does something, and why.

    Attributes:
        actor: `user:<id>`, `client:<id>` or `cli:<name>`.
        reason: In their own words.
        clients: The only clients that they may see; None: all of the agency.
    """

    actor: str
    reason: str
    clients: Collection[ClientId] | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidInputError("there is no reason", hint="say why, in a few words")
        if len(self.reason) > LONGEST_REASON:
            raise InvalidInputError(f"the reason has more than {LONGEST_REASON} characters")


@dataclass(frozen=True, slots=True)
class IncidentDesk:
    """Changes incidents, one transaction each."""

    database: Database
    clock: Clock
    ids: IdFactory

    async def acknowledge(
        self, tenant_id: TenantId, incident_id: uuid.UUID, person: Person
    ) -> Incident:
        """Note that somebody looks after an incident.

        Raises:
            NotFoundError: There is no such incident for this person.
            ConflictError: It is resolved.
        """
        async with self.database.session(tenant_id) as session:
            incident = await find_incident(session, incident_id, person.clients)
            writer = IncidentWriter(session, self.clock(), self.ids)
            await writer.acknowledge(incident, actor=person.actor, reason=person.reason)
            self._record(session, incident, person, "incident.acknowledged")
        return incident

    async def resolve(
        self, tenant_id: TenantId, incident_id: uuid.UUID, person: Person
    ) -> Incident:
        """Close an incident.

        Raises:
            NotFoundError: There is no such incident for this person.
            ConflictError: It is resolved already, or holds syncs back.
        """
        async with self.database.session(tenant_id) as session:
            incident = await find_incident(session, incident_id, person.clients)
            writer = IncidentWriter(session, self.clock(), self.ids)
            await writer.resolve(incident, actor=person.actor, reason=person.reason)
            self._record(session, incident, person, "incident.resolved")
        return incident

    def _record(
        self, session: TenantSession, incident: Incident, person: Person, action: str
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=person.actor,
            action=action,
            object_kind="incident",
            object_id=str(incident.id),
            details={"check": incident.check_name, "connection": str(incident.connection_id)},
        )


async def find_incident(
    session: TenantSession, incident_id: uuid.UUID, clients: Collection[ClientId] | None = None
) -> Incident:
    """The incident of that id, kept from others until the transaction ends.

    Raises:
        NotFoundError: The agency has none, or it is of a client that is not among `clients`.
    """
    query = select(Incident).where(Incident.id == incident_id)
    if clients is not None:
        query = query.where(Incident.client_id.in_(clients))
    incident = (await session.scalars(query.with_for_update())).one_or_none()
    if incident is None:
        raise NotFoundError(
            f"{public_id('inc', incident_id)!r} is not an incident of this agency",
            hint="incidents lists them",
        )
    return incident
