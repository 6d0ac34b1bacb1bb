"""What people and programs are told of deadlines, in the transaction that changes the schedule.

Standing -> foretell -> a predicted miss stands, or is taken back
deadline passed -> tell_missed           row done -> finish -> nothing stands any more
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, update

from domain.ids import TenantId
from ingestion import webhook_events
from ingestion.schedule.due_day import is_there
from ingestion.schedule.services import ScheduleServices, is_row_of, read_states
from ingestion.schedule.standing import Standing
from ingestion.schedule.wording import DueAccount, foretold_miss, missed, subject_of
from tenancy.alerts import AlertKind, clear_alert, raise_alert
from tenancy.due_work import DueWork
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, DueState, DueSync
from tenancy.webhooks import record_event

__all__ = ["clear_told", "finish", "foretell", "tell_missed"]

_KINDS: Final = (AlertKind.FRESHNESS_PREDICTED_MISS, AlertKind.FRESHNESS_MISSED)
# So long a miss can stay open while later days take over.
_REMEMBERED: Final = dt.timedelta(days=30)


async def foretell(
    services: ScheduleServices, tenant_id: TenantId, standings: Sequence[Standing]
) -> None:
    """Write down what is expected of an agency's due syncs; one transaction."""
    if not standings:
        return
    now = services.clock()
    async with services.database.session(tenant_id) as session:
        for standing in standings:
            work, cause = standing.work, standing.cause
            row = await session.scalar(
                select(DueSync)
                .where(is_row_of(work), DueSync.state.in_((DueState.WAITING, DueState.RUNNING)))
                .with_for_update()
            )
            if row is None:
                continue  # it has been done meanwhile
            row.expected_at, row.miss_cause = standing.expected_at, cause
            if cause is not None:
                row.miss_foretold_at = row.miss_foretold_at or now
                account = await _describe(services, session, row)
                alert = foretold_miss(account, cause, standing.expected_at)
                await raise_alert(session, alert, now=now, ids=services.ids)
            elif row.miss_foretold_at is not None:
                row.miss_foretold_at = None
                subject = subject_of(row.connection_id, row.day)
                kind = AlertKind.FRESHNESS_PREDICTED_MISS
                await clear_alert(session, kind, subject, now=now)


async def tell_missed(
    services: ScheduleServices, tenant_id: TenantId, works: Sequence[DueWork]
) -> None:
    """Note that deadlines of an agency have passed without the data; one transaction."""
    if not works:
        return
    now = services.clock()
    async with services.database.session(tenant_id) as session:
        states = await read_states(session)
        for work in works:
            source = services.sources[work.source]
            # Its job may have published already, and be busy with what follows.
            if is_there(source, states[work.connection_id], work.day, work.ready_at):
                continue
            changed = update(DueSync).where(is_row_of(work)).values(missed_at=now)
            row = await session.scalar(changed.returning(DueSync))
            if row is not None:
                alert = missed(await _describe(services, session, row), row.miss_cause)
                await raise_alert(session, alert, now=now, ids=services.ids)
                connection = await session.get_one(Connection, (tenant_id, row.connection_id))
                event = webhook_events.missed(row, connection)
                await record_event(session, event, now=now, ids=services.ids)


async def finish(
    session: TenantSession, row: DueSync, *, done_at: dt.datetime, now: dt.datetime
) -> None:
    """Note that a day is there; nothing that was told of it, or of earlier days, stands."""
    row.state, row.done_at = DueState.DONE, done_at
    row.error_code = row.error_message = row.next_attempt_at = None
    if done_at <= row.deadline_at:
        row.miss_foretold_at = row.miss_cause = None
    await clear_told(session, row, now=now)
    earlier = select(DueSync).where(
        DueSync.connection_id == row.connection_id,
        DueSync.state == DueState.DROPPED,
        DueSync.day < row.day,
        DueSync.day >= row.day - _REMEMBERED,
    )
    for dropped in (await session.scalars(earlier)).all():
        await clear_told(session, dropped, now=now)


async def clear_told(session: TenantSession, row: DueSync, *, now: dt.datetime) -> None:
    """Take back what was told of a row."""
    for kind in _KINDS:
        await clear_alert(session, kind, subject_of(row.connection_id, row.day), now=now)


async def _describe(services: ScheduleServices, session: TenantSession, row: DueSync) -> DueAccount:
    query = (
        select(Connection, Client)
        .join(
            Client, (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id)
        )
        .where(Connection.id == row.connection_id)
    )
    connection, client = (await session.execute(query)).one()
    return DueAccount(
        client_id=client.id,
        connection_id=connection.id,
        source=services.sources[row.source].label,
        name=connection.label or connection.account_id,
        time_zone=client.time_zone,
        day=row.day,
        deadline_at=row.deadline_at,
        error=row.error_message or "",
    )
