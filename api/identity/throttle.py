"""Guesses at secrets: a few are free, then waits grow.

    try -> spend (account: 10 in 15 minutes, 25 in an hour) -> allowed | TooManyTriesError

The answer is the same whether the account exists. A right guess clears the account's count.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from domain.errors import Transient, UserError
from domain.ids import TenantId
from tenancy.rate_limits import (
    SIGN_IN_OF_ACCOUNT,
    SIGN_IN_OF_ADDRESS,
    AddressBucket,
    RateLimit,
    RateLimits,
    TenantBucket,
)

__all__ = ["Throttle", "TooManyTriesError"]

_ACCOUNT: Final = (
    SIGN_IN_OF_ACCOUNT,
    RateLimit("sign_in_account_hour", 25, 60 * 60, guards_secrets=True),
)
_CODES: Final = (
    RateLimit("sign_in_code", 10, 15 * 60, guards_secrets=True),
    RateLimit("sign_in_code_hour", 20, 60 * 60, guards_secrets=True),
)
_DEPARTURES: Final = RateLimit("sign_in_provider", 60, 5 * 60, guards_secrets=True)
_MINUTE: Final = 60


class TooManyTriesError(UserError, Transient):
    """Too many guesses; later ones are looked at again."""

    code = "TOO_MANY_TRIES"

    def __init__(self, wait_seconds: int) -> None:
        minutes = -(-wait_seconds // _MINUTE)
        super().__init__(
            "there were too many tries",
            hint=f"wait {minutes} {'minute' if minutes == 1 else 'minutes'}, then try again",
        )
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts guesses over all processes."""

    limits: RateLimits

    async def spend_password(self, tenant_id: TenantId, email: str) -> None:
        """Count a guess at the password of an account.

        Raises:
            TooManyTriesError: Says how long to wait.
        """
        await self._spend(TenantBucket(tenant_id, f"password {email}"), _ACCOUNT)

    async def forget_password(self, tenant_id: TenantId, email: str) -> None:
        """The password was right."""
        await self._forget(TenantBucket(tenant_id, f"password {email}"), _ACCOUNT)

    async def spend_code(self, tenant_id: TenantId, user_id: uuid.UUID) -> None:
        """Count a guess at a code of the second step.

        Raises:
            TooManyTriesError: Says how long to wait.
        """
        await self._spend(TenantBucket(tenant_id, f"code {user_id}"), _CODES)

    async def forget_code(self, tenant_id: TenantId, user_id: uuid.UUID) -> None:
        """The code was right."""
        await self._forget(TenantBucket(tenant_id, f"code {user_id}"), _CODES)

    async def look_at_address(self, address: str) -> None:
        """Refuse an address that guessed wrong too often.

        Raises:
            TooManyTriesError: Says how long to wait.
        """
        standing = await self.limits.look(AddressBucket(address), SIGN_IN_OF_ADDRESS)
        if not standing.is_allowed:
            raise TooManyTriesError(standing.wait_seconds)

    async def spend_departure(self, address: str) -> None:
        """Count a sign-in at a provider that an address begins.

        Raises:
            TooManyTriesError: Says how long to wait.
        """
        standing = await self.limits.hit(AddressBucket(address), _DEPARTURES)
        if not standing.is_allowed:
            raise TooManyTriesError(standing.wait_seconds)

    async def blame_address(self, address: str) -> None:
        """Count a wrong guess of an address."""
        await self.limits.hit(AddressBucket(address), SIGN_IN_OF_ADDRESS)

    async def _spend(self, bucket: TenantBucket, limits: tuple[RateLimit, ...]) -> None:
        for limit in limits:
            standing = await self.limits.hit(bucket, limit)
            if not standing.is_allowed:
                raise TooManyTriesError(standing.wait_seconds)

    async def _forget(self, bucket: TenantBucket, limits: tuple[RateLimit, ...]) -> None:
        for limit in limits:
            await self.limits.forget(bucket, limit)
