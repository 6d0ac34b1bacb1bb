"""Finding what a command names: agency, client, connection, date, file.

words of the command line -> doors and sessions -> records | NotFoundError that lists what there is
"""

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import TenantId
from ingestion.connector.spec import SourceSpec
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection
from tenancy.unscoped import TenantProfile

__all__ = [
    "find_agency",
    "find_client",
    "find_source",
    "list_connections",
    "parse_day",
    "parse_number",
    "read_text",
    "suggest",
]

_LISTED: Final = 10


def read_text(path: Path, *, hint: str) -> str:
    """The text of a file that a command names.

    Args:
        path: Of the file.
        hint: Where an example of such a file stands.

    Raises:
        NotFoundError: It cannot be read.
        InvalidInputError: It is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is no UTF-8 text", hint=hint) from None


def suggest(word: str, known: Iterable[str], *, none: str) -> str:
    """A hint for a word that nobody knows: the closest one, or some; `none` if there are none."""
    names = sorted(known)
    if close := difflib.get_close_matches(word, names, n=1):
        return f"did you mean {close[0]}?"
    if not names:
        return none
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"there are {', '.join(names[:_LISTED])}{more}"


async def find_agency(runtime: Runtime, slug: str) -> TenantProfile:
    """The agency of that slug.

    Raises:
        NotFoundError: There is none.
    """
    profile = await runtime.doors.find_tenant(slug)
    if profile is None:
        agencies = [tenant.slug for tenant in await runtime.doors.list_tenants()]
        raise NotFoundError(
            f"there is no agency {slug!r}",
            hint=suggest(slug, agencies, none="make one with: bosco tenants add"),
        )
    return profile


async def find_client(session: TenantSession, slug: str) -> Client:
    """The session's client of that slug.

    Raises:
        NotFoundError: The agency has none.
    """
    clients = (await session.scalars(select(Client).order_by(Client.slug))).all()
    found = next((client for client in clients if client.slug == slug), None)
    if found is None:
        raise NotFoundError(
            f"the agency has no client {slug!r}",
            hint=suggest(
                slug, [client.slug for client in clients], none="make one with: bosco clients add"
            ),
        )
    return found


def find_source(runtime: Runtime, name: str) -> SourceSpec:
    """The source of that name.

    Raises:
        NotFoundError: There is no such source file.
    """
    source = runtime.sources.get(name)
    if source is None:
        raise NotFoundError(
            f"there is no source {name!r}", hint=suggest(name, runtime.sources, none="")
        )
    return source


async def list_connections(
    runtime: Runtime, tenant_id: TenantId, arguments: Mapping[str, Any]
) -> Sequence[tuple[Connection, Client]]:
    """Connections of an agency, narrowed by the arguments `client` and `source` when given.

    Raises:
        NotFoundError: There is no such client or source.
    """
    async with runtime.database.session(tenant_id) as session:
        query = (
            select(Connection, Client)
            .join(
                Client,
                (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id),
            )
            .order_by(Client.slug, Connection.source, Connection.account_id)
        )
        if arguments.get("client"):
            client = await find_client(session, arguments["client"])
            query = query.where(Connection.client_id == client.id)
        if arguments.get("source"):
            query = query.where(Connection.source == find_source(runtime, arguments["source"]).name)
        return [(row[0], row[1]) for row in (await session.execute(query)).all()]


def parse_day(text: str, option: str) -> dt.date:
    """Read a calendar day.

    Raises:
        InvalidInputError: Not of the form 2026-10-01, or no such day.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{option} is {text!r}: that is not a day", hint="write it as 2026-10-01"
        ) from None


def parse_number(value: object, what: str) -> Decimal:
    """Read a number.

    Args:
        value: As it was written.
        what: It is, for the error.

    Raises:
        InvalidInputError: It is none.
    """
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise InvalidInputError(
            f"{what} is {value!r}: that is no number", hint="write it as 12000 or 12000.50"
        ) from None
