"""Metrics of an agency: `bosco metrics`."""

from collections.abc import AsyncIterator

from api.commands.lookup import find_agency, read_text
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.metric_definitions import DefinedMetric, MetricBook, catalogue_of, load_definitions
from api.runtime import Runtime
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.definition import Metric, SimpleMetric
from domain.metrics.naming import camel_case
from domain.query.explain import explain_metric

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


async def put_metric(
    runtime: Runtime, tenant_id: TenantId, definition: str, *, actor: str
) -> DefinedMetric:
    """Define a metric of an agency; see `MetricBook.define`."""
    book = MetricBook(runtime.database, runtime.clock, runtime.ids)
    return await book.define(tenant_id, definition, actor=actor)


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
    text = read_text(path, hint="docs/metrics.md has an example")
    defined = await put_metric(runtime, tenant.tenant_id, text, actor=arguments["actor"])
    info = defined.info
    yield LineEvent(
        f"{info.metric.name}, revision {defined.revision}: {info.unit.value}, "
        f"split by {', '.join(sorted(info.dimensions)) or 'nothing'}"
    )
    yield LineEvent(f"in GraphQL: {camel_case(info.metric.name)}")


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
    book = MetricBook(runtime.database, runtime.clock, runtime.ids)
    await book.retire(tenant.tenant_id, name, actor=arguments["actor"])
    yield LineEvent(f"{name} retired")


def _source(metric: Metric) -> str:
    if isinstance(metric, SimpleMetric):
        return f"{metric.aggregation.value}({metric.fact}.{metric.column})"
    return metric.expression
