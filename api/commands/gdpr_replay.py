"""Erasing again after a backup was restored: `bosco gdpr replay-tombstones`."""

from collections.abc import AsyncIterator

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent
from api.runtime import Runtime
from tenancy import audit

__all__ = ["replay_tombstones"]


async def replay_tombstones(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr replay-tombstones`: waits until it is done, and says how much was back."""
    tenant = await find_agency(runtime, arguments["tenant"])
    job = await runtime.erasure.jobs.replay(tenant.tenant_id)
    async with runtime.database.session(tenant.tenant_id) as session:
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
            action="erasure.replayed",
            object_kind="erasure",
            object_id=job.job_id,
            details={},
        )
    yield LineEvent(f"looking for everybody who was erased in {tenant.slug}")
    erased = await job.result()
    if not erased["people"]:
        yield LineEvent("nobody was ever erased there")
        return
    for place, count in erased["changed"].items():
        yield LineEvent(f"{count:,} rows were back in {place}")
    if not erased["changed"]:
        yield LineEvent("nothing of them was back")
