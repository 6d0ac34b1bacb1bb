"""Which rows of the quarantine a command means."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, select

from api.commands.lookup import find_source
from api.control.protocol import Arguments
from api.runtime import Runtime
from domain.errors import ConflictError, NotFoundError
from domain.ids import parse_id
from ingestion.files.feeds import FILE_SOURCE
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import QuarantinedRow, QuarantineState, Sync, SyncState
from tenancy.unscoped import TenantProfile

__all__ = ["choose_rows", "find_row", "record_deed"]

_WAITING: Final = frozenset(
    {SyncState.PLANNED, SyncState.EXTRACTING, SyncState.LANDED, SyncState.HELD}
)


async def find_row(session: TenantSession, tenant: TenantProfile, text: str) -> QuarantinedRow:
    """A row of the agency's quarantine by its public id.

    Raises:
        NotFoundError: It has no such row.
    """
    row_id = parse_id("qua", text)
    query = select(QuarantinedRow).where(QuarantinedRow.id == row_id)
    row = (await session.scalars(query)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"{text} is not in the quarantine of {tenant.slug}",
            hint=f"bosco quarantine list {tenant.slug} shows what is",
        )
    return row


async def choose_rows(
    runtime: Runtime, session: TenantSession, tenant: TenantProfile, arguments: Arguments
) -> Sequence[QuarantinedRow]:
    """The open rows that a command names: by id, source and stream, or all.

    Raises:
        NotFoundError: There are none.
        ConflictError: The row is closed, or waits in a replay that is not published.
    """
    if arguments.get("id"):
        row = await find_row(session, tenant, arguments["id"])
        if row.state is not QuarantineState.OPEN:
            raise ConflictError(f"{arguments['id']} is {row.state.value}: {row.resolution}")
        await _require_free(session, row, arguments["id"])
        return [row]
    query: Select[Any] = select(QuarantinedRow).where(QuarantinedRow.state == QuarantineState.OPEN)
    if arguments.get("source"):
        query = query.where(QuarantinedRow.source == _source(runtime, arguments["source"]))
    if arguments.get("stream"):
        query = query.where(QuarantinedRow.stream == arguments["stream"])
    query = query.order_by(QuarantinedRow.id).with_for_update()
    found = [row for row in await session.scalars(query) if not await _waits(session, row)]
    if not found:
        raise NotFoundError(
            f"nothing of that is open in the quarantine of {tenant.slug}",
            hint=f"bosco quarantine list {tenant.slug} shows what is",
        )
    return found


def _source(runtime: Runtime, name: str) -> str:
    return name if name == FILE_SOURCE else find_source(runtime, name).name


async def _waits(session: TenantSession, row: QuarantinedRow) -> bool:
    """Whether an earlier replay brings the row and is not published yet."""
    if row.replay_sync_id is None:
        return False
    sync = await session.get_one(Sync, (session.tenant_id, row.replay_sync_id))
    return sync.state in _WAITING


async def _require_free(session: TenantSession, row: QuarantinedRow, public: str) -> None:
    if await _waits(session, row):
        raise ConflictError(
            f"{public} waits in a replay that is not published yet",
            hint="bosco incidents list tells why it is held, if it is",
        )


def record_deed(
    runtime: Runtime,
    session: TenantSession,
    arguments: Arguments,
    action: str,
    object_id: str,
    rows: Sequence[QuarantinedRow],
) -> None:
    """Note who did what to these rows; names of fields, never their values."""
    audit.record(
        session,
        clock=runtime.clock,
        ids=runtime.ids,
        actor=arguments["actor"],
        action=action,
        object_kind="quarantine",
        object_id=object_id,
        details={
            "rows": len(rows),
            "streams": sorted({f"{row.source}.{row.stream}" for row in rows}),
            "fields": sorted({name for row in rows for name in row.repair or {}}),
        },
    )
