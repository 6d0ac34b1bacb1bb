"""What is wrong, and what to do about it: `bosco doctor`."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable

from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import BoscoError

__all__ = ["doctor"]

_SUNSET_DAYS = 90


async def doctor(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """Ask every dependency for a sign of life; exit code 1 when one fails."""
    checks: dict[str, Callable[[Runtime], Awaitable[str]]] = {
        "postgresql": _database,
        "redis": _redis,
        "warehouse": _warehouse,
        "landing": _landing,
        "jobs": _jobs,
        "sources": _sources,
    }
    rows = []
    advice = []
    for name, check in checks.items():
        try:
            rows.append((name, "ok", await check(runtime)))
        except BoscoError as error:
            rows.append((name, "FAILED", error.message))
            if error.hint:
                advice.append(f"{name}: {error.hint}")
    yield TableEvent("doctor", ("dependency", "state", "what"), tuple(rows))
    for line in advice:
        yield LineEvent(f"→ {line}")
    if any(state != "ok" for _name, state, _what in rows):
        yield DoneEvent(1)


async def _database(runtime: Runtime) -> str:
    problems = await runtime.database.check()
    if problems:
        raise BoscoError("; ".join(problems), hint="run bosco with the login that owns the schema")
    embedded = "embedded" if runtime.settings.database_url is None else "at DATABASE_URL"
    return f"{embedded}; row-level security forced, schema current"


async def _redis(runtime: Runtime) -> str:
    await runtime.redis.ping()
    return "embedded" if runtime.settings.redis_url is None else "at REDIS_URL"


async def _warehouse(runtime: Runtime) -> str:
    return await runtime.warehouse.check()


async def _landing(runtime: Runtime) -> str:
    tenants = await runtime.doors.list_tenants()
    for tenant in tenants[:1]:
        store = runtime.extraction.landing.store.for_tenant(tenant.tenant_id)
        key = f"tenant={tenant.tenant_id}/doctor"
        await store.put(key, b"ok")
        await store.delete(key)
    return runtime.settings.landing_url


async def _jobs(runtime: Runtime) -> str:
    resumed = await runtime.jobs.recover_dead()
    return f"executor {runtime.jobs.executor_id}; {resumed} jobs of dead executors resumed"


async def _sources(runtime: Runtime) -> str:
    today = runtime.clock().date()
    soon = [
        f"{source.name} {source.api.version} ends {source.api.sunset}"
        for source in runtime.sources.values()
        if source.api.sunset - today < dt.timedelta(days=_SUNSET_DAYS)
    ]
    if soon:
        raise BoscoError("; ".join(soon), hint="move the source file to a newer API version")
    return ", ".join(f"{s.name} {s.api.version}" for s in runtime.sources.values())
