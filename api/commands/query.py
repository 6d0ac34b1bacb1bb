"""Questions from the terminal: `bosco query`, in GraphQL or in a few words."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.commands.lookup import find_agency
from api.commands.metrics import load_catalogue
from api.control.protocol import Arguments, DoneEvent, Event, JsonEvent, LineEvent, TableEvent
from api.graphql.endpoint import GraphQLEndpoint
from api.identity.caller import Caller, Scope
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.definition import Unit
from domain.ports import TenantScope
from domain.query.answer import Answer, answer
from domain.query.request import MetricRequest
from domain.time_window import DateRange, Grain
from tenancy.tables import Client
from tenancy.unscoped import TenantProfile

__all__ = ["last_days", "query"]

_GRAINS = {grain.value.lower(): grain for grain in Grain}


def last_days(runtime: Runtime, tenant: TenantProfile, days: int) -> DateRange:
    """The last complete days in the agency's time zone.

    Raises:
        InvalidInputError: Less than one day.
    """
    if days < 1:
        raise InvalidInputError(f"--last is {days}", hint="ask for at least 1 day")
    yesterday = runtime.clock().astimezone(ZoneInfo(tenant.time_zone)).date() - dt.timedelta(days=1)
    return DateRange(yesterday - dt.timedelta(days=days - 1), yesterday)


async def query(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco query`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    if arguments.get("document"):
        async for event in _run_graphql(runtime, tenant, arguments["document"]):
            yield event
        return
    catalogue = await load_catalogue(runtime, tenant.tenant_id)
    words = _split(arguments["by"])
    grains = [_GRAINS[word] for word in words if word in _GRAINS]
    if len(grains) > 1:
        raise InvalidInputError(
            f"--by {arguments['by']!r} names more than one length of time",
            hint=f"choose one of {', '.join(_GRAINS)}",
        )
    request = MetricRequest(
        metrics=tuple(_split(arguments["metrics"])),
        dimensions=tuple(word for word in words if word not in _GRAINS),
        grain=grains[0] if grains else None,
        period=last_days(runtime, tenant, arguments["last"]),
        totals=True,
    )
    found = await answer(
        request,
        scope=TenantScope(tenant.tenant_id),
        catalogue=catalogue,
        warehouse=runtime.warehouse,
        plans=runtime.edge.plans,
        reporting_currency=tenant.currency,
    )
    clients = await _client_slugs(runtime, tenant.tenant_id)
    yield _as_table(request, found, catalogue, clients)
    for notice in found.notices:
        yield LineEvent(f"{notice.message} ({notice.hint})")
    if found.has_next:
        yield LineEvent("there are more rows; narrow the question, or ask in GraphQL page by page")


async def _run_graphql(
    runtime: Runtime, tenant: TenantProfile, document: str
) -> AsyncIterator[Event]:
    caller = Caller(
        tenant_id=tenant.tenant_id,
        client_id="cli",
        scopes=frozenset(scope.value for scope in Scope),
        clients=None,
    )
    result = await GraphQLEndpoint(runtime.edge).execute(caller, document)
    yield JsonEvent(result)
    if result.get("errors"):
        yield DoneEvent(1)


async def _client_slugs(runtime: Runtime, tenant_id: TenantId) -> dict[str, str]:
    async with runtime.database.session(tenant_id) as session:
        return {str(c.id): c.slug for c in (await session.scalars(select(Client))).all()}


def _as_table(
    request: MetricRequest, found: Answer, catalogue: MetricCatalogue, clients: dict[str, str]
) -> TableEvent:
    columns: list[Sequence[Any]] = []
    names: list[str] = []
    for column in found.rows.column_names:
        if f"{column}__label" in found.rows.column_names:
            continue  # people read the label
        values = found.rows.column(column).to_pylist()
        name = column.removesuffix("__label")
        names.append(name)
        if name == "client":
            columns.append([clients.get(value, value) for value in values])
        elif name in catalogue.metrics:
            columns.append([_shown(v, catalogue.metrics[name].unit) for v in values])
        else:
            columns.append([str(value) if value is not None else "" for value in values])
    rows = list(zip(*columns, strict=True))
    if found.totals is not None and len(names) > len(request.metrics):
        totals = found.totals.to_pylist()[0]
        head = ["total"] + [""] * (len(names) - len(request.metrics) - 1)
        shown = [_shown(totals[m], catalogue.metrics[m].unit) for m in request.metrics]
        rows.append((*head, *shown))
    title = f"{request.period.start} to {request.period.end}, amounts in {found.currency}"
    return TableEvent(title, tuple(names), tuple(rows))


def _shown(value: Any, unit: Unit) -> Any:
    if value is None:
        return "-"
    if unit is Unit.MONEY:
        return f"{value:,.2f}"
    if unit is Unit.RATIO:
        return f"{value:,.4f}"
    return f"{value.normalize():,f}" if isinstance(value, Decimal) else value


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
