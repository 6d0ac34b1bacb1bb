"""The audit trail of an agency: `bosco audit list` and `export`.

export: note of the export -> checkpoint of the chain's end -> header, entries, proof -> file
"""

import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

from api.audit.checkpoints import SignedCheckpoint
from api.audit.export_file import ExportWriter
from api.audit.trail import TrailFilter, read_trail
from api.commands.lookup import find_agency, parse_day
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from tenancy import audit
from tenancy.audit import iter_chain
from tenancy.tables import AuditEntry
from tenancy.unscoped import TenantProfile

__all__ = ["export_trail", "list_trail"]


async def list_trail(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco audit list`: the newest entries; that they were read is one more."""
    tenant = await find_agency(runtime, arguments["tenant"])
    since = arguments.get("since")
    wanted = TrailFilter(
        about=arguments.get("about"),
        actor=arguments.get("by"),
        since=None if since is None else _start_of(since),
    )
    async with runtime.database.session(tenant.tenant_id) as session:
        page = await read_trail(
            session,
            wanted,
            limit=arguments["limit"],
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
        )
    columns = ("number", "when (UTC)", "who", "what", "object", "details")
    yield TableEvent(f"audit trail of {tenant.slug}", columns, tuple(map(_row, page.entries)))


async def export_trail(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco audit export`: the whole trail, with a proof of its end.

    Raises:
        ConflictError: The file is there already.
        BrokenChainError: The trail is not in order, so its end cannot be stated.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    path = arguments.resolve_path(arguments["to"])
    with ExportWriter(path) as writer:
        await _note_export(runtime, tenant, path, arguments["actor"])
        signed = await runtime.checkpoints.take(tenant.tenant_id)
        await _write(runtime, tenant, signed, writer)
    link = signed.checkpoint.link
    yield LineEvent(f"{link.sequence:,} entries of {tenant.slug} are in {path}")
    yield LineEvent(f"signed by key {signed.public_key['kid']}")
    yield LineEvent(
        "keep it where the platform cannot write; later: "
        f"bosco audit verify {tenant.slug} --against {arguments['to']}"
    )


async def _note_export(runtime: Runtime, tenant: TenantProfile, path: Path, actor: str) -> None:
    """Recorded before anything is written, and so part of the export itself."""
    async with runtime.database.session(tenant.tenant_id) as session:
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=actor,
            action="audit.exported",
            object_kind="audit",
            object_id=str(tenant.tenant_id),
            details={"file": path.name},
        )


async def _write(
    runtime: Runtime, tenant: TenantProfile, signed: SignedCheckpoint, writer: ExportWriter
) -> None:
    writer.begin(tenant.slug, signed)
    end = signed.checkpoint.link.sequence
    async with runtime.database.session(tenant.tenant_id) as session:
        async for entries in iter_chain(session, up_to=end):
            writer.write(entries)
    writer.finish(signed)


def _start_of(day: str) -> dt.datetime:
    return dt.datetime.combine(parse_day(day, "--since"), dt.time(), dt.UTC)


def _row(entry: AuditEntry) -> tuple[str, ...]:
    told = {name: value for name, value in entry.details.items() if value not in (None, [])}
    return (
        str(entry.sequence),
        f"{entry.at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}",
        entry.actor,
        entry.action,
        f"{entry.object_kind}:{entry.object_id}",
        json.dumps(told, ensure_ascii=False) if told else "",
    )
