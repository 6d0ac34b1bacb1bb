"""How Google Analytics 4 fails, as its documentation and those who met it tell."""

from collections.abc import Mapping
from typing import Any, Final

from tests.ingestion.sources.documented_fault import BACKOFF, MOVED, DocumentedFault, on_the_way

__all__ = ["GA4"]

_QUOTAS: Final = "Data API, limits and quotas; PropertyQuota"
_META: Final = "Data API, ResponseMetaData; about the (other) row and data sampling"
_READ: Final = "sources/test_ga4.py"
_FAULTS: Final = "sources/test_ga4_faults.py"
_ROWS: Final = f"{_FAULTS}::test_rows_survive"
_REPORT: Final = {"operation": "runReport"}


def _fault(
    name: str,
    documented: str,
    test: str,
    play: Mapping[str, Any] | None = None,
    waits: tuple[float, ...] = (),
) -> DocumentedFault:
    return DocumentedFault("ga4", name, documented, test, play, waits)


def _exhausted(name: str, quota: str, seconds: float) -> DocumentedFault:
    play = {"kind": "rate_limited", "value": quota, "times": 2, **_REPORT}
    return _fault(name, _QUOTAS, _ROWS, play, (seconds, seconds))


GA4: Final = (
    _exhausted("tokens of a project's hour spent", "project", 900.0),
    _exhausted("tokens of an hour spent", "hour", 900.0),
    _exhausted("potentially thresholded requests spent", "thresholded", 900.0),
    _exhausted("server errors of an hour spent", "errors", 900.0),
    _exhausted("too many requests at once", "concurrent", 10.0),
    _fault(
        "tokens of a day spent",
        _QUOTAS,
        f"{_FAULTS}::test_the_tokens_of_a_day_come_back_at_midnight_in_california",
    ),
    _fault(
        "quotas told before they are spent",
        _QUOTAS,
        f"{_FAULTS}::test_quotas_of_the_answer_hold_every_worker",
    ),
    _fault(
        "server errors close the property",
        _QUOTAS,
        f"{_FAULTS}::test_server_errors_never_close_the_property",
    ),
    *(
        _fault(
            f"server error {status}",
            "Data API, errors",
            _ROWS,
            {"kind": "server_error", "status": status, "times": 2, **_REPORT},
            BACKOFF,
        )
        for status in (500, 503)
    ),
    _fault(
        "access token expired",
        "Google identity, OAuth 2.0 for web server applications",
        _ROWS,
        {"kind": "expired_token", "times": 1, **_REPORT},
    ),
    *on_the_way(_ROWS, "ga4", "runReport"),
    _fault(
        "page shorter than asked for",
        "Data API, runReport: limit",
        _ROWS,
        {"kind": "half_page", "times": 2, **_REPORT},
    ),
    _fault(
        "new member of a row",
        "Data API, Row: members may be added",
        _ROWS,
        {"kind": "unknown_field", "times": 2, **_REPORT},
    ),
    _fault(
        "rows come in between two pages",
        MOVED,
        _ROWS,
        {"kind": "moved_rows", "rows": 3, "after": 1, "times": 1, **_REPORT},
    ),
    _fault(
        "rows come in and others go between two pages",
        MOVED,
        _ROWS,
        {"kind": "moved_rows", "rows": 3, "value": True, "after": 1, "times": 1, **_REPORT},
    ),
    _fault(
        "more than 250,000 rows in a report",
        "Data API, runReport: limit; airbytehq/airbyte#82766",
        f"{_READ}::test_a_report_of_270000_rows_arrives_whole",
    ),
    _fault(
        "rare rows rolled into (other)",
        _META,
        f"{_FAULTS}::test_shortcomings_are_kept_and_told",
        {"kind": "other_row", "times": None, **_REPORT},
    ),
    _fault(
        "rows of few people withheld",
        _META,
        f"{_FAULTS}::test_shortcomings_are_kept_and_told",
        {"kind": "thresholded", "times": None, **_REPORT},
    ),
    _fault(
        "numbers estimated from a sample",
        _META,
        f"{_FAULTS}::test_shortcomings_are_kept_and_told",
        {"kind": "sampled", "times": None, **_REPORT},
    ),
    _fault(
        "values of another type",
        "Data API, MetricType",
        f"{_FAULTS}::test_rows_of_another_type_are_quarantined",
    ),
    _fault(
        "days restated for 12 days",
        "support.google.com/analytics: 11198161, data freshness; 10710245, modeled key events",
        f"{_READ}::test_the_days_that_change_are_those_that_are_read_again",
    ),
    _fault(
        "currency and time zone changed",
        "Data API, ResponseMetaData: the property's current ones",
        f"{_READ}::test_currency_and_zone_are_those_of_the_answer",
    ),
    _fault(
        "property unknown or not shared",
        "Data API, errors: PERMISSION_DENIED",
        f"{_FAULTS}::test_refusals_say_what_to_do",
        {"kind": "refused", "code": 403, **_REPORT},
    ),
    _fault(
        "API version gone",
        "Google API design guide, versioning",
        f"{_FAULTS}::test_refusals_say_what_to_do",
        {"kind": "refused", "code": 404, **_REPORT},
    ),
    _fault(
        "dimension or metric unknown",
        "Data API, api-schema",
        f"{_FAULTS}::test_a_metric_that_is_gone_is_told",
    ),
    _fault(
        "permission withdrawn",
        "RFC 6749 section 5.2, invalid_grant",
        f"{_FAULTS}::test_bad_credentials_say_what_to_do",
    ),
)
