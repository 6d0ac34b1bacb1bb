"""A question about metrics, free of any transport.

GraphQL, the CLI, exports and models all ask by a `MetricRequest`; `domain.query.answer` answers it.
"""

import enum
from dataclasses import dataclass
from decimal import Decimal

from domain.time_window import DateRange, Grain

__all__ = [
    "Align",
    "CompareTo",
    "Comparison",
    "DimensionFilter",
    "Direction",
    "MetricCondition",
    "MetricRequest",
    "Operator",
    "OrderBy",
]


class Operator(enum.Enum):
    """Comparison of a metric's value with a number, after aggregation."""

    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"


class Direction(enum.Enum):
    """Order of rows; NULL comes last in both."""

    ASC = "ASC"
    DESC = "DESC"


class CompareTo(enum.Enum):
    """The base period of a comparison."""

    PREVIOUS_PERIOD = "PREVIOUS_PERIOD"  # the same number of days, ending the day before
    SAME_PERIOD_LAST_YEAR = "SAME_PERIOD_LAST_YEAR"


class Align(enum.Enum):
    """How days of the base period are laid beside days of the asked one.

    `WEEKDAY` moves the base period by whole weeks: Mondays meet Mondays (364 days for a year).
    """

    DATE = "DATE"
    WEEKDAY = "WEEKDAY"


@dataclass(frozen=True, slots=True)
class DimensionFilter:
    """Rows whose dimension is (`negated`: is not) one of `values`; None in `values` means NULL."""

    dimension: str
    values: tuple[str | None, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class MetricCondition:
    """Result rows whose metric compares true with `value`; NULL never does."""

    metric: str
    operator: Operator
    value: Decimal


@dataclass(frozen=True, slots=True)
class OrderBy:
    """Order by a metric, a dimension or `date`."""

    field: str
    direction: Direction = Direction.ASC


@dataclass(frozen=True, slots=True)
class Comparison:
    """Lay a base period beside the asked one."""

    to: CompareTo
    align: Align = Align.DATE


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """One question.

    Attributes:
        metrics: Names, in the order of the answer's columns; at least one.
        dimensions: Names to group by, without the date.
        grain: Grain of the `date` column; None for one row over the whole period.
        period: Reporting dates, both ends included.
        where: All must hold, before aggregation.
        having: All must hold, after aggregation.
        order_by: Ties are broken by all dimensions, so that pages are stable.
        limit: Rows of this page.
        offset: Rows before this page.
        comparison: Adds for every metric `m` the column `m__base`.
        totals: Also compute each metric over the whole period (not a sum of rows).
    """

    metrics: tuple[str, ...]
    period: DateRange
    dimensions: tuple[str, ...] = ()
    grain: Grain | None = None
    where: tuple[DimensionFilter, ...] = ()
    having: tuple[MetricCondition, ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    limit: int = 1000
    offset: int = 0
    comparison: Comparison | None = None
    totals: bool = False
