"""What the fields of a row stand for.

    MetricCatalogue -> row_fields -> {GraphQL name: what it is}

Used twice: the schema factory makes a typed field of each, and the compiler of selections makes a
column of the answer of each, so the two cannot disagree.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.definition import Unit
from domain.metrics.dimensions import Dimension
from domain.metrics.naming import camel_case

__all__ = ["DimensionField", "DimensionKind", "MetricField", "enum_names", "row_fields"]

# Dimensions whose values are ids of our own, with the prefix that the outside sees.
_ID_PREFIXES: Final = {"client": "cli", "connection": "con"}
_QUALIFIER_PREFIXES: Final = {"connection_id": "con"}


class DimensionKind(enum.Enum):
    """How a dimension looks in GraphQL."""

    TEXT = "text"  # String
    CHOICE = "choice"  # an enum of its canonical values
    NAMED = "named"  # an object {id name}


@dataclass(frozen=True, slots=True)
class MetricField:
    """A metric.

    Attributes:
        name: Snake case.
        unit: Decides the GraphQL type and how it is written.
    """

    name: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class DimensionField:
    """A dimension.

    Attributes:
        name: Snake case; also the column of the answer.
        kind: Decides the GraphQL type.
        id_prefix: For `NAMED`: values are ids of ours (or start with one and a colon), shown with
            this prefix; empty: values are shown as they are.
        is_stored_here: Names are in the control plane, not in the answer.
    """

    name: str
    kind: DimensionKind
    id_prefix: str = ""
    is_stored_here: bool = False


def row_fields(catalogue: MetricCatalogue) -> dict[str, MetricField | DimensionField]:
    """All metrics and dimensions by GraphQL name; dimensions first. The date is not among them."""
    fields: dict[str, MetricField | DimensionField] = {}
    for name, dimension in catalogue.dimensions.items():
        fields[camel_case(name)] = _dimension_field(dimension)
    for name, info in catalogue.metrics.items():
        fields[camel_case(name)] = MetricField(name, info.unit)
    return fields


def enum_names(dimension: Dimension) -> Mapping[str, str]:
    """GraphQL enum name of each canonical value: `paid_search` is `PAID_SEARCH`."""
    return {value: value.upper() for value in dimension.values}


def _dimension_field(dimension: Dimension) -> DimensionField:
    name = dimension.name
    if name in _ID_PREFIXES:
        return DimensionField(name, DimensionKind.NAMED, _ID_PREFIXES[name], is_stored_here=True)
    if dimension.label_columns:
        prefix = _QUALIFIER_PREFIXES.get(dimension.qualified_by, "")
        return DimensionField(name, DimensionKind.NAMED, prefix)
    return DimensionField(name, DimensionKind.CHOICE if dimension.values else DimensionKind.TEXT)
