"""What a request with a good token must still pass: where its page comes from, how often it asks.

    caller + headers -> its app's policy -> origin listed? 403 -> calls left? 429 -> headers

Source: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4 (`RateLimit`, `RateLimit-Policy`).
"""

from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from api.edge.app_policies import AppPolicies
from api.edge.cors import ORIGIN_REFUSAL
from api.edge.origins import foreign_origin
from api.edge.refusals import Refusal
from api.identity.caller import Caller
from tenancy.rate_limits import RateLimit, RateLimits, Standing, TenantBucket

__all__ = ["Admission", "NotAdmittedError", "rate_headers"]

_MINUTE: Final = 60


class NotAdmittedError(Exception):
    """The request is not answered; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Admission:
    """The last gate before an answer is computed."""

    policies: AppPolicies
    limits: RateLimits

    async def admit(self, caller: Caller, headers: Headers) -> dict[str, str]:
        """Count a request if it may be answered.

        Returns:
            Headers of its answer: how many calls are left.

        Raises:
            NotAdmittedError: The app does not list the page's origin (403, the agency can), or has
                used up its calls (429, waiting helps).
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        policy = await self.policies.of(caller)
        origin = foreign_origin(headers)
        if origin is not None and origin not in policy.origins:
            raise NotAdmittedError(ORIGIN_REFUSAL)
        bucket = TenantBucket(caller.tenant_id, caller.client_id)
        limit = RateLimit("app", policy.calls_per_minute, _MINUTE, guards_secrets=False)
        standing = await self.limits.hit(bucket, limit)
        if not standing.is_allowed:
            raise NotAdmittedError(
                Refusal(
                    429,
                    "RATE_LIMITED",
                    f"the application has used up its {limit.calls} calls a minute",
                    f"try again in {standing.wait_seconds} s; the agency can raise the limit",
                    rate_headers(standing),
                )
            )
        return rate_headers(standing)


def rate_headers(standing: Standing) -> dict[str, str]:
    """How a bucket stands, as headers of an answer."""
    limit = standing.limit
    headers = {
        "ratelimit-policy": f'"{limit.name}";q={limit.calls};w={limit.seconds}',
        "ratelimit": f'"{limit.name}";r={standing.remaining};t={standing.reset_seconds}',
    }
    if not standing.is_allowed:
        headers["retry-after"] = str(standing.wait_seconds)
    return headers
