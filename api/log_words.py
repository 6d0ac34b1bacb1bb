"""What every word of the log holds of people. A test finds all that is logged in the code.

_LOG.warning("event", word=value) -> LOG_WORDS -> inventory
"""

from collections.abc import Mapping
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.holds import (
    CANONICAL_WORD,
    CONFIGURATION,
    FAILURE_TRACE,
    LINEAGE,
    LOG_ACTOR,
    PLATFORM_WORDS,
    PROOF,
)

__all__ = ["LOG_WORDS"]

_IDS: Final = (
    *("app", "connection_id", "endpoint_id", "message_id", "notice_id", "request_id", "run_id"),
    *("sync_id", "tenant_id"),
    *(
        "attempts",
        "checks",
        "curves",
        "executors",
        "jobs",
        "number",
        "seconds",
        "sequence",
        "slots",
        "syncs",
    ),
    *("agencies", "connections", "tenants", "trace_id", "timestamp"),
)
_OURS: Final = (
    *("cause", "code", "door", "error", "fault", "level", "listener", "part", "path", "source"),
    *("answered", "channel", "kind", "logger", "places", "status", "stream", "topic"),
)

LOG_WORDS: Final[Mapping[str, Privacy]] = {
    **dict.fromkeys(_IDS, LINEAGE),
    **dict.fromkeys(_OURS, CANONICAL_WORD),
    "actor": LOG_ACTOR,
    "detail": PLATFORM_WORDS,
    "event": CANONICAL_WORD,
    "exc_info": FAILURE_TRACE,
    "field": PLATFORM_WORDS,
    "key": PROOF,
    "metric": CONFIGURATION,
    "reason": FAILURE_TRACE,
    "statement": PROOF,
    "text": FAILURE_TRACE,
    "view": CONFIGURATION,
    "why": FAILURE_TRACE,
}
