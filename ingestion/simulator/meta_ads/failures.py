"""The platform's error bodies.

    MetaRefusalError(code, subcode, message) -> {"error": {...}} with its HTTP status

Sources: developers.facebook.com/docs/graph-api/guides/error-handling, .../marketing-api/
{error-reference,insights/best-practices,insights/error-codes} and .../graph-api/overview/
rate-limiting (2026-11); bodies quoted in public issue threads.
"""

from typing import Any, Final, NamedTuple

from starlette.responses import JSONResponse, Response

from domain.errors import InvalidInputError
from ingestion.simulator.faults import Fault

__all__ = [
    "APP_LIMIT",
    "MetaRefusalError",
    "deprecated_version",
    "expired_token",
    "fault_refusal",
    "invalid_parameter",
    "missing_object",
    "refusal_response",
    "throttled",
    "too_old",
]

APP_LIMIT: Final = 4  # the one limit that is the app's and not the account's

_UNEXPECTED: Final = "An unexpected error has occurred. Please retry your request later."
_EXPIRED: Final = {
    458: "The user has not authorized application 1029384756.",
    460: (
        "The session has been invalidated because the user changed their password or Facebook "
        "has changed the session for security reasons."
    ),
    463: "Session has expired on Monday, 02-Nov-26 01:00:00 PST.",
}
_THROTTLED: Final = {
    APP_LIMIT: "Application request limit reached",
    17: "User request limit reached",
    32: "Page request limit reached",
    613: "Calls to this api have exceeded the rate limit.",
}
_ACCOUNT_SUBCODE: Final = 2446079
_THROTTLED_SUBCODES: Final = {17: _ACCOUNT_SUBCODE, 613: 1487742, 80000: _ACCOUNT_SUBCODE}
_BUSINESS_USE_CASE: Final = (
    "There have been too many calls from this ad-account. Wait a bit and try again. For more "
    "info, please refer to "
    "https://developers.facebook.com/docs/graph-api/overview/rate-limiting#ads-insights."
)
_REDUCE: Final = (
    "Please reduce the amount of data you're asking for, then retry your request"  # verbatim
)
_TIMED_OUT: Final = (
    "Your request timed out. Try a smaller date range, fetch less data, or use async jobs."
)


class _Refusal(NamedTuple):
    message: str
    status: int = 400
    kind: str = "OAuthException"
    is_transient: bool = False


# Documented refusals by code and subcode, for the faults that ask for one.
_REFUSALS: Final = {
    (-2, 0): _Refusal(_UNEXPECTED, 500, is_transient=True),
    (1, 0): _Refusal("An unknown error occurred", 500, is_transient=True),
    (1, 1487534): _Refusal(_REDUCE, 500),
    (2, 0): _Refusal(_UNEXPECTED, 500, is_transient=True),
    (2, 1504038): _Refusal(_TIMED_OUT, 500, is_transient=True),
    (2, 1504041): _Refusal("No data is available for the requested metrics and breakdowns."),
    (2, 1504043): _Refusal("Your request encountered an intermittent error.", 500),
    (10, 0): _Refusal("(#10) Application does not have permission for this action", 403),
    (100, 1487534): _Refusal(_REDUCE),
    (100, 1504018): _Refusal(_TIMED_OUT),
    (102, 0): _Refusal("Session key invalid or no longer valid", 401),
    (200, 0): _Refusal(
        "(#200) Ad account owner has NOT grant ads_management or ads_read permission", 403
    ),
    (960, 0): _Refusal("Request timed out waiting for the batch", is_transient=True),
}
_USUAL: Final = {"server_error": (2, 0), "too_large": (1, 1487534)}


class MetaRefusalError(InvalidInputError):
    """The simulated platform refuses a request; not an error of ours.

    Attributes:
        error_code: `code` of the body.
        subcode: `error_subcode`; 0: none.
        status: HTTP status.
        kind: `type` of the body.
        is_transient: As the body says.
    """

    def __init__(
        self,
        error_code: int,
        message: str,
        *,
        subcode: int = 0,
        status: int = 400,
        kind: str = "OAuthException",
        is_transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.subcode = subcode
        self.status = status
        self.kind = kind
        self.is_transient = is_transient


def missing_object(name: str, method: str = "get") -> MetaRefusalError:
    """An object that is not there, or not for this token: the platform does not tell which."""
    return MetaRefusalError(
        100,
        f"Unsupported {method} request. Object with ID '{name}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation. Please read "
        "the Graph API documentation at https://developers.facebook.com/docs/graph-api",
        subcode=33,
        kind="GraphMethodException",
    )


def invalid_parameter(message: str) -> MetaRefusalError:
    """A parameter that the platform does not take."""
    return MetaRefusalError(100, f"(#100) {message}")


def too_old(months: int) -> MetaRefusalError:
    """Days that are kept no longer."""
    return MetaRefusalError(
        3018,
        f"(#3018) The start date of the time range cannot be beyond {months} months from the "
        "current date",
    )


def deprecated_version(newest: int) -> MetaRefusalError:
    """An API version that answers no longer."""
    return MetaRefusalError(
        2635,
        "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest "
        f"version: v{newest}.0.",
    )


def expired_token(subcode: int = 463) -> MetaRefusalError:
    """A token that has run out (463), was ended (460) or is not authorised (458)."""
    text = _EXPIRED.get(subcode, "The session is invalid.")
    message = f"Error validating access token: {text}"
    return MetaRefusalError(190, message, subcode=subcode)


def throttled(code: int = 80000, subcode: int = 0) -> MetaRefusalError:
    """Too many calls: of the app (4), the user (17), a page (32), the account (613, 80000...)."""
    return MetaRefusalError(
        code,
        f"(#{code}) {_THROTTLED.get(code, _BUSINESS_USE_CASE)}",
        subcode=subcode or _THROTTLED_SUBCODES.get(code, 0),
        status=403 if code == APP_LIMIT else 400,
        is_transient=code in {APP_LIMIT, 17, 32},
    )


def fault_refusal(fault: Fault) -> MetaRefusalError:
    """The refusal that a fault asks for; `code` and `subcode` of the fault choose among several."""
    if fault.kind == "rate_limited":
        return throttled(fault.code or 80000, fault.subcode)
    if fault.kind == "expired_token":
        return expired_token(fault.subcode or 463)
    code, subcode = (fault.code, fault.subcode) if fault.code else _USUAL[fault.kind]
    found = _REFUSALS.get((code, subcode), _Refusal(f"(#{code}) The request is refused."))
    return MetaRefusalError(
        code,
        found.message,
        subcode=subcode,
        status=fault.status if fault.kind == "server_error" else found.status,
        kind=found.kind,
        is_transient=found.is_transient,
    )


def refusal_response(
    error: MetaRefusalError, trace_id: str, headers: dict[str, str] | None = None
) -> Response:
    """Build the HTTP answer for `error`."""
    body: dict[str, Any] = {
        "message": error.message,
        "type": error.kind,
        "is_transient": error.is_transient,
        "code": error.error_code,
        "fbtrace_id": trace_id,
    }
    if error.subcode:
        body["error_subcode"] = error.subcode
    return JSONResponse({"error": body}, status_code=error.status, headers=headers)
