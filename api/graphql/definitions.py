"""The agency's own metrics, as stored.

    metric_definitions -> YAML texts -> Metric -> catalogue with the core metrics

A stored definition was valid when it was stored. A later release may take its name for a core
metric or change what it reads; such a definition is left out and logged, so that one bad metric
does not take the others away.
"""

from collections.abc import Iterable
from typing import Final

import structlog
from sqlalchemy import select, text

from domain.errors import ConflictError, UserError
from domain.metrics.catalogue import MetricCatalogue, build_catalogue
from domain.metrics.definition import Metric
from domain.metrics.definition_file import parse_definition, to_yaml
from domain.ports import Clock, IdFactory
from tenancy.session import TenantSession
from tenancy.tables import MetricDefinition

__all__ = [
    "MAXIMUM_DEFINITIONS",
    "catalogue_of",
    "load_definitions",
    "lock_definitions",
    "retire_definition",
    "store_definition",
]

MAXIMUM_DEFINITIONS: Final = 500

_LOG: Final = structlog.get_logger(__name__)
_YAML: Final = "yaml"


async def load_definitions(session: TenantSession) -> dict[str, str]:
    """The definitions in force, YAML by name, in the order in which they were made."""
    query = (
        select(MetricDefinition.name, MetricDefinition.definition)
        .where(MetricDefinition.retired_at.is_(None))
        .order_by(MetricDefinition.id)
    )
    rows = await session.execute(query)
    return {name: str(definition.get(_YAML, "")) for name, definition in rows}


def catalogue_of(definitions: Iterable[str]) -> MetricCatalogue:
    """Core metrics and these definitions; what does not fit any more is left out and logged."""
    metrics = [metric for metric in map(_parsed, definitions) if metric is not None]
    try:
        return build_catalogue(metrics)
    except UserError:
        return build_catalogue(_fitting(metrics))


async def lock_definitions(session: TenantSession) -> None:
    """Let one transaction at a time change the definitions of this agency."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"metric-definitions:{session.tenant_id}"},
    )


async def store_definition(
    session: TenantSession, metric: Metric, *, clock: Clock, ids: IdFactory
) -> int:
    """Put a definition in force, in place of an older revision.

    Returns:
        The revision: 1 for a new name.

    Raises:
        ConflictError: The agency has too many metrics (caller).
    """
    now = clock()
    rows = list(await session.scalars(select(MetricDefinition)))
    current = [row for row in rows if row.retired_at is None]
    if len(current) >= MAXIMUM_DEFINITIONS:
        raise ConflictError(
            f"the agency has {len(current)} metrics of its own, the limit is {MAXIMUM_DEFINITIONS}",
            hint="retire metrics that nobody uses",
        )
    for row in current:
        if row.name == metric.name:
            row.retired_at = now
    await session.flush()
    revision = 1 + max((row.revision for row in rows if row.name == metric.name), default=0)
    session.add(
        MetricDefinition(
            id=ids(),
            name=metric.name,
            definition={_YAML: to_yaml(metric)},
            revision=revision,
            created_at=now,
            retired_at=None,
        )
    )
    return revision


async def retire_definition(session: TenantSession, name: str, *, clock: Clock) -> bool:
    """Take a definition out of force; False when there is none of that name."""
    query = select(MetricDefinition).where(
        MetricDefinition.name == name, MetricDefinition.retired_at.is_(None)
    )
    row = await session.scalar(query)
    if row is None:
        return False
    row.retired_at = clock()
    return True


def _parsed(definition: str) -> Metric | None:
    try:
        return parse_definition(definition)
    except UserError as error:
        _LOG.warning("metric_definition_unreadable", reason=error.message)
        return None


def _fitting(metrics: list[Metric]) -> list[Metric]:
    """The largest part that can be built up one metric after the other."""
    fitting: list[Metric] = []
    waiting = metrics
    while waiting:
        left = [metric for metric in waiting if not _fits(fitting, metric)]
        if len(left) == len(waiting):
            break
        waiting = left
    for metric in waiting:
        _LOG.warning("metric_definition_does_not_fit", metric=metric.name)
    return fitting


def _fits(fitting: list[Metric], metric: Metric) -> bool:
    try:
        build_catalogue([*fitting, metric])
    except UserError:
        return False
    fitting.append(metric)
    return True
