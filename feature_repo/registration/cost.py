"""What a view costs: rows and bytes that a refresh reads, money, and memory that values take.

    rows of each fact x width of the columns that the statement names -> bytes -> price of BigQuery

An estimate from above: clustering lets a refresh of one account read less. On DuckDB the money is
none; what is shown is what the same work costs on BigQuery.

Sources: cloud.google.com/bigquery/pricing (on-demand, US and EU multi-region; at least 10 MB for
each table that a query names) and /docs/reference/standard-sql/data-types (sizes), 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlglot import exp

from domain.facts import FACTS
from domain.facts.fact import ColumnType
from feature_repo.feature import FeatureView
from feature_repo.statements import current_features

__all__ = ["Cost", "estimate_cost"]

_USD_PER_TIB: Final = Decimal("6.25")
_TIB: Final = 2**40
_LEAST_BYTES: Final = 10_000_000  # of one table in one query
_REFRESHES_A_MONTH: Final = 30  # each night; what is restated in between comes on top
_WIDTHS: Final = {
    ColumnType.INT64: 8,
    ColumnType.FLOAT64: 8,
    ColumnType.NUMERIC: 16,
    ColumnType.BOOL: 1,
    ColumnType.DATE: 8,
    ColumnType.TIMESTAMP: 8,
    ColumnType.STRING: 38,  # 2, and a UUID: the ids and keys that are read are about as long
    ColumnType.JSON: 200,
}
_VALUE_BYTES: Final = 12  # of a packed number
_ENTITY_BYTES: Final = 250  # key, instant, client, fingerprint, and what Redis adds


@dataclass(frozen=True, slots=True)
class Cost:
    """Of refreshing a view of a whole agency once, and of keeping it.

    Attributes:
        rows: Of facts.
        bytes_read: Of the columns that are read.
        queries: One for each account or client.
        usd: At BigQuery's on-demand price.
        usd_a_month: Of thirty refreshes.
        online_bytes: Of the values, in Redis.
    """

    rows: int
    bytes_read: int
    queries: int
    usd: Decimal
    usd_a_month: Decimal
    online_bytes: int


def estimate_cost(
    view: FeatureView, rows: Mapping[str, int], *, owners: int, entities: int
) -> Cost:
    """Estimate from counts.

    Args:
        view: What is refreshed.
        rows: Of each fact, in reach of the view.
        owners: Accounts or clients that are refreshed.
        entities: Whose values are kept.
    """
    named = {column.name for column in current_features(view).tree.find_all(exp.Column)}
    bytes_read = sum(count * _width(fact, named) for fact, count in rows.items())
    billed = max(bytes_read, owners * len(rows) * _LEAST_BYTES) if owners else 0
    usd = (_USD_PER_TIB * billed / _TIB).quantize(Decimal("0.000001"))
    return Cost(
        rows=sum(rows.values()),
        bytes_read=bytes_read,
        queries=owners,
        usd=usd,
        usd_a_month=usd * _REFRESHES_A_MONTH,
        online_bytes=entities * (_ENTITY_BYTES + _VALUE_BYTES * len(view.features)),
    )


def _width(fact: str, named: set[str]) -> int:
    """Bytes of one row in the columns that a statement names, and the guard's."""
    return sum(
        _WIDTHS[column.type]
        for column in FACTS[fact].all_columns
        if column.name in named or column.name == "tenant_id"
    )
