"""The main job, end to end: `bosco demo`.

    simulated platforms -> two agencies connected -> sync -> GraphQL over HTTP -> compared with
    truth

Everything but the platforms is the product itself: real servers, real HTTP, the same jobs. Running
it again goes on from where it was: it connects nothing twice and pulls what is new or restated. In
between its connections are paused, for nobody answers at their endpoints.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import httpx
from sqlalchemy import select

from api.commands.apps import AppSecret, create_app, rotate_secret
from api.commands.connections import create_connection
from api.commands.demo_accounts import demo_accounts, demo_endpoint, demo_slug
from api.commands.demo_features import show_demo_features
from api.commands.lookup import list_connections
from api.commands.metrics import load_catalogue, put_metric
from api.commands.query import last_days
from api.commands.sync import follow_run
from api.commands.tenants import create_client, create_tenant
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.http import serve_http
from api.metric_definitions import load_definitions
from api.oauth.caller import Scope
from api.runtime import Runtime
from domain.errors import InternalError
from domain.ids import RunId
from domain.metrics.definition import Unit
from domain.metrics.naming import camel_case
from domain.time_window import DateRange
from ingestion.simulator.config import DEMO_AGENCIES, DemoAgency, demo_config
from ingestion.simulator.server import SimulatorServer, create_simulator
from tenancy.tables import Client, Connection, ConnectionState, OAuthClient
from tenancy.unscoped import TenantProfile

__all__ = ["demo"]

_ACTOR: Final = "demo"
_APP_NAME: Final = "Demo dashboard"
_DAYS: Final = 30
_HISTORY_DAYS: Final = 60  # the period and the one before it

_ACCOUNTS: Final = frozenset(
    account
    for agency in DEMO_AGENCIES
    for client in agency.clients
    for account in (("google_ads", client.google_customer_id), ("shopify", client.shop))
)

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
    "bosco metrics list northwind",
    "bosco features show northwind acme-shoes",
    "bosco serve",
)

_QUESTION: Final = """
query Overview($period: Period!) {
  metrics(period: $period, compare: {to: PREVIOUS_PERIOD}) {
    currency
    rows {
      spend { amount } revenue { amount } roas %(own)s
      compared { spend { amount } revenue { amount } roas %(own)s }
    }
  }
}
"""


class DemoMismatchError(InternalError):
    """The demo's answer is not what the simulated platforms hold."""

    code = "DEMO_MISMATCH"


async def demo(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """`bosco demo`."""
    with SimulatorServer(create_simulator(demo_config())) as simulator:
        yield LineEvent(f"simulated platforms at {simulator.url}")
        tenants: dict[str, TenantProfile] = {}
        try:
            for agency in DEMO_AGENCIES:
                tenants[agency.name] = await _find_or_make(runtime, agency)
                await _set_up(runtime, tenants[agency.name], agency, simulator.url)
            begun = runtime.clock()
            async for event in _sync(runtime, list(tenants.values())):
                yield event
            if runtime.clock().hour != begun.hour:  # conversions are restated at every full hour
                async for event in _sync(runtime, list(tenants.values())):
                    yield event
            async for event in _show(runtime, tenants, simulator.url):
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
    runtime: Runtime, tenants: Mapping[str, TenantProfile], simulator: str
) -> AsyncIterator[Event]:
    async with serve_http(runtime, port=0) as url, httpx.AsyncClient(base_url=url) as http:
        for agency in DEMO_AGENCIES:
            tenant = tenants[agency.name]
            period = last_days(runtime, tenant, _DAYS)
            answer = await _ask(runtime, http, tenant, period)
            yield _as_table(agency, period, answer)
            truth = await _truth(simulator, agency, period)
            yield LineEvent(_compare(agency, answer, truth))


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
            if (new.source, new.account_id) in _ACCOUNTS - connected:
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
    return "endpoint" in connection.settings and account in _ACCOUNTS


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


async def _ask(
    runtime: Runtime, http: httpx.AsyncClient, tenant: TenantProfile, period: DateRange
) -> Mapping[str, Any]:
    """Ask as a dashboard does: a token by client credentials, then one GraphQL document."""
    app = await _demo_app(runtime, tenant)
    granted = await http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "scope": Scope.METRICS_READ.value},
        auth=(app.client_id, app.client_secret),
    )
    granted.raise_for_status()
    answered = await http.post(
        "/graphql",
        json={
            "query": _QUESTION % {"own": await _own_metric(runtime, tenant)},
            "variables": {
                "period": {"from": period.start.isoformat(), "to": period.end.isoformat()}
            },
        },
        headers={"authorization": f"Bearer {granted.json()['access_token']}"},
    )
    body = answered.json()
    if "errors" in body:
        raise DemoMismatchError(f"GraphQL answered {body['errors'][0]['message']!r}")
    metrics: Mapping[str, Any] = body["data"]["metrics"]
    return metrics


async def _own_metric(runtime: Runtime, tenant: TenantProfile) -> str:
    """The agency's own metric as its GraphQL schema has it."""
    name, _ = _METRICS[tenant.slug]
    info = (await load_catalogue(runtime, tenant.tenant_id)).metrics[name]
    return f"{camel_case(name)} {{ amount }}" if info.unit is Unit.MONEY else camel_case(name)


async def _demo_app(runtime: Runtime, tenant: TenantProfile) -> AppSecret:
    async with runtime.database.session(tenant.tenant_id) as session:
        found = await session.scalar(
            select(OAuthClient.client_id).where(OAuthClient.name == _APP_NAME)
        )
    if found is None:
        return await create_app(
            runtime,
            tenant,
            name=_APP_NAME,
            scopes=[Scope.METRICS_READ.value],
            clients=[],
            actor=_ACTOR,
        )
    return await rotate_secret(runtime, tenant, found, actor=_ACTOR)


def _as_table(agency: DemoAgency, period: DateRange, answer: Mapping[str, Any]) -> TableEvent:
    row = answer["rows"][0]
    compared = row.pop("compared")
    title = (
        f"\n{agency.name}: {period.start} to {period.end} in {answer['currency']}, "
        f"and the {period.days} days before"
    )
    rows = [
        (name, _shown(value), _shown(compared[name]), _change(value, compared[name]))
        for name, value in row.items()
    ]
    return TableEvent(title, ("metric", "period", "before", "change"), tuple(rows))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = value["amount"]
    return "-" if value is None else f"{Decimal(str(value)):,.2f}"


def _change(value: Any, before: Any) -> str:
    now, then = (v["amount"] if isinstance(v, dict) else v for v in (value, before))
    if now is None or not then or not Decimal(str(then)):
        return "-"
    return f"{(Decimal(str(now)) / Decimal(str(then)) - 1) * 100:+.1f} %"


async def _truth(url: str, agency: DemoAgency, period: DateRange) -> dict[str, Decimal]:
    """What the platforms themselves say that the agency spent and sold."""
    days = {"from": period.start.isoformat(), "to": period.end.isoformat()}
    spend, revenue = Decimal(0), Decimal(0)
    async with httpx.AsyncClient(base_url=f"{url}/_control/truth") as http:
        for client in agency.clients:
            ads = await http.get(
                f"/google_ads/{client.google_customer_id}", params={**days, "by": ""}
            )
            spend += Decimal(ads.json()["totals"]["costMicros"]) / 1_000_000
            shop = await http.get(f"/shopify/{client.shop}", params={**days, "by": "test"})
            for row in shop.json()["rows"]:
                if row["test"] == "false":
                    revenue += Decimal(row["totalPrice"])
    return {"spend": spend, "revenue": revenue}


def _compare(agency: DemoAgency, answer: Mapping[str, Any], truth: Mapping[str, Decimal]) -> str:
    row = answer["rows"][0]
    cent = Decimal("0.01")
    for name, expected in truth.items():
        found = Decimal(row[name]["amount"])
        if found.quantize(cent) != expected.quantize(cent):
            raise DemoMismatchError(
                f"{agency.name}: {name} is {found}, the simulated platforms hold {expected}"
            )
    return "equal to the platforms' own figures: " + ", ".join(
        f"{name} {expected:,.2f}" for name, expected in truth.items()
    )
