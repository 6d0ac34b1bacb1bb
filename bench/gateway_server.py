"""The product on the large mart, in a process of its own: `python -m bench.gateway_server STATE`.

    open_runtime + serve_http -> one line of JSON: url, apps -> "watch" / "stall" on standard input

Answers are not cached. Agencies get their rows in PostgreSQL and one app each, once.
"""

import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import select

from api.bootstrap import open_runtime
from api.commands.apps import apps_of
from api.http import serve_http
from api.identity.caller import Scope
from api.oauth.app_registry import Registration
from api.runtime import Runtime
from api.settings import load_settings
from bench.mart import tenant_id
from domain.ids import TenantId
from tenancy.tables import OAuthClient
from tenancy.unscoped import TenantProfile

__all__ = ["AGENCIES"]

AGENCIES: Final = 8  # those with an app
_APP: Final = "Bench"
_TICK_SECONDS: Final = 0.001
_CALLS_PER_MINUTE: Final = 1_000_000_000  # what is measured is the gateway, not its patience


async def _serve(state: Path) -> None:
    settings = load_settings(
        {
            "BOSCO_STATE_DIR": str(state),
            "BOSCO_ANSWER_CACHE": "off",
            "BOSCO_HTTP_PORT": "0",
            "BOSCO_LOG_LEVEL": "WARNING",
        }
    )
    async with open_runtime(settings) as runtime:
        apps = [await _app(runtime, await _agency(runtime, number)) for number in range(AGENCIES)]
        async with serve_http(runtime, port=0) as url:
            _say({"url": url, "apps": apps})
            await _obey()


async def _obey() -> None:
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command == "watch":
            async with _watched() as stalls:
                _say({})
                await asyncio.to_thread(sys.stdin.readline)  # "stall"
            _say({"longest_ms": max(stalls)})


@asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """By how many milliseconds a timer came late, as long as the block runs."""
    stalls = [0.0]

    async def tick() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            stalls.append((time.perf_counter() - begun - _TICK_SECONDS) * 1000)

    ticking = asyncio.create_task(tick())
    try:
        yield stalls
    finally:
        ticking.cancel()


async def _agency(runtime: Runtime, number: int) -> TenantProfile:
    slug = f"agency-{number}"
    known = await runtime.doors.find_tenant(slug)
    if known is not None:
        return known
    profile = TenantProfile(
        tenant_id=TenantId(tenant_id(number)),
        slug=slug,
        name=f"Agency {number}",
        currency="EUR",
        time_zone="Europe/Berlin",
        created_at=runtime.clock(),
    )
    key = await runtime.vault.create_tenant_key(profile.tenant_id)
    await runtime.doors.create_tenant(profile, wrapped_data_key=key)
    return profile


async def _app(runtime: Runtime, agency: TenantProfile) -> tuple[str, str]:
    async with runtime.database.session(agency.tenant_id) as session:
        known = await session.scalar(select(OAuthClient.client_id))
    if known is not None:
        app = await apps_of(runtime).rotate(
            agency.tenant_id, known, overlap=dt.timedelta(), actor=_APP
        )
    else:
        scopes = [Scope.METRICS_READ.value]
        app = await apps_of(runtime).register(
            agency.tenant_id,
            Registration(_APP, scopes, calls_per_minute=_CALLS_PER_MINUTE),
            actor=_APP,
        )
    return app.client_id, app.client_secret or ""


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
