"""The main job, end to end: `bosco demo`.

    simulated platforms -> two agencies connected -> sync -> GraphQL over HTTP -> compared with
    truth

Everything but the platforms is the product itself: real servers, real HTTP, the same jobs. Running
it again goes on from where it was: it connects nothing twice and pulls what is new or restated.
"""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import httpx
from sqlalchemy import select

from api.commands.apps import AppSecret, create_app, rotate_secret
from api.commands.connections import NewConnection, create_connection
from api.commands.lookup import list_connections
from api.commands.metrics import put_metric
from api.commands.query import last_days
from api.commands.sync import follow_run
from api.commands.tenants import create_client, create_tenant
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.http import serve_http
from api.oauth.caller import Scope
from api.runtime import Runtime
from domain.errors import InternalError
from domain.ids import RunId
from domain.time_window import DateRange
from ingestion.files.feeds import FILE_SOURCE
from ingestion.simulator.config import DEMO_AGENCIES, DemoAgency, DemoClient, demo_config
from ingestion.simulator.server import SimulatorServer, create_simulator
from tenancy.tables import Client, Connection, OAuthClient
from tenancy.unscoped import TenantProfile

__all__ = ["demo"]

_ACTOR: Final = "demo"
_APP_NAME: Final = "Demo dashboard"
_DAYS: Final = 30
_HISTORY_DAYS: Final = 60  # the period and the one before it

# Each agency's own metric: the field in its GraphQL schema, and its definition.
_METRICS: Final = {
    "northwind": (
        "contributionMargin { amount }",
        """
metric: contribution_margin
label: Contribution margin
is: revenue * (1 - cogs_rate) - spend
let: {cogs_rate: 0.42}
where: {order_status: {not: [cancelled]}}
""",
    ),
    "harbor-pine": (
        "blendedCac { amount }",
        """
metric: blended_cac
label: Blended CAC
is: spend / new_customers
""",
    ),
}

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
        tenants = {}
        for agency in DEMO_AGENCIES:
            tenants[agency.name] = await _set_up(runtime, agency, simulator.url)
        begun = runtime.clock()
        async for event in _sync(runtime, list(tenants.values())):
            yield event
        if runtime.clock().hour != begun.hour:  # conversions are restated at every full hour
            async for event in _sync(runtime, list(tenants.values())):
                yield event
        async with serve_http(runtime, port=0) as url, httpx.AsyncClient(base_url=url) as http:
            for agency in DEMO_AGENCIES:
                tenant = tenants[agency.name]
                period = last_days(runtime, tenant, _DAYS)
                answer = await _ask(runtime, http, tenant, period)
                yield _as_table(agency, period, answer)
                truth = await _truth(simulator.url, agency, period)
                yield LineEvent(_compare(agency, answer, truth))
    yield LineEvent("demo: ok")


async def _set_up(runtime: Runtime, agency: DemoAgency, url: str) -> TenantProfile:
    slug = agency.name.lower().replace(" & ", "-")
    tenant = await runtime.doors.find_tenant(slug) or await create_tenant(
        runtime,
        slug=slug,
        name=agency.name,
        currency=agency.currency,
        time_zone=agency.time_zone,
    )
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = {client.slug for client in (await session.scalars(select(Client))).all()}
        connections = (await session.scalars(select(Connection))).all()
        for connection in connections:  # the simulator listens on another port each time
            if "endpoint" in connection.settings:
                endpoint = _endpoint(url, connection.source)
                connection.settings = {**connection.settings, "endpoint": endpoint}
        connected = {(connection.source, connection.account_id) for connection in connections}
    start = last_days(runtime, tenant, _HISTORY_DAYS).start
    for client in agency.clients:
        if client.shop not in clients:
            await create_client(runtime, tenant, slug=client.shop, name=client.name, actor=_ACTOR)
        for new in _accounts(agency, client, url, start):
            if (new.source, new.account_id) not in connected:
                await create_connection(runtime, tenant, new, actor=_ACTOR)
    await put_metric(runtime, tenant.tenant_id, _METRICS[slug][1], actor=_ACTOR)
    return tenant


def _accounts(
    agency: DemoAgency, client: DemoClient, url: str, start: dt.date
) -> Sequence[NewConnection]:
    return (
        NewConnection(
            client=client.shop,
            source="google_ads",
            account_id=client.google_customer_id,
            credentials={
                "refresh_token": agency.google_refresh_token,
                "app.client_id": agency.google_client_id,
                "app.client_secret": agency.google_client_secret,
                "app.developer_token": agency.google_developer_token,
            },
            start=start,
            settings={"manager_id": agency.google_manager_id},
            endpoint=_endpoint(url, "google_ads"),
        ),
        NewConnection(
            client=client.shop,
            source="shopify",
            account_id=client.shop,
            credentials={"access_token": client.shopify_token},
            start=start,
            endpoint=_endpoint(url, "shopify"),
        ),
    )


def _endpoint(url: str, source: str) -> str:
    return f"{url}/shopify/shops/{{account}}" if source == "shopify" else f"{url}/{source}"


async def _sync(runtime: Runtime, tenants: Sequence[TenantProfile]) -> AsyncIterator[Event]:
    """Sync all agencies at once; what they land is loaded together."""
    runs = []
    for tenant in tenants:
        pairs = await list_connections(runtime, tenant.tenant_id, {})
        run_id = RunId(runtime.ids())
        connections = [c.id for c, _ in pairs if c.source != FILE_SOURCE]
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
            "query": _QUESTION % {"own": _METRICS[tenant.slug][0]},
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
