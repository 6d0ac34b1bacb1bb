"""What is due is written down: one open row for each active connection.

    connections + what is there + what was written -> done, dropped -> the next day of each

A day that somebody else has read meanwhile, with `bosco sync`, is done. One transaction an agency;
doing it again changes nothing.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select

from domain.ids import ConnectionId, TenantId
from ingestion.connector.spec import SourceSpec
from ingestion.schedule.calendar import deadline_at, next_deadline, ready_at
from ingestion.schedule.due_day import StreamStates, account_zone, due_day, is_there
from ingestion.schedule.history import Estimate, PastRun, estimate, read_history
from ingestion.schedule.services import ScheduleServices, read_states
from ingestion.schedule.telling import clear_told, finish
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, ConnectionState, DueState, DueSync

__all__ = ["plan_agency"]

_OPEN: Final = (DueState.WAITING, DueState.RUNNING)
# Rows of older days cannot be about the day that is due, unless they are open.
_LOOKS_BACK: Final = dt.timedelta(days=4)


@dataclass(frozen=True, slots=True)
class _Account:
    """An active connection, and what is known of it.

    Attributes:
        rows: Its recent rows by day.
    """

    connection: Connection
    client: Client
    source: SourceSpec
    zone: str
    states: StreamStates
    rows: Mapping[dt.date, DueSync]

    @property
    def open_row(self) -> DueSync | None:
        return next((row for row in self.rows.values() if row.state in _OPEN), None)

    def complete_at(self, day: dt.date) -> dt.datetime:
        return ready_at(day, self.source.ready.at, self.zone)

    def is_done(self, day: dt.date) -> bool:
        row = self.rows.get(day)
        is_noted = row is not None and row.state is DueState.DONE
        return is_noted or is_there(self.source, self.states, day, self.complete_at(day))

    def deadline_at(self, day: dt.date) -> dt.datetime:
        """The client's morning; of an account that was connected later, the one after that."""
        first = next_deadline(self.connection.created_at, self.client.time_zone)
        return max(first, deadline_at(day, self.client.time_zone))


async def plan_agency(services: ScheduleServices, tenant_id: TenantId) -> None:
    """Write down what is due next of each active connection, and close what is not any more."""
    now = services.clock()
    async with services.database.session(tenant_id) as session:
        rows = await _recent_rows(session, now)
        accounts = await _accounts(services, session, rows)
        await _drop_unwanted(session, accounts, rows, now)
        due = [(account, day) for account in accounts if (day := _next_day(account, now))]
        for account, _ in due:
            await _close(session, account, now)
        await session.flush()  # the row that was open makes room for the next
        if due:
            history = await read_history(session, now)
            for account, day in due:
                _open(session, account, day, _estimate(account, accounts, history))


async def _recent_rows(
    session: TenantSession, now: dt.datetime
) -> Mapping[ConnectionId, dict[dt.date, DueSync]]:
    since = (now - _LOOKS_BACK).date()
    query = select(DueSync).where(or_(DueSync.state.in_(_OPEN), DueSync.day >= since))
    rows: defaultdict[ConnectionId, dict[dt.date, DueSync]] = defaultdict(dict)
    for row in (await session.scalars(query.with_for_update())).all():
        rows[row.connection_id][row.day] = row
    return rows


async def _accounts(
    services: ScheduleServices,
    session: TenantSession,
    rows: Mapping[ConnectionId, dict[dt.date, DueSync]],
) -> list[_Account]:
    states = await read_states(session)
    query = (
        select(Connection, Client)
        .join(
            Client, (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id)
        )
        .where(Connection.state == ConnectionState.ACTIVE)
    )
    return [
        _Account(
            connection,
            client,
            services.sources[connection.source],
            account_zone(connection, client),
            states[connection.id],
            rows.get(connection.id, {}),
        )
        for connection, client in await session.execute(query)
        if connection.source in services.sources  # not of files, which nobody can ask for
    ]


async def _drop_unwanted(
    session: TenantSession,
    accounts: list[_Account],
    rows: Mapping[ConnectionId, dict[dt.date, DueSync]],
    now: dt.datetime,
) -> None:
    """Close the rows of connections that have been paused, or that need a new permission."""
    wanted = {account.connection.id for account in accounts}
    for connection_id in rows.keys() - wanted:
        for row in rows[connection_id].values():
            if row.state is DueState.WAITING:
                row.state = DueState.DROPPED
                await clear_told(session, row, now=now)


def _next_day(account: _Account, now: dt.datetime) -> dt.date | None:
    """The day to write down; None: it stands there, or its sync is running."""
    row = account.open_row
    if row is not None and row.state is DueState.RUNNING:
        return None
    at, start = account.source.ready.at, account.connection.start_date
    day = due_day(now, at, account.zone, start, account.is_done)
    return None if row is not None and row.day == day else day


async def _close(session: TenantSession, account: _Account, now: dt.datetime) -> None:
    """End the row of an earlier day."""
    row = account.open_row
    if row is None:
        return
    if account.is_done(row.day):
        published = [state.published_at for state in account.states.values() if state.published_at]
        await finish(session, row, done_at=max(published), now=now)
    else:
        row.state = DueState.DROPPED  # what was told of it holds until the later day is there


def _open(session: TenantSession, account: _Account, day: dt.date, takes: Estimate) -> None:
    row = account.rows.get(day)
    if row is None:
        row = DueSync(connection_id=account.connection.id, day=day)
        session.add(row)
    row.source = account.source.name
    row.ready_at = account.complete_at(day)
    row.deadline_at = account.deadline_at(day)
    row.typical_seconds = takes.typical_seconds
    row.fastest_seconds = takes.fastest_seconds
    row.calls = takes.calls
    row.state = DueState.WAITING
    row.attempts = 0
    row.next_attempt_at = row.error_code = row.error_message = None
    row.expected_at = row.miss_foretold_at = row.miss_cause = row.missed_at = None


def _estimate(
    account: _Account, accounts: list[_Account], history: Mapping[ConnectionId, list[PastRun]]
) -> Estimate:
    alike = [
        run
        for other in accounts
        if other.source is account.source
        for run in history.get(other.connection.id, ())
    ]
    return estimate(history.get(account.connection.id, ()), alike)
