"""What a regulator asks an agency for: how many requests, what became of them, and how fast.

    first day .. last day (agency's calendar), by day of receipt -> one query -> Tally of each
    client and of all -> CSV

Days to an answer run from receipt to the answer, whatever the clock did meanwhile; withdrawn and
merged requests have none. The median and the 90th percentile are of the values themselves (nearest
rank), never between two of them.

Sources: GDPR articles 5(2), 12(3) and 12(4); R. J. Hyndman, Y. Fan (1996), definition 1.
"""

import csv
import datetime as dt
import io
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.ids import ClientId
from domain.privacy.rights import IntakeChannel, RequestState, Right
from tenancy.session import TenantSession
from tenancy.tables import Client, SubjectRequest, Tenant

__all__ = [
    "CSV_COLUMNS",
    "ClientTally",
    "PrivacyStatistics",
    "Tally",
    "compute_statistics",
    "statistics_rows",
    "write_csv",
]

CSV_COLUMNS: Final = ("client", "from", "to", "measure", "name", "value")
OWN_PEOPLE: Final = "the agency's own people"

_ANSWERED: Final = (RequestState.COMPLETED, RequestState.REFUSED)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
_DAY_SECONDS: Final = 86_400
_HUNDRED: Final = 100

_Kind = TypeVar("_Kind", Right, IntakeChannel)


@dataclass(frozen=True, slots=True)
class Tally:
    """Figures of some requests.

    Attributes:
        outcomes: `open`, `done`, `partly`, `nothing_found`, `refused`, `withdrawn`, `merged`.
        answered: Completed or refused.
        answered_late: Of these, after the law's date.
        median_days: From receipt to answer; None: none is answered.
        p90_days: Nine in ten were answered within so many days.
        extended: Took the two months more.
        overdue: Open, and the law's date has passed.
        refusals: Reasons as they were told, the most frequent first.
    """

    received: int
    rights: Mapping[Right, int]
    channels: Mapping[IntakeChannel, int]
    outcomes: Mapping[str, int]
    answered: int
    answered_late: int
    median_days: float | None
    p90_days: float | None
    extended: int
    overdue: int
    refusals: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class ClientTally:
    """Figures of one client; without an id those of the agency's own people."""

    client_id: ClientId | None
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class PrivacyStatistics:
    """Figures of requests that were received in a period.

    Attributes:
        first: First day, in the agency's time zone.
        last: Last day, itself included.
        clients: By name; only those with a request.
    """

    first: dt.date
    last: dt.date
    time_zone: str
    total: Tally
    clients: Sequence[ClientTally]


async def compute_statistics(
    session: TenantSession,
    first: dt.date,
    last: dt.date,
    *,
    now: dt.datetime,
    seen: Collection[ClientId] | None = None,
) -> PrivacyStatistics:
    """Count. Two queries.

    Args:
        session: Of the agency.
        first: First day.
        last: Last day, itself included.
        now: UTC instant.
        seen: The only clients that may be seen; None: all, and the agency's own people.

    Raises:
        InvalidInputError: The period ends before it begins (caller).
    """
    if last < first:
        raise InvalidInputError(
            f"the period ends before it begins: {first} to {last}",
            hint="give the first day, then the last",
        )
    time_zone = (await session.get_one(Tenant, session.tenant_id)).time_zone
    query = (
        select(SubjectRequest, Client.name)
        .outerjoin(
            Client,
            (Client.tenant_id == SubjectRequest.tenant_id)
            & (Client.id == SubjectRequest.client_id),
        )
        .where(
            SubjectRequest.received_at >= _start_of(first, time_zone),
            SubjectRequest.received_at < _start_of(last + dt.timedelta(days=1), time_zone),
        )
    )
    if seen is not None:
        query = query.where(SubjectRequest.client_id.in_(seen))
    of_clients: defaultdict[tuple[str, ClientId | None], list[SubjectRequest]] = defaultdict(list)
    for row, name in await session.execute(query):
        of_clients[name or OWN_PEOPLE, row.client_id].append(row)
    return PrivacyStatistics(
        first=first,
        last=last,
        time_zone=time_zone,
        total=tally([row for rows in of_clients.values() for row in rows], now),
        clients=[
            ClientTally(client_id, name, tally(of_clients[name, client_id], now))
            for name, client_id in sorted(
                of_clients, key=lambda one: (one[1] is None, one[0], str(one[1]))
            )
        ],
    )


def tally(rows: Collection[SubjectRequest], now: dt.datetime) -> Tally:
    """Figures of requests at the UTC instant `now`."""
    answered = [
        (row, row.closed_at) for row in rows if row.state in _ANSWERED and row.closed_at is not None
    ]
    days = sorted(_days(row.received_at, closed_at) for row, closed_at in answered)
    refusals = Counter(row.reason or "" for row in rows if row.state is RequestState.REFUSED)
    return Tally(
        received=len(rows),
        rights=_counted(Right, (row.right for row in rows)),
        channels=_counted(IntakeChannel, (row.channel for row in rows)),
        outcomes=dict(sorted(Counter(map(_outcome, rows)).items())),
        answered=len(answered),
        answered_late=sum(closed_at > row.due_at for row, closed_at in answered),
        median_days=_percentile(days, 50),
        p90_days=_percentile(days, 90),
        extended=sum(row.extended_at is not None for row in rows),
        overdue=sum(
            not row.state.is_final and row.paused_at is None and row.due_at <= now for row in rows
        ),
        refusals=sorted(refusals.items(), key=lambda one: (-one[1], one[0])),
    )


def statistics_rows(figures: PrivacyStatistics) -> Iterator[tuple[str, str, str, object]]:
    """Every figure as client, measure, name, value; first those of all clients together."""
    yield from _rows("all", figures.total)
    for one in figures.clients:
        yield from _rows(one.name, one.tally)


def write_csv(figures: PrivacyStatistics) -> str:
    """The figures as CSV (RFC 4180); texts that a spreadsheet would compute are quoted by `'`."""
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(CSV_COLUMNS)
    for client, measure, name, value in statistics_rows(figures):
        texts = (client, figures.first, figures.last, measure, name, value)
        writer.writerow([_harmless("" if text is None else str(text)) for text in texts])
    return sink.getvalue()


def _rows(client: str, one: Tally) -> Iterator[tuple[str, str, str, object]]:
    yield client, "received", "", one.received
    yield from ((client, "right", right.value, number) for right, number in one.rights.items())
    yield from ((client, "channel", kind.value, number) for kind, number in one.channels.items())
    yield from ((client, "outcome", name, number) for name, number in one.outcomes.items())
    yield client, "answered", "", one.answered
    yield client, "answered late", "", one.answered_late
    yield client, "days to answer", "median", one.median_days
    yield client, "days to answer", "90th percentile", one.p90_days
    yield client, "extended", "", one.extended
    yield client, "overdue", "", one.overdue
    yield from ((client, "refused because", reason, number) for reason, number in one.refusals)


def _outcome(row: SubjectRequest) -> str:
    if row.state is RequestState.COMPLETED and row.outcome is not None:
        return row.outcome.value
    return row.state.value if row.state.is_final else "open"


def _counted(kinds: Iterable[_Kind], found: Iterable[_Kind]) -> dict[_Kind, int]:
    counts = Counter(found)
    return {kind: counts[kind] for kind in kinds if counts[kind]}


def _days(received_at: dt.datetime, closed_at: dt.datetime) -> float:
    """To a tenth of a day."""
    return round((closed_at - received_at).total_seconds() / _DAY_SECONDS, 1)


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return ordered[math.ceil(len(ordered) * percent / _HUNDRED) - 1]


def _start_of(day: dt.date, time_zone: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZoneInfo(time_zone)).astimezone(dt.UTC)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
