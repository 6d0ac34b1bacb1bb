"""Agencies with one client and one connection, and syncs that land for them.

agency -> rows of the control plane; land -> Sync, LandingWriter -> landed objects
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from api.runtime import Runtime
from domain.ids import ClientId, ConnectionId, RunId, SyncId, TenantId
from domain.time_window import DateRange
from ingestion.connector.job import Page
from ingestion.connector.spec import StreamSpec
from ingestion.landing.target import LandingTarget
from ingestion.landing.writer import LandingWriter
from tenancy.tables import Client, Connection, ConnectionState, RunState, Sync, SyncRun, SyncState
from tenancy.unscoped import TenantProfile

__all__ = ["BenchAgency", "create_agency", "land"]

_CURRENCY = "EUR"
_TIME_ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class BenchAgency:
    """Ids of an agency and of what it has one of."""

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    run_id: RunId


async def create_agency(runtime: Runtime, slug: str, stream: StreamSpec) -> BenchAgency:
    """Make an agency, a client, a connection and a run."""
    now, new = runtime.clock(), runtime.ids
    agency = BenchAgency(TenantId(new()), ClientId(new()), ConnectionId(new()), RunId(new()))
    profile = TenantProfile(agency.tenant_id, slug, slug, _CURRENCY, _TIME_ZONE, now)
    key = await runtime.vault.create_tenant_key(agency.tenant_id)
    await runtime.doors.create_tenant(profile, wrapped_data_key=key)
    client = Client(
        id=agency.client_id,
        slug="client",
        name="Client",
        currency=_CURRENCY,
        time_zone=_TIME_ZONE,
        created_at=now,
    )
    run = SyncRun(id=agency.run_id, requested_by="bench", state=RunState.RUNNING, started_at=now)
    connection = Connection(
        id=agency.connection_id,
        client_id=agency.client_id,
        source=stream.source,
        account_id="1",
        label="",
        settings={"currency": _CURRENCY, "time_zone": _TIME_ZONE},
        credentials=None,
        state=ConnectionState.ACTIVE,
        start_date=dt.date(2026, 1, 1),
        created_at=now,
    )
    async with runtime.database.session(agency.tenant_id) as session:
        session.add_all([client, run])
        await session.flush()
        session.add(connection)
    return agency


async def land(
    runtime: Runtime,
    agency: BenchAgency,
    stream: StreamSpec,
    days: DateRange,
    batches: Sequence[pa.RecordBatch],
) -> SyncId:
    """Land a sync of these days, one page a batch, as the product's writer does."""
    sync_id = SyncId(runtime.ids())
    async with runtime.database.session(agency.tenant_id) as session:
        session.add(
            Sync(
                id=sync_id,
                run_id=agency.run_id,
                client_id=agency.client_id,
                connection_id=agency.connection_id,
                source=stream.source,
                stream=stream.name,
                fact=stream.fact,
                slice_from=days.start,
                slice_to=days.end,
                api_version="bench",
                state=SyncState.EXTRACTING,
            )
        )
    target = LandingTarget(
        tenant_id=agency.tenant_id,
        client_id=agency.client_id,
        connection_id=agency.connection_id,
        sync_id=sync_id,
        stream=stream,
        api_version="bench",
        currency=_CURRENCY,
        time_zone=_TIME_ZONE,
    )
    writer = LandingWriter(runtime.extraction.landing, target, next_part=0)
    for number, batch in enumerate(batches, 1):
        is_last = number == len(batches)
        await writer.add(
            Page(
                batch=batch,
                rejected=(),
                drift=(),
                skipped=0,
                checkpoint={},
                requests=1,
                bytes_received=batch.nbytes,
                last=is_last,
            )
        )
    await writer.finish()
    return sync_id
