"""How each platform fails, as its documentation tells, and which test plays it.

    DOCUMENTED (one line a fault) -> @plays(platform) -> the test is run with each of its faults

A fault that is not in this table is not played; one that is in it without a test fails the build
(`test_documented_faults.py`). `play` is what the simulator is told (`ingestion.simulator.faults`);
where it is None the test brings about the fault itself. `waits` are the seconds that the extractor
has to wait, in order: half of 2, 4, 8 ... where the platform tells nothing.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest

from tests.ingestion.sources.documented_fault import BACKOFF, DocumentedFault, on_the_way
from tests.ingestion.sources.documented_meta import META

__all__ = ["DOCUMENTED", "DocumentedFault", "faults_of", "plays"]

Test = TypeVar("Test", bound=Callable[..., Any])


def faults_of(platform: str) -> list[DocumentedFault]:
    """Every documented fault of a platform."""
    return [fault for fault in DOCUMENTED if fault.platform == platform]


def plays(platform: str) -> Callable[[Test], Test]:
    """Run a test with each fault that names it, as its argument `fault`."""

    def decorate(test: Test) -> Test:
        named = [
            pytest.param(fault, id=fault.name.replace(" ", "_"))
            for fault in faults_of(platform)
            if fault.play is not None and fault.test.endswith(f"::{test.__name__}")
        ]
        run: Test = pytest.mark.parametrize("fault", named)(test)
        return run

    return decorate


_GA4_QUOTAS: Final = "Data API, limits and quotas; PropertyQuota"
_GA4_META: Final = "Data API, ResponseMetaData; about the (other) row and data sampling"
_GA4: Final = "sources/test_ga4.py"
_GA4_ROWS: Final = f"{_GA4}::test_rows_survive"
_REPORT: Final = {"operation": "runReport"}

_TIKTOK_LIMITS: Final = "Business API, rate limits"
_TIKTOK_CODES: Final = "Business API, appendix: return codes; tiktok_code.py of the vendor's SDK"
_TIKTOK: Final = "sources/test_tiktok_ads.py"
_TIKTOK_ROWS: Final = f"{_TIKTOK}::test_rows_survive"
_TIKTOK_TOLD: Final = f"{_TIKTOK}::test_refusals_say_what_to_do"
_CALL: Final = {"operation": "report"}

_MOVED: Final = "seatunnel.apache.org, TikTokAds: the remote report is no immutable snapshot"


def _refused(name: str, code: int) -> DocumentedFault:
    play = {"kind": "refused", "code": code, **_CALL}
    return DocumentedFault("tiktok_ads", name, _TIKTOK_CODES, _TIKTOK_TOLD, play)


def _throttled(name: str, code: int) -> DocumentedFault:
    play = {"kind": "rate_limited", "code": code, "times": 2, **_CALL}
    return DocumentedFault("tiktok_ads", name, _TIKTOK_CODES, _TIKTOK_ROWS, play, (60.0, 60.0))


def _failing(name: str, code: int) -> DocumentedFault:
    play = {"kind": "server_error", "code": code, "times": 2, **_CALL}
    return DocumentedFault("tiktok_ads", name, _TIKTOK_CODES, _TIKTOK_ROWS, play, BACKOFF)


def _exhausted(name: str, quota: str, seconds: float) -> DocumentedFault:
    play = {"kind": "rate_limited", "value": quota, "times": 2, **_REPORT}
    return DocumentedFault("ga4", name, _GA4_QUOTAS, _GA4_ROWS, play, (seconds, seconds))


DOCUMENTED: Final = (
    # Google Analytics 4
    _exhausted("tokens of a project's hour spent", "project", 900.0),
    _exhausted("tokens of an hour spent", "hour", 900.0),
    _exhausted("potentially thresholded requests spent", "thresholded", 900.0),
    _exhausted("server errors of an hour spent", "errors", 900.0),
    _exhausted("too many requests at once", "concurrent", 10.0),
    DocumentedFault(
        "ga4",
        "tokens of a day spent",
        _GA4_QUOTAS,
        f"{_GA4}::test_the_tokens_of_a_day_come_back_at_midnight_in_california",
    ),
    DocumentedFault(
        "ga4",
        "quotas told before they are spent",
        _GA4_QUOTAS,
        f"{_GA4}::test_quotas_of_the_answer_hold_every_worker",
    ),
    DocumentedFault(
        "ga4",
        "server errors close the property",
        _GA4_QUOTAS,
        f"{_GA4}::test_server_errors_never_close_the_property",
    ),
    *(
        DocumentedFault(
            "ga4",
            f"server error {status}",
            "Data API, errors",
            _GA4_ROWS,
            {"kind": "server_error", "status": status, "times": 2, **_REPORT},
            BACKOFF,
        )
        for status in (500, 503)
    ),
    DocumentedFault(
        "ga4",
        "access token expired",
        "Google identity, OAuth 2.0 for web server applications",
        _GA4_ROWS,
        {"kind": "expired_token", "times": 1, **_REPORT},
    ),
    *on_the_way(_GA4_ROWS, "ga4", "runReport"),
    DocumentedFault(
        "ga4",
        "page shorter than asked for",
        "Data API, runReport: limit",
        _GA4_ROWS,
        {"kind": "half_page", "times": 2, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "new member of a row",
        "Data API, Row: members may be added",
        _GA4_ROWS,
        {"kind": "unknown_field", "times": 2, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "rows come in between two pages",
        _MOVED,
        _GA4_ROWS,
        {"kind": "moved_rows", "rows": 3, "after": 1, "times": 1, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "rows come in and others go between two pages",
        _MOVED,
        _GA4_ROWS,
        {"kind": "moved_rows", "rows": 3, "value": True, "after": 1, "times": 1, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "more than 250,000 rows in a report",
        "Data API, runReport: limit; airbytehq/airbyte#82766",
        f"{_GA4}::test_a_report_of_270000_rows_arrives_whole",
    ),
    DocumentedFault(
        "ga4",
        "rare rows rolled into (other)",
        _GA4_META,
        f"{_GA4}::test_shortcomings_are_kept_and_told",
        {"kind": "other_row", "times": None, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "rows of few people withheld",
        _GA4_META,
        f"{_GA4}::test_shortcomings_are_kept_and_told",
        {"kind": "thresholded", "times": None, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "numbers estimated from a sample",
        _GA4_META,
        f"{_GA4}::test_shortcomings_are_kept_and_told",
        {"kind": "sampled", "times": None, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "values of another type",
        "Data API, MetricType",
        f"{_GA4}::test_rows_of_another_type_are_quarantined",
    ),
    DocumentedFault(
        "ga4",
        "days restated for 12 days",
        "support.google.com/analytics: 11198161, data freshness; 10710245, modeled key events",
        f"{_GA4}::test_the_days_that_change_are_those_that_are_read_again",
    ),
    DocumentedFault(
        "ga4",
        "currency and time zone changed",
        "Data API, ResponseMetaData: the property's current ones",
        f"{_GA4}::test_currency_and_zone_are_those_of_the_answer",
    ),
    DocumentedFault(
        "ga4",
        "property unknown or not shared",
        "Data API, errors: PERMISSION_DENIED",
        f"{_GA4}::test_refusals_say_what_to_do",
        {"kind": "refused", "code": 403, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "API version gone",
        "Google API design guide, versioning",
        f"{_GA4}::test_refusals_say_what_to_do",
        {"kind": "refused", "code": 404, **_REPORT},
    ),
    DocumentedFault(
        "ga4",
        "dimension or metric unknown",
        "Data API, api-schema",
        f"{_GA4}::test_a_metric_that_is_gone_is_told",
    ),
    DocumentedFault(
        "ga4",
        "permission withdrawn",
        "RFC 6749 section 5.2, invalid_grant",
        f"{_GA4}::test_bad_credentials_say_what_to_do",
    ),
    # TikTok Ads
    DocumentedFault(
        "tiktok_ads",
        "limit of a second",
        _TIKTOK_LIMITS,
        _TIKTOK_ROWS,
        {"kind": "rate_limited", "value": "second", "times": 2, **_CALL},
        (1.0, 1.0),
    ),
    DocumentedFault(
        "tiktok_ads",
        "limit of a minute",
        f"{_TIKTOK_LIMITS}; airbytehq/airbyte#70992",
        _TIKTOK_ROWS,
        {"kind": "rate_limited", "value": "minute", "times": 2, **_CALL},
        (300.0, 300.0),
    ),
    DocumentedFault(
        "tiktok_ads",
        "limit of a day",
        _TIKTOK_LIMITS,
        f"{_TIKTOK}::test_the_limit_of_a_day_waits_until_midnight",
    ),
    _throttled("40016 frequency of the business", 40016),
    _throttled("40132 frequency limited", 40132),
    _throttled("61000 too many requests", 61000),
    _failing("50000 system error", 50000),
    _failing("50002 time-out", 50002),
    _failing("51010 internal time-out", 51010),
    _failing("60001 maintenance", 60001),
    DocumentedFault(
        "tiktok_ads",
        "50002 time-out of a report that is too large",
        _TIKTOK_CODES,
        f"{_TIKTOK}::test_reports_that_time_out_are_asked_for_in_halves",
    ),
    DocumentedFault(
        "tiktok_ads",
        "20001 success of a part",
        _TIKTOK_CODES,
        _TIKTOK_ROWS,
        {"kind": "partial", "times": 2, **_CALL},
        BACKOFF,
    ),
    *on_the_way(_TIKTOK_ROWS, "tiktok_ads", "report"),
    DocumentedFault(
        "tiktok_ads",
        "page shorter than asked for",
        "Business API, run a synchronous report: page_size",
        _TIKTOK_ROWS,
        {"kind": "half_page", "times": 2, **_CALL},
        BACKOFF,
    ),
    DocumentedFault(
        "tiktok_ads",
        "new metric in a row",
        "Business API, changelog",
        _TIKTOK_ROWS,
        {"kind": "unknown_field", "times": 2, **_CALL},
    ),
    DocumentedFault(
        "tiktok_ads",
        "rows come in between two pages",
        _MOVED,
        _TIKTOK_ROWS,
        {"kind": "moved_rows", "after": 1, "times": 1, **_CALL},
    ),
    DocumentedFault(
        "tiktok_ads",
        "rows come in and others go between two pages",
        _MOVED,
        _TIKTOK_ROWS,
        {"kind": "moved_rows", "value": True, "after": 1, "times": 1, **_CALL},
    ),
    DocumentedFault(
        "tiktok_ads",
        "more ads than a report tells of",
        "Business API, run a synchronous report: up to 20,000 ads",
        f"{_TIKTOK}::test_ads_that_a_report_would_leave_out_are_asked_for_over_fewer_days",
    ),
    DocumentedFault(
        "tiktok_ads",
        "a dash for what is not measured",
        "Business API, basic reports: metrics",
        f"{_TIKTOK}::test_values_and_names",
    ),
    DocumentedFault(
        "tiktok_ads",
        "values of another type",
        "Business API, changelog",
        f"{_TIKTOK}::test_rows_of_another_type_are_quarantined",
    ),
    DocumentedFault(
        "tiktok_ads",
        "days restated for 28 days",
        "Business API, basic reports: conversion; attribution manager",
        f"{_TIKTOK}::test_the_days_that_change_are_those_that_are_read_again",
    ),
    _refused("40001 no permission", 40001),
    _refused("40113 app forbidden", 40113),
    _refused("40130 scope not authorized", 40130),
    _refused("40300 advertiser unknown", 40300),
    _refused("40301 role of the advertiser", 40301),
    _refused("40102 access token expired", 40102),
    _refused("40104 access token empty", 40104),
    _refused("40105 access token revoked", 40105),
    _refused("40006 version wrong", 40006),
    _refused("40051 version invalid", 40051),
    _refused("41001 interface offline", 41001),
    _refused("41002 fields offline", 41002),
    _refused("40002 parameters", 40002),
    DocumentedFault(
        "tiktok_ads",
        "40002 parameters: a metric unknown",
        _TIKTOK_CODES,
        f"{_TIKTOK}::test_a_metric_that_is_gone_is_told",
    ),
    *META,
)
