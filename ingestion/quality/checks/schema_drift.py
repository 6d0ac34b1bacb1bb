"""What the platform sent that the source file does not know, or the other way round.

drift that extraction noted -> one finding a stream

A new field is kept with its rows and harms nothing. A word outside an enum is read as `other`, so
figures move between groups; fields that are gone or changed their type send rows to quarantine.
"""

from collections.abc import Iterator
from typing import Final

from ingestion.quality.evidence import StreamRecord
from ingestion.quality.finding import Check, Finding
from tenancy.tables import IncidentSeverity

__all__ = ["SCHEMA_DRIFT", "find_schema_drift"]

SCHEMA_DRIFT: Final = Check(
    "schema_drift",
    "The platform sends something else than its source file says",
    "read the platform's change log and bring the source file up to date",
)

_SEVERITIES: Final = {
    "new_field": IncidentSeverity.NOTICE,
    "missing_field": IncidentSeverity.WARNING,
    "changed_type": IncidentSeverity.WARNING,
    "unknown_value": IncidentSeverity.WARNING,
}
_SHOWN: Final = 5


def find_schema_drift(record: StreamRecord) -> Iterator[Finding]:
    """Tell what differs; what an answer says of its own exactness is no drift."""
    known = {
        text: _SEVERITIES[text.partition(" ")[0]]
        for text in sorted(record.drift)
        if text.partition(" ")[0] in _SEVERITIES
    }
    if not known:
        return
    severity = max(known.values(), key=list(IncidentSeverity).index)
    parts = [f"{text.replace('_', ' ', 1)}: {record.drift[text]}" for text in known]
    more = f"; and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    yield Finding(SCHEMA_DRIFT, severity, "; ".join(parts[:_SHOWN]) + more)
