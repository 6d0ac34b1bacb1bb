"""What a day of a stream amounts to: all that the checks look at.

    landed rows, or the current view -> one SELECT -> a row per day -> DayFigures

A column of the answer is named `sum_`, `told_` or `below_zero_` and a column of the fact.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.facts.fact import Column, Fact, Role

__all__ = ["DayFigures", "Days", "aggregates", "lead_of", "measures", "read_figures", "watched"]


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The rows of one stream on one reporting date.

    Attributes:
        rows: How many.
        sums: Measure -> sum; a measure that no row tells is not there.
        told: Optional column -> rows that have a value.
        below_zero: Measure -> rows in which it is negative.
        known_at: UTC instant at which the newest of them had landed.
    """

    rows: int
    sums: Mapping[str, Decimal]
    told: Mapping[str, int]
    below_zero: Mapping[str, int]
    known_at: dt.datetime | None = None

    def amount(self, name: str) -> Decimal:
        """The sum of a measure, 0 when no row tells it; `rows` is one, too."""
        return Decimal(self.rows) if name == "rows" else self.sums.get(name, Decimal(0))


Days = Mapping[dt.date, DayFigures]  # days without rows are not there


def measures(fact: Fact) -> list[Column]:
    """The columns of a fact that are added up."""
    return [column for column in fact.columns if column.role is Role.MEASURE]


def watched(fact: Fact) -> list[Column]:
    """The columns of a fact that may be empty, and should not suddenly be."""
    roles = {Role.MEASURE, Role.DIMENSION}
    return [c for c in fact.columns if c.role in roles and not c.required]


def lead_of(fact: Fact) -> str:
    """The measure that tells how much there is: the first one, or else the rows."""
    found = measures(fact)
    return found[0].name if found else "rows"


def aggregates(fact: Fact, alias: str) -> str:
    """The figures of a day as SQL over rows that have the fact's columns."""
    parts = ["COUNT(*) AS row_count"]
    parts += [f"SUM({alias}.{c.name}) AS sum_{c.name}" for c in measures(fact)]
    parts += [f"COUNT({alias}.{c.name}) AS told_{c.name}" for c in watched(fact)]
    parts += [
        f"SUM(CASE WHEN {alias}.{c.name} < 0 THEN 1 ELSE 0 END) AS below_zero_{c.name}"
        for c in measures(fact)
    ]
    return ", ".join(parts)


def read_figures(fact: Fact, row: Mapping[str, Any]) -> DayFigures:
    """Read one row of an answer."""

    def by_name(prefix: str, columns: Iterable[Column]) -> dict[str, Any]:
        values = ((column.name, row[f"{prefix}_{column.name}"]) for column in columns)
        return {name: value for name, value in values if value is not None}

    sums = by_name("sum", measures(fact))
    return DayFigures(
        rows=row["row_count"],
        sums={name: Decimal(value) for name, value in sums.items()},
        told=by_name("told", watched(fact)),
        below_zero={name: n for name, n in by_name("below_zero", measures(fact)).items() if n},
        known_at=row.get("known_at"),
    )
