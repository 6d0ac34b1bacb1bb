"""The platform's error bodies.

    GoogleAdsRefusalError(type, code, message) -> google.rpc.Status with a GoogleAdsFailure

Sources: developers.google.com/google-ads/api, "Understand API errors" and the RPC reference of the
error enums, v25 (2026-11); observed bodies of the REST surface. `searchStream` streams a JSON
array, so its errors come as the first element of an array too.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from domain.errors import InvalidInputError

__all__ = [
    "FailureContext",
    "GoogleAdsRefusalError",
    "failure_response",
    "missing_credentials",
    "refusal_of",
    "rpc_status",
    "wrong_credentials",
]

_MISSING_CREDENTIALS: Final = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, "
    "login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_STATUS: Final = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", _MISSING_CREDENTIALS),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}
_WRONG_CREDENTIALS: Final = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, "
    "login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)


class GoogleAdsRefusalError(InvalidInputError):
    """The simulated platform refuses a request; not an error of ours.

    Attributes:
        error_type: Member of `errorCode`: `queryError`.
        error_code: Its enum constant: `UNRECOGNIZED_FIELD`.
        status: HTTP status.
        details: `details` of the error, camelCase.
        in_query: Whether the error points at the field `query` of the request.
    """

    def __init__(
        self,
        error_type: str,
        error_code: str,
        message: str,
        *,
        status: int = 400,
        details: dict[str, Any] | None = None,
        in_query: bool = False,
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.error_code = error_code
        self.status = status
        self.details = details
        self.in_query = in_query


@dataclass(frozen=True, slots=True)
class FailureContext:
    """What a failure says of the request it answers."""

    version: int
    request_id: str
    is_stream: bool = False

    def wrap(self, document: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """Put `document` into the array of a stream where one is due."""
        return [document] if self.is_stream else document


# Code -> (member of `errorCode`, HTTP status, message): what a fault of kind `refused` can play.
_REFUSALS: Final = {
    "CUSTOMER_NOT_ENABLED": (
        "authorizationError",
        403,
        "The customer account is not yet enabled or has been deactivated.",
    ),
    "USER_PERMISSION_DENIED": (
        "authorizationError",
        403,
        "User doesn't have permission to access customer.",
    ),
    "DEVELOPER_TOKEN_NOT_APPROVED": (
        "authorizationError",
        403,
        "The developer token is only approved for use with test accounts.",
    ),
    "OAUTH_TOKEN_REVOKED": (
        "authenticationError",
        401,
        "The OAuth token in use has been revoked.",
    ),
    "UNSUPPORTED_VERSION": (
        "requestError",
        400,
        "Version is deprecated. Requests to this version will be blocked.",
    ),
    "UNRECOGNIZED_FIELD": ("queryError", 400, "Unrecognized field in the query."),
    "REQUESTED_METRICS_FOR_MANAGER": (
        "queryError",
        400,
        "Metrics cannot be requested for a manager account.",
    ),
    "EXPIRED_PAGE_TOKEN": (
        "requestError",
        400,
        "Next page token specified in user request has expired.",
    ),
}


def refusal_of(code: str) -> GoogleAdsRefusalError:
    """Build a documented refusal by its code.

    Raises:
        InvalidInputError: The code is not one of those that can be played.
    """
    if code not in _REFUSALS:
        raise InvalidInputError(
            f"{code!r} is no refusal of Google Ads.", hint=f"One of {', '.join(_REFUSALS)}."
        )
    error_type, status, message = _REFUSALS[code]
    return GoogleAdsRefusalError(error_type, code, message, status=status)


def failure_response(error: GoogleAdsRefusalError, context: FailureContext) -> Response:
    """Build the HTTP answer for `error`."""
    entry: dict[str, Any] = {
        "errorCode": {error.error_type: error.error_code},
        "message": error.message,
    }
    if error.in_query:
        entry["location"] = {"fieldPathElements": [{"fieldName": "query"}]}
    if error.details is not None:
        entry["details"] = error.details
    failure = {
        "@type": f"type.googleapis.com/google.ads.googleads.v{context.version}"
        ".errors.GoogleAdsFailure",
        "errors": [entry],
        "requestId": context.request_id,
    }
    document = rpc_status(error.status, details=[failure])
    headers = {"request-id": context.request_id}
    return JSONResponse(context.wrap(document), status_code=error.status, headers=headers)


def rpc_status(
    status: int, *, message: str = "", details: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Build the JSON of a `google.rpc.Status` for an HTTP status."""
    name, text = _STATUS[status]
    body: dict[str, Any] = {"code": status, "message": message or text, "status": name}
    if details:
        body["details"] = details
    return {"error": body}


def missing_credentials(context: FailureContext) -> Response:
    """Answer a request without `Authorization`."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "CREDENTIALS_MISSING",
        "domain": "googleapis.com",
        "metadata": {"service": "googleads.googleapis.com"},
    }
    return JSONResponse(context.wrap(rpc_status(401, details=[info])), status_code=401)


def wrong_credentials(context: FailureContext) -> Response:
    """Answer a request whose access token is unknown or has expired."""
    document = rpc_status(401, message=_WRONG_CREDENTIALS)
    return JSONResponse(context.wrap(document), status_code=401)
