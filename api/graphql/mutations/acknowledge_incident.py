"""The mutation `acknowledgeIncident`: somebody looks after it.

id, reason -> IncidentDesk -> the incident as it is now
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.queries.incidents import Incident, incidents_of
from api.identity.caller import Scope
from api.incidents import IncidentDesk, Person
from domain.errors import UserError
from domain.ids import parse_id

__all__ = ["ACKNOWLEDGE_INCIDENT"]


@strawberry.type(description="The incident is acknowledged.")
class IncidentAcknowledged:
    """See the description."""

    incident: Incident


@strawberry.type(description="Nothing changed.")
class AcknowledgeIncidentError:
    """See the description."""

    code: str
    message: str
    hint: str


AcknowledgeIncidentPayload = Annotated[
    IncidentAcknowledged | AcknowledgeIncidentError, strawberry.union("AcknowledgeIncidentPayload")
]


async def _acknowledge_incident(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the incident.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[str, strawberry.argument(description="Why, in a few words.")],
) -> AcknowledgeIncidentPayload:
    try:
        return await _acknowledge(info, id, reason)
    except UserError as error:
        return AcknowledgeIncidentError(code=error.code, message=error.message, hint=error.hint)


async def _acknowledge(info: EdgeInfo, public: str, reason: str) -> IncidentAcknowledged:
    caller, services = info.context.caller, info.context.services
    person = Person(caller.actor, reason, caller.clients)
    desk = IncidentDesk(services.database, services.clock, services.ids)
    row = await desk.acknowledge(caller.tenant_id, parse_id("inc", public), person)
    async with services.database.session(caller.tenant_id) as session:
        (incident,) = await incidents_of(session, [row])
    return IncidentAcknowledged(incident=incident)


ACKNOWLEDGE_INCIDENT = RootField(
    "acknowledgeIncident",
    Scope.INGESTION_WRITE,
    "Say that somebody looks after it.",
    _acknowledge_incident,
)
