"""Retention: `bosco gdpr retention plan`, `run`, `show` and `set`."""

import datetime as dt
from collections.abc import AsyncIterator

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from gdpr.retention.days import set_people_days
from gdpr.retention.planned import PlannedPurge
from gdpr.retention.sweep import LastPurge, rules_digest

__all__ = ["plan_retention", "run_retention", "set_retention", "show_retention"]


async def plan_retention(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr retention plan`: what would be purged now; changes nothing."""
    tenant = await find_agency(runtime, arguments["tenant"])
    planned = await runtime.retention.plan(tenant.tenant_id)
    columns = ("policy", "place", "kept for", "older than (UTC)", "then", "rows")
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


async def set_retention(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr retention set`: how long rows about a client's people are kept."""
    tenant = await find_agency(runtime, arguments["tenant"])
    days = int(arguments["days"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        set_people_days(
            session,
            client,
            days,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
        )
    yield LineEvent(
        f"rows about the people of {client.slug} are kept for {days:,} days; what is older loses"
        " its people with the next purge"
    )


def _row(one: PlannedPurge) -> tuple[str, ...]:
    return (
        one.policy,
        one.place,
        f"{one.days:,} days",
        f"{one.before:%Y-%m-%d %H:%M}",
        one.then,
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
