"""A request as an officer or a program writes it down.

    texts -> identifiers in one way of writing -> Intake

A number without country code is dialled where the client is. What was written is never repeated in
a message.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind, email, order, phone, platform_id
from domain.privacy.purposes import purposes_asked
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.requests.intake import Intake
from gdpr.requests.working_days import country_of
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection

__all__ = ["GivenIdentifier", "NewRequest", "read_intake"]


@dataclass(frozen=True, slots=True)
class GivenIdentifier:
    """An identifier as somebody wrote it.

    Attributes:
        connection_id: Whose id of a person or an order it is; else None.
    """

    kind: IdentifierKind
    value: str = field(repr=False)
    connection_id: ConnectionId | None = None


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What somebody asks for, as it was written down.

    Attributes:
        received_at: With its zone; None: see `received_on`.
        received_on: Day where the client is; None: now.
        identity: How surely the requester is the person.
        purposes: What a withdrawal or an objection is about; empty: everything.
        is_special: Special categories of data are touched (article 9).
        language: Of letters, ISO 639-1.
    """

    client_id: ClientId
    right: Right
    identifiers: Sequence[GivenIdentifier]
    received_at: dt.datetime | None = None
    received_on: dt.date | None = None
    identity: IdentityLevel = IdentityLevel.CLAIMED
    purposes: Sequence[str] = ()
    is_special: bool = False
    language: str = "en"


async def read_intake(
    session: TenantSession,
    new: NewRequest,
    channel: IntakeChannel,
    *,
    actor: str,
    now: dt.datetime,
) -> Intake:
    """Make an intake of it.

    Raises:
        InvalidInputError: An identifier or the instant cannot be read, or there is no such purpose.
        NotFoundError: The agency has no such client, or the client no such connection.
    """
    client = await session.get(Client, (session.tenant_id, new.client_id))
    if client is None:
        raise NotFoundError("the agency has no such client", hint="bosco clients list AGENCY")
    connections = set(
        await session.scalars(select(Connection.id).where(Connection.client_id == new.client_id))
    )
    country = country_of(client.time_zone) or ""
    scope: dict[str, Any] = {"purposes": sorted(set(new.purposes))} if new.purposes else {}
    purposes_asked(scope)
    if new.is_special:
        scope["special_categories"] = True
    return Intake(
        client_id=new.client_id,
        right=new.right,
        channel=channel,
        identifiers=tuple(_identifier(one, connections, country) for one in new.identifiers),
        received_at=_received(new, client.time_zone, now),
        requested_by=actor,
        identity=new.identity,
        scope=scope,
        language=new.language,
    )


def _received(new: NewRequest, time_zone: str, now: dt.datetime) -> dt.datetime:
    """The law counts from the day: a time of that day that has passed will do."""
    if new.received_at is not None:
        if new.received_at.tzinfo is None:
            raise InvalidInputError(
                "the instant has no zone", hint="write it like 2026-03-01T09:00:00+01:00"
            )
        return new.received_at
    zone = ZoneInfo(time_zone)
    if new.received_on is None or new.received_on == now.astimezone(zone).date():
        return now
    return dt.datetime.combine(new.received_on, dt.time(12), zone).astimezone(dt.UTC)


def _identifier(given: GivenIdentifier, connections: set[ConnectionId], country: str) -> Identifier:
    if given.kind is IdentifierKind.EMAIL:
        return email(given.value)
    if given.kind is IdentifierKind.PHONE:
        return phone(given.value, country=country)
    if given.connection_id is None:
        raise InvalidInputError(
            "a platform's id needs its account",
            hint="say in which connected account the platform uses it",
        )
    if given.connection_id not in connections:
        raise NotFoundError("the client has no such connection", hint="bosco connections list")
    make = platform_id if given.kind is IdentifierKind.PLATFORM else order
    return make(given.value, given.connection_id)
