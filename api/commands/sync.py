"""Pulling data: `bosco sync`, with progress until everything is published."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import select

from api.commands.lookup import find_agency, list_connections
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, ProgressEvent, TableEvent
from api.runtime import Runtime
from domain.errors import NotFoundError
from domain.ids import ClientId, RunId, TenantId
from ingestion.files.feeds import FILE_SOURCE
from tenancy.jobs import JobHandle
from tenancy.tables import Client, Connection, ConnectionState, Sync, SyncState
from tenancy.unscoped import TenantProfile

__all__ = ["follow_run", "sync"]

_POLL_SECONDS: Final = 0.5
_ENDED: Final = frozenset(
    {SyncState.PUBLISHED, SyncState.FAILED, SyncState.HELD, SyncState.SUPERSEDED}
)


async def sync(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco sync`: every active connection of one agency, or of all."""
    if arguments.get("tenant"):
        agencies = [await find_agency(runtime, arguments["tenant"])]
    else:
        agencies = list(await runtime.doors.list_tenants())
    failed = False
    states: dict[ConnectionState, str] = {}  # of connections that are left out -> an agency
    started = False
    for tenant in agencies:
        pairs = await list_connections(runtime, tenant.tenant_id, arguments)
        active = [
            c for c, _ in pairs if c.state is ConnectionState.ACTIVE and c.source != FILE_SOURCE
        ]
        states |= {connection.state: tenant.slug for connection, _ in pairs}
        for line in _broken(pairs):
            yield LineEvent(line)
        if not active:
            continue
        started = True
        async for event in _sync_agency(runtime, tenant, active, arguments["actor"]):
            failed = failed or (isinstance(event, DoneEvent) and event.exit_code != 0)
            if not isinstance(event, DoneEvent):
                yield event
    if not started:
        raise NotFoundError("there is no active connection to sync", hint=_hint(states))
    if failed:
        yield DoneEvent(1)


def _broken(pairs: Sequence[tuple[Connection, Client]]) -> Iterator[str]:
    """What is left out because its platform refuses the credentials."""
    for connection, client in pairs:
        if connection.state is ConnectionState.BROKEN:
            yield (
                f"left    {client.slug}  {connection.source}  {connection.account_id}: its "
                "credentials are refused; `bosco alerts list` tells what to do"
            )


def _hint(states: Mapping[ConnectionState, str]) -> str:
    if ConnectionState.PAUSED in states:
        return f"bosco connections resume {states[ConnectionState.PAUSED]}"
    if ConnectionState.BROKEN in states:
        return f"connect them again: bosco alerts list {states[ConnectionState.BROKEN]}"
    return "make one: bosco connections add"


async def _sync_agency(
    runtime: Runtime, tenant: TenantProfile, connections: Sequence[Connection], actor: str
) -> AsyncIterator[Event]:
    run_id = RunId(runtime.ids())
    handles = await runtime.pipeline.start_run(
        tenant.tenant_id, run_id, [connection.id for connection in connections], actor
    )
    async for event in follow_run(runtime, tenant, run_id, handles):
        yield event


async def follow_run(
    runtime: Runtime, tenant: TenantProfile, run_id: RunId, handles: Sequence[JobHandle]
) -> AsyncIterator[Event]:
    """Show the syncs of a run until all have ended, then what each brought.

    Ends with a `DoneEvent`: 1 when a sync failed, else 0.
    """
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = {c.id: c.slug for c in (await session.scalars(select(Client))).all()}
    work = asyncio.ensure_future(_ended(handles))
    try:
        while True:
            done, _ = await asyncio.wait({work}, timeout=_POLL_SECONDS)
            syncs = await _list_syncs(runtime, tenant.tenant_id, run_id)
            for task, parts in _by_task(syncs, clients).items():
                yield _progress(runtime, task, parts)
            if done:
                break
        await work
    finally:
        work.cancel()
    tasks = _by_task(syncs, clients)
    for event in _report(tenant, tasks, _drift(runtime, tasks)):
        yield event


async def _ended(handles: Sequence[JobHandle]) -> None:
    """Wait for all, one after another: each that is waited for is a query every quarter second."""
    for handle in handles:
        await handle.result()


async def _list_syncs(runtime: Runtime, tenant_id: TenantId, run_id: RunId) -> Sequence[Sync]:
    async with runtime.database.session(tenant_id) as session:
        return (
            await session.scalars(select(Sync).where(Sync.run_id == run_id).order_by(Sync.id))
        ).all()


def _by_task(
    syncs: Sequence[Sync], clients: Mapping[ClientId, str]
) -> dict[tuple[str, str, str], list[Sync]]:
    tasks: dict[tuple[str, str, str], list[Sync]] = {}
    for item in syncs:
        tasks.setdefault((clients[item.client_id], item.source, item.stream), []).append(item)
    return tasks


def _progress(runtime: Runtime, task: tuple[str, str, str], parts: Sequence[Sync]) -> ProgressEvent:
    ended = sum(part.state in _ENDED for part in parts)
    landed = sum(part.state is SyncState.LANDED for part in parts)
    rows = sum(part.rows for part in parts)
    waiting = [w for part in parts if (w := runtime.extraction.waiting.get(part.id))]
    text = waiting[0] if waiting else f"{rows:,} rows"
    return ProgressEvent("  ".join(task), text, ended + landed / 2, len(parts))


def _drift(runtime: Runtime, tasks: Mapping[tuple[str, str, str], Sequence[Sync]]) -> list[Event]:
    """What the platforms sent that the source files do not know."""
    texts = [
        f"{'  '.join(task)}: {text}"
        for task, parts in sorted(tasks.items())
        for text in runtime.extraction.drift.texts(parts[0])
    ]
    return [LineEvent(text) for text in texts]


def _report(
    tenant: TenantProfile,
    tasks: Mapping[tuple[str, str, str], Sequence[Sync]],
    drift: Sequence[Event],
) -> list[Event]:
    rows = []
    failures: list[Event] = []
    for task, parts in sorted(tasks.items()):
        quarantined = sum(part.quarantined for part in parts)
        failed = [part for part in parts if part.state is SyncState.FAILED]
        held = [part for part in parts if part.state is SyncState.HELD]
        told = [(failed, "failed"), (held, "held")]
        bad = [f"{len(some)} of {len(parts)} {word}" for some, word in told if some]
        state = ", ".join(bad) or "published"
        rows.append((*task, len(parts), sum(part.rows for part in parts), quarantined, state))
        failures += [
            LineEvent(f"{'  '.join(task)}: {some[0].error_code}: {some[0].error_message}")
            for some in (failed, held)
            if some
        ]
    columns = ("client", "source", "stream", "syncs", "rows", "quarantined", "state")
    report: list[Event] = [TableEvent("synced", columns, tuple(rows)), *drift, *failures]
    if any(row[5] for row in rows):
        report.append(LineEvent(f"rows in quarantine: bosco quarantine list {tenant.slug}"))
    if screened := sum(part.screened for parts in tasks.values() for part in parts):
        report.append(
            LineEvent(
                f"{screened:,} rows were about people who are erased, or whose data is past its"
                " time: left out, or kept without the person"
            )
        )
    if any("held" in row[6] for row in rows):
        report.append(LineEvent(f"why syncs are held: bosco incidents list {tenant.slug}"))
    report.append(DoneEvent(1 if failures else 0))
    return report
