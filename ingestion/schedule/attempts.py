"""One try to read what is due: claimed before its job exists, settled when the job has ended.

    claim(run id) -> COMMIT -> job enqueued under that id ... job ends -> settle -> done | later

Whoever dies between claim and job leaves a run id without a job: the next dispatcher enqueues it,
under the same id, and so once.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, update

from domain.ids import RunId
from ingestion.connector.failures import TRANSIENT_CODES
from ingestion.schedule.due_day import is_covered
from ingestion.schedule.services import ScheduleServices, is_row_of, read_states
from ingestion.schedule.telling import finish
from tenancy.due_work import DueWork
from tenancy.tables import DueState, DueSync, Sync, SyncState

__all__ = ["back_off", "claim", "settle"]

_FIRST_BACK_OFF: Final = dt.timedelta(minutes=5)
_LONGEST_BACK_OFF: Final = dt.timedelta(hours=1)
_MOST_DOUBLINGS: Final = 10  # beyond the longest anyway
_NOT_THERE: Final = (SyncState.FAILED, SyncState.HELD)
_BROKEN: Final = ("INTERNAL", "an error of ours; it is in the log")


def back_off(attempts: int, error_code: str | None) -> dt.timedelta:
    """How long to wait before the next try.

    Args:
        attempts: So far, at least one.
        error_code: Of the last; what only a person can mend is tried at the longest distance.
    """
    if error_code is not None and error_code not in TRANSIENT_CODES:
        return _LONGEST_BACK_OFF
    doubled = _FIRST_BACK_OFF.total_seconds() * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS)
    return min(dt.timedelta(seconds=doubled), _LONGEST_BACK_OFF)


async def claim(services: ScheduleServices, work: DueWork, run_id: RunId) -> bool:
    """Note that a try begins, before its job is enqueued; False: it is not waiting any more."""
    async with services.database.session(work.tenant_id) as session:
        claimed = await session.execute(
            update(DueSync)
            .where(is_row_of(work), DueSync.state == DueState.WAITING)
            .values(
                state=DueState.RUNNING,
                run_id=run_id,
                started_at=services.clock(),
                attempts=DueSync.attempts + 1,
            )
            .returning(DueSync.day)
        )
        return claimed.one_or_none() is not None


async def settle(services: ScheduleServices, work: DueWork, *, is_broken: bool) -> str | None:
    """Note how the job of a try has ended.

    Args:
        services: Of the platform.
        work: As it runs.
        is_broken: The job itself failed, through no platform's fault.

    Returns:
        The code of what went wrong; None: nothing, or it has been noted before.
    """
    now = services.clock()
    async with services.database.session(work.tenant_id) as session:
        row = await session.scalar(
            select(DueSync)
            .where(is_row_of(work), DueSync.run_id == work.run_id)
            .where(DueSync.state == DueState.RUNNING)
            .with_for_update()
        )
        if row is None:
            return None
        query = select(Sync).where(
            Sync.run_id == work.run_id, Sync.connection_id == work.connection_id
        )
        syncs = (await session.scalars(query.order_by(Sync.id))).all()
        failed = [sync for sync in syncs if sync.state in _NOT_THERE]
        states = (await read_states(session, work.connection_id))[work.connection_id]
        if not failed and is_covered(services.sources[work.source], states, work.day):
            ended = [sync.finished_at for sync in syncs if sync.finished_at is not None]
            await finish(session, row, done_at=max(ended, default=now), now=now)
            return None
        _put_off(row, failed, now, is_broken=is_broken)
        return row.error_code


def _put_off(row: DueSync, failed: Sequence[Sync], now: dt.datetime, *, is_broken: bool) -> None:
    """Let the row wait for its next try."""
    row.error_code, row.error_message = _BROKEN if is_broken else (None, None)
    if failed:
        row.error_code, row.error_message = failed[0].error_code, failed[0].error_message
    told = [sync.retry_at for sync in failed if sync.retry_at is not None]
    row.state = DueState.WAITING
    row.next_attempt_at = max([now + back_off(row.attempts, row.error_code), *told])
