"""Read specifications: Markdown files whose `spec` blocks hold tables and the answers to expect.

    ads_daily                                   a fact: only the columns that matter
    date        channel      spend
    2026-03-28  paid_search  10.00

    metric: margin                              an agency's metric (optional)
    is: revenue - spend

    ask: roas by channel                        then in, where, having, order, page, compare
    channel      roas                           the rows to expect, in order
    paid_search  1.5

    totals                                      also: `more rows`, `currency EUR`,
    roas                                        `refused CODE` and the message,
                                                `notice CODE metrics` and the message

Cells are set apart by two spaces; `null` is NULL; two spaces and `#` begin a comment.
"""

import datetime as dt
import re
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType
from domain.metrics.definition import Metric
from domain.metrics.definition_file import parse_definition
from domain.query.request import (
    Align,
    CompareTo,
    Comparison,
    DimensionFilter,
    Direction,
    MetricCondition,
    MetricRequest,
    Operator,
    OrderBy,
)
from domain.time_window import DateRange, Grain

__all__ = ["DEFAULTS", "Case", "fact_row", "read_cases"]

_BLOCK = re.compile(
    r"^## (?P<title>.+?)$(?P<text>.*?)^```spec\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq"}
_ALIASES = {
    "date": "reporting_date",
    "client": "client_id",
    "connection": "connection_id",
    "campaign": "campaign_id",
    "name": "campaign_name",
    "customer": "customer_id",
}
_OPTIONS = {"in", "where", "having", "order", "page", "compare"}
SOURCES = {"ads": "google_ads", "web": "ga4"}
DEFAULTS: dict[str, Any] = {
    "client_id": "acme",
    "connection_id": "account",
    "stream": "spec",
    "sync_id": "sync",
    "version": 1,
    "known_at": dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "channel": "other",
    "order_status": "paid",
    "ordered_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "refunded_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "created_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
}


@dataclass
class Case:
    """One specification."""

    title: str
    file: str
    facts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    request: MetricRequest | None = None
    rows: list[dict[str, str | None]] | None = None
    totals: dict[str, str | None] | None = None
    has_next: bool = False
    currency: str = ""
    refusal: str = ""
    message: str = ""
    notices: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)

    @property
    def tenant_id(self) -> uuid.UUID:
        """The agency whose data the case's tables are."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{self.file}/{self.title}")

    @property
    def name(self) -> str:
        """For the test report."""
        return f"{self.file}: {self.title}"


def read_cases(folder: Path) -> list[Case]:
    """Every case of the specification files, in order."""
    return [
        _read_case(match["title"].strip(), path.stem, match["body"])
        for path in sorted(folder.glob("*.md"))
        for match in _BLOCK.finditer(path.read_text("utf-8"))
    ]


def fact_row(fact: str, number: int, given: dict[str, Any]) -> dict[str, Any]:
    """A whole row of a fact: what is given, and defaults for the rest."""
    row: dict[str, Any] = {column.name: None for column in FACTS[fact].all_columns}
    row |= {name: value for name, value in DEFAULTS.items() if name in row}
    row["source"] = SOURCES.get(fact.partition("_")[0], "shopify")
    row["natural_key"] = f"row-{number}"
    for name in ("order_id", "customer_id", "refund_id", "order_line_id"):
        if name in row and (fact, name) != ("orders", "customer_id"):
            row[name] = f"{name}-{number}"
    return row | given


def _read_case(title: str, file: str, body: str) -> Case:
    case = Case(title, file)
    for section in re.split(r"\n\s*\n", body.strip("\n")):
        lines = [re.sub(r"\s{2,}#.*$", "", line).rstrip() for line in section.splitlines()]
        head, *rest = [line for line in lines if line and not line.startswith("#")]
        word = head.split()[0]
        if head in FACTS:
            case.facts[head] = [_typed(head, index, row) for index, row in enumerate(_table(rest))]
        elif word == "metric:":
            case.metrics.append(parse_definition("\n".join([head, *rest])))
        elif word == "ask:":
            _read_question(case, [head, *rest])
        elif word == "totals":
            (case.totals,) = _table(rest)
        elif word == "currency":
            case.currency = head.split()[1]
        elif head == "more rows":
            case.has_next = True
        elif word == "refused":
            case.refusal, case.message = head.split()[1], "\n".join(rest)
        elif word == "notice":
            _, code, about = head.split(" ", 2)
            case.notices.append((code, tuple(_listed(about)), "\n".join(rest)))
        else:
            message = f"{case.name}: cannot read {head!r}"
            raise ValueError(message)
    return case


def _table(lines: list[str]) -> list[dict[str, str | None]]:
    names = lines[0].split()
    rows = []
    for line in lines[1:]:
        cells = re.split(r"\s{2,}", line.strip())
        values = [None if cell == "null" else cell for cell in cells]
        rows.append(dict(zip(names, values, strict=True)))
    return rows


def _typed(fact: str, number: int, cells: dict[str, str | None]) -> dict[str, Any]:
    given = {}
    for alias, cell in cells.items():
        name = _ALIASES.get(alias, alias)
        column = FACTS[fact].column(name)
        if column is None:
            message = f"{fact} has no column {name}"
            raise ValueError(message)
        given[name] = _cell(column, cell)
    return fact_row(fact, number, given)


def _cell(column: Column, cell: str | None) -> Any:
    if cell is None:
        return None
    if column.type is ColumnType.DATE:
        return dt.date.fromisoformat(cell)
    if column.type is ColumnType.NUMERIC:
        return Decimal(cell)
    return int(cell) if column.type is ColumnType.INT64 else cell


def _read_question(case: Case, lines: list[str]) -> None:
    asked, _, by = lines[0].removeprefix("ask:").partition(" by ")
    names = _listed(by)
    grains = [name for name in names if name.upper() in Grain.__members__]
    options: list[tuple[str, str]] = []
    rest = lines[1:]
    while rest and rest[0].partition(":")[0] in _OPTIONS:
        key, _, value = rest.pop(0).partition(":")
        options.append((key, value.strip()))
    found = dict(options)
    start, end = found.get("in", "2026-03-01 to 2026-03-31").split(" to ")
    page = [int(word) for word in re.findall(r"\d+", found.get("page", "1000 rows"))]
    case.request = MetricRequest(
        metrics=tuple(_listed(asked)),
        period=DateRange(dt.date.fromisoformat(start), dt.date.fromisoformat(end)),
        dimensions=tuple(name for name in names if name not in grains),
        grain=Grain[grains[0].upper()] if grains else None,
        where=tuple(_filter(value) for key, value in options if key == "where"),
        having=tuple(_condition(value) for key, value in options if key == "having"),
        order_by=tuple(_order(one) for one in _listed(found.get("order", ""))),
        limit=page[0],
        offset=page[1] if len(page) > 1 else 0,
        comparison=_comparison(found["compare"]) if "compare" in found else None,
        totals=True,
    )
    if rest == ["no rows"]:
        case.rows = []
    elif rest:
        case.rows = _table(rest)


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _filter(text: str) -> DimensionFilter:
    dimension, verb, values = text.split(" ", 2)
    cells = tuple(None if value == "null" else value for value in _listed(values))
    return DimensionFilter(dimension, cells, negated={"in": False, "not": True}[verb])


def _condition(text: str) -> MetricCondition:
    metric, operator, value = text.split()
    return MetricCondition(metric, Operator(_OPERATORS[operator]), Decimal(value))


def _order(text: str) -> OrderBy:
    name, _, direction = text.partition(" ")
    return OrderBy(name, Direction[direction.upper() or "ASC"])


def _comparison(text: str) -> Comparison:
    to = {"previous": CompareTo.PREVIOUS_PERIOD, "last": CompareTo.SAME_PERIOD_LAST_YEAR}
    align = Align.WEEKDAY if text.endswith("by weekday") else Align.DATE
    return Comparison(to[text.split(maxsplit=1)[0]], align)
