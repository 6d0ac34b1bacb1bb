"""How Google Ads fails, as its documentation and those who met it tell."""

from collections.abc import Mapping
from typing import Any, Final

from tests.ingestion.sources.documented_fault import BACKOFF, DocumentedFault, on_the_way

__all__ = ["GOOGLE_ADS"]

_QUOTAS: Final = "Google Ads API, QuotaErrorEnum, QuotaErrorDetails; API limits and quotas"
_ERRORS: Final = "Google Ads API, common errors; the error enums, v25"
_FILE: Final = "sources/test_google_ads.py"
_ROWS: Final = f"{_FILE}::test_rows_survive"
_TOLD: Final = f"{_FILE}::test_refusals_say_what_to_do"
_CALL: Final = {"operation": "searchStream"}
_TWICE: Final = {"times": 2, **_CALL}


def _fault(
    name: str,
    documented: str,
    test: str,
    play: Mapping[str, Any] | None = None,
    waits: tuple[float, ...] = (),
) -> DocumentedFault:
    return DocumentedFault("google_ads", name, documented, test, play, waits)


def _exhausted(code: str) -> DocumentedFault:
    play = {"kind": "rate_limited", "value": code, "retry_after_seconds": 30, **_TWICE}
    return _fault(f"quotaError {code}", _QUOTAS, _ROWS, play, (30.0, 30.0))


def _refused(code: str) -> DocumentedFault:
    return _fault(code, _ERRORS, _TOLD, {"kind": "refused", "value": code, "times": None, **_CALL})


GOOGLE_ADS: Final = (
    _exhausted("RESOURCE_EXHAUSTED"),
    _exhausted("RESOURCE_TEMPORARILY_EXHAUSTED"),
    _exhausted("EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION"),
    _fault(
        "operations of a day spent",
        _QUOTAS,
        f"{_FILE}::test_a_day_without_operations_left_is_gone_on_with_later",
    ),
    *(
        _fault(
            f"server error {status}",
            "google.rpc.Code: INTERNAL, UNAVAILABLE",
            _ROWS,
            {"kind": "server_error", "status": status, **_TWICE},
            BACKOFF,
        )
        for status in (500, 503)
    ),
    _fault(
        "access token expired",
        "Google identity, OAuth 2.0 for web server applications",
        _ROWS,
        {"kind": "expired_token", "times": 1, **_CALL},
    ),
    *on_the_way(_ROWS, "google_ads", "searchStream"),
    _fault(
        "stream that keeps breaking in the middle",
        "ChunkedEncodingError, met by Airbyte's connector: source_google_ads/utils.py",
        _ROWS,
        {"kind": "cut_connection", "times": 6, "cut_after_bytes": 3_000, **_CALL},
        (*BACKOFF, *BACKOFF),
    ),
    _fault(
        "chunks shorter than usual",
        "Google Ads API, streaming: SearchGoogleAdsStreamResponse",
        _ROWS,
        {"kind": "half_page", "times": 3, **_CALL},
    ),
    _fault(
        "new member of a row",
        "Google Ads API, versioning: minor versions add fields",
        _ROWS,
        {"kind": "unknown_field", **_TWICE},
    ),
    _fault(
        "values of another type",
        "Google Ads API, versioning",
        f"{_FILE}::test_rows_of_another_type_are_quarantined",
    ),
    _fault(
        "days restated for 30 days, and campaign-days that vanish",
        "Google Ads Help: conversion windows; invalid clicks",
        f"{_FILE}::test_days_are_restated_at_every_level",
    ),
    _fault(
        "Performance Max has no ads, some people no country",
        "Google Ads API, Performance Max reporting; Search Ads 360 Help 6156683",
        f"{_FILE}::test_parts_leave_out_what_the_platform_does_not_tell",
    ),
    _refused("CUSTOMER_NOT_ENABLED"),
    _refused("USER_PERMISSION_DENIED"),
    _refused("DEVELOPER_TOKEN_NOT_APPROVED"),
    _refused("OAUTH_TOKEN_REVOKED"),
    _refused("UNSUPPORTED_VERSION"),
    _refused("UNRECOGNIZED_FIELD"),
    _refused("EXPIRED_PAGE_TOKEN"),
    _refused("REQUESTED_METRICS_FOR_MANAGER"),
)
