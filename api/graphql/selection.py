"""From a selection to a question, and to the shape of its rows.

    collected fields of MetricsRow -> RowSelection: what to ask, and one JSON cell per response key

The selection set is the query: what is selected is grouped by, aggregated and computed, and nothing
else is. Works on collected fields, so fragments, directives, variables and aliases mean what they
mean in the specification.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import get_argument_values

from api.graphql.execution import Collected, RowExecutor
from api.graphql.json_rows import (
    AmountCell,
    Cell,
    ChangeCell,
    ConstantCell,
    EnumCell,
    FloatCell,
    IntegerCell,
    ObjectCell,
    TextCell,
)
from api.graphql.row_fields import DimensionField, DimensionKind, MetricField
from domain.errors import InvalidInputError
from domain.metrics.definition import Unit
from domain.time_window import Grain

__all__ = [
    "BASE_SUFFIX",
    "COMPARED",
    "DATE",
    "LABEL_SUFFIX",
    "RESULT",
    "ROW",
    "TOTALS",
    "RowSelection",
    "read_selection",
]

# Types of the schema that are made of the catalogue.
RESULT: Final = "MetricsResult"
ROW: Final = "MetricsRow"
TOTALS: Final = "MetricsTotals"
COMPARED: Final = "MetricsCompared"

DATE: Final = "date"
BASE_SUFFIX: Final = "__base"
LABEL_SUFFIX: Final = "__label"
_TYPENAME: Final = "__typename"

Fields = Mapping[str, MetricField | DimensionField]
Names = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class RowSelection:
    """What one selection of rows (or of totals) asks for.

    Attributes:
        members: Response keys in order, each with the cell that fills it.
        metrics: Names, in order of selection.
        dimensions: Names, in order of selection.
        named_here: Dimensions whose names the control plane has and that are selected.
        grain: Of the date; None when no date is selected.
        has_comparison: Whether values of the base period are selected.
    """

    members: tuple[tuple[str, Cell], ...] = ()
    metrics: dict[str, None] = field(default_factory=dict)
    dimensions: dict[str, None] = field(default_factory=dict)
    named_here: set[str] = field(default_factory=set)
    grain: Grain | None = None
    has_comparison: bool = False


def read_selection(
    executor: RowExecutor,
    type_name: str,
    nodes: Iterable[FieldDetails],
    fields: Fields,
    enums: Names,
) -> RowSelection:
    """Read what is selected on a row or on the totals.

    Args:
        executor: Of the operation.
        type_name: `ROW` or `TOTALS`.
        nodes: Where the rows are selected under one response key.
        fields: From `row_fields`.
        enums: For each dimension with canonical values, the GraphQL name of each value.

    Raises:
        InvalidInputError: The date is selected at two grains (caller).
    """
    reader = _Reader(executor, fields, enums)
    reader.selection.members = reader.read(type_name, nodes)
    return reader.selection


class _Reader:
    def __init__(self, executor: RowExecutor, fields: Fields, enums: Names) -> None:
        self._executor = executor
        self._fields = fields
        self._enums = enums
        self.selection = RowSelection()

    def read(self, type_name: str, nodes: Iterable[FieldDetails]) -> tuple[tuple[str, Cell], ...]:
        collected = self._executor.selected(type_name, list(nodes))
        suffix = BASE_SUFFIX if type_name == COMPARED else ""
        return tuple(
            (key, self._cell(type_name, details, suffix)) for key, details in collected.items()
        )

    def _cell(self, type_name: str, details: list[FieldDetails], suffix: str) -> Cell:
        name = details[0].node.name.value
        if name == _TYPENAME:
            return ConstantCell(type_name)
        if name == DATE:
            return self._date(type_name, details)
        if name == "compared":
            self.selection.has_comparison = True
            return ObjectCell(self.read(COMPARED, details))
        if name == "change":
            return self._change(type_name, details)
        meaning = self._fields[name]
        if isinstance(meaning, MetricField):
            return self._metric(meaning, details, suffix)
        return self._dimension(meaning, details)

    def _date(self, type_name: str, details: list[FieldDetails]) -> Cell:
        grain = Grain(self._argument(type_name, details, "grain"))
        if self.selection.grain not in (None, grain):
            raise InvalidInputError(
                "the date is selected at two grains",
                hint="one metrics field answers at one grain; ask twice, with two aliases",
            )
        self.selection.grain = grain
        return TextCell(DATE)

    def _change(self, type_name: str, details: list[FieldDetails]) -> Cell:
        metric = self._argument(type_name, details, "of")
        self.selection.metrics[metric] = None
        return ChangeCell(metric, f"{metric}{BASE_SUFFIX}")

    def _metric(self, metric: MetricField, details: list[FieldDetails], suffix: str) -> Cell:
        self.selection.metrics[metric.name] = None
        column = f"{metric.name}{suffix}"
        if metric.unit is Unit.MONEY:
            return self._object(
                "Money", details, column, {"amount": AmountCell(column), "currency": _CURRENCY}
            )
        return IntegerCell(column) if metric.unit is Unit.COUNT else FloatCell(column)

    def _dimension(self, dimension: DimensionField, details: list[FieldDetails]) -> Cell:
        name = dimension.name
        self.selection.dimensions[name] = None
        if dimension.kind is DimensionKind.CHOICE:
            return EnumCell(name, self._enums[name])
        if dimension.kind is DimensionKind.TEXT:
            return TextCell(name)
        cells = {"id": TextCell(name), "name": TextCell(f"{name}{LABEL_SUFFIX}")}
        below = self._executor.selected("Named", details)
        if dimension.is_stored_here and _selects(below, "name"):
            self.selection.named_here.add(name)
        return self._object("Named", details, name, cells)

    def _object(
        self,
        type_name: str,
        details: list[FieldDetails],
        null_with: str,
        cells: Mapping[str, Cell],
    ) -> Cell:
        typename = {_TYPENAME: ConstantCell(type_name)}
        known = {**cells, **typename}
        collected = self._executor.selected(type_name, details)
        members = tuple((key, known[below[0].node.name.value]) for key, below in collected.items())
        return ObjectCell(members, null_with=null_with)

    def _argument(self, type_name: str, details: list[FieldDetails], name: str) -> Any:
        object_type = self._executor.schema.type_map[type_name]
        if not isinstance(object_type, GraphQLObjectType):
            raise TypeError(type_name)
        node = details[0].node
        definition = object_type.fields[node.name.value]
        values = get_argument_values(definition, node, self._executor.variable_values)
        return values[name].value


_CURRENCY: Final = ConstantCell(None)


def _selects(collected: Collected, name: str) -> bool:
    return any(details[0].node.name.value == name for details in collected.values())
