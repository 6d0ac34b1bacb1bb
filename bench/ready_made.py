"""The table that a user of stock Feast keeps: features made beforehand, one row for each landing.

facts as landed -> one window statement in plain DuckDB -> Parquet with both timestamps

Stock Feast joins, it does not compute; so somebody makes its rows, again after every landing. Here
it is done as a data engineer would in one agency's warehouse: for each landing the 28 days before
it, with the rows that were in force then. Nothing is guarded and every row is of one time zone.
"""

import time
from pathlib import Path
from typing import Final

import duckdb

from bench.agencies import BenchAgency
from bench.restated_facts import make_restated_facts

__all__ = ["THREADS", "write_ready_made"]

THREADS: Final = 2  # of DuckDB: as many as the product's warehouse has

_DAYS: Final = 28
_SHARES: Final = (
    "spend_7d / nullif(clicks_7d, 0) AS cpc_7d",
    "clicks_7d / nullif(impressions_7d, 0) AS ctr_7d",
    "spend_7d * 1000 / nullif(impressions_7d, 0) AS cpm_7d",
    "attributed_revenue_28d / nullif(spend_28d, 0) AS attributed_roas_28d",
    "(spend_7d - spend_previous_7d) / nullif(spend_previous_7d, 0) AS spend_trend_7d",
)


def _total(measure: str, kind: str, first: int, last: int, name: str) -> str:
    within = f"age BETWEEN {first} AND {last}"
    return f"CAST(coalesce(sum({measure}) FILTER ({within}), 0) AS {kind}) AS {name}"


_TOTALS: Final = (
    _total("spend", "DOUBLE", 8, 14, "spend_previous_7d"),
    *(
        _total(measure, kind, 1, days, f"{measure}_{days}d")
        for measure, kind in (
            ("spend", "DOUBLE"),
            ("impressions", "BIGINT"),
            ("clicks", "BIGINT"),
            ("conversions", "DOUBLE"),
            ("attributed_revenue", "DOUBLE"),
        )
        for days in (7, 28)
    ),
)
_STATEMENT: Final = f"""
    WITH replaced AS (
        SELECT v.version, v.reporting_date, min(n.known_at) AS replaced_at
        FROM (SELECT DISTINCT version, reporting_date FROM facts) AS v
        JOIN syncs AS n
          ON n.version > v.version AND v.reporting_date BETWEEN n.covers_from AND n.covers_to
        GROUP BY ALL
    ),
    wanted AS (
        SELECT known_at AS as_of, age,
            CAST(known_at AT TIME ZONE 'Europe/Berlin' AS DATE) - CAST(age AS INTEGER)
                AS reporting_date
        FROM landed, range(1, {_DAYS} + 1) AS t(age)
    ),
    totals AS (
        SELECT f.campaign_id, w.as_of, min(f.currency) AS currency, {", ".join(_TOTALS)},
            min(age) FILTER (f.spend > 0) AS days_since_spend,
            count(DISTINCT f.reporting_date) AS days_reported_28d
        FROM facts AS f
        LEFT JOIN replaced AS r USING (version, reporting_date)
        JOIN wanted AS w
          ON w.reporting_date = f.reporting_date AND w.as_of >= f.known_at
          AND (r.replaced_at IS NULL OR w.as_of < r.replaced_at)
        GROUP BY f.campaign_id, w.as_of
    )
    SELECT $connection || ':' || campaign_id AS campaign_key, * EXCLUDE (campaign_id, as_of),
        {", ".join(_SHARES)},
        date_trunc('day', as_of) + INTERVAL 6 HOUR AS event_timestamp, as_of AS created_timestamp
    FROM totals
"""


def write_ready_made(agency: BenchAgency, path: Path) -> tuple[int, float]:
    """Features of every campaign at every landing, as a Parquet file.

    Returns:
        How many rows, and the seconds of the statement; that the facts are there is not counted.
    """
    with duckdb.connect(config={"threads": THREADS}) as db:
        make_restated_facts(db, agency)
        begun = time.perf_counter()
        db.execute(
            f"COPY ({_STATEMENT}) TO '{path}' (FORMAT parquet)",
            {"connection": str(agency.connection_id)},
        )
        seconds = time.perf_counter() - begun
        found = db.execute("SELECT count(*) FROM read_parquet($path)", {"path": str(path)})
        (rows,) = found.fetchall()[0]
    return rows, seconds
