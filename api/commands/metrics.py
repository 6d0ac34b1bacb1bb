"""Metrics of an agency: `bosco metrics`."""

from collections.abc import AsyncIterator

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.graphql.definitions import (
    catalogue_of,
    load_definitions,
    lock_definitions,
    retire_definition,
    store_definition,
)
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue, build_catalogue
from domain.metrics.definition import Metric, SimpleMetric
from domain.metrics.definition_file import parse_definition
from domain.metrics.naming import camel_case
from domain.query.explain import explain_metric
from tenancy import audit

__all__ = [
    "define_metric",
    "explain",
    "list_metrics",
    "load_catalogue",
    "put_metric",
    "retire_metric",
]


async def load_catalogue(runtime: Runtime, tenant_id: TenantId) -> MetricCatalogue:
    """The core metrics and the agency's own."""
    async with runtime.database.session(tenant_id) as session:
        return catalogue_of((await load_definitions(session)).values())


async def put_metric(runtime: Runtime, tenant_id: TenantId, text: str, *, actor: str) -> Metric:
    """Check a definition against the agency's others and put it in force.

    Raises:
        UserError: The definition, or how it fits the others, is wrong; says where.
    """
    metric = parse_definition(text)
    async with runtime.database.session(tenant_id) as session:
        await lock_definitions(session)
        definitions = await load_definitions(session)
        others = [parse_definition(d) for name, d in definitions.items() if name != metric.name]
        build_catalogue([*others, metric])
        revision = await store_definition(session, metric, clock=runtime.clock, ids=runtime.ids)
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=actor,
            action="metric.defined",
            object_kind="metric",
            object_id=metric.name,
            details={"revision": revision},
        )
    return metric


async def list_metrics(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco metrics list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    catalogue = await load_catalogue(runtime, tenant.tenant_id)
    rows = tuple(
        (
            name,
            info.metric.owner.value,
            info.unit.value,
            info.additivity.value,
            _source(info.metric),
        )
        for name, info in catalogue.metrics.items()
    )
    columns = ("metric", "owner", "unit", "additive", "is")
    yield TableEvent(f"metrics of {tenant.slug}", columns, rows)


async def define_metric(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco metrics define`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    path = arguments.resolve_path(arguments["file"])
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(
            f"{path} cannot be read: {error.strerror}", hint="docs/metrics.md has an example"
        ) from None
    except UnicodeDecodeError:
        raise InvalidInputError(
            f"{path} is no UTF-8 text", hint="docs/metrics.md has an example"
        ) from None
    metric = await put_metric(runtime, tenant.tenant_id, text, actor=arguments["actor"])
    info = (await load_catalogue(runtime, tenant.tenant_id)).get_metric(metric.name)
    yield LineEvent(
        f"{metric.name} defined: {info.unit.value}, "
        f"split by {', '.join(sorted(info.dimensions)) or 'nothing'}"
    )
    yield LineEvent(f"in GraphQL: {camel_case(metric.name)}")


async def explain(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco metrics explain`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    catalogue = await load_catalogue(runtime, tenant.tenant_id)
    found = explain_metric(catalogue, arguments["name"])
    lines = {
        "metric": f"{found.name}  ({found.label})",
        "means": found.description,
        "is": found.expression,
        "made of": ", ".join(found.parts),
        "counts only": "; ".join(found.filters),
        "reads": ", ".join(found.facts),
        "unit": found.unit.value,
        "additive": found.additivity.value,
        "split by": ", ".join(found.dimensions),
    }
    for name, text in lines.items():
        if text:
            yield LineEvent(f"{name:<12} {text}")
    yield LineEvent(f"\n{found.sql}")


async def retire_metric(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco metrics retire`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    name = arguments["name"]
    async with runtime.database.session(tenant.tenant_id) as session:
        await lock_definitions(session)
        definitions = await load_definitions(session)
        if name not in definitions:
            raise NotFoundError(
                f"{tenant.slug} has no metric of its own called {name!r}",
                hint=f"it has {', '.join(definitions)}" if definitions else "it has none",
            )
        build_catalogue([parse_definition(d) for n, d in definitions.items() if n != name])
        await retire_definition(session, name, clock=runtime.clock)
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
            action="metric.retired",
            object_kind="metric",
            object_id=name,
            details={},
        )
    yield LineEvent(f"{name} retired")


def _source(metric: Metric) -> str:
    if isinstance(metric, SimpleMetric):
        return f"{metric.aggregation.value}({metric.fact}.{metric.column})"
    return metric.expression
