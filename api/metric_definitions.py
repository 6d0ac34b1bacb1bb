"""The agency's own metrics: kept, defined and retired.

    metric_definitions -> YAML texts -> Metric -> catalogue with the core metrics
    YAML -> Metric -> catalogue with all the others (units, cycles, names) -> row + audit entry

A stored definition was valid when it was stored. A later release may take its name for a core
metric or change what it reads; such a definition is left out and logged, so that one bad metric
does not take the others away.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select, text

from domain.errors import ConflictError, InvalidInputError, NotFoundError, UserError
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue, MetricInfo, build_catalogue
from domain.metrics.definition import Metric
from domain.metrics.definition_file import parse_definition, to_yaml
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import MetricDefinition

__all__ = [
    "MAXIMUM_DEFINITIONS",
    "DefinedMetric",
    "MetricBook",
    "catalogue_of",
    "load_definitions",
]

MAXIMUM_DEFINITIONS: Final = 500

_LOG: Final = structlog.get_logger(__name__)
_YAML: Final = "yaml"
_IN_FORCE: Final = select(MetricDefinition).where(MetricDefinition.retired_at.is_(None))


async def load_definitions(session: TenantSession) -> dict[str, str]:
    """The definitions in force, YAML by name, in the order in which they were made."""
    rows = await session.scalars(_IN_FORCE.order_by(MetricDefinition.id))
    return {row.name: str(row.definition.get(_YAML, "")) for row in rows}


def catalogue_of(definitions: Iterable[str]) -> MetricCatalogue:
    """Core metrics and these definitions; what does not fit any more is left out and logged."""
    metrics = [metric for metric in map(_parsed, definitions) if metric is not None]
    try:
        return build_catalogue(metrics)
    except UserError:
        return build_catalogue(_fitting(metrics))


@dataclass(frozen=True, slots=True)
class DefinedMetric:
    """A metric that was put in force.

    Attributes:
        info: With what was inferred: unit, additivity, dimensions.
        revision: 1 for a new name.
    """

    info: MetricInfo
    revision: int


@dataclass(frozen=True, slots=True)
class MetricBook:
    """Changes the definitions of agencies, one transaction at a time for each."""

    database: Database
    clock: Clock
    ids: IdFactory

    async def define(self, tenant_id: TenantId, definition: str, *, actor: str) -> DefinedMetric:
        """Check a definition against the agency's others and put it in force.

        Args:
            tenant_id: The agency.
            definition: YAML of one metric; takes the place of an older revision.
            actor: Who does it, for the audit.

        Raises:
            UserError: The definition, or how it fits the others, is wrong; says where.
            ConflictError: The agency has too many metrics.
        """
        metric = parse_definition(definition)
        async with self.database.session(tenant_id) as session:
            await _lock(session)
            others = await load_definitions(session)
            others.pop(metric.name, None)
            catalogue = build_catalogue([*map(parse_definition, others.values()), metric])
            revision = await self._store(session, metric)
            self._record(session, actor, "metric.defined", metric.name, {"revision": revision})
        return DefinedMetric(catalogue.metrics[metric.name], revision)

    async def retire(self, tenant_id: TenantId, name: str, *, actor: str) -> None:
        """Take a metric of the agency out of use.

        Raises:
            NotFoundError: The agency has no metric of its own of that name.
            ConflictError: Another one is made of it.
        """
        async with self.database.session(tenant_id) as session:
            await _lock(session)
            definitions = await load_definitions(session)
            if name not in definitions:
                raise NotFoundError(
                    f"{name!r} is not a metric of this agency",
                    hint=f"its own are {', '.join(definitions)}"
                    if definitions
                    else "it has none of its own, and core metrics cannot be retired",
                )
            del definitions[name]
            with _naming_dependant(name):
                build_catalogue(map(parse_definition, definitions.values()))
            row = (await session.scalars(_IN_FORCE.where(MetricDefinition.name == name))).one()
            row.retired_at = self.clock()
            self._record(session, actor, "metric.retired", name, {})

    async def _store(self, session: TenantSession, metric: Metric) -> int:
        now = self.clock()
        rows = list(await session.scalars(select(MetricDefinition)))
        current = [row for row in rows if row.retired_at is None]
        if len(current) >= MAXIMUM_DEFINITIONS:
            raise ConflictError(
                f"the agency has {len(current)} metrics of its own, the limit is"
                f" {MAXIMUM_DEFINITIONS}",
                hint="retire metrics that nobody uses",
            )
        for row in current:
            if row.name == metric.name:
                row.retired_at = now
        await session.flush()
        revision = 1 + max((row.revision for row in rows if row.name == metric.name), default=0)
        session.add(
            MetricDefinition(
                id=self.ids(),
                name=metric.name,
                definition={_YAML: to_yaml(metric)},
                revision=revision,
                created_at=now,
                retired_at=None,
            )
        )
        return revision

    def _record(
        self, session: TenantSession, actor: str, action: str, name: str, details: dict[str, int]
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=action,
            object_kind="metric",
            object_id=name,
            details=details,
        )


async def _lock(session: TenantSession) -> None:
    """Let one transaction at a time change the definitions of this agency."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"metric-definitions:{session.tenant_id}"},
    )


@contextmanager
def _naming_dependant(name: str) -> Iterator[None]:
    try:
        yield
    except InvalidInputError as error:
        raise ConflictError(
            f"another metric is made of {name!r}: {error.message}",
            hint="retire or change that one first",
        ) from error


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
