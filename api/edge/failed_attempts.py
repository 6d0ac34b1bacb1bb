"""Addresses that guess secrets, codes or tokens.

    POST /oauth/token -> too many failures from this address? 429 -> route -> 400 or 401: one more

Only failures count: a busy office with good credentials is never slowed down. What several requests
at once do before the first has failed is bounded by `RequestLimits.requests`.

Source: RFC 6749 section 2.3.1 (the endpoint must be protected against brute force), RFC 6819
section 4.4.3.6.
"""

from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from api.edge.admission import rate_headers
from api.edge.client_address import client_address
from api.edge.refusals import Refusal, refuse
from api.edge.rules import EdgeRules
from tenancy.rate_limits import AddressBucket, RateLimits

__all__ = ["FailedAttempts"]

_GUARDED: Final = frozenset({"/oauth/token", "/oauth/revoke", "/oauth/introspect"})
_FAILURES: Final = frozenset({400, 401})


class FailedAttempts:
    """Makes an address wait that fails too often."""

    def __init__(self, app: ASGIApp, rules: EdgeRules, limits: RateLimits) -> None:
        self._app = app
        self._limit = rules.failed_attempts
        self._trusted = rules.trusted_proxies
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it if it fails."""
        if scope["type"] != "http" or scope["path"] not in _GUARDED or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        bucket = AddressBucket(client_address(scope, self._trusted))
        standing = await self._limits.look(bucket, self._limit)
        if not standing.is_allowed:
            refusal = Refusal(
                429,
                "RATE_LIMITED",
                "too many requests of this address have failed",
                f"try again in {standing.wait_seconds} s with the right credentials",
                rate_headers(standing),
            )
            await refuse(refusal, scope["path"])(scope, receive, send)
            return

        async def watch(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] in _FAILURES:
                await self._limits.hit(bucket, self._limit)
            await send(message)

        await self._app(scope, receive, watch)
