"""The main job, end to end: `bosco demo`.

    simulated platforms -> two agencies connected -> sync -> GraphQL over HTTP -> compared with
    what the platforms hold

Everything but the platforms is the product itself: real servers, real HTTP, the same jobs. Running
it again goes on from where it was: it connects nothing twice and pulls what is new or restated. In
between its connections are paused, for nobody answers at their endpoints.
"""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from typing import Final

import httpx
from sqlalchemy import select

from api.commands.connections import create_connection
from api.commands.demo_accounts import demo_accounts, demo_endpoint, demo_slug
from api.commands.demo_answers import (
    DemoMismatchError,
    ask,
    compare,
    overview_table,
    platform_table,
)
from api.commands.demo_features import show_demo_features
from api.commands.demo_truth import read_truth
from api.commands.lookup import list_connections
from api.commands.metrics import put_metric
from api.commands.query import last_days
from api.commands.sync import follow_run
from api.commands.tenants import create_client, create_tenant
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent
from api.http import serve_http
from api.metric_definitions import load_definitions
from api.runtime import Runtime
from domain.ids import RunId
from ingestion.simulator.config import DEMO_AGENCIES, DemoAgency
from ingestion.simulator.process import simulated_platforms
from tenancy.tables import Client, Connection, ConnectionState
from tenancy.unscoped import TenantProfile

__all__ = ["demo"]

_ACTOR: Final = "demo"
_DAYS: Final = 30
_HISTORY_DAYS: Final = 60  # the period and the one before it

# Each agency's own metric: its name and its definition.
_METRICS: Final = {
    "northwind": (
        "contribution_margin",
        """
metric: contribution_margin
label: Contribution margin
is: revenue * (1 - cogs_rate) - spend
let: {cogs_rate: 0.42}
where: {order_status: {not: [cancelled]}}
""",
    ),
    "harbor-pine": (
        "blended_cac",
        """
metric: blended_cac
label: Blended CAC
is: spend / new_customers
""",
    ),
}

_NEXT: Final = (
    "bosco query northwind --by channel",
    "bosco freshness northwind",
    "bosco features show northwind acme-shoes",
    "bosco metrics list northwind",
    "bosco serve",
)


async def demo(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """`bosco demo`."""
    async with simulated_platforms() as platforms:
        yield LineEvent(f"simulated platforms at {platforms}")
        tenants: dict[str, TenantProfile] = {}
        try:
            for agency in DEMO_AGENCIES:
                tenants[agency.name] = await _find_or_make(runtime, agency)
                await _set_up(runtime, tenants[agency.name], agency, platforms)
            begun = runtime.clock()
            async for event in _sync(runtime, list(tenants.values())):
                yield event
            if runtime.clock().hour != begun.hour:  # conversions are restated at every full hour
                async for event in _sync(runtime, list(tenants.values())):
                    yield event
            async for event in _show(runtime, tenants, platforms):
                yield event
            for tenant in tenants.values():
                async for event in show_demo_features(runtime, tenant):
                    yield event
        finally:
            for tenant in tenants.values():
                await _pause(runtime, tenant)
    yield LineEvent("\ngo on with these:")
    for command in _NEXT:
        yield LineEvent(f"  {command}")
    yield LineEvent("demo: ok")


async def _show(
    runtime: Runtime, tenants: Mapping[str, TenantProfile], platforms: str
) -> AsyncIterator[Event]:
    async with serve_http(runtime, port=0) as url, httpx.AsyncClient(base_url=url) as http:
        for agency in DEMO_AGENCIES:
            tenant = tenants[agency.name]
            period = last_days(runtime, tenant, _DAYS)
            own_metric, _ = _METRICS[tenant.slug]
            answer = await ask(runtime, http, tenant, period, own_metric)
            yield overview_table(agency, period, answer)
            yield platform_table(answer)
            for line in compare(agency, answer, await read_truth(platforms, agency, period)):
                yield LineEvent(line)


async def _find_or_make(runtime: Runtime, agency: DemoAgency) -> TenantProfile:
    slug = demo_slug(agency)
    return await runtime.doors.find_tenant(slug) or await create_tenant(
        runtime,
        slug=slug,
        name=agency.name,
        currency=agency.currency,
        time_zone=agency.time_zone,
    )


async def _set_up(runtime: Runtime, tenant: TenantProfile, agency: DemoAgency, url: str) -> None:
    start = last_days(runtime, tenant, _HISTORY_DAYS).start
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = {client.slug for client in (await session.scalars(select(Client))).all()}
        connections = (await session.scalars(select(Connection))).all()
        connected = {(connection.source, connection.account_id) for connection in connections}
        for connection in connections:  # the simulator listens on another port each time
            if _is_own(connection):
                endpoint = demo_endpoint(url, connection.source)
                connection.settings = {**connection.settings, "endpoint": endpoint}
                connection.state = ConnectionState.ACTIVE
        defined = await load_definitions(session)
    for client in agency.clients:
        if client.shop not in clients:
            await create_client(runtime, tenant, slug=client.shop, name=client.name, actor=_ACTOR)
        for new in demo_accounts(agency, client, url, start):
            if (new.source, new.account_id) not in connected:
                await create_connection(runtime, tenant, new, actor=_ACTOR)
    name, definition = _METRICS[tenant.slug]
    if name not in defined:  # somebody may have given it another meaning
        await put_metric(runtime, tenant.tenant_id, definition, actor=_ACTOR)


async def _pause(runtime: Runtime, tenant: TenantProfile) -> None:
    """Put to rest what the demo has connected; nobody answers there any more."""
    async with runtime.database.session(tenant.tenant_id) as session:
        for connection in (await session.scalars(select(Connection))).all():
            if _is_own(connection):
                connection.state = ConnectionState.PAUSED


def _is_own(connection: Connection) -> bool:
    account = (connection.source, connection.account_id)
    return "endpoint" in connection.settings and account in _accounts()


@cache
def _accounts() -> frozenset[tuple[str, str]]:
    """Source and id of every account of the demo."""
    return frozenset(
        (new.source, new.account_id)
        for agency in DEMO_AGENCIES
        for client in agency.clients
        for new in demo_accounts(agency, client, "", dt.date.min)
    )


async def _sync(runtime: Runtime, tenants: Sequence[TenantProfile]) -> AsyncIterator[Event]:
    """Sync all agencies at once; what they land is loaded together."""
    runs = []
    for tenant in tenants:
        pairs = await list_connections(runtime, tenant.tenant_id, {})
        run_id = RunId(runtime.ids())
        connections = [connection.id for connection, _ in pairs if _is_own(connection)]
        handles = await runtime.pipeline.start_run(tenant.tenant_id, run_id, connections, _ACTOR)
        runs.append((tenant, run_id, handles))
    for tenant, run_id, handles in runs:
        yield LineEvent(f"\n{tenant.name}")
        async for event in follow_run(runtime, tenant, run_id, handles):
            if not isinstance(event, DoneEvent):
                yield event
            elif event.exit_code:
                raise DemoMismatchError("a sync of the demo failed; its reason is above")
