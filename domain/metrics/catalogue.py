"""All metrics and dimensions that one agency may ask for.

    core metrics + agency metrics -> build_catalogue -> MetricCatalogue

Every metric is resolved once: its expression read, its unit and additivity inferred, its parts
followed down to measures of facts. A catalogue is immutable; its content hash names it.
"""

import dataclasses
import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from domain.errors import InvalidInputError, NotFoundError
from domain.metrics.core import CORE_METRICS
from domain.metrics.cuts import dimensions_of
from domain.metrics.definition import Additivity, Metric, Owner, Unit
from domain.metrics.dimensions import CORE_DIMENSIONS, Dimension
from domain.metrics.formula import Formula
from domain.metrics.naming import InvalidNameError, camel_case, check_name, did_you_mean
from domain.metrics.resolution import Resolver

__all__ = [
    "MetricCatalogue",
    "MetricInfo",
    "UnknownDimensionError",
    "UnknownMetricError",
    "build_catalogue",
]


class UnknownMetricError(NotFoundError):
    """No metric of that name (the caller can mend it)."""

    code = "UNKNOWN_METRIC"


class UnknownDimensionError(NotFoundError):
    """No dimension of that name (the caller can mend it)."""

    code = "UNKNOWN_DIMENSION"


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric and what was inferred about it.

    Attributes:
        metric: As defined.
        unit: Of its values.
        additivity: Whether values of parts may be summed.
        facts: Facts that it is defined on; each may be read in a finer cut.
        parts: Simple metrics that it reaches, in order of appearance.
        dimensions: What it can be split and filtered by: what all its facts have in some cut.
        formula: Over measures.
    """

    metric: Metric
    unit: Unit
    additivity: Additivity
    facts: frozenset[str]
    parts: tuple[str, ...]
    dimensions: frozenset[str]
    formula: Formula


@dataclass(frozen=True, slots=True)
class MetricCatalogue:
    """Metrics and dimensions by name.

    Attributes:
        metrics: Core metrics first, then the agency's, in order of definition.
        dimensions: By name.
        content_hash: SHA-256 of the whole content in hexadecimal; the order does not matter.
    """

    metrics: Mapping[str, MetricInfo]
    dimensions: Mapping[str, Dimension]
    content_hash: str

    def get_metric(self, name: str) -> MetricInfo:
        """The metric of that name.

        Raises:
            UnknownMetricError: None has it.
        """
        if name not in self.metrics:
            raise UnknownMetricError(
                f"there is no metric {name!r}", hint=did_you_mean(name, self.metrics)
            )
        return self.metrics[name]

    def get_dimension(self, name: str) -> Dimension:
        """The dimension of that name.

        Raises:
            UnknownDimensionError: None has it.
        """
        if name not in self.dimensions:
            known = f"dimensions are {', '.join(self.dimensions)}"
            raise UnknownDimensionError(
                f"there is no dimension {name!r}",
                hint=did_you_mean(name, self.dimensions, otherwise=known),
            )
        return self.dimensions[name]


def build_catalogue(agency_metrics: Iterable[Metric] = ()) -> MetricCatalogue:
    """Resolve the core metrics and an agency's own.

    Raises:
        InvalidNameError: A name is malformed, reserved, or taken; core names are never shadowed.
        MetricDefinitionError: An expression is ill-formed or ill-typed, names something unknown,
            or refers back to itself.
    """
    added = tuple(agency_metrics)
    _check_names(added)
    dimensions = {dimension.name: dimension for dimension in CORE_DIMENSIONS}
    resolver = Resolver((*CORE_METRICS, *added), dimensions)
    metrics = {}
    for metric in (*CORE_METRICS, *added):
        resolved = resolver.resolve(metric.name)
        metrics[metric.name] = MetricInfo(
            metric=metric,
            unit=resolved.unit,
            additivity=resolved.additivity,
            facts=frozenset(measure.fact for measure in resolved.measures),
            parts=tuple(dict.fromkeys(measure.metric for measure in resolved.measures)),
            dimensions=frozenset.intersection(
                *(dimensions_of(measure, dimensions) for measure in resolved.measures)
            ),
            formula=resolved.formula,
        )
    return MetricCatalogue(
        MappingProxyType(metrics),
        MappingProxyType(dimensions),
        _hash((*CORE_METRICS, *added), CORE_DIMENSIONS),
    )


_CORE_NAMES: Final = {metric.name: "a metric of every agency" for metric in CORE_METRICS} | {
    dimension.name: "a dimension" for dimension in CORE_DIMENSIONS
}


def _check_names(added: tuple[Metric, ...]) -> None:
    taken = dict(_CORE_NAMES)
    written = {camel_case(name): name for name in taken}
    for metric in added:
        check_name(metric.name)
        if metric.owner is not Owner.AGENCY:
            raise InvalidInputError(
                f"metric {metric.name} says that it belongs to every agency",
                hint="owner: agency",
            )
        if metric.name in taken:
            raise InvalidNameError(
                f"{metric.name!r} is already {taken[metric.name]}", hint="choose another name"
            )
        other = written.get(camel_case(metric.name))
        if other is not None:
            raise InvalidNameError(
                f"{metric.name!r} and {other!r} are both {camel_case(metric.name)} in GraphQL",
                hint="choose another name",
            )
        taken[metric.name] = "a metric of this agency"
        written[camel_case(metric.name)] = metric.name


def _hash(metrics: Iterable[Metric], dimensions: Iterable[Dimension]) -> str:
    parts = sorted(
        json.dumps([type(one).__name__, dataclasses.asdict(one)], sort_keys=True, default=_plain)
        for one in (*metrics, *dimensions)
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    message = f"{type(value).__name__} has no place in a catalogue"
    raise TypeError(message)
