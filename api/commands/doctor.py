"""What is wrong, and what to do about it: `bosco doctor`."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from sqlalchemy import select

from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.logs import reason_of
from api.runtime import Runtime
from domain.errors import BoscoError, UserError
from domain.ids import TenantId
from tenancy.tables import Tenant

__all__ = ["doctor"]

_SUNSET: Final = dt.timedelta(days=90)

# Of no agency: what the doctor writes is never taken for data.
_NOBODY: Final = TenantId(uuid.UUID(int=0))


class UnhealthyError(UserError):
    """A dependency answers, but not as it should."""

    code = "UNHEALTHY"


async def doctor(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """Ask every dependency for a sign of life; exit code 1 when one fails."""
    rows = []
    advice = []
    for name, check in _CHECKS.items():
        try:
            rows.append((name, "ok", await check(runtime)))
        except Exception as error:  # noqa: BLE001  # however a check breaks: that is the finding
            rows.append((name, "FAILED", reason_of(error)))
            hint = error.hint if isinstance(error, BoscoError) else ""
            advice.append(f"{name}: {hint or _HINTS[name]}")
    yield TableEvent("doctor", ("dependency", "state", "what"), tuple(rows))
    for line in advice:
        yield LineEvent(f"→ {line}")
    if advice:
        yield DoneEvent(1)


async def _database(runtime: Runtime) -> str:
    if problems := await runtime.database.check():
        raise UnhealthyError("; ".join(problems))
    embedded = "embedded" if runtime.settings.database_url is None else "at DATABASE_URL"
    return f"{embedded}; row-level security forced, schema current"


async def _redis(runtime: Runtime) -> str:
    await runtime.redis.ping()
    return "embedded" if runtime.settings.redis_url is None else "at REDIS_URL"


async def _warehouse(runtime: Runtime) -> str:
    return await runtime.warehouse.check()


async def _landing(runtime: Runtime) -> str:
    store = runtime.extraction.landing.store.for_tenant(_NOBODY)
    key = f"tenant={_NOBODY}/doctor"
    await store.put(key, b"ok")
    await store.delete(key)
    return runtime.settings.landing_url


async def _vault(runtime: Runtime) -> str:
    tenants = await runtime.doors.list_tenants()
    if not tenants:
        return "no agency yet, so no key to open"
    first = tenants[0]
    async with runtime.database.session(first.tenant_id) as session:
        wrapped = (await session.scalars(select(Tenant.wrapped_data_key))).one()
    await runtime.vault.open_tenant_key(first.tenant_id, wrapped)
    return f"the master key opens the data key of {first.slug}"


async def _jobs(runtime: Runtime) -> str:
    resumed = await runtime.jobs.recover_dead()
    return f"executor {runtime.jobs.executor_id}; {resumed} jobs of dead executors resumed"


async def _sources(runtime: Runtime) -> str:
    today = runtime.clock().date()
    soon = [
        f"{source.name} {source.api.version} ends {source.api.sunset}"
        for source in runtime.sources.values()
        if source.api.sunset - today < _SUNSET
    ]
    if soon:
        raise UnhealthyError("; ".join(soon))
    return ", ".join(f"{s.name} {s.api.version}" for s in runtime.sources.values())


_CHECKS: Final[Mapping[str, Callable[[Runtime], Awaitable[str]]]] = {
    "postgresql": _database,
    "redis": _redis,
    "warehouse": _warehouse,
    "landing": _landing,
    "vault": _vault,
    "jobs": _jobs,
    "sources": _sources,
}

# Where the error itself does not tell what to do.
_HINTS: Final = {
    "postgresql": "check DATABASE_URL; run bosco with the login that owns the database",
    "redis": "check REDIS_URL and that the server runs",
    "warehouse": "check WAREHOUSE_URL and, for BigQuery, the credentials of this machine",
    "landing": "check BOSCO_LANDING_URL, and that this user may write there",
    "vault": "check PostgreSQL: the agencies' keys are kept there",
    "jobs": "check PostgreSQL: jobs are kept there",
    "sources": "move the source file to a newer API version",
}
