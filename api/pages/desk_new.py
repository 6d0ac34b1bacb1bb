"""The page on which an officer takes a request in.

/desk/privacy/requests/new -> NewRequest -> PrivacyOffice -> the request's page
"""

import uuid

from sqlalchemy import select
from starlette.responses import Response
from starlette.routing import Route

from api.pages import desk_words as words
from api.pages.choices import Choice, client_choices, day_of
from api.pages.desk_queue import OFFICERS
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import InvalidInputError, UserError
from domain.ids import ClientId, ConnectionId, parse_id, public_id
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.rights import IntakeChannel, Right
from gdpr.desk.new_request import GivenIdentifier, NewRequest
from gdpr.desk.office import Officer
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection

__all__ = ["DeskNewPages"]


class DeskNewPages:
    """For data protection officers, owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits, path = self._services.visits, "/desk/privacy/requests/new"
        return [
            Route(path, for_people(visits, handler, *OFFICERS, is_hidden=True), methods=[verb])
            for verb, handler in (("GET", self._show), ("POST", self._take))
        ]

    async def _show(self, visit: Visit, problem: UserError | None = None) -> Response:
        async with self._services.database.session(visit.visitor.tenant_id) as session:
            clients = await client_choices(session)
            accounts = await _accounts(session)
        return render(
            "desk_new.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="desk/privacy",
            part="queue",
            clients=clients,
            accounts=accounts,
            rights=words.RIGHTS,
            languages=words.LANGUAGES,
            today=self._services.clock().date(),
            given=visit.fields,
            problem=problem,
        )

    async def _take(self, visit: Visit) -> Response:
        office, officer = self._services.privacy, Officer(visit.visitor.actor)
        try:
            received = await office.create(
                visit.visitor.tenant_id, _new_request(visit), IntakeChannel.DESK, officer
            )
        except UserError as error:
            return await self._show(visit, problem=error)
        done = "new" if received.is_new else "known"
        return see_other(f"/desk/privacy/requests/{_public(received.request_id)}?done={done}")


def _new_request(visit: Visit) -> NewRequest:
    """What was typed in.

    Raises:
        InvalidInputError: Something is missing or cannot be read.
    """
    if not visit.field("client"):
        raise InvalidInputError("choose the client whose data it is")
    try:
        right = Right(visit.field("right"))
    except ValueError as error:
        raise InvalidInputError("choose what the person asks for") from error
    return NewRequest(
        client_id=ClientId(parse_id("cli", visit.field("client"))),
        right=right,
        identifiers=_identifiers(visit),
        received_on=day_of(visit.field("received")),
        is_special=bool(visit.field("special")),
        language=visit.field("language") or "en",
    )


def _identifiers(visit: Visit) -> list[GivenIdentifier]:
    account = visit.field("account")
    connection_id = ConnectionId(parse_id("con", account)) if account else None
    fields = (
        ("email", IdentifierKind.EMAIL, None),
        ("phone", IdentifierKind.PHONE, None),
        ("platform_id", IdentifierKind.PLATFORM, connection_id),
        ("order", IdentifierKind.ORDER, connection_id),
    )
    return [
        GivenIdentifier(kind, text, connection)
        for name, kind, connection in fields
        if (text := visit.field(name))
    ]


async def _accounts(session: TenantSession) -> list[Choice]:
    """Connected accounts, each with its client."""
    query = (
        select(Connection.id, Connection.source, Connection.account_id, Client.name)
        .join(
            Client, (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id)
        )
        .order_by(Client.name, Connection.source, Connection.account_id)
    )
    rows = await session.execute(query)
    return [
        Choice(public_id("con", row.id), f"{row.name}: {row.source} {row.account_id}")
        for row in rows
    ]


def _public(request_id: uuid.UUID) -> str:
    return public_id("req", request_id)
