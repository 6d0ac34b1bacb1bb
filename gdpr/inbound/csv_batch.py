"""Requests in a CSV file: of a call centre, a law firm, an earlier system.

    file -> header -> rows, one at a time -> BatchRow: Intake | what is wrong, with its line

Columns: `right` and `received_on` are needed, and one of `email`, `phone`, `customer`, `order`; the
last two with `source`, and `account` where a client has several; `reference` is the sender's own
number. A row that is filed twice is one request: right, person and reference, or else the day.

Source: RFC 4180.
"""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import InvalidInputError
from domain.ids import ClientId, ConnectionId
from domain.privacy import identifiers
from domain.privacy.identifiers import Identifier
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.requests.intake import Intake

__all__ = ["COLUMNS", "BatchPlace", "BatchRow", "KnownConnection", "read_batch"]

COLUMNS: Final = (
    "right",
    "received_on",
    "email",
    "phone",
    "source",
    "account",
    "customer",
    "order",
    "reference",
)
_NEEDED: Final = ("right", "received_on")
_LONGEST: Final = 1_000
_RIGHTS: Final = {right.value: right for right in Right}


@dataclass(frozen=True, slots=True)
class KnownConnection:
    """A connection of the client."""

    id: ConnectionId
    source: str
    account_id: str


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Whose requests these are.

    Attributes:
        time_zone: IANA name; a day counts from its beginning there.
        actor: Who files them.
        now: UTC instant.
    """

    client_id: ClientId
    time_zone: str
    connections: Sequence[KnownConnection]
    actor: str
    now: dt.datetime


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of the file.

    Attributes:
        line: Of the file, the header is 1.
        intake: None: the row cannot be filed.
        problem: Why; without what was written in it.
    """

    line: int
    intake: Intake | None = field(repr=False)
    problem: str = ""


def read_batch(lines: Iterable[str], place: BatchPlace) -> Iterator[BatchRow]:
    """Read a file row by row; holds one row at a time.

    Args:
        lines: Of the file, with their ends.
        place: Whose.

    Raises:
        InvalidInputError: It has no header that can be used, or is no CSV from some line on.
    """
    reader = csv.reader(lines, strict=True)
    try:
        header = _header(next(reader, []))
        for cells in reader:
            if cells:
                yield _row(reader.line_num, header, cells, place)
    except csv.Error:
        raise InvalidInputError(
            f"line {reader.line_num} is no CSV", hint="write it in UTF-8, with commas"
        ) from None


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower().removeprefix("\ufeff") for cell in cells]
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in _NEEDED if name not in names]
    there_are = f"columns are {', '.join(COLUMNS)}"
    if unknown:
        raise InvalidInputError("line 1 names a column that nobody knows", hint=there_are)
    if missing or len(set(names)) != len(names):
        what = f"lacks the column {missing[0]!r}" if missing else "names a column twice"
        raise InvalidInputError(f"line 1 {what}", hint=there_are)
    return names


def _row(line: int, header: Sequence[str], cells: Sequence[str], place: BatchPlace) -> BatchRow:
    try:
        return BatchRow(line, _intake(_given(header, cells), place))
    except InvalidInputError as error:
        return BatchRow(line, None, error.message)


def _given(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise InvalidInputError("it has more or fewer cells than the header")
    if any(len(cell) > _LONGEST or "\0" in cell for cell in cells):
        raise InvalidInputError("a cell is too long, or holds what is no text")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _intake(given: Mapping[str, str], place: BatchPlace) -> Intake:
    right = _RIGHTS.get(given["right"].lower())
    if right is None:
        raise InvalidInputError(f"'right' is none of {', '.join(_RIGHTS)}")
    found = _identifiers(given, place)
    if not found:
        raise InvalidInputError("it names nobody: give email, phone, customer or order")
    return Intake(
        client_id=place.client_id,
        right=right,
        channel=IntakeChannel.BATCH,
        identifiers=tuple(dict.fromkeys(found)),
        received_at=_received(given["received_on"], place),
        requested_by=place.actor,
        identity=IdentityLevel.CLAIMED,
        # Under a name of its own a request is known again even when it has ended.
        external_ref=given.get("reference") or f"received {given['received_on']}",
    )


def _identifiers(given: Mapping[str, str], place: BatchPlace) -> list[Identifier]:
    found: list[Identifier] = []
    if given.get("email"):
        found.append(identifiers.email(given["email"]))
    if given.get("phone"):
        found.append(identifiers.phone(given["phone"]))
    if given.get("customer") or given.get("order"):
        connection_id = _connection(given, place)
        if given.get("customer"):
            found.append(identifiers.platform_id(given["customer"], connection_id))
        if given.get("order"):
            found.append(identifiers.order(given["order"], connection_id))
    return found


def _connection(given: Mapping[str, str], place: BatchPlace) -> ConnectionId:
    source, account = given.get("source", ""), given.get("account", "")
    fitting = [
        one for one in place.connections if one.source == source and account in {"", one.account_id}
    ]
    if len(fitting) != 1:
        problem = "none" if not fitting else "several"
        raise InvalidInputError(
            f"{problem} of the client's connections fit 'source' and 'account', which say "
            "whose customer or order it is"
        )
    return fitting[0].id


def _received(text: str, place: BatchPlace) -> dt.datetime:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("'received_on' is no day like 2026-10-01") from None
    at = dt.datetime.combine(day, dt.time(), ZoneInfo(place.time_zone)).astimezone(dt.UTC)
    if at > place.now:
        raise InvalidInputError("'received_on' is in the future")
    return at
