"""Ad facts of one account that its platform restates: every day is told four times.

numbers -> DuckDB -> Parquet bytes of `facts.syncs` and `facts.ads_daily` -> warehouse

Each day two syncs land: at 06:00 UTC the last three days, at 14:00 yesterday once more. A tenth of
the campaigns has no row on a day. Values are hashes of campaign, day and sync.
"""

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from bench.agencies import BenchAgency
from domain.facts import ADS_DAILY
from domain.facts.tables import SYNCS, facts_table
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse

__all__ = ["CAMPAIGNS", "DAYS", "LANDINGS", "landings", "load_restated_facts"]

CAMPAIGNS: Final = 1_500
DAYS: Final = 400
LANDINGS: Final = 2  # a day
FIRST_DAY: Final = dt.date(2025, 10, 1)

_HOURS: Final = (6, 14)
_SYNCS: Final = f"""
    CREATE TABLE landed AS
    SELECT d * {LANDINGS} + k + 1 AS version,
        DATE '{FIRST_DAY}' + CAST(d AS INTEGER) AS day,
        CAST(DATE '{FIRST_DAY}' + CAST(d + 1 AS INTEGER) AS TIMESTAMPTZ)
            + INTERVAL (CASE k WHEN 0 THEN {_HOURS[0]} ELSE {_HOURS[1]} END) HOUR AS known_at,
        CASE k WHEN 0 THEN 3 ELSE 1 END AS days
    FROM range({DAYS}) AS t(d), range({LANDINGS}) AS u(k)
"""
_ENVELOPE: Final = """
    $tenant AS tenant_id, $client AS client_id, $connection AS connection_id,
    'google_ads' AS "source", 'campaign_day' AS stream,
    CAST(version AS VARCHAR) AS sync_id, version, known_at
"""
_SYNC_ROWS: Final = f"""
    SELECT {_ENVELOPE}, 'ads_daily' AS fact,
        day - CAST(days - 1 AS INTEGER) AS covers_from, day AS covers_to
    FROM landed
"""
_FACT_ROWS: Final = f"""
    SELECT {_ENVELOPE}, reporting_date, campaign || '|' || reporting_date AS natural_key,
        'paid_search' AS channel, CAST(campaign AS VARCHAR) AS campaign_id,
        'Campaign ' || campaign AS campaign_name, 'mobile' AS device, 'EUR' AS currency,
        'Europe/Berlin' AS time_zone, 'google_ads:30d_click:purchases' AS attribution,
        CAST(CAST(h % 100000 AS DECIMAL(38,9)) / 100 AS DECIMAL(38,9)) AS spend,
        CAST(h % 9000 AS BIGINT) AS impressions, CAST(h % 90 AS BIGINT) AS clicks,
        CAST(h % 7 AS DECIMAL(38,9)) AS conversions,
        CAST(h % 700 AS DECIMAL(38,9)) AS attributed_revenue
    FROM (
        SELECT *, hash(campaign, reporting_date, version) AS h
        FROM (
            SELECT landed.*, day - CAST(back AS INTEGER) AS reporting_date, campaign
            FROM landed, range(3) AS b(back), range({CAMPAIGNS}) AS c(campaign)
            WHERE back < days
        )
        WHERE hash(campaign, reporting_date) % 10 <> 0
    )
    ORDER BY version, campaign, reporting_date
"""


def landings() -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Of each sync: the morning of its day, and the instant of its landing; UTC."""
    for number in range(1, DAYS + 1):
        day = dt.datetime.combine(FIRST_DAY + dt.timedelta(days=number), dt.time(), dt.UTC)
        for hour in _HOURS:
            yield day + dt.timedelta(hours=_HOURS[0]), day + dt.timedelta(hours=hour)


async def load_restated_facts(warehouse: Warehouse, agency: BenchAgency) -> int:
    """Land everything; returns the number of fact rows."""
    values = {
        "tenant": str(agency.tenant_id),
        "client": str(agency.client_id),
        "connection": str(agency.connection_id),
    }
    scope = AuditedTenants(frozenset({agency.tenant_id}), "load")
    facts = facts_table(ADS_DAILY)
    rows = 0
    with duckdb.connect() as db, tempfile.TemporaryDirectory(prefix="bosco-bench-") as folder:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(_SYNCS)
        for table, text in ((SYNCS, _SYNC_ROWS), (facts, _FACT_ROWS)):
            path = Path(folder) / f"{table.name}.parquet"
            db.execute(f"COPY ({text}) TO '{path}' (FORMAT parquet)", values)
            rows = await warehouse.load(f"bench {table.name}", table, [path.read_bytes()], scope)
    return rows
