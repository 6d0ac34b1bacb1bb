"""The proof of an agency's audit trail: `bosco audit verify AGENCY`.

    signed checkpoints + entries of an earlier export -> anchors by number
    audit_entries, streamed -> ChainVerifier -> the first bad entry, or none -> exit code

Exit codes: 0 in order, 3 not in order, 1 it could not be checked.
"""

import heapq
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from api.audit.checkpoints import KnownCheckpoints, read_checkpoints
from api.audit.export_file import ExportReader, verify_export
from api.commands.lookup import find_agency
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent
from api.runtime import Runtime
from domain.audit.verify import Anchor, ChainVerifier
from domain.errors import InvalidInputError
from tenancy import audit
from tenancy.audit import iter_chain
from tenancy.unscoped import TenantProfile

__all__ = ["TAMPERED", "verify_trail"]

TAMPERED: Final = 3  # exit code


async def verify_trail(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco audit verify AGENCY`. Exit code 3 when the trail is not as it was.

    Raises:
        InvalidInputError: The export that it is held against is not whole, or of another agency.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    export = None
    if arguments.get("against"):
        export = _read_export(ExportReader(arguments.resolve_path(arguments["against"])), tenant)
    keys = await runtime.signing_keys.load_proven()
    async with runtime.database.session(tenant.tenant_id) as session:
        known = await read_checkpoints(session, keys)
        anchors: list[Iterable[Anchor]] = [[one.anchor for one in known.proven]]
        if export is not None:
            anchors.append(export.anchors())
        merged = heapq.merge(*anchors, key=lambda anchor: anchor.link.sequence)
        verifier = ChainVerifier(tenant.tenant_id, merged)
        async for entries in iter_chain(session):
            if verifier.feed(entries) is not None:
                break
        finding = verifier.finish()
    wrong = [] if finding is None else [finding.message]
    if known.forged:
        wrong.append(f"{known.forged:,} checkpoints are not signed by this platform")
    await _note(runtime, tenant, arguments["actor"], verifier.last.sequence, wrong)
    for line in _told(tenant, verifier, known, export, wrong):
        yield LineEvent(line)
    yield DoneEvent(TAMPERED if wrong else 0)


def _read_export(reader: ExportReader, tenant: TenantProfile) -> ExportReader:
    """Evidence has to be whole itself, else it would accuse the wrong side."""
    if reader.tenant_id != tenant.tenant_id:
        raise InvalidInputError(
            f"{reader.path} is of another agency than {tenant.slug}",
            hint="give an export of this agency",
        )
    finding = verify_export(reader).finding
    if finding is not None:
        raise InvalidInputError(
            f"{reader.path} is not whole itself: {finding.message}",
            hint="give an export as it was written",
        )
    return reader


async def _note(
    runtime: Runtime, tenant: TenantProfile, actor: str, entries: int, wrong: Sequence[str]
) -> None:
    async with runtime.database.session(tenant.tenant_id) as session:
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=actor,
            action="audit.verified",
            object_kind="audit",
            object_id=str(tenant.tenant_id),
            details={"entries": entries, "wrong": list(wrong)},
        )


def _told(
    tenant: TenantProfile,
    verifier: ChainVerifier,
    known: KnownCheckpoints,
    export: ExportReader | None,
    wrong: Sequence[str],
) -> list[str]:
    if wrong:
        return [f"the audit trail of {tenant.slug} is NOT in order: {one}" for one in wrong]
    number = verifier.last.sequence
    lines = [f"the audit trail of {tenant.slug} is in order: {number:,} entries"]
    if known.proven:
        last = known.proven[-1]
        lines.append(
            f"held against {len(known.proven):,} checkpoints; the last one is of"
            f" {last.at:%Y-%m-%d %H:%M} UTC, entry {last.link.sequence:,}"
        )
    if known.revoked:
        lines.append(f"{known.revoked:,} checkpoints of revoked keys were not counted")
    if export is not None:
        lines.append(f"held against every entry of {export.path.name}")
    elif not known.proven:
        lines.append("there is no checkpoint yet: what was cut off at the end would not be seen")
    return lines
