"""Feature views as SQL: facts as they were known at an instant -> one row per entity.

    asked (entity, instant) pairs, or every entity of some owners at one instant
    -> rows known by then and not yet replaced -> complete days before -> totals -> features

When a row was in force is worked out once (`domain.facts.in_force`); after that it is a comparison.
Each pair becomes its 28 days, which meet rows by equality of entity, day and zone: a pair never
sees the rest of an entity's years, and what day it is in a zone is asked once per pair, not once
per row (4 us each at DuckDB: three quarters of the time it took). Features are about what platforms
tell: history of an earlier system is not read.

Trees are in BigQuery's dialect and name `reporting_date BETWEEN @first_day AND @last_day` in each
scan, so partitions are pruned.

Decision: ADR-0014.
"""

from typing import Final

from domain.facts import FACTS
from domain.facts.fact import HISTORY, Fact
from domain.facts.in_force import REPLACED_AT, is_same_row, replacements
from domain.facts.tables import facts_table
from domain.ports import Statement
from domain.statement_text import parse_statement
from feature_repo.entities import Entity
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
    Total,
    Unit,
    Window,
)

__all__ = [
    "ASKED",
    "CLIENT_ID",
    "ENTITY",
    "FIRST_DAY",
    "LAST_DAY",
    "MOMENT",
    "MOMENT_DIGITS",
    "OWNERS",
    "asked_features",
    "current_features",
]

# Parameters.
ASKED: Final = "asked"  # texts: MOMENT_DIGITS digits of the instant in microseconds, then the id
OWNERS: Final = "owners"  # UUID texts
MOMENT: Final = "moment"  # instant in microseconds; also a column of the answer
FIRST_DAY: Final = "first_day"
LAST_DAY: Final = "last_day"
MOMENT_DIGITS: Final = 16

# Of a row that was never replaced.
_NEVER: Final = "CAST('9999-12-31 00:00:00+00' AS TIMESTAMP)"
_AGES: Final = ", ".join(str(age) for age in range(1, LOOKBACK_DAYS + 1))

# Columns of the answer, beside MOMENT and the features.
ENTITY: Final = "entity"
CLIENT_ID: Final = "client_id"


def asked_features(view: FeatureView) -> Statement:
    """Features of asked pairs of entity and instant, each as of its own instant.

    Parameters: ASKED, OWNERS (of all of them), FIRST_DAY, LAST_DAY. A pair of which nothing was
    known in the last 28 complete days has no row.
    """
    pairs = f"""
        SELECT DISTINCT SUBSTR(s, {MOMENT_DIGITS + 1}) AS entity,
            CAST(SUBSTR(s, 1, {MOMENT_DIGITS}) AS INT64) AS moment
        FROM UNNEST(CAST(@{ASKED} AS ARRAY<STRING>)) AS s
    """
    return _statement(view, pairs)


def current_features(view: FeatureView) -> Statement:
    """Features of every entity of some owners as of one instant.

    Parameters: MOMENT, OWNERS, FIRST_DAY, LAST_DAY.
    """
    entity = _entity(view.entity, "f")
    pairs = " UNION DISTINCT ".join(
        f"""
        SELECT DISTINCT {entity} AS entity, @{MOMENT} AS moment
        FROM {facts_table(FACTS[fact]).qualified} AS f
        WHERE {_is_read("f", view.entity)} AND {entity} IS NOT NULL
        """
        for fact in view.facts
    )
    return _statement(view, pairs)


def _statement(view: FeatureView, pairs: str) -> Statement:
    facts = [FACTS[name] for name in view.facts]
    ctes = [
        f"_cte_pairs AS ({pairs})",
        """_cte_asked AS (
            SELECT entity, moment, TIMESTAMP_MICROS(moment) AS as_of FROM _cte_pairs
        )""",
    ]

    def is_read(alias: str) -> str:
        return _is_read(alias, view.entity)

    for fact in facts:
        ctes += [
            f"_cte_{fact.name}_days AS ({_days(fact, view.entity)})",
            f"_cte_{fact.name}_ended AS ({replacements(fact, is_read)})",
            f"_cte_{fact.name}_known AS ({_known(fact, view.entity)})",
            f"_cte_{fact.name} AS ({_aggregated(fact, view)})",
        ]
    return parse_statement(f"WITH {', '.join(ctes)} {_features(facts, view)}")


def _entity(entity: Entity, alias: str) -> str:
    """The id of a row's entity; NULL when a part is missing."""
    parts = [f"{alias}.{part}" for part in entity.parts]
    if len(parts) == 1:
        return parts[0]
    is_whole = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    joined = " || ':' || ".join(parts)
    return f"CASE WHEN {is_whole} THEN {joined} END"


def _is_read(alias: str, entity: Entity) -> str:
    return (
        f"{alias}.reporting_date BETWEEN @{FIRST_DAY} AND @{LAST_DAY}"
        f" AND {alias}.{entity.owner_column} IN UNNEST(@{OWNERS}) AND {alias}.stream <> '{HISTORY}'"
    )


def _days(fact: Fact, entity: Entity) -> str:
    """The complete days before each asked instant, in every zone that rows are reported in.

    `back` counts days from the UTC day of the instant: two zones' rows of one date have one.
    """
    return f"""
        SELECT t.entity, t.moment, t.as_of, t.time_zone, age,
            DATE_SUB(t.today, INTERVAL age DAY) AS reporting_date,
            DATE_DIFF(t.utc_today, DATE_SUB(t.today, INTERVAL age DAY), DAY) AS back
        FROM (
            SELECT p.entity, p.moment, p.as_of, z.time_zone,
                DATE(p.as_of, z.time_zone) AS today, DATE(p.as_of) AS utc_today
            FROM _cte_asked AS p CROSS JOIN (
                SELECT DISTINCT f.time_zone FROM {facts_table(fact).qualified} AS f
                WHERE {_is_read("f", entity)}
            ) AS z
        ) AS t
        CROSS JOIN UNNEST([{_AGES}]) AS age
    """


def _known(fact: Fact, entity: Entity) -> str:
    """Rows in force at each asked instant, with their age in complete days."""
    same = is_same_row(fact, "e", "f")
    return f"""
        SELECT a.entity, a.moment, a.age, a.back, k.*
        FROM (
            SELECT f.*, {_entity(entity, "f")} AS whose,
                COALESCE(e.{REPLACED_AT}, {_NEVER}) AS ends_at
            FROM {facts_table(fact).qualified} AS f
            LEFT JOIN _cte_{fact.name}_ended AS e ON {same}
            WHERE {_is_read("f", entity)}
        ) AS k
        JOIN _cte_{fact.name}_days AS a
          ON a.entity = k.whose AND a.reporting_date = k.reporting_date
          AND a.time_zone = k.time_zone AND a.as_of >= k.known_at AND a.as_of < k.ends_at
    """


def _aggregated(fact: Fact, view: FeatureView) -> str:
    values = "".join(
        f", {_aggregate(fact, feature)} AS {feature.name}"
        for feature in view.features
        if getattr(feature.rule, "fact", None) == fact.name
    )
    currency = f", {_one_currency()} AS one_currency" if fact.column("currency") else ""
    crowd = view.entity.crowd
    having = "" if crowd is None else f"HAVING COUNT(DISTINCT k.{crowd.column}) >= {crowd.fewest}"
    return f"""
        SELECT k.entity, k.moment, MAX(k.client_id) AS client_id{currency}{values}
        FROM _cte_{fact.name}_known AS k
        GROUP BY k.entity, k.moment
        {having}
    """


def _aggregate(fact: Fact, feature: Feature) -> str:
    rule = feature.rule
    match rule:
        case Total(column=column, window=window):
            total = f"SUM(CASE WHEN {_within(window)} THEN k.{column} END)"
            conditions = [f"COUNT(k.{column}) > 0", *_is_addable(fact, column)]
            return f"CASE WHEN {' AND '.join(conditions)} THEN COALESCE({total}, 0) END"
        case Count(window=window):
            return f"SUM(CASE WHEN {_within(window)} THEN 1 ELSE 0 END)"
        case DaysReported(window=window):
            # One bit a day: COUNT(DISTINCT) takes as long as all the rest of the aggregation.
            days = f"BIT_OR(CASE WHEN {_within(window)} THEN 1 << k.back END)"
            return f"COALESCE(BIT_COUNT({days}), 0)"
        case DaysSince(column=column):
            return f"MIN(CASE WHEN k.{column} > 0 THEN k.age END)"
        case Currency():
            return _one_currency()
        case Quotient() | Change():
            raise TypeError(rule)


def _within(window: Window) -> str:
    return f"k.age BETWEEN {window.first} AND {window.last}"


def _is_addable(fact: Fact, name: str) -> list[str]:
    """Conditions under which values of a column may be added up."""
    column = fact.column(name)
    conditions = []
    if column is not None and column.money:
        conditions.append("MIN(k.currency) = MAX(k.currency)")
    if column is not None and column.claimed:
        told = "COALESCE(k.attribution, '')"
        conditions.append(f"MIN({told}) = MAX({told})")
    return conditions


def _one_currency() -> str:
    return "CASE WHEN MIN(k.currency) = MAX(k.currency) THEN MIN(k.currency) END"


def _features(facts: list[Fact], view: FeatureView) -> str:
    by_name = {feature.name: feature for feature in view.features}
    columns = "".join(
        f", CAST({_expression(feature, by_name)} AS {feature.type.value}) AS {feature.name}"
        for feature in view.features
    )
    joins = " ".join(
        f"LEFT JOIN _cte_{fact.name} AS {fact.name}"
        f" ON {fact.name}.entity = a.entity AND {fact.name}.moment = a.moment"
        for fact in facts
    )
    clients = [f"{fact.name}.client_id" for fact in facts]
    client = clients[0] if len(clients) == 1 else f"COALESCE({', '.join(clients)})"
    return f"""
        SELECT a.entity AS {ENTITY}, a.moment AS {MOMENT}, {client} AS {CLIENT_ID}{columns}
        FROM _cte_asked AS a {joins}
        WHERE {client} IS NOT NULL
    """


def _expression(feature: Feature, by_name: dict[str, Feature]) -> str:
    rule = feature.rule
    match rule:
        case Quotient(dividend=dividend, divisor=divisor, times=times):
            parts = by_name[dividend], by_name[divisor]
            quotient = f"{_float(parts[0])} * {times}"
            return _in_one_currency(parts, f"SAFE_DIVIDE({quotient}, {_float(parts[1])})")
        case Change(before=before, after=after):
            earlier, later = _float(by_name[before]), _float(by_name[after])
            return f"SAFE_DIVIDE({later} - {earlier}, {earlier})"
        case _:
            return f"{rule.fact}.{feature.name}"


def _float(feature: Feature) -> str:
    return f"CAST({_column(feature)} AS FLOAT64)"


def _column(feature: Feature) -> str:
    return f"{_fact_of(feature)}.{feature.name}"


def _fact_of(feature: Feature) -> str:
    rule = feature.rule
    if isinstance(rule, Quotient | Change):
        raise TypeError(rule)
    return rule.fact


def _in_one_currency(parts: tuple[Feature, Feature], expression: str) -> str:
    """NULL where amounts of two currencies would be divided."""
    facts = [_fact_of(part) for part in parts]
    if any(part.unit is not Unit.MONEY for part in parts) or facts[0] == facts[1]:
        return expression
    same = " = ".join(f"{fact}.one_currency" for fact in facts)
    return f"CASE WHEN {same} THEN {expression} END"
