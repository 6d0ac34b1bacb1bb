"""Access tokens of connections: one refresh at a time over all processes, and none lost.

    get -> this process's token -> stored token -> turn of the connection -> stored token
        -> refresh -> replace(version) -> token for all who wait

A rotating refresh token is used up by the platform before we have the new one. That a refresh has
begun is noted first: when its answer is lost and the platform has no grace, the refusal that
follows can say so. The lock is a transaction's and may end with its connection; what decides is
the version of the credentials.

Decision: ADR-0021. Source: RFC 6749 section 6; RFC 9700 section 4.14.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.ids import ConnectionId, TenantId
from ingestion.connector.auth import (
    LEEWAY,
    TokenAnswer,
    TokenRequest,
    read_token,
    refresh_request,
)
from ingestion.connector.consent import ends_at
from ingestion.connector.failures import CredentialsRejectedError, ProviderUnavailableError
from ingestion.connector.spec import SourceSpec
from ingestion.credentials import CredentialStore, Kept, with_access
from tenancy.exclusive import Exclusive
from tenancy.session import DatabaseUnavailableError
from tenancy.tables import ConnectionState

__all__ = ["APP_REFUSALS", "StoredTokens", "TokenKeeper", "refused_before"]

# Refreshes of this process at once: each holds a connection to PostgreSQL while it asks.
_AT_ONCE: Final = 4
_ROUNDS: Final = 3
_STORE_WAITS: Final = (0.0, 0.5, 2.0)  # seconds before each try to store

# The platform refuses our app, whoever's credentials it brings (RFC 6749 section 5.2).
APP_REFUSALS: Final = frozenset({"invalid_client", "unauthorized_client"})


@dataclass(slots=True)
class _Seat:
    """What this process knows of one connection's token."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: TokenAnswer | None = field(default=None, repr=False)
    rejected: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TokenKeeper:
    """The tokens of all connections of this process.

    Attributes:
        store: Of their credentials.
        sleep: Awaits so many seconds.
    """

    store: CredentialStore
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    seats: dict[tuple[TenantId, ConnectionId], _Seat] = field(default_factory=dict, repr=False)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def seat(self, tenant_id: TenantId, connection_id: ConnectionId) -> _Seat:
        """Where a connection's token is kept in memory."""
        return self.seats.setdefault((tenant_id, connection_id), _Seat())


@dataclass(frozen=True, slots=True, repr=False)
class StoredTokens:
    """The tokens of one connection, for the jobs that read it.

    Attributes:
        keeper: Of the process.
        app: Credentials of the agency's app.
        token_url: Of the source, or of the server that stands in for it.
    """

    keeper: TokenKeeper
    tenant_id: TenantId
    connection_id: ConnectionId
    source: SourceSpec
    app: Mapping[str, str]
    token_url: str

    async def get(self, ask: TokenRequest) -> str:
        """See `TokenSource`.

        Raises:
            CredentialsRejectedError: The platform refuses them; the connection is broken now.
            ProviderUnavailableError: The token endpoint does not answer.
        """
        seat = self.keeper.seat(self.tenant_id, self.connection_id)
        async with seat.lock:
            if (token := self._good(seat, seat.token)) is None:
                token = self._good(seat, (await self._load()).access)
            if token is None:
                lock = Exclusive(self.keeper.store.database, f"credentials {self.connection_id}")
                async with self.keeper.turns, lock():
                    token = await self._renew(seat, ask)
            seat.token = token
            return token.access_token

    def forget(self, rejected: str) -> bool:
        """See `TokenSource`; a token that was replaced meanwhile stays."""
        self.keeper.seat(self.tenant_id, self.connection_id).rejected = rejected
        return True

    async def _renew(self, seat: _Seat, ask: TokenRequest) -> TokenAnswer:
        """The token that somebody else has stored meanwhile, or a new one."""
        for _ in range(_ROUNDS):
            kept = await self._load()
            token = self._good(seat, kept.access)
            if token is None and kept.state is ConnectionState.BROKEN:
                raise refused_before(self.source)
            if token is None:
                token = await self._refresh(kept, ask)
            if token is not None:
                return token
        raise ProviderUnavailableError(
            f"the credentials at {self.source.label} are being changed again and again",
            hint="the sync is tried again later by itself",
        )

    async def _refresh(self, kept: Kept, ask: TokenRequest) -> TokenAnswer | None:
        """A new token, stored; None: the credentials were changed meanwhile."""
        request = refresh_request(self.source, self._references(kept), self.token_url)
        if self._rotates:
            await self.keeper.store.note_refresh(self.tenant_id, self.connection_id, kept.version)
        try:
            answer = await ask(request)
            token = read_token(self.source, answer, self.keeper.store.clock())
        except CredentialsRejectedError as error:
            if error.provider_code not in APP_REFUSALS:
                await self._refuse(kept, error)
            raise
        return token if await self._store(kept, token, answer) else None

    async def _refuse(self, kept: Kept, error: CredentialsRejectedError) -> None:
        reason = "it takes the refresh token no more"
        if self._rotates:
            reason += (
                ", which was withdrawn, has run out, or was used up by an answer that got lost"
            )
        if kept.refresh_began_at is not None and self._rotates:
            reason = (
                f"a refresh of {kept.refresh_began_at:%Y-%m-%d %H:%M} UTC was cut off, and "
                f"{self.source.label} had used up the old token before its answer arrived"
            )
            error.hint = f"connect the account again: {reason}"
        await self.keeper.store.refuse(
            self.tenant_id, self.connection_id, kept.version, self.source, reason
        )

    async def _store(self, kept: Kept, token: TokenAnswer, answer: Any) -> bool:
        """Store a token; a database that is away for a moment must not cost it."""
        new = {"refresh_token": token.refresh_token} if token.refresh_token else {}
        credentials = with_access({**kept.credentials, **new}, token)
        for last, seconds in enumerate(_STORE_WAITS, start=1):
            if seconds:
                await self.keeper.sleep(seconds)
            try:
                return await self.keeper.store.replace(
                    self.tenant_id,
                    self.connection_id,
                    kept.version,
                    credentials,
                    expire_at=self._expire_at(kept, token, answer),
                )
            except DatabaseUnavailableError:
                if last == len(_STORE_WAITS):
                    raise
        return False

    def _expire_at(self, kept: Kept, token: TokenAnswer, answer: Any) -> dt.datetime | None:
        """A new refresh token starts anew; else the old end stays, unless the platform tells."""
        consent = self.source.auth.consent
        if consent is None:
            return kept.expire_at
        now = self.keeper.store.clock()
        if token.refresh_token:
            return ends_at(consent, answer, now)
        return (
            ends_at(consent, answer, now)
            if isinstance(answer, dict) and consent.ends in answer
            else kept.expire_at
        )

    def _good(self, seat: _Seat, token: TokenAnswer | None) -> TokenAnswer | None:
        if token is None or token.access_token == seat.rejected:
            return None
        return token if token.ends_at > self.keeper.store.clock() + LEEWAY else None

    async def _load(self) -> Kept:
        return await self.keeper.store.load(self.tenant_id, self.connection_id)

    def _references(self, kept: Kept) -> dict[str, str]:
        own = {f"credential.{name}": value for name, value in kept.credentials.items()}
        return {**own, **{f"app.{name}": value for name, value in self.app.items()}}

    @property
    def _rotates(self) -> bool:
        consent = self.source.auth.consent
        return consent is not None and consent.rotates


def refused_before(source: SourceSpec) -> CredentialsRejectedError:
    """The error of work for a connection that is broken; nobody is asked."""
    return CredentialsRejectedError(
        f"{source.label} is not asked: it refuses the credentials of this connection",
        hint="connect the account again",
    )
