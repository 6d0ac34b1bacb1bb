"""The platform's refusals, in its own words.

Sources: shopify.dev/docs/api/admin-graphql ("Status and error codes"), shopify.dev/docs/api/usage/
limits, read 2026-11. Throttling and most failures come with HTTP 200; MAX_COST_EXCEEDED carries no
top-level `extensions`.
"""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from domain.errors import InvalidInputError

__all__ = [
    "FieldRefusalError",
    "access_denied",
    "graphql_error",
    "max_cost_exceeded",
    "status_response",
    "throttled",
]

_DOCUMENTATION: Final = "https://shopify.dev/api/usage/rate-limits"
_MAX_COST: Final = """Query cost is {cost}, which exceeds the single query max cost limit ({limit}).

See https://shopify.dev/concepts/about-apis/rate-limits for more information on how the
cost of a query is calculated.

To query larger amounts of data with fewer limits, bulk operations should be used instead.
See https://shopify.dev/tutorials/perform-bulk-operations-with-admin-api for usage details.
"""
_BODIES: Final[dict[int, dict[str, Any]]] = {
    400: {"errors": {"query": "Required parameter missing or invalid"}},
    401: {
        "errors": ("[API] Invalid API key or access token (unrecognized login or wrong password)")
    },
    402: {"errors": "This shop's plan does not have access to this feature"},
    403: {"errors": "Unavailable Shop"},
    404: {"errors": "Not Found"},
    423: {"errors": "This shop is unavailable"},
    500: {"errors": "An unexpected error occurred"},
    503: {"errors": "Service Unavailable"},
}


_MESSAGES: Final = {
    "ACCESS_DENIED": "Access denied for orders field.",
    "INTERNAL_SERVER_ERROR": "Internal error. Looks like something went wrong on our end.",
    "SHOP_INACTIVE": "The shop is not active.",
}


class FieldRefusalError(InvalidInputError):
    """The simulated platform refuses one root field; not an error of ours.

    Attributes:
        key: Response key of the field.
        extensions: `extensions` of the GraphQL error.
    """

    def __init__(self, message: str, *, key: str, extensions: dict[str, Any]) -> None:
        super().__init__(message)
        self.key = key
        self.extensions = extensions


def status_response(status: int) -> Response:
    """Answer with the documented body of an HTTP status."""
    return JSONResponse(_BODIES[status], status_code=status)


def throttled() -> list[dict[str, Any]]:
    """Build `errors` for a query that the bucket has no room for."""
    extensions = {"code": "THROTTLED", "documentation": _DOCUMENTATION}
    return [{"message": "Throttled", "extensions": extensions}]


def graphql_error(code: str) -> list[dict[str, Any]]:
    """Build `errors` of a code that comes with HTTP 200."""
    return [{"message": _MESSAGES[code], "extensions": {"code": code}}]


def max_cost_exceeded(cost: int, limit: int) -> list[dict[str, Any]]:
    """Build `errors` for a query that is too dear at any time."""
    extensions = {
        "code": "MAX_COST_EXCEEDED",
        "cost": cost,
        "maxCost": limit,
        "documentation": "https://shopify.dev/api/usage/limits#rate-limits",
    }
    return [{"message": _MAX_COST.format(cost=cost, limit=limit), "extensions": extensions}]


def access_denied(field: str, key: str, scope: str) -> FieldRefusalError:
    """Build the refusal of a root field whose scope the app lacks."""
    required = f"`{scope}` access scope."
    return FieldRefusalError(
        f"Access denied for {field} field. Required access: {required}",
        key=key,
        extensions={
            "code": "ACCESS_DENIED",
            "documentation": "https://shopify.dev/api/usage/access-scopes",
            "requiredAccess": required,
        },
    )
