"""Retention: `bosco gdpr retention plan`, `run` and `show`."""

import datetime as dt
from collections.abc import AsyncIterator

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.privacy.retention_policies import RETENTION_POLICIES
from gdpr.retention.rules import PurgeAction
from gdpr.retention.sweep import LastPurge, PlannedPurge, rules_digest

__all__ = ["plan_retention", "run_retention", "show_retention"]


async def plan_retention(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr retention plan`: what would be purged now; changes nothing."""
    tenant = await find_agency(runtime, arguments["tenant"])
    planned = await runtime.retention.plan(tenant.tenant_id)
    columns = ("policy", "table", "kept for", "older than (UTC)", "then", "rows")
    yield TableEvent(f"over at {tenant.slug}", columns, tuple(map(_row, planned)))
    yield LineEvent(f"{sum(one.rows for one in planned):,} rows are over; nothing was changed")


async def run_retention(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr retention run`: purge what is over."""
    tenant = await find_agency(runtime, arguments["tenant"])
    counts = await runtime.retention.run(tenant.tenant_id, actor=arguments["actor"])
    for name, count in counts.items():
        yield LineEvent(f"{count:,} {name}")
    yield LineEvent(f"{sum(counts.values()):,} rows of {tenant.slug} were purged")


async def show_retention(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr retention show`: the proof of the last purge."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        last = await runtime.retention.last(session)
    if last is None:
        yield LineEvent(f"nothing was purged at {tenant.slug} yet: bosco gdpr retention run")
        return
    for line in _told(last):
        yield LineEvent(line)


def _row(one: PlannedPurge) -> tuple[str, ...]:
    cleared = ", ".join(name for name, _ in one.rule.clears)
    is_deleted = one.rule.action is PurgeAction.DELETE
    return (
        one.rule.policy,
        one.rule.table,
        f"{RETENTION_POLICIES[one.rule.policy].days:,} days",
        f"{one.before:%Y-%m-%d %H:%M}",
        "deleted" if is_deleted else f"{cleared} forgotten",
        f"{one.rows:,}",
    )


def _told(last: LastPurge) -> list[str]:
    at = last.at.astimezone(dt.UTC)
    lines = [f"last purge {at:%Y-%m-%d %H:%M} UTC by {last.actor}"]
    lines += [f"  {count:,} {name}" for name, count in sorted(last.counts.items())]
    if not last.counts:
        lines.append("  nothing was over")
    lines.append(f"entry {last.sequence:,} of the audit trail, hash {last.hash.hex()}")
    same = "those of now" if last.rules == rules_digest() else "they have changed since"
    lines.append(f"rules {last.rules}: {same}")
    return lines
