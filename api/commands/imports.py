"""Files as a source: `bosco import`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from api.commands.lookup import find_agency, find_client
from api.commands.sync import follow_run
from api.control.protocol import Arguments, Event
from api.runtime import Runtime
from domain.errors import InternalError, UserError
from domain.ids import ConnectionId, RunId
from ingestion.file_landing import FileImport
from ingestion.files.feeds import FILE_SOURCE
from ingestion.files.map_file import load_map
from ingestion.files.map_spec import MapSpec
from ingestion.files.read_file import check_file
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, ConnectionState, Sync, SyncState
from tenancy.unscoped import TenantProfile

__all__ = ["NothingFitsError", "import_file"]

_SAME_FILES: Final = ("tenant_id", "client_id", "source", "account_id")


class NothingFitsError(UserError):
    """Not one row of a file fits its map."""

    code = "NOTHING_FITS"


async def import_file(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco import`: one file of this machine, by a map.

    Raises:
        NothingFitsError: Every row went to the quarantine.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    map_path = arguments.resolve_path(arguments["map"]).resolve()
    path = arguments.resolve_path(arguments["file"]).resolve()
    file_map = await asyncio.to_thread(load_map, map_path)
    await asyncio.to_thread(check_file, path, file_map)
    run_id = RunId(runtime.ids())
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        connection_id = await _connect(runtime, session, client, file_map)
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
            action="file.imported",
            object_kind="connection",
            object_id=str(connection_id),
            details={"run": str(run_id), "map": file_map.content_hash},
        )
    request = FileImport(
        connection_id=connection_id,
        file=path,
        map_file=map_path,
        map_hash=file_map.content_hash,
        facts={file_map.stream_of(feed): feed.fact for feed in file_map.feeds},
    )
    handle = await runtime.pipeline.start_import(
        tenant.tenant_id, run_id, request, arguments["actor"]
    )
    async for event in follow_run(runtime, tenant, run_id, [handle]):
        yield event
    await _check_rows(runtime, tenant, run_id, path.name)


async def _check_rows(runtime: Runtime, tenant: TenantProfile, run_id: RunId, file: str) -> None:
    """A file of which nothing fits is the wrong one, or its map is."""
    async with runtime.database.session(tenant.tenant_id) as session:
        syncs = (await session.scalars(select(Sync).where(Sync.run_id == run_id))).all()
    quarantined = sum(sync.quarantined for sync in syncs)
    is_published = all(sync.state is SyncState.PUBLISHED for sync in syncs)
    if is_published and quarantined and not any(sync.rows for sync in syncs):
        raise NothingFitsError(
            f"no row of {file} fits its map: 0 rows, {quarantined:,} quarantined",
            hint=f"bosco quarantine list {tenant.slug} says why; mend the map and import again",
        )


async def _connect(
    runtime: Runtime, session: TenantSession, client: Client, file_map: MapSpec
) -> ConnectionId:
    """The connection of this map's files: a later file of the same map restates an earlier one."""
    settings = {
        "currency": file_map.currency or client.currency,
        "time_zone": file_map.time_zone or client.time_zone,
    }
    connection_id: ConnectionId | None = await session.scalar(
        insert(Connection)
        .values(
            tenant_id=session.tenant_id,
            id=ConnectionId(runtime.ids()),
            client_id=client.id,
            source=FILE_SOURCE,
            account_id=file_map.name,
            label=file_map.label,
            settings=settings,
            credentials=None,
            state=ConnectionState.ACTIVE,
            start_date=runtime.clock().date(),
            created_at=runtime.clock(),
        )
        .on_conflict_do_update(
            index_elements=_SAME_FILES, set_={"label": file_map.label, "settings": settings}
        )
        .returning(Connection.id)
    )
    if connection_id is None:
        raise InternalError("a connection was neither made nor found")
    return connection_id
