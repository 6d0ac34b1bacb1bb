"""The platform's error bodies.

    MetaRefusalError(code, subcode, message) -> {"error": {...}} with its HTTP status

Sources: developers.facebook.com/docs/graph-api/guides/error-handling,
.../marketing-api/error-reference, .../marketing-api/insights/{best-practices,error-codes} and
.../graph-api/overview/rate-limiting (2026-11); bodies quoted in public issue threads.
"""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from domain.errors import InvalidInputError
from ingestion.simulator.faults import Fault

__all__ = [
    "MetaRefusalError",
    "fault_refusal",
    "invalid_parameter",
    "refusal_response",
    "throttled",
]

_PERMISSION_TYPE: Final = "GraphMethodException"
_EXPIRED: Final = {
    458: "The user has not authorized application 1029384756.",
    460: (
        "The session has been invalidated because the user changed their password or Facebook "
        "has changed the session for security reasons."
    ),
    463: "Session has expired on Monday, 02-Nov-26 01:00:00 PST.",
}
_THROTTLED: Final = {
    4: "Application request limit reached",
    17: "User request limit reached",
    32: "Page request limit reached",
    613: "Calls to this api have exceeded the rate limit.",
}
_THROTTLED_SUBCODES: Final = {17: 2446079, 613: 1487742}
_BUSINESS_USE_CASE: Final = (
    "There have been too many calls from this ad-account. Please wait a bit and try again. For "
    "more info, please refer to "
    "https://developers.facebook.com/docs/graph-api/overview/rate-limiting#ads-insights."
)
_INSIGHTS_TOO_LARGE: Final = {
    1487534: "The query returns more data than allowed. Please reduce the amount of data.",
    1504018: "Your request timed out. Please try a smaller date range or fewer fields.",
}
_REDUCE: Final = (
    "Please reduce the amount of data you're asking for, then retry your request"  # verbatim
)


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

    @classmethod
    def missing_object(cls, name: str, method: str = "get") -> "MetaRefusalError":
        """An object that is not there, or not for this token: the platform does not tell which."""
        return cls(
            100,
            f"Unsupported {method} request. Object with ID '{name}' does not exist, cannot be "
            "loaded due to missing permissions, or does not support this operation. Please read "
            "the Graph API documentation at https://developers.facebook.com/docs/graph-api",
            subcode=33,
            kind=_PERMISSION_TYPE,
        )


def invalid_parameter(message: str) -> MetaRefusalError:
    """A parameter that the platform does not take."""
    return MetaRefusalError(100, f"(#100) {message}")


def throttled(code: int = 80000, subcode: int = 0) -> MetaRefusalError:
    """Too many calls: of the app (4), the user (17), a page (32), the account (613, 80000...)."""
    return MetaRefusalError(
        code,
        f"(#{code}) {_THROTTLED.get(code, _BUSINESS_USE_CASE)}",
        subcode=subcode or _THROTTLED_SUBCODES.get(code, 0),
        status=403 if code == 4 else 400,  # noqa: PLR2004 - the app's own limit
        is_transient=code in {4, 17, 32},
    )


def fault_refusal(fault: Fault) -> MetaRefusalError:
    """The refusal that a fault asks for; `code` and `subcode` of the fault choose among several."""
    if fault.kind == "rate_limited":
        return throttled(fault.code or 80000, fault.subcode)
    if fault.kind == "expired_token":
        subcode = fault.subcode or 463
        text = _EXPIRED.get(subcode, "The session is invalid.")
        return MetaRefusalError(190, f"Error validating access token: {text}", subcode=subcode)
    if fault.kind == "too_large":
        if fault.code != 100:  # noqa: PLR2004 - invalid parameter
            return MetaRefusalError(1, _REDUCE, status=500)
        subcode = fault.subcode or 1487534
        return MetaRefusalError(100, _INSIGHTS_TOO_LARGE.get(subcode, _REDUCE), subcode=subcode)
    return MetaRefusalError(
        fault.code or 2,
        "An unexpected error has occurred. Please retry your request later.",
        subcode=fault.subcode,
        status=fault.status,
        is_transient=True,
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
