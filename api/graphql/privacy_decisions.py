"""What mutations about requests of people have in common.

id -> may the caller see it? -> verb of the desk -> the request as it is then
"""

import uuid
from collections.abc import Awaitable, Callable

from api.graphql.context import EdgeInfo
from api.graphql.privacy_types import SubjectRequest, request_of
from domain.errors import PermissionDeniedError
from domain.ids import TenantId, parse_id
from gdpr.desk.office import Officer

__all__ = ["decide", "officer_of", "require_person"]

Verb = Callable[[TenantId, uuid.UUID], Awaitable[object]]


def officer_of(info: EdgeInfo) -> Officer:
    """Who asks, as the desk knows them."""
    caller = info.context.caller
    return Officer(caller.actor, caller.clients)


async def decide(info: EdgeInfo, public: str, verb: Verb) -> SubjectRequest:
    """Do something about a request.

    Args:
        info: Of the field.
        public: Id of the request.
        verb: Takes the agency and the request.

    Raises:
        UserError: The caller sees no such request, or the verb refuses.
    """
    caller, office = info.context.caller, info.context.services.privacy
    request_id = parse_id("req", public)
    return request_of(await office.decide(caller.tenant_id, request_id, verb, officer_of(info)))


def require_person(info: EdgeInfo) -> None:
    """Two applications are no two people.

    Raises:
        PermissionDeniedError: The application acts for nobody (a person can sign in to it).
    """
    if info.context.caller.person is None:
        raise PermissionDeniedError(
            "a person has to do this, and the token acts for none",
            hint="sign in to the application, or decide at /desk/privacy",
        )
