"""Proof Key for Code Exchange, required of every application; S256 is all there is.

Closed defaults of Authlib 1.9: an application with a secret could do without, a challenge without a
method was taken as `plain`, and `plain` was taken.

Sources: RFC 7636 sections 4.1 to 4.6; RFC 9700 section 2.1.1.
"""

import re
from typing import Any, Final

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import compare_s256_code_challenge

__all__ = ["S256", "RequireS256"]

S256: Final = "S256"

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of 32 bytes


class RequireS256(CodeChallenge):  # type: ignore[misc]  # Authlib is untyped
    """The extension of both ends of the authorization code grant."""

    SUPPORTED_CODE_CHALLENGE_METHOD: Final = [S256]
    CODE_CHALLENGE_METHODS: Final = {S256: compare_s256_code_challenge}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge by S256.

        Raises:
            InvalidRequestError: It has none, or another (whoever wrote the application).
        """
        fields = grant.request.payload.data
        if not _CHALLENGE.fullmatch(fields.get("code_challenge", "")):
            raise InvalidRequestError(
                "code_challenge must be the base64url of a SHA-256", redirect_uri=redirect_uri
            )
        if fields.get("code_challenge_method") != S256:
            raise InvalidRequestError(
                "code_challenge_method must be S256", redirect_uri=redirect_uri
            )
