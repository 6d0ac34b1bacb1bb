"""What PostgreSQL knows of a person: who they are, what they asked for, rows that did not fit.

    subject -> identifiers, requests
    connections of the client -> quarantined rows in whose fields the person is named -> without
        anybody else's addresses

A quarantined row is the person's when a field of it is one of their identifiers, whole. Addresses
of others in it are blotted out, and people of the agency are not named.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Text, cast, or_, select

from domain.privacy.holds import (
    PERSON_IDENTIFIER,
    QUARANTINED,
    REQUEST_RECORD,
)
from domain.privacy.identifiers import Identifier, IdentifierKind
from gdpr.access.sections import ExportColumn, Person, Rows, Section
from tenancy.session import Database
from tenancy.tables import Connection, QuarantinedRow, SubjectRequest

__all__ = ["ControlRows", "blot"]

_BATCH: Final = 200
_ADDRESS: Final = re.compile(r"[^\s@<>\"(),;:]+@[^\s@<>\"(),;:]+\.[^\s@<>\"(),;:]+")
_BLOT: Final = "[somebody else]"
_OF_PEOPLE: Final = ("customer", "profile", "contact")
_OF_ORDERS: Final = ("order",)

_IDENTIFIERS: Final = (
    ExportColumn("kind", "string", "email, phone, platform or order", PERSON_IDENTIFIER),
    ExportColumn("value", "string", "The identifier itself.", PERSON_IDENTIFIER),
    ExportColumn("connection_id", "string", "Connection that a platform's id is of; else null."),
)
_REQUESTS: Final = (
    ExportColumn("right", "string", "What you asked for.", REQUEST_RECORD),
    ExportColumn("channel", "string", "How it came in.", REQUEST_RECORD),
    ExportColumn("state", "string", "Where it is.", REQUEST_RECORD),
    ExportColumn("received_at", "string", "When it came in.", REQUEST_RECORD),
    ExportColumn("due_at", "string", "Until when it is answered.", REQUEST_RECORD),
    ExportColumn("closed_at", "string", "When it was closed; else null.", REQUEST_RECORD),
    ExportColumn("outcome", "string", "What it came to; else null.", REQUEST_RECORD),
    ExportColumn("reason", "string", "What you were told; else null.", REQUEST_RECORD),
)
_QUARANTINE: Final = (
    ExportColumn("source", "string", "Platform that sent the row."),
    ExportColumn("stream", "string", "What it was of."),
    ExportColumn("created_at", "string", "When it came."),
    ExportColumn("row", "object", "As the platform sent it.", QUARANTINED),
)


@dataclass(frozen=True, slots=True)
class ControlRows:
    """See `gdpr.access.sections.PersonSource`."""

    database: Database

    def sections(self, person: Person) -> Sequence[Section]:
        """Identifiers, requests and quarantined rows."""
        return (
            Section(
                "identifiers",
                "What names you",
                "the platforms that the client uses, and what you gave with requests",
                is_provided=True,
                columns=_IDENTIFIERS,
                rows=lambda: _identifiers(person),
            ),
            Section(
                "requests",
                "What you asked for",
                "you, or a platform for you",
                is_provided=False,
                columns=_REQUESTS,
                rows=lambda: self._requests(person),
            ),
            Section(
                "rows_that_did_not_fit",
                "Rows that a platform sent and that could not be read",
                "the platforms that the client uses",
                is_provided=False,
                columns=_QUARANTINE,
                rows=lambda: self._quarantined(person),
            ),
        )

    async def _requests(self, person: Person) -> Rows:
        async with self.database.session(person.tenant_id) as session:
            rows = await session.scalars(
                select(SubjectRequest)
                .where(SubjectRequest.subject_id == person.subject_id)
                .order_by(SubjectRequest.received_at, SubjectRequest.id)
            )
            yield [
                {
                    "right": row.right.value,
                    "channel": row.channel.value,
                    "state": row.state.value,
                    "received_at": row.received_at,
                    "due_at": row.due_at,
                    "closed_at": row.closed_at,
                    "outcome": None if row.outcome is None else row.outcome.value,
                    "reason": row.reason,
                }
                for row in rows
            ]

    async def _quarantined(self, person: Person) -> Rows:
        words = [one.value for one in person.identifiers]
        if not words or person.client_id is None:
            return
        raw = cast(QuarantinedRow.raw, Text)
        mentions = or_(*(raw.icontains(word, autoescape=True) for word in words))
        own = select(Connection.id).where(Connection.client_id == person.client_id)
        query = (
            select(QuarantinedRow)
            .where(QuarantinedRow.connection_id.in_(own), mentions)
            .order_by(QuarantinedRow.id)
            .limit(_BATCH)
        )
        last = None
        while True:
            after = query if last is None else query.where(QuarantinedRow.id > last)
            async with self.database.session(person.tenant_id) as session:
                rows = (await session.scalars(after)).all()
            yield [_shown(row, person) for row in rows if _is_about(row, person)]
            if len(rows) < _BATCH:
                return
            last = rows[-1].id


async def _identifiers(person: Person) -> Rows:
    yield [
        {
            "kind": one.kind.value,
            "value": one.value,
            "connection_id": None if one.connection_id is None else str(one.connection_id),
        }
        for one in person.identifiers
    ]


def blot(value: Any, own: frozenset[str]) -> Any:
    """The same without e-mail addresses that are not among `own` (folded)."""
    match value:
        case str():
            return _ADDRESS.sub(
                lambda found: found[0] if found[0].casefold() in own else _BLOT, value
            )
        case Mapping():
            return {blot(name, own): blot(one, own) for name, one in value.items()}
        case list():
            return [blot(one, own) for one in value]
    return value


def _shown(row: QuarantinedRow, person: Person) -> dict[str, Any]:
    own = frozenset(
        one.value.casefold() for one in person.identifiers if one.kind is IdentifierKind.EMAIL
    )
    return {
        "source": row.source,
        "stream": row.stream,
        "created_at": row.created_at,
        "row": blot(row.raw, own),
    }


def _is_about(row: QuarantinedRow, person: Person) -> bool:
    mine = [one for one in person.identifiers if one.connection_id in (None, row.connection_id)]
    return any(
        _names(path, leaf, one) for path, leaf in _leaves(row.raw, row.stream) for one in mine
    )


def _names(path: str, leaf: str, identifier: Identifier) -> bool:
    """Whether a field is this identifier, whole; ids only where the field is one of people."""
    if identifier.kind is IdentifierKind.EMAIL:
        return leaf.strip().casefold() == identifier.value
    if identifier.kind is IdentifierKind.PHONE:
        return "".join(filter(str.isdigit, leaf)) == identifier.value.removeprefix("+")
    words = _OF_ORDERS if identifier.kind is IdentifierKind.ORDER else _OF_PEOPLE
    is_of_them = any(word in path.casefold() for word in words)
    return is_of_them and leaf.rpartition("/")[2] == identifier.value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for name, one in value.items():
                yield from _leaves(one, f"{path}.{name}")
        case list():
            for one in value:
                yield from _leaves(one, path)
        case str() | int():
            yield path, str(value)
