"""Ad facts of one account that its platform restates: every day is told four times.

numbers -> DuckDB -> Parquet bytes of `facts.syncs` and `facts.ads_daily` -> warehouse

Each day two syncs land: at 06:00 UTC the last three days, at 14:00 yesterday once more. A tenth of
the campaigns has no row on a day. Values are hashes of campaign, day and sync.
"""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Final

import duckdb

from bench.agencies import BenchAgency
from domain.facts import ADS_DAILY
from domain.facts.tables import SYNCS, facts_table
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse

__all__ = ["CAMPAIGNS", "DAYS", "FIRST_DAY", "load_restated_facts", "make_restated_facts"]

CAMPAIGNS: Final = 1_500
DAYS: Final = 400
_LANDINGS: Final = 2  # a day
FIRST_DAY: Final = dt.date(2025, 10, 1)

_HOURS: Final = (6, 14)
_LANDED: Final = f"""
    CREATE TABLE landed AS
    SELECT d * {_LANDINGS} + k + 1 AS version,
        DATE '{FIRST_DAY}' + CAST(d AS INTEGER) AS day,
        CAST(DATE '{FIRST_DAY}' + CAST(d + 1 AS INTEGER) AS TIMESTAMPTZ)
            + INTERVAL (CASE k WHEN 0 THEN {_HOURS[0]} ELSE {_HOURS[1]} END) HOUR AS known_at,
        CASE k WHEN 0 THEN 3 ELSE 1 END AS days
    FROM range({DAYS}) AS t(d), range({_LANDINGS}) AS u(k)
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


def make_restated_facts(db: duckdb.DuckDBPyConnection, agency: BenchAgency) -> None:
    """Make the tables `landed` (version, day, known_at, days), `syncs` and `facts`."""
    values = {
        "tenant": str(agency.tenant_id),
        "client": str(agency.client_id),
        "connection": str(agency.connection_id),
    }
    db.execute("SET TimeZone = 'UTC'")
    db.execute(_LANDED)
    for name, text in (("syncs", _SYNC_ROWS), ("facts", _FACT_ROWS)):
        db.execute(f"CREATE TABLE {name} AS {text}", values)


async def load_restated_facts(warehouse: Warehouse, agency: BenchAgency) -> int:
    """Land everything; returns the number of fact rows."""
    scope = AuditedTenants(frozenset({agency.tenant_id}), "load")
    rows = 0
    with duckdb.connect() as db, tempfile.TemporaryDirectory(prefix="bosco-bench-") as folder:
        make_restated_facts(db, agency)
        for name, table in (("syncs", SYNCS), ("facts", facts_table(ADS_DAILY))):
            path = Path(folder) / f"{name}.parquet"
            db.execute(f"COPY {name} TO '{path}' (FORMAT parquet)")
            rows = await warehouse.load(f"bench {name}", table, [path.read_bytes()], scope)
    return rows
