"""The platform's error bodies.

    Ga4RefusalError(status, name, message) -> {"error": {"code", "message", "status"}}

Sources: developers.google.com/analytics/devguides/reporting/data/v1/{errors,quotas} and
/identity (2026-11); messages quoted in public issue threads and test suites.
"""

from typing import Final

from starlette.responses import HTMLResponse, JSONResponse, Response

from domain.errors import InvalidInputError

__all__ = [
    "QUOTAS",
    "Ga4RefusalError",
    "exhausted",
    "invalid_argument",
    "not_permitted",
    "refusal_response",
    "server_error",
    "unauthenticated",
    "unknown_url_response",
]

_EXPECTED: Final = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
# What is exhausted, as `value` of the fault `rate_limited` names it.
QUOTAS: Final = {
    "day": (
        "Exhausted property tokens per day. These quota tokens will return in under 24 hours. To "
        "learn more, see https://developers.google.com/analytics/devguides/reporting/data/v1/quotas"
    ),
    "hour": (
        "Exhausted property tokens per hour. These quota tokens will return in under 60 minutes. "
        "To learn more, see "
        "https://developers.google.com/analytics/devguides/reporting/data/v1/quotas"
    ),
    "project": (
        "Exhausted property tokens for a project per hour. These quota tokens will return in under "
        "60 minutes. To learn more, see "
        "https://developers.google.com/analytics/devguides/reporting/data/v1/quotas"
    ),
    "concurrent": "Exhausted concurrent requests quota. Please send fewer requests concurrently.",
    "errors": "Exhausted server errors for a project per hour. These quota tokens will return in "
    "under 60 minutes.",
    "thresholded": "Exhausted potentially thresholded requests quota. This quota will refresh in "
    "under an hour.",
}
_SERVER_ERRORS: Final = {
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}


class Ga4RefusalError(InvalidInputError):
    """The simulated platform refuses a request; not an error of ours.

    Attributes:
        http_status: HTTP status, and `code` of the body.
        name: `status` of the body.
    """

    def __init__(self, http_status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.name = name


def exhausted(quota: str) -> Ga4RefusalError:
    """A quota of the property, one of `QUOTAS`, is used up."""
    return Ga4RefusalError(429, "RESOURCE_EXHAUSTED", QUOTAS[quota])


def invalid_argument(message: str) -> Ga4RefusalError:
    """The request asks for what is not there, or in a wrong form."""
    return Ga4RefusalError(400, "INVALID_ARGUMENT", message)


def not_permitted() -> Ga4RefusalError:
    """The user has no access to the property, or there is none: it is not told which."""
    return Ga4RefusalError(
        403,
        "PERMISSION_DENIED",
        "User does not have sufficient permissions for this property. To learn more about Property "
        "ID, see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id.",
    )


def unauthenticated(*, is_missing: bool) -> Ga4RefusalError:
    """No access token, or one that is not good any more."""
    what = (
        "Request is missing required authentication credential."
        if is_missing
        else "Request had invalid authentication credentials."
    )
    return Ga4RefusalError(401, "UNAUTHENTICATED", f"{what} {_EXPECTED}")


def server_error(status: int) -> Ga4RefusalError:
    """The platform fails."""
    name, message = _SERVER_ERRORS.get(status, _SERVER_ERRORS[500])
    return Ga4RefusalError(status, name, message)


def refusal_response(error: Ga4RefusalError) -> Response:
    """Build the HTTP answer for `error`."""
    body = {"code": error.http_status, "message": error.message, "status": error.name}
    return JSONResponse({"error": body}, status_code=error.http_status)


def unknown_url_response(path: str) -> Response:
    """Build the page that Google's servers show where no API is: not in the API's own form."""
    return HTMLResponse(
        "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>"
        f"<p><b>404.</b> That\u2019s an error.<p>The requested URL <code>{path}</code> was not "
        "found on this server. That\u2019s all we know.",
        status_code=404,
    )
