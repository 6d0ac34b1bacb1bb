"""Rules that feature definitions must keep; checked before Feast's registry sees them.

views, services -> sentences that say what is wrong, none when all is well
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from domain.facts import FACTS
from domain.facts.fact import Role
from domain.privacy.classification import Classification
from feature_repo.entities import TENANT_KEY
from feature_repo.feature import (
    LOOKBACK_DAYS,
    Change,
    DaysSince,
    Feature,
    FeatureView,
    Quotient,
    Total,
    Unit,
)
from feature_repo.feature_services import FeatureService

__all__ = ["find_problems"]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def find_problems(views: Iterable[FeatureView], services: Iterable[FeatureService]) -> list[str]:
    """What is wrong with definitions, one sentence each."""
    views = list(views)
    problems = [problem for view in views for problem in _view_problems(view)]
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


def _view_problems(view: FeatureView) -> Iterator[str]:
    if not view.entity.join_key > TENANT_KEY:
        yield f"{view.name}: the join key {view.entity.join_key} does not sort after {TENANT_KEY}"
    for fact in view.facts:
        columns = {column.name for column in FACTS[fact].all_columns} if fact in FACTS else set()
        needed = {"time_zone", *view.entity.parts}
        if view.entity.crowd is not None:
            needed.add(view.entity.crowd.column)
        if not needed <= columns:
            yield f"{view.name}: {fact} lacks {', '.join(sorted(needed - columns))}"
    by_name = {feature.name: feature for feature in view.features}
    for feature in view.features:
        problems = list(_feature_problems(feature, by_name))
        if not problems and feature.unit is Unit.MONEY and view.currency_of(feature) is None:
            problems = [f"no feature tells the currency of {view.fact_of(feature)}"]
        for problem in problems:
            yield f"{view.name}.{feature.name}: {problem}"


def _feature_problems(feature: Feature, by_name: dict[str, Feature]) -> Iterator[str]:
    if not _NAME.fullmatch(feature.name):
        yield "a name is lower-case words with _ between them"
    window = getattr(feature.rule, "window", None)
    if window is not None and not 1 <= window.first <= window.last <= LOOKBACK_DAYS:
        yield f"days {window.first} to {window.last} are not within 1 to {LOOKBACK_DAYS}"
    match feature.rule:
        case Total(fact=fact, column=column) | DaysSince(fact=fact, column=column):
            yield from _column_problems(fact, column)
        case Quotient(dividend=first, divisor=second) | Change(before=first, after=second):
            for name in (first, second):
                if name not in by_name or isinstance(by_name[name].rule, Quotient | Change):
                    yield f"{name} is no feature of the view that is counted from facts"
        case _:
            pass


def _column_problems(fact: str, name: str) -> Iterator[str]:
    column = FACTS[fact].column(name) if fact in FACTS else None
    if column is None or column.role is not Role.MEASURE:
        yield f"{fact}.{name} is no measure"
    elif isinstance(column.holds, Classification) and column.holds.tells_alone:
        yield f"{fact}.{name} is about a person ({column.personal})"
