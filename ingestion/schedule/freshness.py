"""How fresh the data of each client and source is, stream by stream.

    what is published + what is due + what is expected, now -> StreamFreshness

Late is what should have been there by a deadline that has passed; until then nothing is late, only
perhaps foretold to be. Figures that the platform may still restate are provisional, however fresh.
"""

import datetime as dt
import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.ids import ClientId, ConnectionId
from ingestion.connector.spec import SourceSpec
from ingestion.schedule.calendar import deadline_at, next_deadline, ready_at
from ingestion.schedule.due_day import account_zone, due_day, is_there
from ingestion.schedule.services import read_states
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, ConnectionState, DueState, DueSync, StreamState

__all__ = ["FreshnessStatus", "StreamFreshness", "freshness_of", "read_freshness"]

_DAY: Final = dt.timedelta(days=1)


class FreshnessStatus(enum.Enum):
    """How a stream stands to its deadlines, the worst first.

    `UNSCHEDULED`: nothing is due, of a file or a connection that is paused.
    """

    LATE = "late"
    PREDICTED_LATE = "predicted_late"
    FRESH = "fresh"
    UNSCHEDULED = "unscheduled"


@dataclass(frozen=True, slots=True)
class StreamFreshness:
    """One stream of one connection.

    Attributes:
        state: How far it has been published; None: nothing has.
        final_to: Last reporting date that the platform changes no more; None: none yet.
        ready_at: When the figures of the day that is due next are complete; None: unscheduled.
        deadline_at: When they have to be there; None: unscheduled.
        expected_at: When they are expected; None: they are there, or nobody can tell.
        last_error: What the last try was told, in the platform's words; None: nothing.
    """

    connection: Connection
    client: Client
    stream: str
    state: StreamState | None
    status: FreshnessStatus
    final_to: dt.date | None
    ready_at: dt.datetime | None = None
    deadline_at: dt.datetime | None = None
    expected_at: dt.datetime | None = None
    last_error: str | None = None


async def read_freshness(
    session: TenantSession,
    sources: Mapping[str, SourceSpec],
    now: dt.datetime,
    *,
    clients: Collection[ClientId] | None = None,
) -> list[StreamFreshness]:
    """Every stream of the agency, by client, source, account and name. Three queries.

    Args:
        session: Of the agency.
        sources: By name.
        now: UTC instant.
        clients: Only of these; None: of all.
    """
    query = (
        select(Connection, Client)
        .join(
            Client, (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id)
        )
        .order_by(Client.slug, Connection.source, Connection.account_id)
    )
    if clients is not None:
        query = query.where(Connection.client_id.in_(clients))
    accounts = [(row[0], row[1]) for row in (await session.execute(query)).all()]
    states = await read_states(session)
    due = await _open_rows(session)
    return [
        stream
        for connection, client in accounts
        for stream in freshness_of(
            connection,
            client,
            sources.get(connection.source),
            states[connection.id],
            due.get(connection.id),
            now,
        )
    ]


def freshness_of(
    connection: Connection,
    client: Client,
    source: SourceSpec | None,
    states: Mapping[str, StreamState],
    due: DueSync | None,
    now: dt.datetime,
) -> list[StreamFreshness]:
    """The streams of one connection, by name.

    Args:
        connection: Whose.
        client: Of the connection.
        source: None: of files, which come when they come.
        states: What has been published, by stream.
        due: What is written down as due; None: nothing is, for now.
        now: UTC instant.
    """
    if source is None or connection.state is ConnectionState.PAUSED:
        return [
            StreamFreshness(
                connection,
                client,
                name,
                states.get(name),
                FreshnessStatus.UNSCHEDULED,
                _final_to(source, name, states.get(name)),
            )
            for name in _names(source, states)
        ]
    schedule = _Schedule(connection, client, source, states, due, now)
    return [schedule.stream(name) for name in _names(source, states)]


@dataclass(frozen=True, slots=True)
class _Schedule:
    connection: Connection
    client: Client
    source: SourceSpec
    states: Mapping[str, StreamState]
    due: DueSync | None
    now: dt.datetime

    def stream(self, name: str) -> StreamFreshness:
        next_day = self._next_day()
        is_coming = not self._has(name, next_day)
        due = self.due if is_coming else None
        return StreamFreshness(
            self.connection,
            self.client,
            name,
            self.states.get(name),
            self._status(name, due),
            _final_to(self.source, name, self.states.get(name)),
            ready_at=self._complete_at(next_day),
            deadline_at=max(deadline_at(next_day, self.client.time_zone), self._first_deadline()),
            expected_at=None if due is None else due.expected_at,
            last_error=None if due is None else due.error_message,
        )

    def _status(self, name: str, due: DueSync | None) -> FreshnessStatus:
        owed = self._owed_day()
        if owed is not None and not self._has(name, owed):
            return FreshnessStatus.LATE
        if due is not None and due.miss_cause is not None:
            return FreshnessStatus.PREDICTED_LATE
        return FreshnessStatus.FRESH

    def _owed_day(self) -> dt.date | None:
        """The last day whose deadline has passed; None: nothing has been owed yet."""
        if self._first_deadline() > self.now:
            return None
        following = next_deadline(self.now, self.client.time_zone)
        day = following.astimezone(ZoneInfo(self.client.time_zone)).date() - 2 * _DAY
        return day if day >= self.connection.start_date else None

    def _next_day(self) -> dt.date:
        if self.due is not None:
            return self.due.day
        at, start = self.source.ready.at, self.connection.start_date
        return due_day(self.now, at, self._zone, start, self._is_there)

    def _first_deadline(self) -> dt.datetime:
        return next_deadline(self.connection.created_at, self.client.time_zone)

    def _is_there(self, day: dt.date) -> bool:
        return is_there(self.source, self.states, day, self._complete_at(day))

    def _has(self, name: str, day: dt.date) -> bool:
        """Whether the stream has been published since the day's figures were complete."""
        state = self.states.get(name)
        if state is None or state.covered_to is None or state.published_at is None:
            return False
        return state.covered_to >= day and state.published_at >= self._complete_at(day)

    def _complete_at(self, day: dt.date) -> dt.datetime:
        return ready_at(day, self.source.ready.at, self._zone)

    @property
    def _zone(self) -> str:
        return account_zone(self.connection, self.client)


def _names(source: SourceSpec | None, states: Mapping[str, StreamState]) -> list[str]:
    """Streams that are read, and those that once were."""
    return sorted({*(source.streams if source else ()), *states})


def _final_to(source: SourceSpec | None, name: str, state: StreamState | None) -> dt.date | None:
    if state is None or state.covered_to is None:
        return None
    stream = source.streams.get(name) if source else None
    day = state.covered_to - dt.timedelta(days=stream.restates_days if stream else 0)
    return None if state.covered_from is not None and day < state.covered_from else day


async def _open_rows(session: TenantSession) -> Mapping[ConnectionId, DueSync]:
    query = select(DueSync).where(DueSync.state.in_((DueState.WAITING, DueState.RUNNING)))
    return {row.connection_id: row for row in (await session.scalars(query)).all()}
