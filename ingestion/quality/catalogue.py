"""All checks: those that can hold a sync back, and those that follow a publication."""

from typing import Final

from ingestion.quality.checks.empty_column import EMPTY_COLUMN
from ingestion.quality.checks.impossible_values import IMPOSSIBLE_VALUES
from ingestion.quality.checks.lost_days import LOST_DAYS
from ingestion.quality.checks.missing_days import MISSING_DAYS
from ingestion.quality.checks.rejected_rows import REJECTED_ROWS
from ingestion.quality.checks.repeated_keys import REPEATED_KEYS
from ingestion.quality.checks.rows_outside import ROWS_OUTSIDE
from ingestion.quality.checks.schema_drift import SCHEMA_DRIFT
from ingestion.quality.checks.silence import SILENCE
from ingestion.quality.checks.stale_stream import STALE_STREAM
from ingestion.quality.checks.totals_differ import TOTALS_DIFFER
from ingestion.quality.checks.unit_slip import UNIT_SLIP
from ingestion.quality.checks.volume import VOLUME
from ingestion.quality.finding import Check

__all__ = ["AFTER_PUBLICATION", "BEFORE_PUBLICATION"]

BEFORE_PUBLICATION: Final[tuple[Check, ...]] = (
    REJECTED_ROWS,
    ROWS_OUTSIDE,
    REPEATED_KEYS,
    IMPOSSIBLE_VALUES,
    EMPTY_COLUMN,
    UNIT_SLIP,
    LOST_DAYS,
    TOTALS_DIFFER,
)

AFTER_PUBLICATION: Final[tuple[Check, ...]] = (
    SCHEMA_DRIFT,
    MISSING_DAYS,
    SILENCE,
    VOLUME,
    STALE_STREAM,
)
