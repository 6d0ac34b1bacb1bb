"""How Meta fails, as its documentation and those who met it tell."""

from collections.abc import Mapping
from typing import Any, Final

from tests.ingestion.sources.documented_fault import BACKOFF, DocumentedFault, on_the_way

__all__ = ["META"]

_LIMITS: Final = "Graph API, rate limiting; Insights, limits and best practices"
_CODES: Final = "Insights, error codes; Marketing API, error reference"
_TOKENS: Final = "Graph API, error handling"
_REPORTS: Final = "Insights, asynchronous reports; Insights, error codes"
_PAGES: Final = "Graph API, paginated results"
_FAULTS: Final = "sources/test_meta_ads_faults.py"
_ROWS: Final = f"{_FAULTS}::test_rows_survive"
_READ: Final = "sources/test_meta_ads.py"
_TOLD: Final = f"{_READ}::test_refusals_say_what_to_do"
_CALL: Final = {"operation": "insights"}
_TWICE: Final = {"times": 2, **_CALL}


def _fault(
    name: str,
    documented: str,
    test: str,
    play: Mapping[str, Any] | None = None,
    waits: tuple[float, ...] = (),
) -> DocumentedFault:
    return DocumentedFault("meta_ads", name, documented, test, play, waits)


def _throttled(code: int, of: str, subcode: int = 0) -> DocumentedFault:
    play = {"kind": "rate_limited", "code": code, "subcode": subcode, **_TWICE}
    name = f"{code}/{subcode} {of}" if subcode else f"{code} {of}"
    return _fault(name, _LIMITS, _ROWS, play, (60.0, 60.0))


def _failing(name: str, code: int, *, subcode: int = 0) -> DocumentedFault:
    play = {"kind": "refused", "code": code, "subcode": subcode, **_TWICE}
    return _fault(name, _CODES, _ROWS, play, BACKOFF)


def _refused(name: str, code: int, subcode: int = 0, place: str = _CODES) -> DocumentedFault:
    kind = "expired_token" if code == 190 else "refused"
    play = {"kind": kind, "code": code, "subcode": subcode, **_CALL}
    return _fault(name, place, _TOLD, play)


META: Final = (
    _throttled(4, "calls of the app"),
    _throttled(4, "calls of the app", 1504022),
    _throttled(4, "calls of the app", 1504039),
    _throttled(17, "calls of the user"),
    _throttled(32, "calls of the page"),
    _throttled(613, "calls to this API"),
    *(
        _throttled(code, "calls of a business use case")
        for code in (80000, 80001, 80002, 80003, 80004, 80005, 80006, 80008)
    ),
    _fault(
        "wait told in minutes by a header of the refusal",
        _LIMITS,
        f"{_FAULTS}::test_waits_as_the_headers_of_the_refusal_tell",
    ),
    _fault(
        "throttle told on the refusal alone",
        f"{_LIMITS}; airbytehq/airbyte#86316",
        f"{_FAULTS}::test_a_throttle_told_on_the_refusal_alone_is_waited_for",
    ),
    _fault(
        "usage that rises before the throttle",
        _LIMITS,
        f"{_FAULTS}::test_an_account_that_is_nearly_spent_is_left_alone_for_a_while",
    ),
    _fault(
        "server error 503",
        _CODES,
        _ROWS,
        {"kind": "server_error", "status": 503, **_TWICE},
        BACKOFF,
    ),
    _failing("1 unknown error", 1),
    _failing("-2 internal error", -2),
    _failing("2/1504043 intermittent error", 2, subcode=1504043),
    _failing("960 time-out of a batch", 960),
    _fault(
        "1 too much data is asked for",
        f"{_CODES}; Insights, limits and best practices",
        _ROWS,
        {"kind": "too_large", **_TWICE},
    ),
    _fault(
        "100/1487534 too much data is asked for",
        "airbytehq/airbyte: source-facebook-marketing, unit tests",
        _ROWS,
        {"kind": "too_large", "code": 100, "subcode": 1487534, **_TWICE},
    ),
    *(
        _fault(
            f"{code}/{subcode} time-out of an answer at once",
            _CODES,
            _ROWS,
            {"kind": "too_large", "code": code, "subcode": subcode, "times": 3, **_CALL},
            BACKOFF,
        )
        for code, subcode in ((100, 1504018), (2, 1504038))
    ),
    _fault(
        "too much data for the smallest page",
        _CODES,
        f"{_FAULTS}::test_what_is_too_large_for_the_smallest_page_is_asked_for_by_fewer_days",
    ),
    *on_the_way(_ROWS, "meta_ads", "insights"),
    _fault("page shorter than asked for", _PAGES, _ROWS, {"kind": "half_page", **_TWICE}),
    _fault(
        "page that repeats the one before",
        _PAGES,
        f"{_FAULTS}::test_a_page_that_repeats_the_one_before_loses_nothing",
    ),
    _fault(
        "report that failed",
        _REPORTS,
        f"{_FAULTS}::test_a_report_that_is_given_up_is_ordered_again",
        {"kind": "job_failed", "operation": "poll"},
    ),
    _fault(
        "report that was skipped",
        _REPORTS,
        f"{_FAULTS}::test_a_report_that_is_given_up_is_ordered_again",
        {"kind": "job_skipped", "operation": "poll"},
    ),
    _fault(
        "report that fails again",
        _REPORTS,
        f"{_FAULTS}::test_one_that_is_given_up_twice_is_ordered_by_halves",
    ),
    _fault(
        "report that always fails",
        _REPORTS,
        f"{_FAULTS}::test_reports_that_always_fail_end_in_meta_s_own_words",
    ),
    _fault(
        "report that stays where it is",
        _REPORTS,
        f"{_FAULTS}::test_a_report_that_stays_where_it_is_is_waited_for",
    ),
    _fault(
        "report that is gone after 30 days",
        _REPORTS,
        f"{_FAULTS}::test_a_report_that_ran_out_before_the_restart_is_ordered_anew",
    ),
    _fault(
        "restart while a report is made or read",
        _REPORTS,
        f"{_FAULTS}::test_every_restart_goes_on_with_the_report_that_was_ordered",
    ),
    _fault(
        "new field in a row",
        "Marketing API, changelog",
        f"{_READ}::test_new_fields_are_kept_and_told_once",
    ),
    _fault(
        "field that is gone",
        "Marketing API, changelog",
        f"{_READ}::test_a_field_that_is_gone_is_told_once",
    ),
    _fault(
        "row without its id",
        "Marketing API, changelog",
        f"{_READ}::test_rows_without_their_id_are_quarantined",
    ),
    _fault(
        "values of another type",
        "Marketing API, changelog",
        f"{_READ}::test_rows_of_another_type_are_quarantined",
    ),
    _fault(
        "deleted and archived campaigns and ads are left out",
        "Marketing API, manage your ad object's status",
        f"{_READ}::test_what_is_deleted_or_archived_today_still_counts",
    ),
    _fault(
        "days restated for 28 days",
        "Insights: data does not change after 28 days",
        f"{_READ}::test_days_are_restated_as_long_as_the_file_says",
    ),
    _fault(
        "summer time of the account ends",
        "Ad account: timezone_name",
        f"{_READ}::test_days_of_a_zone_west_of_utc_over_the_end_of_summer_time",
    ),
    _fault(
        "3018 days older than 37 months",
        _CODES,
        f"{_READ}::test_days_older_than_the_history_are_refused_with_a_hint",
    ),
    _refused("190/463 token has run out", 190, 463, _TOKENS),
    _refused("190/460 password was changed", 190, 460, _TOKENS),
    _refused("190/458 app was removed", 190, 458, _TOKENS),
    _fault("190 token unknown", _TOKENS, f"{_READ}::test_a_token_that_meta_does_not_know_is_told"),
    _refused("102 session ended", 102),
    _refused("200 permission not granted", 200),
    _fault(
        "100/33 account unknown or of another",
        _CODES,
        f"{_READ}::test_the_account_of_another_is_not_found",
    ),
    _refused("2/1504041 breakdown without data", 2, 1504041),
    _refused("12 any other refusal", 12),
    _fault(
        "100 field, window or breakdown unknown",
        _CODES,
        f"{_READ}::test_fields_that_meta_no_longer_knows_are_told",
    ),
    _fault("2635 version retired", _CODES, f"{_READ}::test_a_retired_version_is_told"),
)
