"""Argument types of `metrics` that depend on the catalogue.

catalogue -> enums of metrics, dimensions and canonical values -> filters, conditions, order
"""

import enum
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import strawberry
from strawberry.tools import create_type
from strawberry.types.field import StrawberryField

from api.graphql.metric_types import IdFilter, TextFilter
from api.graphql.row_fields import DimensionField, DimensionKind, MetricField, enum_names
from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.naming import camel_case
from domain.query.request import Direction, Operator

__all__ = ["ArgumentTypes", "typed_field"]

_CONDITIONS = {
    Operator.GT: "greater than",
    Operator.GTE: "greater than or equal to",
    Operator.LT: "less than",
    Operator.LTE: "less than or equal to",
    Operator.EQ: "equal to",
}


class ArgumentTypes:
    """Types made of one catalogue.

    Args:
        catalogue: Metrics and dimensions.
        fields: `row_fields(catalogue)`.

    Attributes:
        metric: Enum of all metrics.
        choices: For each dimension with canonical values, its enum.
        where: Input with a filter per dimension.
        having: Input of a condition on a metric.
        order_by: Input of an order.
    """

    def __init__(
        self,
        catalogue: MetricCatalogue,
        fields: Mapping[str, MetricField | DimensionField],
    ) -> None:
        names = {name: camel_case(name) for name in catalogue.metrics}
        columns = {"date": "date", **{name: camel_case(name) for name in catalogue.dimensions}}
        self.metric = _named_enum("Metric", names, "A metric.")
        self.choices = {
            name: _named_enum(_pascal_case(name), enum_names(dimension), dimension.description)
            for name, dimension in catalogue.dimensions.items()
            if dimension.values
        }
        self.where = self._where(fields)
        self.having = self._having()
        self.order_by = self._order_by({**columns, **names})

    def _where(self, fields: Mapping[str, MetricField | DimensionField]) -> type:
        filters = [
            typed_field(
                field.name,
                self._filter(field) | None,
                f"Filter by {field.name.replace('_', ' ')}, before aggregation.",
                name=name,
                default=None,
            )
            for name, field in fields.items()
            if isinstance(field, DimensionField)
        ]
        return create_type(
            "MetricsFilter", filters, is_input=True, description="All of them must hold."
        )

    def _filter(self, field: DimensionField) -> Any:
        if field.kind is DimensionKind.NAMED:
            return IdFilter
        if field.kind is DimensionKind.TEXT:
            return TextFilter
        values = list[self.choices[field.name] | None] | None  # type: ignore[name-defined]
        return create_type(
            f"{_pascal_case(field.name)}Filter",
            [
                typed_field("in_", values, "Is one of them.", name="in", default=None),
                typed_field("not_", values, "Is none of them.", name="not", default=None),
            ],
            is_input=True,
            description="Keep rows that are (`in`) or are not (`not`) one of some.",
        )

    def _having(self) -> type:
        limits = [
            typed_field(one.value, Decimal | None, f"The value is {words} this.", default=None)
            for one, words in _CONDITIONS.items()
        ]
        return create_type(
            "MetricCondition",
            [typed_field("metric", self.metric, "What is compared."), *limits],
            is_input=True,
            description="Keep rows whose metric compares true, after aggregation; null never does.",
        )

    def _order_by(self, columns: Mapping[str, str]) -> type:
        column = _named_enum("MetricsColumn", columns, "A column that rows can be ordered by.")
        return create_type(
            "MetricsOrder",
            [
                typed_field("field", column, "A metric, or a dimension that is selected."),
                typed_field(
                    "direction", Direction, "Rows without a value come last.", default=Direction.ASC
                ),
            ],
            is_input=True,
        )


def typed_field(
    attribute: str,
    graphql_type: Any,
    description: str,
    *,
    name: str | None = None,
    **options: Any,
) -> StrawberryField:
    """A field of a type made at run time.

    Args:
        attribute: Name in Python.
        graphql_type: Its type as an annotation.
        description: For the schema.
        name: GraphQL name; None: the attribute in camel case.
        options: Of `strawberry.field`, for example `default`.
    """
    field: StrawberryField = strawberry.field(
        name=name, graphql_type=graphql_type, description=description, **options
    )
    field.python_name = attribute
    return field


def _named_enum(name: str, members: Mapping[str, str], description: str) -> Any:
    """An enum whose members have the keys as values and the values as GraphQL names.

    Members are numbered in Python, because a metric may be called `mro` or `name`.
    """
    numbered: Iterable[tuple[str, Any]] = (
        (f"member_{number}", strawberry.enum_value(value, name=shown))
        for number, (value, shown) in enumerate(members.items())
    )
    made = enum.Enum(name, list(numbered))  # type: ignore[misc]  # made at run time
    return strawberry.enum(made, name=name, description=description)


def _pascal_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
