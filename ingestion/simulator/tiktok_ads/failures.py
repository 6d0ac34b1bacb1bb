"""The platform's refusals: HTTP 200, and a `code` that is not 0.

    TikTokRefusalError(code, message) -> {"code", "message", "request_id", "data": {}}

Sources: Business API v1.3, Appendix - Return Codes, and tiktok_code.py of the vendor's SDK (names
and numbers of all codes); Rate limits (2026-11). Messages are those quoted in public issue threads,
else worded like them.
"""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from domain.errors import InvalidInputError
from ingestion.simulator.faults import Fault

__all__ = [
    "ACCESS_TOKEN_EMPTY",
    "ACCESS_TOKEN_WRONG",
    "AUTH_CODE_WRONG",
    "FIELDS_OFFLINE",
    "INTERFACE_OFFLINE",
    "NO_PERMISSION",
    "PARTIAL",
    "WRONG_PARAMETER",
    "TikTokRefusalError",
    "fault_refusal",
    "refusal_response",
    "throttled",
    "wrong_parameter",
]

PARTIAL: Final = 20001
NO_PERMISSION: Final = 40001
WRONG_PARAMETER: Final = 40002
TOO_FREQUENT: Final = 40100
ACCESS_TOKEN_EXPIRED: Final = 40102
ACCESS_TOKEN_EMPTY: Final = 40104
ACCESS_TOKEN_WRONG: Final = 40105
AUTH_CODE_WRONG: Final = 40110
INTERFACE_OFFLINE: Final = 41001
FIELDS_OFFLINE: Final = 41002
SYSTEM_ERROR: Final = 50000
TIMED_OUT: Final = 50002

_SOME_APP: Final = "7012345678901234567"
_MESSAGES: Final = {
    NO_PERMISSION: "Permission error: The access token lacks the required scope for endpoint.",
    WRONG_PARAMETER: "Invalid parameters.",
    40006: "The version of the API is wrong.",
    40016: "Request is limited by the frequency control of the business.",
    40051: "Invalid API version.",
    ACCESS_TOKEN_EXPIRED: "Access token is expired.",
    ACCESS_TOKEN_EMPTY: "Access token is empty.",
    ACCESS_TOKEN_WRONG: "Access token is incorrect or has been revoked.",
    40113: "The app is forbidden.",
    40130: "The scope is not authorized.",
    40132: "Request frequency is limited.",
    40300: "The advertiser does not exist.",
    40301: "The role of the advertiser does not allow this.",
    INTERFACE_OFFLINE: "This interface is offline. Please use the latest API version.",
    FIELDS_OFFLINE: "Some of the requested fields are offline: ['conversion'].",
    SYSTEM_ERROR: "System error.",
    TIMED_OUT: "Service error: request timed out.",
    51010: "Internal service timed out.",
    60001: "The service is under maintenance.",
    61000: "Too many requests.",
}


class TikTokRefusalError(InvalidInputError):
    """The simulated platform refuses a request; not an error of ours."""

    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code


def wrong_parameter(message: str) -> TikTokRefusalError:
    """A parameter that the platform does not take."""
    return TikTokRefusalError(WRONG_PARAMETER, message)


def throttled(app_id: str, period: str, limit: int) -> TikTokRefusalError:
    """More calls of an app than its `limit` in a `second`, a `minute` or a `day`."""
    messages = {
        "second": f"App {app_id} reaches the QPS limit {limit}, current QPS is {limit + 1}",
        "minute": (
            f"Due to too many requests, requests from App {app_id} are temporarily restricted."
        ),
        "day": f"App {app_id} reaches the QPD limit {limit}, current QPD is {limit + 1}",
    }
    return TikTokRefusalError(TOO_FREQUENT, messages[period])


def fault_refusal(fault: Fault, limits: Mapping[str, int]) -> TikTokRefusalError:
    """The refusal that a fault asks for.

    Args:
        fault: Its `code` names it; `value` of `rate_limited` is `second`, `minute` or `day`.
        limits: Calls of an app in each of these.
    """
    if fault.kind == "rate_limited" and fault.code in (0, TOO_FREQUENT):
        period = str(fault.value or "second")
        return throttled(_SOME_APP, period, limits[period])
    usual = {
        "rate_limited": TOO_FREQUENT,
        "server_error": TIMED_OUT,
        "expired_token": ACCESS_TOKEN_EXPIRED,
        "too_large": TIMED_OUT,
    }
    code = fault.code or usual.get(fault.kind, SYSTEM_ERROR)
    return TikTokRefusalError(code, _MESSAGES.get(code, _MESSAGES[SYSTEM_ERROR]))


def refusal_response(error: TikTokRefusalError, request_id: str) -> Response:
    """Build the HTTP answer for `error`."""
    body: dict[str, Any] = {
        "code": error.error_code,
        "message": error.message,
        "request_id": request_id,
        "data": {},
    }
    return JSONResponse(body)
