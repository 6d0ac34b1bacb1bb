"""Requests about all people of a connection, whom nobody names.

    a platform says that a shop is closed -> scope of the request -> an officer chooses `everybody`
    -> another one agrees -> carried out for the connection

Source: Shopify's `shop/redact`.
"""

import uuid
from typing import Final

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import ConnectionId
from domain.privacy.request_machine import NotPossibleError
from tenancy.session import TenantSession
from tenancy.tables import Connection, SubjectRequest

__all__ = ["EVERYBODY", "check_choice", "connection_of"]

EVERYBODY: Final = "everybody"  # where a person is chosen; no pseudonym is called so


def connection_of(row: SubjectRequest) -> ConnectionId | None:
    """The connection whose people a request is about, all of them; None: it is about one person."""
    if not row.scope.get("everybody"):
        return None
    return ConnectionId(uuid.UUID(row.scope["connection"]))


async def check_choice(session: TenantSession, row: SubjectRequest, chosen: str) -> None:
    """Refuse one person where everybody is meant, and everybody where one person is.

    Args:
        session: Of the agency.
        row: The request.
        chosen: A pseudonym, or `everybody`.

    Raises:
        NotPossibleError: The request says otherwise.
        NotFoundError: Its client has no such connection.
    """
    connection_id = connection_of(row)
    if (connection_id is not None) != (chosen == EVERYBODY):
        raise NotPossibleError(
            "this request is about one person"
            if connection_id is None
            else "this request is about everybody of a connection",
            hint="choose one of the candidates"
            if connection_id is None
            else "choose `everybody`; another officer has to agree",
        )
    if connection_id is None:
        return
    own = select(Connection.id).where(
        Connection.id == connection_id, Connection.client_id == row.client_id
    )
    if await session.scalar(own) is None:
        raise NotFoundError(
            "the client has no such connection", hint="refuse the request: it touches no data"
        )
