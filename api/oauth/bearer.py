"""Who sends a request: the caller behind its access token.

`Authorization: Bearer ...` -> AccessTokens -> Caller | 401 with where to learn about tokens

Sources: RFC 6750 section 3 (401); RFC 9728 section 5.1 (`resource_metadata`).
"""

from starlette.datastructures import Headers

from api.identity.caller import Caller
from api.oauth.access_tokens import AccessTokens, InvalidTokenError

__all__ = ["UnauthenticatedError", "authenticate"]


class UnauthenticatedError(Exception):
    """The request has no good token.

    Attributes:
        error: What is wrong with it.
        headers: Of the answer, with status 401.
    """

    def __init__(self, error: InvalidTokenError, challenge: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.headers = {"www-authenticate": challenge}


async def authenticate(tokens: AccessTokens, headers: Headers) -> Caller:
    """The caller of a request.

    Raises:
        UnauthenticatedError: There is no token, or none that is good (caller).
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    challenge = f'Bearer realm="bosco", resource_metadata="{tokens.resource_metadata}"'
    given = headers.getlist("authorization")
    scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        error = InvalidTokenError(
            "the request has no access token",
            hint="send Authorization: Bearer with a token from /oauth/token",
        )
        raise UnauthenticatedError(error, challenge)
    try:
        return await tokens.verify(token.strip())
    except InvalidTokenError as error:
        told = f', error="invalid_token", error_description="{error.message}"'
        raise UnauthenticatedError(error, f"{challenge}{told}") from error
