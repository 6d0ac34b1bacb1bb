"""Planning a replay: the syncs that will bring the mended rows of a run.

    rows of a run by sync -> decisions -> one transaction: planned syncs, reasons of rows that still
    do not fit, rows that were told again since

Done again after a crash it changes nothing: a run that has syncs of the connection is planned.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import exists, select

from domain.ids import ConnectionId, RunId, SyncId, TenantId
from domain.time_window import DateRange
from ingestion.files.map_spec import MapSpec
from ingestion.quality.succession import CLOSED_BY, TOLD_AGAIN, close_row
from ingestion.replay.decide import Decision, Group, ReplayDecider
from ingestion.replay.told import list_told
from tenancy.session import TenantSession
from tenancy.tables import Connection, QuarantinedRow, QuarantineState, Sync, SyncState

__all__ = ["plan_replay"]


async def plan_replay(
    decider: ReplayDecider,
    tenant_id: TenantId,
    run_id: RunId,
    connection_id: ConnectionId,
    file_map: MapSpec | None,
) -> None:
    """Plan the rows of a connection that a run asks for.

    Args:
        decider: Decides about the rows of each sync.
        tenant_id: The agency.
        run_id: That the rows name.
        connection_id: Kept from other jobs meanwhile.
        file_map: Reads the connection's files; None: a platform's.
    """
    database = decider.services.database
    async with database.session(tenant_id) as session:
        planned = exists().where(Sync.run_id == run_id, Sync.connection_id == connection_id)
        if await session.scalar(select(planned)):
            return
        connection = await session.get_one(Connection, (tenant_id, connection_id))
        groups = await _read_groups(session, run_id, connection_id)
    decisions = [await decider.decide(connection, group, file_map) for group in groups]
    async with database.session(tenant_id) as session:
        for decision in decisions:
            await _write(session, decider, run_id, decision)


async def _read_groups(
    session: TenantSession, run_id: RunId, connection_id: ConnectionId
) -> list[Group]:
    query = select(QuarantinedRow).where(
        QuarantinedRow.replay_run_id == run_id,
        QuarantinedRow.connection_id == connection_id,
        QuarantinedRow.state == QuarantineState.OPEN,
    )
    by_sync: dict[SyncId, list[QuarantinedRow]] = defaultdict(list)
    for row in await session.scalars(query.order_by(QuarantinedRow.id)):
        by_sync[row.sync_id].append(row)
    return [await _group(session, sync_id, rows) for sync_id, rows in by_sync.items()]


async def _group(session: TenantSession, sync_id: SyncId, rows: Sequence[QuarantinedRow]) -> Group:
    sync = await session.get_one(Sync, (session.tenant_id, sync_id))
    newer_held = exists().where(
        Sync.connection_id == sync.connection_id,
        Sync.stream == sync.stream,
        Sync.state == SyncState.HELD,
        Sync.version > (sync.version or 0),
    )
    return Group(
        sync=sync,
        rows=rows,
        told=await list_told(session, sync.connection_id, sync.stream),
        is_behind=bool(await session.scalar(select(newer_held))),
    )


async def _write(
    session: TenantSession, decider: ReplayDecider, run_id: RunId, decision: Decision
) -> None:
    rows = await _lock_rows(session, decision)
    now = decider.services.clock()
    for row_id, (name, reason, message) in decision.refused.items():
        row = rows[row_id]
        row.field, row.reason, row.message = (
            name or row.field,
            reason,
            message.replace("\0", "\ufffd"),
        )
    for row_id in decision.superseded:
        close_row(rows[row_id], QuarantineState.SUPERSEDED, CLOSED_BY, TOLD_AGAIN, now)
    for days, row_ids in decision.windows:
        sync = _planned(SyncId(decider.services.ids()), run_id, decision, days)
        session.add(sync)
        await session.flush()  # the rows refer to it
        for row_id in row_ids:
            rows[row_id].replay_sync_id = sync.id


async def _lock_rows(session: TenantSession, decision: Decision) -> dict[uuid.UUID, QuarantinedRow]:
    wanted = [*decision.refused, *decision.superseded]
    wanted += [row_id for _, row_ids in decision.windows for row_id in row_ids]
    query = select(QuarantinedRow).where(QuarantinedRow.id.in_(wanted)).with_for_update()
    return {row.id: row for row in await session.scalars(query)}


def _planned(sync_id: SyncId, run_id: RunId, decision: Decision, days: DateRange | None) -> Sync:
    origin = decision.sync
    return Sync(
        id=sync_id,
        run_id=run_id,
        client_id=origin.client_id,
        connection_id=origin.connection_id,
        source=origin.source,
        stream=origin.stream,
        fact=origin.fact,
        slice_from=days.start if days else origin.slice_from,
        slice_to=days.end if days else None,
        api_version=decision.version,
        state=SyncState.PLANNED,
        replays=origin.id,
    )
