"""What a form lets one choose, and what was chosen: roles, clients, scopes.

A strict form gives each name once, so every box has a name of its own: `client_cli_01h...`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.ids import ClientId, parse_id, public_id
from tenancy.session import TenantSession
from tenancy.tables import Client, Role

__all__ = ["ROLES", "Choice", "chosen", "client_choices", "client_ids", "day_of", "role_of"]

ROLES: Final[Mapping[Role, str]] = {
    Role.OWNER: "Owner: everything, also other owners",
    Role.ADMIN: "Admin: people, apps, metrics and accounts",
    Role.ANALYST: "Analyst: metrics and accounts",
    Role.CLIENT_VIEWER: "Client viewer: sees metrics of chosen clients",
    Role.DATA_PROTECTION_OFFICER: "Data protection officer: personal data, approvals",
    Role.ML_ENGINEER: "ML engineer: features and models",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A box to tick.

    Attributes:
        value: After the prefix of the name.
    """

    value: str
    label: str


async def client_choices(session: TenantSession) -> list[Choice]:
    """The agency's clients by name."""
    rows = await session.execute(select(Client.id, Client.name).order_by(Client.name, Client.id))
    return [Choice(public_id("cli", row.id), row.name) for row in rows]


def chosen(fields: Mapping[str, str], prefix: str) -> list[str]:
    """The values of the boxes that were ticked."""
    return [name.removeprefix(prefix) for name in fields if name.startswith(prefix)]


def client_ids(fields: Mapping[str, str]) -> list[ClientId]:
    """The clients that were chosen.

    Raises:
        InvalidInputError: A name of no client's form.
    """
    return [ClientId(parse_id("cli", text)) for text in chosen(fields, "client_")]


def day_of(text: str) -> dt.date | None:
    """The day that was typed in; None: none.

    Raises:
        InvalidInputError: It cannot be read.
    """
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInputError(
            "the day cannot be read", hint="write it like 2026-03-01"
        ) from error


def role_of(text: str) -> Role:
    """The role that was chosen.

    Raises:
        InvalidInputError: There is no such role.
    """
    try:
        return Role(text)
    except ValueError as error:
        raise InvalidInputError("choose a role", hint="there are six of them") from error
