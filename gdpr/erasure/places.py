"""What becomes of every table of PostgreSQL that holds something of people.

tables -> about the agency's own people? -> they stay | of a client's people -> said here, table
by table; a table of which nothing is said is a failing test
"""

from collections.abc import Mapping
from typing import Final

from domain.privacy.classification import Classification
from domain.privacy.evidence import Treatment, TreatmentAction
from tenancy.tables import Base
from tenancy.tables.base import HOLDS

__all__ = ["PLACES", "unplanned_tables"]

_CUSTOMER: Final = "customer"
_RECORD: Final = (
    "the record of the request, by pseudonyms and dates: it proves what was asked and done"
    " (GDPR 5(2), 17(3)(e)), and goes when its time has come"
)

# Places that a step of the plan changes by itself.
_CHANGED: Final = frozenset(
    {"person_exports", "quarantined_rows", "subjects", "subject_identifiers", "tombstones"}
)

_KEPT: Final[Mapping[str, str]] = {
    "certificates": "signed proof by pseudonym (GDPR 5(2), 17(3)(e))",
    "consent_events": "what was agreed to, by pseudonym: it proves consent (GDPR 7(1))",
    "erasure_run_requests": _RECORD,
    "identity_codes": f"keyed hashes; {_RECORD}",
    "legal_holds": f"why data had to be kept; {_RECORD}",
    "privacy_inbox": f"what a platform asked for, sealed; {_RECORD}",
    "recipient_notices": f"who was told and what they answered (GDPR 19), sealed; {_RECORD}",
    "request_events": _RECORD,
    "request_letters": f"sealed; {_RECORD}",
    "request_runs": _RECORD,
    "suppressions": "by pseudonym and without an identifier: late data stays unread (GDPR 18, 21)",
    "subject_requests": f"what the requester gave is sealed; {_RECORD}",
}


def _subjects(table: str) -> frozenset[str]:
    columns = Base.metadata.tables[table].columns
    held = (column.info.get(HOLDS) for column in columns)
    return frozenset(one.subjects for one in held if isinstance(one, Classification))


def unplanned_tables() -> list[str]:
    """Tables that hold something of clients' people, and of which nothing is said."""
    known = _CHANGED | _KEPT.keys()
    return sorted(
        table
        for table in Base.metadata.tables
        if _CUSTOMER in _subjects(table) and table not in known
    )


PLACES: Final[Mapping[str, Treatment]] = {
    table: Treatment("postgres", table, TreatmentAction.KEEP, reason)
    for table, reason in _KEPT.items()
} | {
    "staff": Treatment(
        "postgres",
        "tables about the agency's own people",
        TreatmentAction.KEEP,
        "they are about those who work at the agency, not about its clients' people",
    )
}
