"""Resolution of a parsed query: names, dates and the rules of which field goes with which.

    Query + account + today -> resolve -> Plan

Sources: developers.google.com/google-ads/api/docs/query (overview, date ranges, segmentation) and
the enum QueryError, v25.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Final

from ingestion.simulator.google_ads.config import AdsAccount
from ingestion.simulator.google_ads.fields import (
    ATTRIBUTES,
    CLIENT_RESOURCE,
    CORE_DATE_SEGMENTS,
    ENUMS,
    METRICS,
    RESOURCES,
    SEGMENTS,
    Kind,
    json_path,
)
from ingestion.simulator.google_ads.gaql import Condition, Query, query_refusal

__all__ = ["Plan", "Predicate", "resolve"]

_DATE_FIELD: Final = "segments.date"
_TEXT_OPERATORS: Final = frozenset({"=", "!=", "IN", "NOT IN", "LIKE", "NOT LIKE"})
_ENUM_OPERATORS: Final = frozenset({"=", "!=", "IN", "NOT IN"})
_NUMBER_OPERATORS: Final = frozenset({"=", "!=", "IN", "NOT IN", "<", "<=", ">", ">=", "BETWEEN"})
_DATE_OPERATORS: Final = frozenset({"=", "<", "<=", ">", ">=", "BETWEEN", "DURING"})
_DATE_LENGTH: Final = 10


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on the value of one field."""

    field: str
    holds: Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Plan:
    """A query that can be run.

    Attributes:
        resource: Resource of FROM.
        attributes, segments, metrics: Selected fields by sort, each once, in query order.
        first_day, last_day: Inclusive range of days; None is open.
        on_attributes, on_device, on_metrics: Conditions by sort.
        ordering: (field, is descending) terms; empty when the natural order (day, campaign,
            device) is asked for.
        limit: Most rows, or None.
        field_mask: Selected fields in camelCase, comma-separated.
        shape: Equal shapes give equal rows for equal days.
    """

    resource: str
    attributes: tuple[str, ...]
    segments: tuple[str, ...]
    metrics: tuple[str, ...]
    first_day: date | None
    last_day: date | None
    on_attributes: tuple[Predicate, ...]
    on_device: tuple[Predicate, ...]
    on_metrics: tuple[Predicate, ...]
    ordering: tuple[tuple[str, bool], ...]
    limit: int | None
    field_mask: str
    shape: tuple[object, ...]

    @property
    def is_by_day(self) -> bool:
        """Whether no row covers more than one day."""
        return _DATE_FIELD in self.segments


def resolve(query: Query, *, account: AdsAccount, today: date) -> Plan:
    """Check `query` against the field reference and fix its dates.

    Args:
        query: Parsed query.
        account: The account that is asked.
        today: Today at the account, for DURING.

    Raises:
        GoogleAdsRefusalError: A `queryError`.
    """
    _check_names(query)
    _check_combination(query, account)
    selected = tuple(dict.fromkeys(query.fields))
    segments = tuple(name for name in selected if name in SEGMENTS)
    dates = [term for term in query.conditions if term.field == _DATE_FIELD]
    first, last = _day_range(dates, today)
    if CORE_DATE_SEGMENTS & set(segments) and (first is None or last is None):
        raise query_refusal(
            "EXPECTED_FILTERS_ON_DATE_RANGE",
            "A core date segment (segments.date, segments.week, segments.month, "
            "segments.quarter, segments.year) is selected, so the WHERE clause must have a "
            "finite range of segments.date.",
        )
    others = [term for term in query.conditions if term.field != _DATE_FIELD]
    ordering = tuple((term.field, term.is_descending) for term in query.ordering)
    if ordering == ((_DATE_FIELD, False),):
        ordering = ()
    return Plan(
        resource=query.resource,
        attributes=tuple(name for name in selected if name in ATTRIBUTES),
        segments=segments,
        metrics=tuple(name for name in selected if name in METRICS),
        first_day=first,
        last_day=last,
        on_attributes=_predicates(others, ATTRIBUTES),
        on_device=_predicates(others, SEGMENTS),
        on_metrics=_predicates(others, METRICS),
        ordering=ordering,
        limit=query.limit,
        field_mask=",".join(".".join(json_path(name)) for name in selected),
        shape=(query.resource, selected, tuple(others), ordering),
    )


def _check_names(query: Query) -> None:
    if query.resource not in RESOURCES:
        raise query_refusal(
            "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE",
            f"Error in query: invalid resource type in FROM clause: '{query.resource}'.",
        )
    used = [
        *query.fields,
        *(term.field for term in query.conditions),
        *(term.field for term in query.ordering),
    ]
    unknown = [
        name
        for name in dict.fromkeys(used)
        if name not in ATTRIBUTES and name not in SEGMENTS and name not in METRICS
    ]
    if len(unknown) == 1:
        raise query_refusal(
            "UNRECOGNIZED_FIELD", f"Unrecognized field in the query: '{unknown[0]}'."
        )
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown)
        raise query_refusal("UNRECOGNIZED_FIELD", f"Unrecognized fields in the query: {listed}.")


def _check_combination(query: Query, account: AdsAccount) -> None:
    conditions = [term.field for term in query.conditions]
    metrics = [name for name in (*query.fields, *conditions) if name in METRICS]
    if metrics and account.is_manager:
        raise query_refusal(
            "REQUESTED_METRICS_FOR_MANAGER",
            "Metrics cannot be requested for a manager account. To retrieve metrics, issue "
            "separate requests against each client account under the manager account.",
        )
    allowed = RESOURCES[query.resource]
    for name in (*query.fields, *conditions):
        resource = name.split(".")[0]
        if name in ATTRIBUTES and resource not in allowed:
            clause = "SELECT" if name in query.fields else "WHERE"
            raise query_refusal(
                f"PROHIBITED_RESOURCE_TYPE_IN_{clause}_CLAUSE",
                f"Cannot select or filter on the following fields: '{name}', since the resource "
                "is incompatible with the resource in FROM clause.",
            )
    if query.resource == CLIENT_RESOURCE:
        _check_no_measures(query, conditions)
    for name in metrics:
        if query.resource in METRICS[name].prohibited_in:
            raise query_refusal(
                "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
                f"Cannot select or filter on the following metrics: '{name.split('.')[1]}', since "
                f"metrics is incompatible with the resource in FROM clause: '{query.resource}'.",
            )
    _check_references(query, conditions)


def _check_no_measures(query: Query, conditions: list[str]) -> None:
    for kind, catalogue in (("segment", SEGMENTS), ("metric", METRICS)):
        found = [name for name in (*query.fields, *conditions) if name in catalogue]
        if found:
            raise query_refusal(
                f"PROHIBITED_{kind.upper()}_IN_SELECT_OR_WHERE_CLAUSE",
                f"Cannot select or filter on the following {kind}s: '{found[0].split('.')[1]}', "
                f"since {kind}s is incompatible with the resource in FROM clause: "
                f"'{query.resource}'.",
            )


def _check_references(query: Query, conditions: list[str]) -> None:
    ordered = [term.field for term in query.ordering if term.field not in ATTRIBUTES]
    filtered = [name for name in conditions if name in SEGMENTS and name != _DATE_FIELD]
    for name in (*filtered, *ordered):
        if name in CORE_DATE_SEGMENTS and name in filtered:
            raise query_refusal(
                "PROHIBITED_FIELD_IN_WHERE_CLAUSE",
                f"The field '{name}' cannot be filtered here; filter on segments.date.",
            )
        if name not in query.fields:
            raise query_refusal(
                "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
                f"The following field must be present in SELECT clause: '{name}'.",
            )


def _day_range(conditions: list[Condition], today: date) -> tuple[date | None, date | None]:
    first: date | None = None
    last: date | None = None
    for condition in conditions:
        low, high = _days_of(condition, today)
        first = low if first is None or (low is not None and low > first) else first
        last = high if last is None or (high is not None and high < last) else last
    return first, last


def _days_of(condition: Condition, today: date) -> tuple[date | None, date | None]:
    operator = condition.operator
    if operator not in _DATE_OPERATORS:
        raise _mismatch(condition)
    if operator == "DURING":
        return _period(condition.values[0], today)
    days = [_parse_day(value) for value in condition.values]
    one = timedelta(days=1)
    if operator == "BETWEEN":
        if days[0] > days[1]:
            raise query_refusal(
                "INVALID_VALUE_WITH_BETWEEN_OPERATOR",
                f"Invalid value with BETWEEN operator: '{condition.values[0]}' is after "
                f"'{condition.values[1]}'.",
            )
        return days[0], days[1]
    return {
        "=": (days[0], days[0]),
        ">=": (days[0], None),
        ">": (days[0] + one, None),
        "<=": (None, days[0]),
        "<": (None, days[0] - one),
    }[operator]


def _parse_day(text: str) -> date:
    try:
        if len(text) == _DATE_LENGTH:
            return date.fromisoformat(text)
    except ValueError:
        pass  # told below, together with a wrong length
    raise query_refusal(
        "INVALID_DATE_FORMAT", f"Invalid date '{text}': dates are written 'YYYY-MM-DD'."
    )


def _period(name: str, today: date) -> tuple[date, date]:
    month = today.replace(day=1)
    monday = today - timedelta(days=today.weekday())
    day = timedelta(days=1)
    periods = {
        "TODAY": (today, today),
        "YESTERDAY": (today - day, today - day),
        "LAST_7_DAYS": (today - 7 * day, today - day),
        "LAST_14_DAYS": (today - 14 * day, today - day),
        "LAST_30_DAYS": (today - 30 * day, today - day),
        "THIS_MONTH": (month, today),
        "LAST_MONTH": ((month - day).replace(day=1), month - day),
        "THIS_WEEK_MON_TODAY": (monday, today),
        "LAST_WEEK_MON_SUN": (monday - 7 * day, monday - day),
    }
    if name not in periods:
        raise query_refusal(
            "INVALID_VALUE_WITH_DURING_OPERATOR", f"Invalid value with DURING operator: '{name}'."
        )
    return periods[name]


def _predicates(conditions: list[Condition], catalogue: object) -> tuple[Predicate, ...]:
    made = []
    for condition in conditions:
        for known in (ATTRIBUTES, SEGMENTS, METRICS):
            if known is catalogue and condition.field in known:
                made.append(_predicate(condition, known[condition.field].kind))  # noqa: PERF401
    return tuple(made)


def _predicate(condition: Condition, kind: Kind) -> Predicate:
    allowed = {
        "string": _TEXT_OPERATORS,
        "enum": _ENUM_OPERATORS,
        "boolean": _ENUM_OPERATORS,
        "date": _ENUM_OPERATORS,
    }.get(kind, _NUMBER_OPERATORS)
    if condition.operator not in allowed:
        raise _mismatch(condition)
    for value in condition.values:
        if condition.field in ENUMS and value.upper() not in ENUMS[condition.field]:
            raise query_refusal(
                "BAD_ENUM_CONSTANT",
                f"Invalid enum value cannot be included in WHERE clause: '{value}'.",
            )
    if kind in {"int64", "int32", "double"}:
        return Predicate(condition.field, _numeric(condition))
    return Predicate(condition.field, _textual(condition))


def _numeric(condition: Condition) -> Callable[[object], bool]:
    try:
        bounds = [Decimal(value) for value in condition.values]
    except InvalidOperation as error:
        raise query_refusal(
            "BAD_NUMBER", f"Invalid number in the condition on '{condition.field}'."
        ) from error
    low, high = bounds[0], bounds[-1]
    tests: dict[str, Callable[[Decimal], bool]] = {
        "=": lambda number: number == low,
        "!=": lambda number: number != low,
        "<": lambda number: number < low,
        "<=": lambda number: number <= low,
        ">": lambda number: number > low,
        ">=": lambda number: number >= low,
        "BETWEEN": lambda number: low <= number <= high,
        "IN": lambda number: number in bounds,
        "NOT IN": lambda number: number not in bounds,
    }
    test = tests[condition.operator]
    return lambda value: test(Decimal(str(value)))


def _textual(condition: Condition) -> Callable[[object], bool]:
    wanted = {value.casefold() for value in condition.values}
    if condition.operator.endswith("LIKE"):
        # GAQL escapes wildcards with brackets as fnmatch does; % is its only other wildcard.
        pattern = condition.values[0].casefold().replace("%", "*")
        is_like = condition.operator == "LIKE"
        return lambda value: fnmatchcase(str(value).casefold(), pattern) is is_like
    is_in = condition.operator in {"=", "IN"}
    return lambda value: (str(value).casefold() in wanted) is is_in


def _mismatch(condition: Condition) -> Exception:
    return query_refusal(
        "OPERATOR_FIELD_MISMATCH",
        f"Invalid operator in WHERE clause: '{condition.operator}' cannot be used with the field "
        f"'{condition.field}'.",
    )
