"""The field `metrics`: a selection is a question.

    arguments + selected fields -> MetricRequest -> domain.query.answer -> columns -> ready JSON

One field is one question; two fields with aliases are two. What is selected in `rows` is grouped by
and computed, and only that.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from graphql.execution.collect_fields import FieldDetails
from strawberry import Parent

from api.graphql.context import Context, EdgeInfo
from api.graphql.execution import ReadyJson
from api.graphql.json_rows import RowSource, write_object, write_rows
from api.graphql.metric_types import Compare, MetricsNotice, PageInfo
from api.graphql.names import Directory, load_directory, stored_value, with_public_ids
from api.graphql.paging import Page, read_page
from api.graphql.periods import Period, resolve_period
from api.graphql.row_fields import DimensionField, DimensionKind
from api.graphql.selection import RESULT, ROW, TOTALS, RowSelection, read_selection
from domain.errors import InternalError, InvalidInputError
from domain.metrics.naming import camel_case
from domain.query.answer import Answer, answer
from domain.query.request import (
    Comparison,
    DimensionFilter,
    MetricCondition,
    MetricRequest,
    Operator,
    OrderBy,
)

__all__ = ["MAXIMUM_ROWS", "MetricsAnswer", "answer_metrics", "resolve_rows", "resolve_totals"]

MAXIMUM_ROWS: Final = 10_000

# Writing 10,000 rows of 10 columns takes about 8 ms, too long for the event loop; Arrow lets other
# threads run meanwhile.
_LONG_ANSWER: Final = 1_000


@dataclass(frozen=True, slots=True)
class MetricsAnswer:
    """The answer behind one `metrics` field.

    Attributes:
        rows: Ids already public.
        totals: One row; None when totals are not selected.
        currency: ISO 4217 code of every amount.
        page_info: Where the rows end.
        notices: About the metrics.
        selections: For each response key of rows and totals, what is selected there.
    """

    rows: RowSource
    totals: RowSource | None
    currency: str
    page_info: PageInfo
    notices: list[MetricsNotice]
    selections: Mapping[str, RowSelection]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a field selects, all its aliases of rows and totals together."""

    rows: RowSelection
    totals: RowSelection
    selections: Mapping[str, RowSelection]
    has_totals: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple({**self.rows.metrics, **self.totals.metrics})

    @property
    def has_comparison(self) -> bool:
        return self.rows.has_comparison or self.totals.has_comparison


async def answer_metrics(
    info: EdgeInfo,
    period: Period,
    where: object | None,
    having: list[Any],
    compare: Compare | None,
    order_by: list[Any],
    page: tuple[int, str | None],
) -> MetricsAnswer:
    """Ask the question that the field selects.

    Args:
        info: Of the field.
        period: Reporting dates.
        where: Filters by dimension, before aggregation; attributes are named as dimensions.
        having: Conditions on metrics, after aggregation.
        compare: Base period.
        order_by: Of the rows.
        page: `first` and `after`.

    Raises:
        UserError: The question has no answer; says why (caller).
    """
    context = info.context
    question = _read_question(info)
    _check(question, compare)
    conditions = _conditions(having)
    known = context.tenant.catalogue.metrics
    context.caller.require_metrics(
        name
        for name in (
            *question.metrics,
            *(one.metric for one in conditions),
            *(one.field.value for one in order_by),
        )
        if name in known
    )
    rows_page = read_page(*page, maximum=MAXIMUM_ROWS)
    directory = await load_directory(context, _needed_names(context, question, where))
    request = MetricRequest(
        metrics=question.metrics,
        period=resolve_period(
            period, clock=context.services.clock, time_zone=context.tenant.time_zone
        ),
        dimensions=tuple(question.rows.dimensions),
        grain=question.rows.grain,
        where=_filters(context, where, directory),
        having=conditions,
        order_by=tuple(OrderBy(one.field.value, one.direction) for one in order_by),
        limit=rows_page.limit,
        offset=rows_page.offset,
        comparison=Comparison(compare.to, compare.align) if compare else None,
        totals=question.has_totals,
    )
    found = await _ask(context, request)
    return _present(context, question, found, directory, rows_page)


async def resolve_rows(answered: Parent[MetricsAnswer], info: EdgeInfo) -> ReadyJson:
    """The rows, as selected under this response key."""
    selection = answered.selections[str(info.path.key)]
    rows = answered.rows
    if rows.table.num_rows < _LONG_ANSWER:
        return ReadyJson(write_rows(selection.members, rows))
    return ReadyJson(await asyncio.to_thread(write_rows, selection.members, rows))


async def resolve_totals(answered: Parent[MetricsAnswer], info: EdgeInfo) -> ReadyJson:
    """The totals, as selected under this response key."""
    if answered.totals is None:
        raise InternalError("totals were selected and not computed")
    selection = answered.selections[str(info.path.key)]
    return ReadyJson(write_object(selection.members, answered.totals))


async def _ask(context: Context, request: MetricRequest) -> Answer:
    services, tenant = context.services, context.tenant
    return await answer(
        request,
        scope=context.caller.scope,
        catalogue=tenant.catalogue,
        warehouse=services.warehouse,
        plans=services.plans,
        reporting_currency=tenant.currency,
        cache=services.answers,
        data_version=tenant.data_version,
    )


def _present(
    context: Context, question: _Question, found: Answer, directory: Directory, page: Page
) -> MetricsAnswer:
    fields = context.tenant.schema.fields.values()
    shown = [
        one
        for one in fields
        if isinstance(one, DimensionField) and one.name in question.rows.dimensions
    ]
    rows = with_public_ids(found.rows, shown, directory)
    return MetricsAnswer(
        rows=RowSource(rows, found.currency),
        totals=None if found.totals is None else RowSource(found.totals, found.currency),
        currency=found.currency,
        page_info=page.info(rows.num_rows, has_next=found.has_next),
        notices=[
            MetricsNotice(
                code=one.code,
                metrics=list(map(camel_case, one.metrics)),
                message=one.message,
                hint=one.hint,
            )
            for one in found.notices
        ],
        selections=question.selections,
    )


def _read_question(info: EdgeInfo) -> _Question:
    rows: dict[str, RowSelection] = {}
    totals: dict[str, RowSelection] = {}
    for key, details in info.executor.selected(RESULT, info.nodes).items():
        name = details[0].node.name.value
        if name == "rows":
            rows[key] = _read(info, ROW, details)
        elif name == "totals":
            totals[key] = _read(info, TOTALS, details)
    return _Question(
        rows=_united(rows.values()),
        totals=_united(totals.values()),
        selections={**rows, **totals},
        has_totals=bool(totals),
    )


def _read(info: EdgeInfo, type_name: str, details: Iterable[FieldDetails]) -> RowSelection:
    schema = info.context.tenant.schema
    return read_selection(info.executor, type_name, details, schema.fields, schema.enums)


def _united(selections: Iterable[RowSelection]) -> RowSelection:
    united = RowSelection()
    for number, one in enumerate(selections):
        if number and (set(one.dimensions), one.grain) != (set(united.dimensions), united.grain):
            raise InvalidInputError(
                "rows is selected twice with different dimensions",
                hint="one metrics field answers one question; ask twice, with two aliases",
            )
        united.metrics.update(one.metrics)
        united.dimensions.update(one.dimensions)
        united.named_here |= one.named_here
        united.grain = one.grain
        united.has_comparison |= one.has_comparison
    return united


def _check(question: _Question, compare: Compare | None) -> None:
    if not question.metrics:
        raise InvalidInputError(
            "no metric is selected", hint="select at least one in rows or totals, for example spend"
        )
    if question.has_comparison and compare is None:
        raise InvalidInputError(
            "compared is selected without a base period",
            hint="add the argument compare: {to: PREVIOUS_PERIOD}",
        )


def _needed_names(context: Context, question: _Question, where: object | None) -> set[str]:
    filtered = {
        field.name
        for field in context.tenant.schema.fields.values()
        if isinstance(field, DimensionField)
        and field.is_stored_here
        and where is not None
        and getattr(where, field.name) is not None
    }
    return filtered | question.rows.named_here


def _filters(
    context: Context, where: object | None, directory: Directory
) -> tuple[DimensionFilter, ...]:
    if where is None:
        return ()
    filters: list[DimensionFilter] = []
    for field in context.tenant.schema.fields.values():
        if not isinstance(field, DimensionField):
            continue
        one = getattr(where, field.name)
        for values, negated in ((one.in_, False), (one.not_, True)) if one else ():
            if values is not None:
                stored = tuple(_stored(field, value, directory) for value in values)
                filters.append(DimensionFilter(field.name, stored, negated=negated))
    return tuple(filters)


def _stored(field: DimensionField, value: Any, directory: Directory) -> str | None:
    if value is None:
        return None
    if field.kind is DimensionKind.CHOICE:
        return str(value.value)
    return stored_value(field, str(value), directory)


def _conditions(having: list[Any]) -> tuple[MetricCondition, ...]:
    conditions: list[MetricCondition] = []
    for one in having:
        for operator in Operator:
            limit: Decimal | None = getattr(one, operator.value)
            if limit is not None:
                conditions.append(MetricCondition(one.metric.value, operator, limit))
    return tuple(conditions)
