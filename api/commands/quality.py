"""The checks, and letting pass what they hold: `bosco quality`."""

import asyncio
from collections.abc import AsyncIterator

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.incidents import Person, find_incident
from api.runtime import Runtime
from domain.ids import parse_id, public_id
from ingestion.quality.catalogue import AFTER_PUBLICATION, BEFORE_PUBLICATION
from ingestion.quality.release import release_held
from tenancy.tables import Sync, SyncState
from tenancy.unscoped import TenantProfile

__all__ = ["list_checks", "release"]


async def list_checks(_: Runtime, __: Arguments) -> AsyncIterator[Event]:
    """`bosco quality checks`: what is asked of data, and when."""
    rows = [
        (check.name, moment, check.title)
        for moment, checks in (
            ("before publication", BEFORE_PUBLICATION),
            ("after publication", AFTER_PUBLICATION),
        )
        for check in checks
    ]
    yield TableEvent("checks", ("check", "when", "finds"), tuple(rows))


async def release(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quality release`: publish the syncs that an incident holds."""
    tenant = await find_agency(runtime, arguments["tenant"])
    person = Person(arguments["actor"], arguments["reason"])
    async with runtime.database.session(tenant.tenant_id) as session:
        incident = await find_incident(session, parse_id("inc", arguments["id"]))
        held = await release_held(
            session,
            incident,
            actor=person.actor,
            reason=person.reason,
            clock=runtime.clock,
            ids=runtime.ids,
        )
    handles = [
        await runtime.corrections.publish_released(tenant.tenant_id, run_id, connection_id)
        for run_id, connection_id in dict.fromkeys((s.run_id, s.connection_id) for s in held)
    ]
    await asyncio.gather(*(handle.result() for handle in handles))
    async for event in _report(runtime, tenant, [sync.id for sync in held]):
        yield event


async def _report(
    runtime: Runtime, tenant: TenantProfile, sync_ids: list[object]
) -> AsyncIterator[Event]:
    async with runtime.database.session(tenant.tenant_id) as session:
        syncs = [await session.get_one(Sync, (tenant.tenant_id, one)) for one in sync_ids]
    rows = tuple(
        (public_id("syn", sync.id), sync.stream, sync.slice_from, sync.slice_to, sync.state.value)
        for sync in syncs
    )
    yield TableEvent("released", ("id", "stream", "from", "to", "state"), rows)
    failed = [sync for sync in syncs if sync.state is not SyncState.PUBLISHED]
    for sync in failed:
        yield LineEvent(f"{public_id('syn', sync.id)}: {sync.error_code}: {sync.error_message}")
    if failed:
        yield DoneEvent(1)
