"""What a feature is: a name, a sentence, a unit, and how it comes out of the facts.

    fact rows of the last 28 complete days -> Total, Count, ... -> Quotient, Change -> value

A day is a reporting date in the account's own zone; the day of the as-of instant is not complete
and never counts. A value is NULL where its parts are not known: the entity has no row of that fact
in 28 days, or amounts of several currencies, or claims of several attributions, would have to be
added up. It is 0 where the parts are known and nothing fell into the window.
"""

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from domain.facts.fact import ColumnType
from domain.privacy.classification import Privacy
from feature_repo.entities import Entity

__all__ = [
    "LOOKBACK_DAYS",
    "Change",
    "Count",
    "Currency",
    "DaysReported",
    "DaysSince",
    "Deprecation",
    "Feature",
    "FeatureView",
    "Quotient",
    "Rule",
    "Total",
    "Unit",
    "Window",
]

LOOKBACK_DAYS: Final = 28  # no feature looks further back
# Each night's sync brings new values, two hours late at most.
_FRESHNESS_SECONDS: Final = 26 * 3_600


class Unit(enum.Enum):
    """What the number of a feature counts."""

    MONEY = "money"  # in major units; `FeatureView.currency_of` names the currency's feature
    COUNT = "count"  # a whole number
    NUMBER = "number"  # may be fractional
    RATIO = "ratio"  # 0.12, not 12
    DAYS = "days"
    CODE = "code"  # a short text


@dataclass(frozen=True, slots=True)
class Window:
    """Complete days before the as-of instant, both ends included; 1 is yesterday."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Total:
    """Sum of a measure over a window."""

    fact: str
    column: str
    window: Window


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of a fact in a window."""

    fact: str
    window: Window


@dataclass(frozen=True, slots=True)
class DaysReported:
    """Different reporting dates with a row in a window."""

    fact: str
    window: Window


@dataclass(frozen=True, slots=True)
class DaysSince:
    """Days from the last one with a positive measure to the as-of day; 1: yesterday."""

    fact: str
    column: str


@dataclass(frozen=True, slots=True)
class Currency:
    """The one currency of a fact's rows."""

    fact: str


@dataclass(frozen=True, slots=True)
class Quotient:
    """One feature of the view by another, times a constant; NULL where the divisor is 0."""

    dividend: str
    divisor: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Change:
    """Relative change from one feature of the view to another; NULL where the first is 0."""

    before: str
    after: str


Rule = Total | Count | DaysReported | DaysSince | Currency | Quotient | Change

_TYPES: Final = {
    Unit.MONEY: ColumnType.FLOAT64,
    Unit.COUNT: ColumnType.INT64,
    Unit.NUMBER: ColumnType.FLOAT64,
    Unit.RATIO: ColumnType.FLOAT64,
    Unit.DAYS: ColumnType.INT64,
    Unit.CODE: ColumnType.STRING,
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Attributes:
        name: Snake case, unique over all views.
        description: One sentence for people.
        unit: What the number counts.
        rule: How it is computed.
    """

    name: str
    description: str
    unit: Unit
    rule: Rule

    @property
    def type(self) -> ColumnType:
        """FLOAT64, INT64 or STRING."""
        return _TYPES[self.unit]


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A view that is served for a while yet.

    Attributes:
        retires_at: From this UTC instant on there is no such view.
        successor: Full name of the view to use instead; empty: there is none.
    """

    retires_at: dt.datetime
    successor: str

    def __str__(self) -> str:
        last = self.retires_at - dt.timedelta(days=1)
        instead = f"; use {self.successor}" if self.successor else ""
        return f"deprecated, served until {last:%Y-%m-%d} UTC{instead}"


@dataclass(frozen=True, slots=True)
class FeatureView:
    """Features of one kind of entity that are computed and stored together.

    Attributes:
        name: Snake case; also its name at Feast.
        description: One sentence for people.
        entity: Whose features.
        features: In the order in which values are stored.
        ttl_seconds: An older value is not served.
        holds: What its values hold of people; None: nobody has said, and the inventory fails.
        freshness_seconds: Age that values should not reach: the objective, not a limit.
        owner: Who answers for it; empty: the platform.
        deprecation: None: it stays.
    """

    name: str
    description: str
    entity: Entity
    features: tuple[Feature, ...]
    ttl_seconds: int
    holds: Privacy | None = None
    freshness_seconds: int = _FRESHNESS_SECONDS
    owner: str = ""
    deprecation: Deprecation | None = None

    # Views are keys of what is kept per view; hashing every feature would cost more than it saves.
    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that its rules read, in order of first use."""
        read = (getattr(feature.rule, "fact", None) for feature in self.features)
        return tuple(dict.fromkeys(fact for fact in read if fact is not None))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """In the order of storage."""
        return tuple(feature.name for feature in self.features)

    def feature(self, name: str) -> Feature:
        """The feature of that name."""
        return next(feature for feature in self.features if feature.name == name)

    def fact_of(self, feature: Feature) -> str:
        """The fact that a feature counts; of a quotient or change: that its first part counts."""
        match feature.rule:
            case Quotient(dividend=name) | Change(before=name):
                return self.fact_of(self.feature(name))
            case rule:
                return rule.fact

    def currency_of(self, feature: Feature) -> str | None:
        """Name of the feature with an amount's currency; None: the value is no amount."""
        if feature.unit is not Unit.MONEY:
            return None
        currency = Currency(self.fact_of(feature))
        return next((one.name for one in self.features if one.rule == currency), None)

    def words(self) -> Iterator[str]:
        """Everything that gives the values their meaning, as text: equal words, equal meaning."""
        yield from (self.name, self.entity.name, str(self.ttl_seconds), str(LOOKBACK_DAYS))
        if (crowd := self.entity.crowd) is not None:
            yield f"{crowd.column}>={crowd.fewest}"
        for feature in self.features:
            rule = feature.rule
            parts = (f"{part.name}={getattr(rule, part.name)}" for part in fields(rule))
            yield from (feature.name, feature.unit.value, type(rule).__name__, *parts)
