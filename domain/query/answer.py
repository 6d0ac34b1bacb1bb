"""Answer a question about metrics.

    request -> shape + values -> plan (cached) -> statements -> QueryWarehouse -> Answer

Rows and totals are two statements of one plan's making, run at the same time. Everyone who asks
(GraphQL, exports, the CLI) asks here.
"""

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.errors import InvalidInputError
from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.definition import Unit
from domain.money import Currency
from domain.ports import AnswerCache, Parameter, QueryWarehouse, Statement, TenantScope
from domain.query.notices import Notice, notices_of
from domain.query.plan import Plan, PlanCache
from domain.query.render_bounds import CURRENCY_BOUNDS
from domain.query.render_columns import key_columns
from domain.query.request import MetricRequest
from domain.query.shape import shape_of, totals_shape

__all__ = ["Answer", "MixedCurrencyError", "PreparedQuestion", "answer", "prepare"]

_TYPES: Final = {
    Unit.MONEY: pa.decimal128(38, 9),
    Unit.NUMBER: pa.decimal128(38, 9),
    Unit.COUNT: pa.int64(),
    Unit.RATIO: pa.float64(),
}
_FORMAT: Final = "2"  # of cached answers


class MixedCurrencyError(InvalidInputError):
    """Amounts of several currencies would be added (the caller can narrow the question)."""

    code = "MIXED_CURRENCIES"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked for.

    Attributes:
        rows: Columns `date` (date32, if a grain was asked), then each dimension by name (string)
            and `<dimension>__label` (string) where it has labels, then each metric by name and,
            with a comparison, `<metric>__base`. MONEY and NUMBER are decimal128(38, 9), COUNT
            int64, RATIO float64. NULL: nothing was reported, a division by zero, or claims that
            would be added up (a notice says so).
        totals: One row with the metric columns, over the whole period; None: not asked for.
        currency: Of all amounts.
        has_next: There are rows after this page.
        statement: What the rows were read with.
        notices: About metrics that are shown in part, or not where claims meet.
    """

    rows: pa.Table
    totals: pa.Table | None
    currency: Currency
    has_next: bool
    statement: Statement
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class PreparedQuestion:
    """A plan and all its values.

    Attributes:
        plan: Shared with other questions of the same shape.
        parameters: By name.
    """

    plan: Plan
    parameters: Mapping[str, Parameter]

    @property
    def fingerprint(self) -> str:
        """Text that two questions share only when they are the same."""
        values = json.dumps(self.parameters, sort_keys=True, default=_plain)
        return f"{self.plan.key}\n{values}"


def prepare(
    request: MetricRequest, catalogue: MetricCatalogue, plans: PlanCache
) -> tuple[PreparedQuestion, PreparedQuestion | None]:
    """Plan a question, and its totals when it asks for them.

    A question that nothing splits or narrows is its own total: then there is no second plan.

    Raises:
        UserError: The question has no answer; the message says why.
    """
    shape, parameters = shape_of(request, catalogue)
    plan = plans.get(catalogue, shape)
    rows = PreparedQuestion(plan, {**plan.parameters, **parameters})
    if not request.totals or _is_total(request):
        return rows, None
    summed, kept = totals_shape(shape, parameters)
    plan = plans.get(catalogue, summed)
    return rows, PreparedQuestion(plan, {**plan.parameters, **kept})


async def answer(
    request: MetricRequest,
    *,
    scope: TenantScope,
    catalogue: MetricCatalogue,
    warehouse: QueryWarehouse,
    plans: PlanCache,
    reporting_currency: Currency,
    cache: AnswerCache | None = None,
    data_version: str = "",
) -> Answer:
    """Answer a question.

    Args:
        request: The question.
        scope: Whose data may be seen.
        catalogue: The agency's metrics and dimensions.
        warehouse: Where facts are read.
        plans: Shared by all questions.
        reporting_currency: Named when there are no amounts.
        cache: Keeps answers; None: each question is read anew.
        data_version: Of everything that the question may read; a new one makes old entries unused.

    Raises:
        UserError: The question has no answer; the message says why.
        MixedCurrencyError: Amounts of several currencies would be added.
        WarehouseError: The warehouse failed.
    """
    rows, totals = prepare(request, catalogue, plans)
    key = _cache_key(rows, totals, request, scope, data_version)
    stored = None if cache is None else await cache.get(scope, key)
    tables = await _read(rows, totals, scope, warehouse) if stored is None else _unpack(stored)
    currency = _one_currency(tables)
    if cache is not None and stored is None:
        await cache.put(scope, key, _pack(tables))
    page = tables[0]
    has_next = page.num_rows > request.limit
    shown = _conform(page.slice(0, request.limit), rows.plan)
    summed = None
    if request.totals:
        summed = _conform(tables[-1], rows.plan, keys=False)
    pages = [one.plan.page for one in (rows, totals) if one is not None]
    return Answer(
        shown,
        summed,
        currency or reporting_currency,
        has_next,
        rows.plan.statement,
        notices_of(zip(pages, tables, strict=True), catalogue.dimensions),
    )


def _is_total(request: MetricRequest) -> bool:
    split = request.dimensions or request.grain is not None
    return not (split or request.having or request.offset)


async def _read(
    rows: PreparedQuestion,
    totals: PreparedQuestion | None,
    scope: TenantScope,
    warehouse: QueryWarehouse,
) -> list[pa.Table]:
    questions = [rows] if totals is None else [rows, totals]
    return await asyncio.gather(
        *(warehouse.run(scope, one.plan.statement, one.parameters) for one in questions)
    )


def _one_currency(tables: list[pa.Table]) -> Currency | None:
    """The currency that all amounts share, None when there are none."""
    found = {
        value
        for table in tables
        for name in CURRENCY_BOUNDS
        if name in table.column_names
        for value in pc.unique(table.column(name)).to_pylist()
        if value is not None
    }
    if len(found) > 1:
        named = " and ".join(sorted(found))
        raise MixedCurrencyError(
            f"the amounts are in {named}, which cannot be added",
            hint="filter by currency, or by clients that share one",
        )
    return next(iter(found), None)


def _conform(table: pa.Table, plan: Plan, *, keys: bool = True) -> pa.Table:
    """The answer's columns in the types of their units."""
    node = plan.page
    fields = []
    if keys:
        names = node.source.source.keys
        fields += [
            pa.field(name, pa.date32() if name == "date" else pa.string())
            for name in key_columns(names.names, names.labelled)
        ]
    fields += [pa.field(metric.name, _TYPES[metric.unit]) for metric in node.metrics]
    return table.select([field.name for field in fields]).cast(pa.schema(fields))


def _cache_key(
    rows: PreparedQuestion,
    totals: PreparedQuestion | None,
    request: MetricRequest,
    scope: TenantScope,
    data_version: str,
) -> str:
    clients = None if scope.clients is None else sorted(map(str, scope.clients))
    parts = [
        _FORMAT,
        rows.fingerprint,
        "" if totals is None else totals.fingerprint,
        repr(request.totals),
        repr(clients),
        scope.purpose.value,
        data_version,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _pack(tables: list[pa.Table]) -> bytes:
    sink = pa.BufferOutputStream()
    for table in tables:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return bytes(sink.getvalue())


def _unpack(stored: bytes) -> list[pa.Table]:
    source = pa.BufferReader(stored)
    tables = []
    while source.tell() < len(stored):
        tables.append(pa.ipc.open_stream(source).read_all())
    return tables


def _plain(value: object) -> str:
    if isinstance(value, (dt.date, Decimal)):
        return str(value)
    message = f"a parameter cannot be of type {type(value).__name__}"
    raise TypeError(message)
