"""Whom a command names: what somebody gave of themselves, read from a file.

{"email": ..., "phone": ..., "customer": "CONNECTION:ID", "order": "CONNECTION:ID"} -> identifiers
"""

from collections.abc import Mapping

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ConnectionId, parse_id
from domain.privacy import identifiers
from domain.privacy.identifiers import Identifier
from tenancy.session import TenantSession
from tenancy.tables import Connection

__all__ = ["read_person"]


async def read_person(session: TenantSession, person: Mapping[str, str]) -> tuple[Identifier, ...]:
    """The identifiers, normalised; none for an empty object.

    Raises:
        InvalidInputError: An unknown kind, or a text that is none. The message does not repeat it.
        NotFoundError: The agency has no such connection.
    """
    found = []
    for kind, text in person.items():
        match kind:
            case "email":
                found.append(identifiers.email(text))
            case "phone":
                found.append(identifiers.phone(text))
            case "customer":
                found.append(identifiers.platform_id(*await _placed(session, text)))
            case "order":
                found.append(identifiers.order(*await _placed(session, text)))
            case _:
                raise InvalidInputError(
                    f"nobody is named by {kind!r}", hint="email, phone, customer or order"
                )
    return tuple(found)


async def _placed(session: TenantSession, text: str) -> tuple[str, ConnectionId]:
    """A platform's id and its connection, of `con_...:191167`."""
    connection, _, value = text.partition(":")
    connection_id = ConnectionId(parse_id("con", connection))
    if await session.get(Connection, (session.tenant_id, connection_id)) is None:
        raise NotFoundError("the agency has no such connection", hint="bosco connections list")
    return value, connection_id
