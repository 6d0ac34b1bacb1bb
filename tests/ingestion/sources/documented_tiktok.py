"""How TikTok Ads fails, as its documentation and those who met it tell."""

from collections.abc import Mapping
from typing import Any, Final

from tests.ingestion.sources.documented_fault import BACKOFF, MOVED, DocumentedFault, on_the_way

__all__ = ["TIKTOK"]

_LIMITS: Final = "Business API, rate limits"
_CODES: Final = "Business API, appendix: return codes; tiktok_code.py of the vendor's SDK"
_READ: Final = "sources/test_tiktok_ads.py"
_FAULTS: Final = "sources/test_tiktok_ads_faults.py"
_ROWS: Final = f"{_FAULTS}::test_rows_survive"
_TOLD: Final = f"{_FAULTS}::test_refusals_say_what_to_do"
_CALL: Final = {"operation": "report"}


def _fault(
    name: str,
    documented: str,
    test: str,
    play: Mapping[str, Any] | None = None,
    waits: tuple[float, ...] = (),
) -> DocumentedFault:
    return DocumentedFault("tiktok_ads", name, documented, test, play, waits)


def _refused(name: str, code: int) -> DocumentedFault:
    play = {"kind": "refused", "code": code, **_CALL}
    return _fault(name, _CODES, _TOLD, play)


def _throttled(name: str, code: int) -> DocumentedFault:
    play = {"kind": "rate_limited", "code": code, "times": 2, **_CALL}
    return _fault(name, _CODES, _ROWS, play, (60.0, 60.0))


def _failing(name: str, code: int) -> DocumentedFault:
    play = {"kind": "server_error", "code": code, "times": 2, **_CALL}
    return _fault(name, _CODES, _ROWS, play, BACKOFF)


TIKTOK: Final = (
    _fault(
        "limit of a second",
        _LIMITS,
        _ROWS,
        {"kind": "rate_limited", "value": "second", "times": 2, **_CALL},
        (1.0, 1.0),
    ),
    _fault(
        "limit of a minute",
        f"{_LIMITS}; airbytehq/airbyte#70992",
        _ROWS,
        {"kind": "rate_limited", "value": "minute", "times": 2, **_CALL},
        (300.0, 300.0),
    ),
    _fault(
        "limit of a day",
        _LIMITS,
        f"{_FAULTS}::test_the_limit_of_a_day_waits_until_midnight",
    ),
    _throttled("40016 frequency of the business", 40016),
    _throttled("40132 frequency limited", 40132),
    _throttled("61000 too many requests", 61000),
    _failing("50000 system error", 50000),
    _failing("50002 time-out", 50002),
    _failing("51010 internal time-out", 51010),
    _failing("60001 maintenance", 60001),
    _fault(
        "50002 time-out of a report that is too large",
        _CODES,
        f"{_FAULTS}::test_reports_that_time_out_are_asked_for_in_halves",
    ),
    _fault(
        "20001 success of a part",
        _CODES,
        _ROWS,
        {"kind": "partial", "times": 2, **_CALL},
        BACKOFF,
    ),
    *on_the_way(_ROWS, "tiktok_ads", "report"),
    _fault(
        "page shorter than asked for",
        "Business API, run a synchronous report: page_size",
        _ROWS,
        {"kind": "half_page", "times": 2, **_CALL},
        BACKOFF,
    ),
    _fault(
        "new metric in a row",
        "Business API, changelog",
        _ROWS,
        {"kind": "unknown_field", "times": 2, **_CALL},
    ),
    _fault(
        "rows come in between two pages",
        MOVED,
        _ROWS,
        {"kind": "moved_rows", "after": 1, "times": 1, **_CALL},
    ),
    _fault(
        "rows come in and others go between two pages",
        MOVED,
        _ROWS,
        {"kind": "moved_rows", "value": True, "after": 1, "times": 1, **_CALL},
    ),
    _fault(
        "more ads than a report tells of",
        "Business API, run a synchronous report: up to 20,000 ads",
        f"{_FAULTS}::test_ads_that_a_report_would_leave_out_are_asked_for_over_fewer_days",
    ),
    _fault(
        "a dash for what is not measured",
        "Business API, basic reports: metrics",
        f"{_READ}::test_values_and_names",
    ),
    _fault(
        "values of another type",
        "Business API, changelog",
        f"{_FAULTS}::test_rows_of_another_type_are_quarantined",
    ),
    _fault(
        "days restated for 28 days",
        "Business API, basic reports: conversion; attribution manager",
        f"{_READ}::test_the_days_that_change_are_those_that_are_read_again",
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
    _fault(
        "40002 parameters: a metric unknown",
        _CODES,
        f"{_FAULTS}::test_a_metric_that_is_gone_is_told",
    ),
)
