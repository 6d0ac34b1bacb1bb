"""Result types of `metrics` that depend on the catalogue.

    catalogue + enums -> MetricsCompared -> MetricsRow, MetricsTotals -> MetricsResult

The fields of rows have no resolvers: rows are written as JSON from their columns.
"""

import datetime as dt
from collections.abc import Mapping
from types import GenericAlias
from typing import Annotated, Any, Final

import strawberry
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

from api.graphql.metric_types import MetricsNotice, Money, Named, PageInfo
from api.graphql.queries.metrics import resolve_rows, resolve_totals
from api.graphql.row_fields import DimensionField, DimensionKind, MetricField
from api.graphql.scalars import Count
from api.graphql.selection import COMPARED, DATE, RESULT, ROW, TOTALS
from api.graphql.typed_arguments import ArgumentTypes, typed_field
from domain.errors import InternalError
from domain.metrics.catalogue import MetricCatalogue, MetricInfo
from domain.metrics.definition import Additivity, SimpleMetric, Unit
from domain.time_window import Grain

__all__ = ["make_result_type"]

_UNIT_TYPES: Final[Mapping[Unit, Any]] = {
    Unit.MONEY: Money | None,
    Unit.COUNT: Count | None,
    Unit.NUMBER: float | None,
    Unit.RATIO: float | None,
}
_UNIT_WORDS: Final = {
    Unit.MONEY: "Money",
    Unit.COUNT: "A whole number",
    Unit.NUMBER: "A number",
    Unit.RATIO: "A ratio (0.12, not 12)",
}
_ADDITIVITY_WORDS: Final = {
    Additivity.FULL: "may be summed over every dimension and over time",
    Additivity.WITHIN_ATTRIBUTION: "may be summed within one attribution",
    Additivity.NONE: "never summed: the total is computed from its parts",
}
_ROWS_TEXT: Final = "Grouped by the dimensions that are selected here."
_COMPARED_TEXT: Final = "Values of the base period that `compare` lays beside; needs `compare`."


def make_result_type(
    catalogue: MetricCatalogue,
    fields: Mapping[str, MetricField | DimensionField],
    arguments: ArgumentTypes,
) -> type:
    """Make the type of the field `metrics`.

    Args:
        catalogue: Metrics and dimensions.
        fields: `row_fields(catalogue)`.
        arguments: For enums.
    """
    compared = create_type(
        COMPARED,
        [*_metrics(catalogue, fields), _change(arguments)],
        description="Values of the base period.",
    )
    row = create_type(
        ROW,
        [
            _date(),
            *_dimensions(catalogue, fields, arguments),
            *_metrics(catalogue, fields),
            typed_field("compared", compared, _COMPARED_TEXT),
        ],
        description="One combination of the selected dimensions.",
    )
    totals = create_type(
        TOTALS,
        [*_metrics(catalogue, fields), typed_field("compared", compared, _COMPARED_TEXT)],
        description="Metrics over the whole period and all rows, computed anew and not summed.",
    )
    return create_type(
        RESULT,
        [
            typed_field("rows", GenericAlias(list, (row,)), _ROWS_TEXT, resolver=resolve_rows),
            typed_field("totals", totals, "Over all rows of all pages.", resolver=resolve_totals),
            typed_field("page_info", PageInfo, "Where the rows end."),
            typed_field("currency", str, "ISO 4217 code of all amounts."),
            typed_field(
                "notices",
                GenericAlias(list, (MetricsNotice,)),
                "Metrics that are shown in part, or not where claims of platforms meet.",
            ),
        ],
        description="The answer to one question.",
    )


def _metrics(
    catalogue: MetricCatalogue, fields: Mapping[str, MetricField | DimensionField]
) -> list[StrawberryField]:
    return [
        typed_field(
            field.name, _UNIT_TYPES[field.unit], _sentence(catalogue.metrics[field.name]), name=name
        )
        for name, field in fields.items()
        if isinstance(field, MetricField)
    ]


def _sentence(info: MetricInfo) -> str:
    metric = info.metric
    if isinstance(metric, SimpleMetric):
        formula = f"{metric.aggregation.value} of {metric.fact}.{metric.column}"
    else:
        formula = metric.expression
    unit = _UNIT_WORDS[info.unit]
    return f"{metric.description} {unit}, {_ADDITIVITY_WORDS[info.additivity]}. = {formula}"


def _dimensions(
    catalogue: MetricCatalogue,
    fields: Mapping[str, MetricField | DimensionField],
    arguments: ArgumentTypes,
) -> list[StrawberryField]:
    return [
        typed_field(
            field.name,
            _dimension_type(field, arguments),
            catalogue.dimensions[field.name].description,
            name=name,
        )
        for name, field in fields.items()
        if isinstance(field, DimensionField)
    ]


def _dimension_type(field: DimensionField, arguments: ArgumentTypes) -> Any:
    if field.kind is DimensionKind.NAMED:
        return Named | None
    if field.kind is DimensionKind.TEXT:
        return str | None
    return arguments.choices[field.name] | None


def _date() -> StrawberryField:
    # Never called: only its argument and type are used.
    def date(grain: Annotated[Grain, strawberry.argument(description="Calendar unit.")]) -> dt.date:
        raise InternalError(f"a date at grain {grain.value} was resolved by itself")

    return typed_field(
        DATE, dt.date, "First day of the unit; rows are grouped by it.", name=DATE, resolver=date
    )


def _change(arguments: ArgumentTypes) -> StrawberryField:
    # Never called: only its argument and type are used.
    def change(of: Any) -> float | None:
        raise InternalError(f"the change of {of.value} was resolved by itself")

    change.__annotations__["of"] = Annotated[
        arguments.metric, strawberry.argument(description="A metric.")
    ]
    return typed_field(
        "change",
        float | None,
        "Relative change against the base period (0.1: a tenth more); null where the base is null "
        "or zero.",
        resolver=change,
    )
