"""What a publication puts behind us: held syncs, and rows in quarantine, that it tells again.

    published sync -> held syncs whose days it completes -> SUPERSEDED
                   -> open rows of its days, its keys, or the same words -> SUPERSEDED
                   -> of a replay: the rows that it brings, mended -> REPLAYED

So what is wrong once is listed once, however often the platform sends it, and nothing is listed
that has come right by itself. All functions write in the transaction that they are given.
"""

import datetime as dt
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from domain.facts import FACTS
from domain.facts.fact import Supersession
from domain.ids import ConnectionId, SyncId
from domain.time_window import DateRange
from ingestion.quality.told_keys import Tellers
from tenancy.session import TenantSession
from tenancy.tables import QuarantinedRow, QuarantineState, Sync, SyncRun, SyncState

__all__ = [
    "CLOSED_BY",
    "TOLD_AGAIN",
    "close_row",
    "close_told_keys",
    "close_what_is_told_again",
    "family_of",
    "list_open_keys",
]

CLOSED_BY: Final = "job:quality"
TOLD_AGAIN: Final = "a later sync has told the row again"
MENDED: Final = "mended and published"


async def close_what_is_told_again(session: TenantSession, sync: Sync, now: dt.datetime) -> None:
    """Close what a sync that is published in this transaction has made good or old."""
    if sync.replays is not None:
        await _close_replayed(session, sync, now)
        return
    await _supersede_held(session, sync)
    await _close_rows(session, _is_told_again(sync), sync, now)


async def list_open_keys(
    session: TenantSession, connection_id: ConnectionId, stream: str
) -> list[str]:
    """Keys of open rows of a stream; those whose key cannot be read are left out."""
    query = select(QuarantinedRow.natural_key).where(
        *_open_rows(connection_id, stream), QuarantinedRow.natural_key.is_not(None)
    )
    return sorted({key for key in await session.scalars(query) if key is not None})


async def close_told_keys(
    session: TenantSession,
    connection_id: ConnectionId,
    stream: str,
    tellers: Tellers,
    now: dt.datetime,
) -> None:
    """Close rows whose key another sync has told without fault since.

    Args:
        session: Of the agency.
        connection_id: Of the rows.
        stream: Of the rows.
        tellers: Of the keys of open rows.
        now: UTC instant.
    """
    query = (
        select(QuarantinedRow, Sync.version)
        .join(Sync, _is_of_sync(QuarantinedRow, Sync))
        .where(*_open_rows(connection_id, stream), QuarantinedRow.natural_key.in_(tellers))
    )
    for row, version in (await session.execute(query)).all():
        family = await family_of(session, row.sync_id)
        told = tellers[str(row.natural_key)]
        if any(one not in family and (version is None or newer > version) for one, newer in told):
            close_row(row, QuarantineState.SUPERSEDED, CLOSED_BY, TOLD_AGAIN, now)


async def family_of(session: TenantSession, sync_id: SyncId) -> frozenset[SyncId]:
    """A sync and those that bring rows of it, mended."""
    replays = await session.scalars(select(Sync.id).where(Sync.replays == sync_id))
    return frozenset({sync_id, *replays})


def close_row(
    row: QuarantinedRow, state: QuarantineState, actor: str, resolution: str, now: dt.datetime
) -> None:
    """Close a row for good."""
    row.state, row.resolved_at = state, now
    row.resolved_by, row.resolution = actor, resolution


async def _close_replayed(session: TenantSession, sync: Sync, now: dt.datetime) -> None:
    run = await session.get_one(SyncRun, (session.tenant_id, sync.run_id))
    await session.execute(
        update(QuarantinedRow)
        .where(
            QuarantinedRow.replay_sync_id == sync.id, QuarantinedRow.state == QuarantineState.OPEN
        )
        .values(
            state=QuarantineState.REPLAYED,
            resolved_at=now,
            resolved_by=run.requested_by,
            resolution=MENDED,
        )
    )


async def _supersede_held(session: TenantSession, sync: Sync) -> None:
    query = select(Sync).where(
        Sync.connection_id == sync.connection_id,
        Sync.stream == sync.stream,
        Sync.state == SyncState.HELD,
        Sync.version < sync.version,
    )
    for held in (await session.scalars(query.with_for_update())).all():
        if await _is_complete(session, held, sync):
            held.state = SyncState.SUPERSEDED


async def _is_complete(session: TenantSession, held: Sync, sync: Sync) -> bool:
    """Whether all that the held sync would have told has been told since."""
    if held.slice_from is not None and held.slice_to is not None:
        days = DateRange(held.slice_from, held.slice_to)
        return await _has_all_days(session, held, days)
    if held.cursor_from is None or held.cursor_to is None:
        return True  # a file: a later one of the same map takes its place
    return (
        sync.cursor_from is not None
        and sync.cursor_to is not None
        and sync.cursor_from <= held.cursor_from
        and sync.cursor_to >= held.cursor_to
    )


async def _has_all_days(session: TenantSession, held: Sync, days: DateRange) -> bool:
    query = select(Sync.slice_from, Sync.slice_to).where(
        Sync.connection_id == held.connection_id,
        Sync.stream == held.stream,
        Sync.state == SyncState.PUBLISHED,
        Sync.version > held.version,
        Sync.slice_from <= days.end,
        Sync.slice_to >= days.start,
    )
    slices = (await session.execute(query)).all()
    return all(
        any(first and last and first <= day <= last for first, last in slices) for day in days
    )


async def _close_rows(
    session: TenantSession, is_told: ColumnElement[bool], sync: Sync, now: dt.datetime
) -> None:
    is_older = exists().where(
        _is_of_sync(QuarantinedRow, Sync), or_(Sync.version.is_(None), Sync.version < sync.version)
    )
    await session.execute(
        update(QuarantinedRow)
        .where(*_open_rows(sync.connection_id, sync.stream), is_told, is_older)
        .values(
            state=QuarantineState.SUPERSEDED,
            resolved_at=now,
            resolved_by=CLOSED_BY,
            resolution=TOLD_AGAIN,
        )
    )


def _is_told_again(sync: Sync) -> ColumnElement[bool]:
    """Whether a row's day was read again, or the row itself came again and still does not fit."""
    again = aliased(QuarantinedRow)
    came_again = exists().where(
        again.tenant_id == QuarantinedRow.tenant_id,
        again.sync_id == sync.id,
        or_(again.natural_key == QuarantinedRow.natural_key, again.raw == QuarantinedRow.raw),
    )
    first, last = sync.slice_from, sync.slice_to
    replaces_days = FACTS[sync.fact].supersession is Supersession.SLICE
    if not replaces_days or first is None or last is None:
        return came_again
    day_was_read = QuarantinedRow.reporting_date.between(first, last)
    all_days_were_read = and_(
        QuarantinedRow.reporting_date.is_(None),
        exists().where(
            _is_of_sync(QuarantinedRow, Sync), Sync.slice_from >= first, Sync.slice_to <= last
        ),
    )
    return or_(came_again, day_was_read, all_days_were_read)


def _open_rows(connection_id: ConnectionId, stream: str) -> tuple[ColumnElement[bool], ...]:
    return (
        QuarantinedRow.connection_id == connection_id,
        QuarantinedRow.stream == stream,
        QuarantinedRow.state == QuarantineState.OPEN,
    )


def _is_of_sync(row: type[QuarantinedRow], sync: type[Sync]) -> ColumnElement[bool]:
    return and_(sync.tenant_id == row.tenant_id, sync.id == row.sync_id)
