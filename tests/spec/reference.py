"""What a question about metrics means, in plain Python over lists of rows.

    facts (lists of dicts) + metric definitions + request -> evaluate -> ReferenceAnswer

The truth that every engine must agree with. It shares the request and the definitions with the
product, and nothing else: expressions are read by Python's own parser, arithmetic is in fractions,
one row at a time.
"""

import ast
import calendar
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any

from domain.metrics.definition import Aggregation, DerivedMetric, Metric, MetricFilter, SimpleMetric
from domain.query.request import (
    Align,
    CompareTo,
    DimensionFilter,
    Direction,
    MetricRequest,
    Operator,
)
from domain.time_window import DateRange, Grain

__all__ = ["Facts", "MixedCurrency", "ReferenceAnswer", "evaluate"]

Row = Mapping[str, Any]
Facts = Mapping[str, list[dict[str, Any]]]
Key = tuple[Any, ...]

MONEY = {
    "spend",
    "attributed_revenue",
    "revenue",
    "discounts",
    "tax",
    "shipping",
    "refunded",
    "purchase_revenue",
    "line_revenue",
}
FRACTIONAL = {"conversions", "key_events"}
CLAIMED = {"conversions", "attributed_revenue", "key_events", "purchase_revenue"}
COLUMNS = {"client": "client_id", "connection": "connection_id"}
LABELS = {
    "campaign": "campaign_name",
    "ad_group": "ad_group_name",
    "ad": "ad_name",
    "keyword": "keyword",
    "product": "product_name",
}
PROVIDER_IDS = {"order_id", "customer_id", "refund_id", "campaign_id"}
DAY = dt.timedelta(days=1)


class MixedCurrency(Exception):  # noqa: N818  # a verdict, not a failure
    """The amounts have several currencies."""


@dataclass(frozen=True)
class ReferenceAnswer:
    """Rows in order, totals, the one currency (None: no amounts), and whether more rows follow.

    `mixed` are metrics that are missing somewhere because claims would be added up, `partial` those
    that are shown in part.
    """

    rows: list[dict[str, Any]]
    totals: dict[str, Any]
    currency: str | None
    has_next: bool
    mixed: set[str]
    partial: set[str]


@dataclass(frozen=True)
class Term:
    """A value on its way: `kind` is money, things, ratio or constant; `exact`: nothing but sums.

    `claims` are the (column, attribution) that the amount is made of; two attributions of a column
    spoil it: it is `mixed`, and so is what is made of it.
    """

    value: Fraction | None
    kind: str
    exact: bool = True
    claims: frozenset[tuple[str, str]] = frozenset()
    spoiled: bool = False

    @property
    def mixed(self) -> bool:
        return self.spoiled or len({column for column, _ in self.claims}) < len(self.claims)


def evaluate(
    request: MetricRequest, metrics: Mapping[str, Metric], facts: Facts
) -> ReferenceAnswer:
    """Answer a question."""
    question = _Question(request, metrics, facts)
    rows = question.rows()
    currencies = question.currencies()
    if len(currencies) > 1:
        raise MixedCurrency(sorted(currencies))
    page = rows[request.offset : request.offset + request.limit]
    return ReferenceAnswer(
        page,
        question.totals(),
        next(iter(currencies), None),
        len(rows) > request.offset + request.limit,
        question.mixed,
        question.partial(),
    )


class _Question:
    def __init__(self, request: MetricRequest, metrics: Mapping[str, Metric], facts: Facts) -> None:
        self.request = request
        self.metrics = metrics
        self.mixed: set[str] = set()
        self.sides = {"": [(day, day) for day in request.period]}
        if request.comparison is not None:
            self.sides["__base"] = list(_base_days(request))
        hidden = [one.metric for one in request.having]
        hidden += [one.field for one in request.order_by if one.field in metrics]
        self.asked = list(dict.fromkeys([*request.metrics, *hidden]))
        self.simple = list(
            dict.fromkeys(leaf for name in self.asked for leaf in _leaves(metrics, name, ()))
        )
        # Rows that pass the filters, of every cut that the rows or the totals are made of.
        self.found = {
            cut: [
                (suffix, day, row)
                for suffix, days in self.sides.items()
                for taken, day in days
                for row in facts.get(cut, [])
                if row["reporting_date"] == taken
                and all(_passes(one, row) for one in request.where)
            ]
            for cut in {*self._cuts(split=True), *self._cuts(split=False)}
        }

    def _cut(self, fact: str, filters: Iterable[MetricFilter], *, split: bool) -> str:
        """The first cut of a fact that has all that is asked for."""
        needed = {one.dimension for one in self.request.where}
        needed |= {one.dimension for one in filters}
        if split:
            needed |= set(self.request.dimensions)
        return next(cut for cut, own in CUTS[fact].items() if needed <= own | EVERYWHERE)

    def _cuts(self, *, split: bool) -> set[str]:
        return {self._cut(simple.fact, filters, split=split) for simple, filters in self.simple}

    def rows(self) -> list[dict[str, Any]]:
        keys = dict.fromkeys(
            self._key(day, row)
            for cut in sorted(self._cuts(split=True))
            for _, day, row in self.found[cut]
        )
        if not self.request.dimensions and self.request.grain is None:
            keys = {(): None}
        rows = [self._row(key) for key in keys if key == () or self._has_value(key)]
        rows = [row for row in rows if self._holds(row)]
        for field, direction in reversed(self._order()):
            there = [row for row in rows if row[field] is not None]
            missing = [row for row in rows if row[field] is None]
            there.sort(key=lambda row: row[field], reverse=direction is Direction.DESC)
            rows = there + missing
        hidden = set(self.asked) - set(self.request.metrics)
        return [{name: row[name] for name in row if name not in hidden} for row in rows]

    def totals(self) -> dict[str, Any]:
        return {
            name + suffix: self._metric(name, suffix, None)
            for name in self.request.metrics
            for suffix in self.sides
        }

    def currencies(self) -> set[str]:
        return {
            row["currency"]
            for simple, filters in self.simple
            if simple.column in MONEY and simple.aggregation is Aggregation.SUM
            for split in (True, False)
            for _, _, row in self.found[self._cut(simple.fact, filters, split=split)]
            if row[simple.column] is not None and all(_counts(one, row) for one in filters)
        }

    def partial(self) -> set[str]:
        return {
            name
            for split, names in ((True, self.asked), (False, self.request.metrics))
            for name in names
            for simple, filters in _leaves(self.metrics, name, ())
            if self._cut(simple.fact, filters, split=split) in PARTIAL
        }

    def _key(self, day: dt.date, row: Row) -> Key:
        date = () if self.request.grain is None else (_bucket(day, self.request.grain),)
        return date + tuple(_value(name, row) for name in self.request.dimensions)

    def _row(self, key: Key) -> dict[str, Any]:
        row: dict[str, Any] = {}
        values = list(key)
        if self.request.grain is not None:
            row["date"] = values.pop(0)
        for name, value in zip(self.request.dimensions, values, strict=True):
            row[name] = value
            if name in LABELS:
                row[f"{name}__label"] = self._label(name, value)
        for name in self.asked:
            for suffix in self.sides:
                row[name + suffix] = self._metric(name, suffix, key)
        return row

    def _label(self, name: str, value: Any) -> str | None:
        dated = [
            (row["reporting_date"], row[LABELS[name]])
            for cut in self._cuts(split=True)
            for _, _, row in self.found[cut]
            if _value(name, row) == value and row.get(LABELS[name]) is not None
        ]
        return max(dated)[1] if dated else None

    def _has_value(self, key: Key) -> bool:
        return any(
            self._simple(simple, filters, suffix, key) is not None
            for simple, filters in self.simple
            for suffix in self.sides
        )

    def _holds(self, row: Row) -> bool:
        compare: dict[Operator, Callable[[Any, Any], bool]] = {
            Operator.GT: lambda a, b: a > b,
            Operator.GTE: lambda a, b: a >= b,
            Operator.LT: lambda a, b: a < b,
            Operator.LTE: lambda a, b: a <= b,
            Operator.EQ: lambda a, b: a == b,
        }
        for one in self.request.having:
            value = row[one.metric]
            threshold = float(one.value) if isinstance(value, float) else one.value
            if value is None or not compare[one.operator](value, threshold):
                return False
        return True

    def _order(self) -> list[tuple[str, Direction]]:
        order = []
        for one in self.request.order_by:
            if one.field in LABELS:
                order.append((f"{one.field}__label", one.direction))
            order.append((one.field, one.direction))
        date = ["date"] if self.request.grain is not None else []
        return order + [(name, Direction.ASC) for name in (*date, *self.request.dimensions)]

    def _metric(self, name: str, suffix: str, key: Key | None) -> Any:
        term = self._term(name, (), suffix, key)
        if term.mixed:
            self.mixed.add(name)
        if term.mixed or term.value is None:
            return None
        if term.kind == "ratio":
            return float(_rounded(term.value, 12))
        if abs(term.value) >= 10**28 and not term.exact:
            return None
        amount = term.value if term.exact else _rounded(_rounded(term.value, 9), 6)
        if term.kind == "things" and self._is_count(name):
            return int(amount)
        return Decimal(amount.numerator) / Decimal(amount.denominator)

    def _is_count(self, name: str) -> bool:
        metric = self.metrics[name]
        if isinstance(metric, SimpleMetric):
            return metric.aggregation is not Aggregation.SUM or metric.column not in {
                *MONEY,
                *FRACTIONAL,
            }
        tree = ast.parse(metric.expression, mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, (ast.Mult, ast.Div)):
                return False
            if isinstance(node, ast.Constant) and node.value != 0:
                return False
            if isinstance(node, ast.Name) and node.id in metric.parameters:
                return False
            if (
                isinstance(node, ast.Name)
                and node.id in self.metrics
                and not self._is_count(node.id)
            ):
                return False
        return True

    def _term(
        self, name: str, filters: tuple[MetricFilter, ...], suffix: str, key: Key | None
    ) -> Term:
        metric = self.metrics[name]
        if isinstance(metric, SimpleMetric):
            own = metric.where + _applicable(filters, metric.fact)
            value = self._simple(metric, own, suffix, key)
            is_sum = metric.aggregation is Aggregation.SUM
            rows = self._rows(metric, own, suffix, key) if metric.column in CLAIMED else []
            claims = frozenset((metric.column, _attribution(row)) for row in rows if is_sum)
            kind = "money" if metric.column in MONEY and is_sum else "things"
            return Term(value, kind, claims=claims)
        inner = filters + metric.where

        def lookup(one: str) -> Term:
            if one in metric.parameters:
                return Term(Fraction(metric.parameters[one]), "constant")
            return self._term(one, inner, suffix, key)

        return _compute(ast.parse(metric.expression, mode="eval").body, lookup)

    def _simple(
        self,
        metric: SimpleMetric,
        filters: tuple[MetricFilter, ...],
        suffix: str,
        key: Key | None,
    ) -> Fraction | None:
        rows = self._rows(metric, filters, suffix, key)
        if not rows:
            return None
        if metric.aggregation is Aggregation.COUNT:
            return Fraction(len(rows))
        if metric.aggregation is Aggregation.COUNT_DISTINCT:
            by_connection = metric.column in PROVIDER_IDS
            return Fraction(
                len({(by_connection and row["connection_id"], row[metric.column]) for row in rows})
            )
        return sum((Fraction(row[metric.column]) for row in rows), Fraction(0))

    def _rows(
        self,
        metric: SimpleMetric,
        filters: tuple[MetricFilter, ...],
        suffix: str,
        key: Key | None,
    ) -> list[Row]:
        cut = self._cut(metric.fact, filters, split=key is not None)
        return [
            row
            for side, day, row in self.found[cut]
            if side == suffix
            and (key is None or self._key(day, row) == key)
            and row[metric.column] is not None
            and all(_counts(one, row) for one in filters)
        ]


def _leaves(
    metrics: Mapping[str, Metric], name: str, filters: tuple[MetricFilter, ...]
) -> list[tuple[SimpleMetric, tuple[MetricFilter, ...]]]:
    metric = metrics[name]
    if isinstance(metric, SimpleMetric):
        return [(metric, metric.where + _applicable(filters, metric.fact))]
    assert isinstance(metric, DerivedMetric)
    names = [
        node.id
        for node in ast.walk(ast.parse(metric.expression, mode="eval"))
        if isinstance(node, ast.Name) and node.id in metrics
    ]
    return [leaf for one in names for leaf in _leaves(metrics, one, filters + metric.where)]


ADS = {"channel", "campaign", "currency", "attribution"}
KEYWORDS = ADS | {"ad_group", "device", "keyword", "match_type"}
SEARCHES = ADS | {"ad_group", "search_term"}
VISITS = {"visit_source", "visit_medium", "landing_page"}
# For each fact, its cuts in the order of preference, with the dimensions of each.
CUTS = {
    "ads_daily": {
        "ads_daily": ADS | {"device"},
        "ads_ad_daily": ADS | {"device", "ad_group", "ad"},
        "ads_country_daily": ADS | {"country", "region"},
        "ads_keyword_daily": KEYWORDS,
        "ads_search_term_daily": SEARCHES,
    },
    "ads_keyword_daily": {"ads_keyword_daily": KEYWORDS},
    "web_daily": {
        "web_daily": VISITS | {"channel", "device", "country", "currency", "attribution"}
    },
    "order_lines": {"order_lines": {"channel", "country", "currency", "product", "sku"}},
    "orders": {"orders": {"channel", "order_status", "country", "currency"}},
    "refunds": {"refunds": {"channel", "country", "currency"}},
    "customers": {"customers": {"country"}},
}
EVERYWHERE = {"client", "source", "connection"}
PARTIAL = {"ads_keyword_daily", "ads_search_term_daily"}


def _applicable(filters: tuple[MetricFilter, ...], fact: str) -> tuple[MetricFilter, ...]:
    known = EVERYWHERE.union(*CUTS[fact].values())
    return tuple(one for one in filters if one.dimension in known)


def _value(dimension: str, row: Row) -> Any:
    if dimension in LABELS:
        own = row[f"{dimension}_id"]
        return None if own is None else f"{row['connection_id']}:{own}"
    return row[COLUMNS.get(dimension, dimension)]


def _attribution(row: Row) -> str:
    told: str | None = row["attribution"]
    return f"{row['source']}:{row['stream']}" if told is None else told


def _passes(one: DimensionFilter, row: Row) -> bool:
    return (_value(one.dimension, row) in one.values) is not one.negated


def _counts(one: MetricFilter, row: Row) -> bool:
    return (_value(one.dimension, row) in one.values) is not one.negated


def _compute(node: ast.expr, lookup: Callable[[str], Term]) -> Term:
    match node:
        case ast.Constant(value=value):
            return Term(Fraction(str(value)), "constant")
        case ast.Name(id=name):
            return lookup(name)
        case ast.UnaryOp(operand=operand):
            inner = _compute(operand, lookup)
            return replace(inner, value=None if inner.value is None else -inner.value)
        case ast.BinOp(left=left, op=op, right=right):
            sides = (_compute(left, lookup), _compute(right, lookup))
            if isinstance(op, (ast.Add, ast.Sub)):
                return _add(*sides, -1 if isinstance(op, ast.Sub) else 1)
            return _multiply(*sides) if isinstance(op, ast.Mult) else _divide(*sides)
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _call(function, [_compute(one, lookup) for one in arguments])
    raise NotImplementedError(ast.dump(node))


def _add(left: Term, right: Term, sign: int) -> Term:
    kinds = {left.kind, right.kind}
    kind = "ratio" if "ratio" in kinds else left.kind if right.kind == "constant" else right.kind
    term = _joined(None, kind, left, right)
    if kind == "ratio" and (left.value is None or right.value is None):
        return term
    evidence = [one.value for one in (left, right) if one.kind != "constant"]
    if evidence and all(value is None for value in evidence):
        return term
    return replace(term, value=(left.value or Fraction(0)) + sign * (right.value or Fraction(0)))


def _multiply(left: Term, right: Term) -> Term:
    order = ["constant", "ratio", "things", "money"]
    kind = max(left.kind, right.kind, key=order.index)
    missing = left.value is None or right.value is None
    value = None if missing else Fraction(left.value or 0) * Fraction(right.value or 0)
    return replace(_joined(value, kind, left, right), exact=False)


def _divide(left: Term, right: Term) -> Term:
    claims: frozenset[tuple[str, str]] = frozenset()
    if right.kind == "constant":
        kind, claims = left.kind, left.claims
    elif right.kind == "ratio":
        kind, claims = "ratio" if left.kind == "constant" else left.kind, left.claims
    else:
        kind = "money" if (left.kind, right.kind) == ("money", "things") else "ratio"
    value = None if left.value is None or not right.value else left.value / right.value
    return Term(value, kind, False, claims, left.mixed or right.mixed)


def _call(function: str, arguments: list[Term]) -> Term:
    kind = next((one.kind for one in arguments if one.kind != "constant"), "constant")
    term = _joined(None, kind, *arguments)
    first, last = arguments[0].value, arguments[-1].value
    if function == "coalesce":
        return replace(term, value=last if first is None else first)
    if function == "nullif":
        return replace(term, value=None if first == last else first)
    if first is None or last is None:
        return term
    value = {"abs": abs(first), "least": min(first, last), "greatest": max(first, last)}[function]
    return replace(term, value=value)


def _joined(value: Fraction | None, kind: str, *parts: Term) -> Term:
    """What several parts make together, with the claims of all of them."""
    claims = frozenset().union(*(one.claims for one in parts))
    exact = all(one.exact for one in parts)
    return Term(value, kind, exact, claims, any(one.mixed for one in parts))


def _rounded(value: Fraction, decimals: int) -> Fraction:
    context = Context(prec=200, rounding=ROUND_HALF_UP)
    scaled = context.divide(Decimal(value.numerator * 10**decimals), Decimal(value.denominator))
    return Fraction(int(context.to_integral_value(scaled)), 10**decimals)


def _bucket(day: dt.date, grain: Grain) -> dt.date:
    if grain is Grain.WEEK:
        return day - day.weekday() * DAY
    if grain is Grain.MONTH:
        return day.replace(day=1)
    if grain is Grain.QUARTER:
        return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    return day.replace(month=1, day=1) if grain is Grain.YEAR else day


def _base_days(request: MetricRequest) -> Iterable[tuple[dt.date, dt.date]]:
    """Days of the base period, each with the asked day that it is laid beside."""
    assert request.comparison is not None
    period, to = request.period, request.comparison.to
    if request.comparison.align is Align.WEEKDAY:
        weeks = 52 if to is CompareTo.SAME_PERIOD_LAST_YEAR else (period.days + 6) // 7
        return [(day - weeks * 7 * DAY, day) for day in period]
    if to is CompareTo.SAME_PERIOD_LAST_YEAR:
        return _months_before(period, 12)
    months = _whole_units(period, request.grain)
    if months:
        return _months_before(period, months)
    return [(day - period.days * DAY, day) for day in period]


def _whole_units(period: DateRange, grain: Grain | None) -> int:
    """Months in the period when it is made of whole units of a grain of months, else 0."""
    if grain not in {Grain.MONTH, Grain.QUARTER, Grain.YEAR}:
        return 0
    after = period.end + DAY
    if _bucket(period.start, grain) != period.start or _bucket(after, grain) != after:
        return 0
    return (after.year - period.start.year) * 12 + after.month - period.start.month


def _months_before(period: DateRange, months: int) -> Iterable[tuple[dt.date, dt.date]]:
    whole = period.start.day == 1 and (period.end + DAY).day == 1
    last = _moved(period.end + DAY, -months) - DAY if whole else _moved(period.end, -months)
    day = _moved(period.start, -months)
    while day <= last:
        yield day, max(_moved(day, months), period.start)
        day += DAY


def _moved(day: dt.date, months: int) -> dt.date:
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
