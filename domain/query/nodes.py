"""Nodes of a plan, from the rows of facts up to the page that is shown.

    AggregateFact* -> UniteFacts -> ComputeMetrics -> SelectPage

Each fact is aggregated apart, at the asked grain, before anything is laid side by side: no fact
multiplies the rows of another. Ratios come after aggregation.
"""

import enum
from dataclasses import dataclass

from domain.metrics.definition import MetricFilter, Unit
from domain.metrics.dimensions import Dimension
from domain.metrics.formula import Formula, Measure
from domain.query.periods import Shift
from domain.query.request import OrderBy
from domain.query.shape import ConditionShape, FilterShape
from domain.time_window import Grain

__all__ = [
    "AggregateFact",
    "ClaimColumns",
    "ComputeMetrics",
    "Keys",
    "MeasureColumn",
    "MetricColumn",
    "SelectPage",
    "Side",
    "UniteFacts",
]


class Side(enum.Enum):
    """Which period a value belongs to; the value is the suffix of its column."""

    ASKED = ""
    BASE = "__base"


@dataclass(frozen=True, slots=True)
class Keys:
    """What rows are grouped by.

    Attributes:
        grain: Of the column `date`; None: there is none.
        dimensions: One column each, named as the dimension, and one with labels where it has some.
    """

    grain: Grain | None
    dimensions: tuple[Dimension, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Key columns in order."""
        date = () if self.grain is None else ("date",)
        return date + tuple(dimension.name for dimension in self.dimensions)

    @property
    def labelled(self) -> tuple[Dimension, ...]:
        """The dimensions with labels."""
        return tuple(dimension for dimension in self.dimensions if dimension.label_columns)


@dataclass(frozen=True, slots=True)
class MeasureColumn:
    """A measure, the cut of its fact that it is read from, and the column that holds it."""

    name: str
    measure: Measure
    fact: str
    side: Side


@dataclass(frozen=True, slots=True)
class ClaimColumns:
    """Claims that meet in one amount, and the columns that tell whose they are.

    Attributes:
        name: Of the columns, without their suffix.
        measures: Claims of one kind.
        side: Which period is read.
    """

    name: str
    measures: tuple[Measure, ...]
    side: Side

    @property
    def bounds(self) -> tuple[str, str]:
        """The columns of the least and the greatest attribution; they differ: claims are mixed."""
        return f"{self.name}__min", f"{self.name}__max"


@dataclass(frozen=True, slots=True)
class AggregateFact:
    """One cut of a fact in one period: at most one row per combination of keys.

    Attributes:
        fact: Name of the cut.
        side: Which period is read.
        keys: What rows are grouped by.
        shift: How days of the base period are moved; None: they are not.
        where: The question's filters.
        only: Filters that all measures share; the others' are in the measures.
        measures: Each with the filters that only it has.
    """

    fact: str
    side: Side
    keys: Keys
    shift: Shift | None
    where: tuple[FilterShape, ...]
    only: tuple[MetricFilter, ...]
    measures: tuple[MeasureColumn, ...]


@dataclass(frozen=True, slots=True)
class UniteFacts:
    """Facts and periods laid side by side: one row per combination of keys, NULL keys included."""

    parts: tuple[AggregateFact, ...]
    keys: Keys
    measures: tuple[MeasureColumn, ...]
    claims: tuple[ClaimColumns, ...]

    @property
    def has_money(self) -> bool:
        """Whether currencies must agree."""
        return any(column.measure.money for column in self.measures)


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric of one side and the column that holds it.

    Attributes:
        name: Of the column.
        formula: Over measures.
        unit: Of its values.
        side: Which period is read.
        claims: Where any of them is mixed, the metric is NULL.
    """

    name: str
    formula: Formula
    unit: Unit
    side: Side
    claims: tuple[ClaimColumns, ...]


@dataclass(frozen=True, slots=True)
class ComputeMetrics:
    """Metrics of each row. With keys, rows without any value are left out."""

    source: UniteFacts
    metrics: tuple[MetricColumn, ...]


@dataclass(frozen=True, slots=True)
class SelectPage:
    """The rows and columns that are shown.

    Attributes:
        source: All rows.
        metrics: Columns shown, a subset of the source's.
        having: All must hold.
        order_by: Resolved: ends with all keys; NULL comes last.
        paged: Whether there is a limit and an offset.
    """

    source: ComputeMetrics
    metrics: tuple[MetricColumn, ...]
    having: tuple[ConditionShape, ...]
    order_by: tuple[OrderBy, ...]
    paged: bool
