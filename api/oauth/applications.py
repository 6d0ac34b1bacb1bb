"""Applications as the authorization server sees them.

    client_id -> door tenant_of_client -> the agency's own session -> Application, live secrets

Decision: ADR-0017.
"""

import datetime as dt
import hashlib
import hmac
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update

from domain.ids import ClientId, TenantId
from domain.ports import Clock
from tenancy.session import Database, TenantSession
from tenancy.tables import AppKind, OAuthClient, OAuthClientSecret
from tenancy.unscoped import Doors

__all__ = ["Application", "Applications", "match_secret"]

_NO_HASH: Final = bytes(32)  # of no secret
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Application:
    """An agency's application; an unknown one is None everywhere.

    Attributes:
        id: Inside.
        client_id: Outside.
        grants: Values of `grant_type` that it may use.
        scopes: The most that it gets.
        clients: The brands that it may see; None: all of the agency.
        metrics: The metrics that it may see; None: all.
        secret_hashes: SHA-256 of each secret that opens something now, by the secret's id.
    """

    tenant_id: TenantId
    id: uuid.UUID
    client_id: str
    kind: AppKind
    name: str
    grants: frozenset[str]
    scopes: frozenset[str]
    clients: frozenset[ClientId] | None
    metrics: frozenset[str] | None
    redirect_uris: tuple[str, ...]
    origins: frozenset[str]
    calls_per_minute: int | None
    is_suspended: bool
    secret_hashes: tuple[tuple[uuid.UUID, bytes], ...]

    @property
    def is_public(self) -> bool:
        """Whether it has no secret, and so proves itself by PKCE alone."""
        return self.kind is AppKind.PUBLIC


class Applications:
    """Finds applications, and notes their use."""

    def __init__(self, doors: Doors, database: Database, clock: Clock) -> None:
        self._doors = doors
        self._database = database
        self._clock = clock
        self._agencies: OrderedDict[str, TenantId] = OrderedDict()

    async def agency_of(self, client_id: str) -> TenantId | None:
        """The agency of the application of that public id, or None; it never changes.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        known = self._agencies.get(client_id)
        if known is not None:
            return known
        found = await self._doors.tenant_of_client(client_id)
        if found is not None:
            self._agencies[client_id] = found
            if len(self._agencies) > _REMEMBERED:
                self._agencies.popitem(last=False)
        return found

    async def find(self, client_id: str) -> Application | None:
        """The application of that public id, or None; also a suspended one.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        tenant_id = await self.agency_of(client_id)
        if tenant_id is None:
            return None
        async with self._database.session(tenant_id) as session:
            return await self.read(session, client_id)

    async def read(self, session: TenantSession, client_id: str) -> Application | None:
        """The application of the session's agency, or None. Two queries."""
        row = await session.scalar(select(OAuthClient).where(OAuthClient.client_id == client_id))
        if row is None:
            return None
        now = self._clock()
        secrets = await session.scalars(
            select(OAuthClientSecret)
            .where(OAuthClientSecret.app_id == row.id)
            .order_by(OAuthClientSecret.created_at)
        )
        live = [secret for secret in secrets if _is_live(secret.retired_at, now)]
        return Application(
            tenant_id=session.tenant_id,
            id=row.id,
            client_id=row.client_id,
            kind=row.kind,
            name=row.name,
            grants=frozenset(row.grants),
            scopes=frozenset(row.scopes),
            clients=None if row.client_ids is None else frozenset(row.client_ids),
            metrics=None if row.metrics is None else frozenset(row.metrics),
            redirect_uris=tuple(row.redirect_uris),
            origins=frozenset(row.origins),
            calls_per_minute=row.calls_per_minute,
            is_suspended=row.suspended_at is not None,
            secret_hashes=tuple((secret.id, secret.secret_hash) for secret in live),
        )

    async def mark_used(
        self, session: TenantSession, application: Application, secret_id: uuid.UUID | None
    ) -> None:
        """Note that the application, and which of its secrets, was of use now."""
        now = self._clock()
        await session.execute(
            update(OAuthClient).where(OAuthClient.id == application.id).values(last_used_at=now)
        )
        if secret_id is not None:
            await session.execute(
                update(OAuthClientSecret)
                .where(OAuthClientSecret.id == secret_id)
                .values(last_used_at=now)
            )


def match_secret(application: Application | None, secret: str) -> uuid.UUID | None:
    """The id of the application's secret that `secret` is, or None.

    Every live secret is compared, in constant time; an unknown application costs the same as one
    with a wrong secret.
    """
    given = hashlib.sha256(secret.encode()).digest()
    found: uuid.UUID | None = None
    for secret_id, stored in application.secret_hashes if application else ():
        if hmac.compare_digest(given, stored):
            found = secret_id
    if found is None:
        hmac.compare_digest(given, _NO_HASH)
    return found


def _is_live(retired_at: dt.datetime | None, now: dt.datetime) -> bool:
    return retired_at is None or now < retired_at
