"""What a metric is: one sentence with a unit and an additivity.

    simple:  sum of ads_daily.spend [where ...]
    derived: revenue * (1 - cogs_rate) - spend

A simple metric aggregates one column of one fact. A derived metric is an expression over other
metrics, computed after their aggregation; its unit and additivity are inferred from its parts.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

__all__ = [
    "Additivity",
    "Aggregation",
    "DerivedMetric",
    "Metric",
    "MetricFilter",
    "Owner",
    "SimpleMetric",
    "Unit",
]


class Unit(enum.Enum):
    """What a metric's number means; decides its GraphQL type.

    `MONEY` is an amount in one currency, `COUNT` a whole number of things, `NUMBER` a fractional
    number of things, `RATIO` a fraction (0.12, not 12).
    """

    MONEY = "money"
    COUNT = "count"
    NUMBER = "number"
    RATIO = "ratio"


class Additivity(enum.Enum):
    """Over what the values of parts may be summed to give the value of the whole."""

    FULL = "full"  # over every dimension and over time
    WITHIN_ATTRIBUTION = "within_attribution"  # claims: over rows of one attribution only
    NONE = "none"  # never: ratios, distinct counts


class Aggregation(enum.Enum):
    """How a simple metric makes one value of many rows."""

    SUM = "sum"
    COUNT = "count"  # of rows; the column is only looked at for NULL
    COUNT_DISTINCT = "count_distinct"


class Owner(enum.Enum):
    """Who defined the metric; an agency's metric never shadows a core one."""

    CORE = "core"
    AGENCY = "agency"


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Rows that count: `dimension` is (or with `negated`: is not) one of `values`.

    A row whose dimension is NULL is not one of any values, so it counts where `negated` is set.
    """

    dimension: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class SimpleMetric:
    """An aggregate of one column of one fact.

    Attributes:
        name: Snake case, unique among metrics and dimensions of the tenant.
        label: For people.
        description: One sentence.
        fact: Name of the canonical fact.
        column: Its column.
        aggregation: How rows become one value; NULL cells are passed over; no rows give NULL.
        unit: Of the result.
        where: Only these rows count.
        owner: Who defined it.
    """

    name: str
    label: str
    description: str
    fact: str
    column: str
    aggregation: Aggregation
    unit: Unit
    where: tuple[MetricFilter, ...] = ()
    owner: Owner = Owner.CORE


@dataclass(frozen=True, slots=True)
class DerivedMetric:
    """An expression over other metrics.

    Attributes:
        name: Snake case, unique among metrics and dimensions of the tenant.
        label: For people.
        description: One sentence.
        expression: Source text, for example `revenue / spend`.
        parameters: Named constants of the expression.
        where: Added to every simple metric that the expression reaches.
        owner: Who defined it.
    """

    name: str
    label: str
    description: str
    expression: str
    parameters: Mapping[str, Decimal] = field(default_factory=dict)
    where: tuple[MetricFilter, ...] = ()
    owner: Owner = Owner.CORE


Metric = SimpleMetric | DerivedMetric
