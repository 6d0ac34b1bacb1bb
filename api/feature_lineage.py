"""Where a feature comes from, and what else is made of the same columns.

    feature -> rules of its parts -> columns of facts -> mappings of the source files -> fields
    columns of facts -> histories that models learn from -> measures -> forecasts

Models read the facts, as features do, and not the features: a column is where both meet. A quotient
comes from whatever its parts come from. A rule that counts rows comes from the fact as a whole, so
from its reporting date, and so does a measure that counts rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.facts import FACTS
from feature_repo.feature import (
    Change,
    Count,
    Currency,
    DaysReported,
    DaysSince,
    Feature,
    FeatureView,
    Quotient,
    Total,
)
from ingestion.connector.spec import ColumnMapping, SourceSpec
from ml.history.topics import TOPICS
from ml.panel import Measure

__all__ = ["FactOrigin", "origins_of"]


@dataclass(frozen=True, slots=True)
class FactOrigin:
    """A column of a fact that a feature is made of.

    Attributes:
        fact: Its table.
        column: Its name.
        personal: Fideslang category of what it holds of people, before it is added up; empty: none.
        fields: `source.stream.field` of each platform that fills it; a constant in quotes.
        measures: What models forecast out of histories that this column is part of, in order.
    """

    fact: str
    column: str
    personal: str
    fields: tuple[str, ...]
    measures: tuple[Measure, ...]


def origins_of(
    view: FeatureView, feature: Feature, sources: Mapping[str, SourceSpec]
) -> list[FactOrigin]:
    """What a feature of a view is made of, in order of first use."""
    found = dict.fromkeys(_columns_of(view, feature))
    return [_origin(fact, column, sources) for fact, column in found]


def _columns_of(view: FeatureView, feature: Feature) -> Iterator[tuple[str, str]]:
    rule = feature.rule
    match rule:
        case Quotient(dividend=first, divisor=second) | Change(before=first, after=second):
            yield from _columns_of(view, view.feature(first))
            yield from _columns_of(view, view.feature(second))
        case _:
            yield rule.fact, _column_of(rule)


def _column_of(rule: Total | Count | DaysReported | DaysSince | Currency) -> str:
    match rule:
        case Total(column=column) | DaysSince(column=column):
            return column
        case Currency():
            return "currency"
        case _:
            return "reporting_date"


def _origin(fact: str, column: str, sources: Mapping[str, SourceSpec]) -> FactOrigin:
    declared = FACTS[fact].column(column)
    fields = [
        f"{source.name}.{stream.name}.{_field(mapping)}"
        for source in sources.values()
        for stream in source.streams.values()
        if stream.fact == fact
        for mapping in stream.mapping
        if mapping.column == column
    ]
    personal = "" if declared is None else declared.personal
    return FactOrigin(fact, column, personal, tuple(fields), tuple(_measures(fact, column)))


def _measures(fact: str, column: str) -> Iterator[Measure]:
    for topic in TOPICS.values():
        if topic.fact.name == fact:
            tells_apart = column in {"currency", "reporting_date", *topic.keys}
            for measure, counted in topic.measures.items():
                if tells_apart or counted == f"f.{column}":
                    yield measure


def _field(mapping: ColumnMapping) -> str:
    if mapping.field is not None:
        return mapping.field
    return f"account.{mapping.account}" if mapping.account else repr(mapping.constant)
