"""The shape of a question: all of it but the values.

    request -> shape_of -> (Shape, parameters)

Questions of one shape share one plan, one SQL text and one guard. Dates, filter values, thresholds
and the page become named parameters.
"""

from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInputError
from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.definition import Unit
from domain.metrics.resolution import check_value
from domain.ports import Parameter
from domain.query.periods import Shift, find_base
from domain.query.request import DimensionFilter, MetricRequest, Operator, OrderBy
from domain.time_window import Grain

__all__ = ["MAX_ROWS", "ConditionShape", "FilterShape", "Shape", "shape_of", "totals_shape"]

MAX_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class FilterShape:
    """A filter without its values.

    Attributes:
        dimension: Its name.
        parameter: Name of the parameter with the values; empty: none but NULL.
        with_null: NULL is one of the values.
        negated: Rows that are not one of the values.
    """

    dimension: str
    parameter: str
    with_null: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ConditionShape:
    """A condition on a metric without its threshold."""

    metric: str
    operator: Operator
    parameter: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A question without values; see `MetricRequest` for the fields.

    Attributes:
        shift: How base days are moved beside asked ones; None: no comparison.
        paged: Whether there is a page; totals have none.
    """

    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    grain: Grain | None = None
    where: tuple[FilterShape, ...] = ()
    having: tuple[ConditionShape, ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    shift: Shift | None = None
    paged: bool = True


def shape_of(
    request: MetricRequest, catalogue: MetricCatalogue
) -> tuple[Shape, dict[str, Parameter]]:
    """Take a question apart into its shape and its values.

    Raises:
        InvalidInputError: A value is no canonical value of its dimension, a filter has no values,
            or the page is out of range.
        UnknownDimensionError: A filter names no dimension.
        UnknownMetricError: A condition names no metric.
    """
    parameters: dict[str, Parameter] = {
        "period_start": request.period.start,
        "period_end": request.period.end,
    }
    where = tuple(
        _filter(one, f"where_{index}", catalogue, parameters)
        for index, one in enumerate(request.where)
    )
    having = []
    for index, condition in enumerate(request.having):
        name = f"having_{index}"
        ratio = catalogue.get_metric(condition.metric).unit is Unit.RATIO
        parameters[name] = float(condition.value) if ratio else condition.value
        having.append(ConditionShape(condition.metric, condition.operator, name))
    shift = None
    if request.comparison is not None:
        base = find_base(request.period, request.comparison, request.grain)
        shift = base.shift
        parameters["base_start"] = base.period.start
        parameters["base_end"] = base.period.end
        if request.grain is not None:
            parameters["base_shift"] = base.amount
    parameters |= _page(request)
    shape = Shape(
        request.metrics,
        request.dimensions,
        request.grain,
        where,
        tuple(having),
        request.order_by,
        shift,
    )
    return shape, parameters


def totals_shape(
    shape: Shape, parameters: dict[str, Parameter]
) -> tuple[Shape, dict[str, Parameter]]:
    """The question of one row over the whole period, with those values that it needs."""
    kept = {
        name: value
        for name, value in parameters.items()
        if name not in {"page_rows", "page_offset", "base_shift"} and not name.startswith("having_")
    }
    return Shape(shape.metrics, where=shape.where, shift=shape.shift, paged=False), kept


def _filter(
    one: DimensionFilter,
    name: str,
    catalogue: MetricCatalogue,
    parameters: dict[str, Parameter],
) -> FilterShape:
    dimension = catalogue.get_dimension(one.dimension)
    values = tuple(value for value in one.values if value is not None)
    if not one.values:
        raise InvalidInputError(
            f"the filter on {one.dimension} has no values",
            hint="leave the filter out, or give at least one value",
        )
    for value in values:
        check_value(dimension, value)
    if values:
        parameters[name] = values
    with_null = len(values) < len(one.values)
    return FilterShape(one.dimension, name if values else "", with_null, one.negated)


def _page(request: MetricRequest) -> dict[str, Parameter]:
    if not 1 <= request.limit <= MAX_ROWS:
        raise InvalidInputError(
            f"a page has 1 to {MAX_ROWS} rows, not {request.limit}", hint="ask for more pages"
        )
    if request.offset < 0:
        raise InvalidInputError(f"a page cannot begin at row {request.offset}")
    return {"page_rows": request.limit + 1, "page_offset": request.offset}
