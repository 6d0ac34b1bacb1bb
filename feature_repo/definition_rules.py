"""Rules that feature definitions must keep; checked before Feast's registry sees them.

views, services -> sentences that say what is wrong, none when all is well
view -> place and sentence, for whoever knows the line of a place
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType, Role
from domain.privacy.classification import Classification
from feature_repo.entities import TENANT_KEY
from feature_repo.feature import (
    LOOKBACK_DAYS,
    Change,
    Count,
    Currency,
    DaysReported,
    DaysSince,
    Feature,
    FeatureView,
    Quotient,
    Rule,
    Total,
    Unit,
)
from feature_repo.feature_services import FeatureService

__all__ = ["find_problems", "view_problems"]

_UNITS: Final[dict[type[Rule], Unit]] = {
    Count: Unit.COUNT,
    DaysReported: Unit.DAYS,
    DaysSince: Unit.DAYS,
    Currency: Unit.CODE,
    Change: Unit.RATIO,
}
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def find_problems(views: Iterable[FeatureView], services: Iterable[FeatureService]) -> list[str]:
    """What is wrong with definitions, one sentence each."""
    views = list(views)
    problems = [
        f"{view.name}{'.' if feature else ''}{feature}: {problem}"
        for view in views
        for feature, problem in view_problems(view)
    ]
    counts = Counter(name for view in views for name in view.feature_names)
    problems += [f"feature {name} is in {n} places" for name, n in counts.items() if n > 1]
    by_name = {view.name: view for view in views}
    for service in services:
        view = by_name.get(service.view)
        if view is None:
            problems.append(f"service {service.name}: there is no view {service.view}")
        else:
            problems += _service_problems(service, view)
    return problems


def _service_problems(service: FeatureService, view: FeatureView) -> Iterator[str]:
    for name in service.features:
        if name not in view.feature_names:
            yield f"service {service.name}: {view.name} has no feature {name}"
        elif (currency := view.currency_of(view.feature(name))) not in (None, *service.features):
            yield f"service {service.name}: {name} is told without {currency}"


def view_problems(view: FeatureView) -> Iterator[tuple[str, str]]:
    """What is wrong with one view: the name of a feature, or nothing of the whole, and a sentence.

    What it shares with other views is not looked at.
    """
    if not view.entity.join_key > TENANT_KEY:
        yield "", f"the join key {view.entity.join_key} does not sort after {TENANT_KEY}"
    for fact in view.facts:
        columns = {column.name for column in FACTS[fact].all_columns} if fact in FACTS else set()
        needed = {"time_zone", *view.entity.parts}
        if view.entity.crowd is not None:
            needed.add(view.entity.crowd.column)
        if not needed <= columns:
            yield "", f"{fact} lacks {', '.join(sorted(needed - columns))}"
    by_name = {feature.name: feature for feature in view.features}
    for feature in view.features:
        problems = list(_feature_problems(feature, by_name)) or list(
            _unit_problems(feature, by_name)
        )
        if not problems and feature.unit is Unit.MONEY and view.currency_of(feature) is None:
            problems = [f"no feature tells the currency of {view.fact_of(feature)}"]
        for problem in problems:
            yield feature.name, problem


def _feature_problems(feature: Feature, by_name: dict[str, Feature]) -> Iterator[str]:
    if not _NAME.fullmatch(feature.name):
        yield "a name is lower-case words with _ between them"
    window = getattr(feature.rule, "window", None)
    if window is not None and not 1 <= window.first <= window.last <= LOOKBACK_DAYS:
        yield f"days {window.first} to {window.last} are not within 1 to {LOOKBACK_DAYS}"
    match feature.rule:
        case Total(fact=fact, column=column) | DaysSince(fact=fact, column=column):
            yield from _column_problems(fact, column)
        case Currency(fact=fact) if fact in FACTS and FACTS[fact].column("currency") is None:
            yield f"{fact} has no currency"
        case Quotient(dividend=first, divisor=second) | Change(before=first, after=second):
            for name in (first, second):
                if name not in by_name or isinstance(by_name[name].rule, Quotient | Change):
                    yield f"{name} is no feature of the view that is counted from facts"
        case _:
            pass


def _unit_problems(feature: Feature, by_name: dict[str, Feature]) -> Iterator[str]:
    fitting = _fitting_units(feature, by_name)
    if feature.unit not in fitting:
        words = " or ".join(unit.value for unit in fitting)
        yield f"its unit is {words}, not {feature.unit.value}"


def _fitting_units(feature: Feature, by_name: dict[str, Feature]) -> tuple[Unit, ...]:
    """Units that a rule's value can have."""
    match feature.rule:
        case Total(fact=fact, column=name):
            column = FACTS[fact].column(name) if fact in FACTS else None
            # Of a column that there is not, that is told already.
            return (feature.unit,) if column is None else _units_of_total(column)
        case Quotient(dividend=name):
            money = name in by_name and by_name[name].unit is Unit.MONEY
            return (Unit.NUMBER, Unit.RATIO, *((Unit.MONEY,) if money else ()))
        case rule:
            return (_UNITS[type(rule)],)


def _units_of_total(column: Column) -> tuple[Unit, ...]:
    if column.money:
        return (Unit.MONEY,)
    return (Unit.COUNT, Unit.NUMBER) if column.type is ColumnType.INT64 else (Unit.NUMBER,)


def _column_problems(fact: str, name: str) -> Iterator[str]:
    column = FACTS[fact].column(name) if fact in FACTS else None
    if column is not None and isinstance(column.holds, Classification) and column.holds.tells_alone:
        yield f"{fact}.{name} is about a person ({column.personal})"
    elif column is None or column.role is not Role.MEASURE:
        yield f"{fact}.{name} is no measure"
