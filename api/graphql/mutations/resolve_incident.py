"""The mutation `resolveIncident`: it is put right, or was none.

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

__all__ = ["RESOLVE_INCIDENT"]


@strawberry.type(description="The incident is resolved.")
class IncidentResolved:
    """See the description."""

    incident: Incident


@strawberry.type(description="Nothing changed.")
class ResolveIncidentError:
    """See the description."""

    code: str
    message: str
    hint: str


ResolveIncidentPayload = Annotated[
    IncidentResolved | ResolveIncidentError, strawberry.union("ResolveIncidentPayload")
]


async def _resolve_incident(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the incident.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[str, strawberry.argument(description="Why, in a few words.")],
) -> ResolveIncidentPayload:
    try:
        return await _resolve(info, id, reason)
    except UserError as error:
        return ResolveIncidentError(code=error.code, message=error.message, hint=error.hint)


async def _resolve(info: EdgeInfo, public: str, reason: str) -> IncidentResolved:
    caller, services = info.context.caller, info.context.services
    person = Person(caller.actor, reason, caller.clients)
    desk = IncidentDesk(services.database, services.clock, services.ids)
    row = await desk.resolve(caller.tenant_id, parse_id("inc", public), person)
    async with services.database.session(caller.tenant_id) as session:
        (incident,) = await incidents_of(session, [row])
    return IncidentResolved(incident=incident)


RESOLVE_INCIDENT = RootField(
    "resolveIncident",
    Scope.INGESTION_WRITE,
    "Say that it is put right, or was none.",
    _resolve_incident,
)
