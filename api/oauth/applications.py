"""Applications as the authorization server sees them.

    client_id -> door tenant_of_client -> the agency's own session -> Application, live secrets

Decision: ADR-0017.
"""

import datetime as dt
import hashlib
import hmac
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update

from api.oauth.strict_form import TokenRequestError
from domain.ids import ClientId, TenantId
from domain.ports import Clock
from tenancy.session import Database, TenantSession
from tenancy.tables import AppKind, OAuthClient, OAuthClientSecret
from tenancy.unscoped import Doors

__all__ = ["Application", "Applications", "match_secret"]

_NO_HASH: Final = bytes(32)  # of no secret
_REMEMBERED: Final = 10_000
_NOTED_EVERY: Final = dt.timedelta(minutes=1)

_WITH_SECRETS: Final = (
    select(OAuthClient, OAuthClientSecret)
    .outerjoin(
        OAuthClientSecret,
        (OAuthClientSecret.tenant_id == OAuthClient.tenant_id)
        & (OAuthClientSecret.app_id == OAuthClient.id),
    )
    .where(OAuthClient.client_id == bindparam("client_id"))
    .order_by(OAuthClientSecret.created_at)
)


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
        used_at: When the application, and each secret, was noted to be of use, by their ids.
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
    used_at: Mapping[uuid.UUID, dt.datetime | None]

    @property
    def is_public(self) -> bool:
        """Whether it has no secret, and so proves itself by PKCE alone."""
        return self.kind is AppKind.PUBLIC

    def check_origin(self, origin: str | None) -> None:
        """Refuse a page that the application does not know; None: no page asks, or one of ours.

        Raises:
            TokenRequestError: It does not list the origin (403; its agency can add it).
        """
        if origin is not None and origin not in self.origins:
            raise TokenRequestError(
                "the application does not list the origin of this page", status=403
            )


class Applications:
    """Finds applications, and notes their use."""

    def __init__(self, doors: Doors, database: Database, clock: Clock) -> None:
        self._doors = doors
        self._database = database
        self._clock = clock
        self._agencies: OrderedDict[str, TenantId] = OrderedDict()

    async def is_origin_known(self, origin: str) -> bool:
        """Whether a live application of some agency lists the origin."""
        return await self._doors.is_origin_known(origin)

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
        """The application of the session's agency, or None. One query."""
        rows = (await session.execute(_WITH_SECRETS, {"client_id": client_id})).all()
        if not rows:
            return None
        app, now = rows[0].OAuthClient, self._clock()
        secrets = [secret for _, secret in rows if secret is not None]
        return Application(
            tenant_id=session.tenant_id,
            id=app.id,
            client_id=app.client_id,
            kind=app.kind,
            name=app.name,
            grants=frozenset(app.grants),
            scopes=frozenset(app.scopes),
            clients=None if app.client_ids is None else frozenset(app.client_ids),
            metrics=None if app.metrics is None else frozenset(app.metrics),
            redirect_uris=tuple(app.redirect_uris),
            origins=frozenset(app.origins),
            calls_per_minute=app.calls_per_minute,
            is_suspended=app.suspended_at is not None,
            secret_hashes=tuple(
                (secret.id, secret.secret_hash)
                for secret in secrets
                if secret.retired_at is None or now < secret.retired_at
            ),
            used_at={secret.id: secret.last_used_at for secret in (app, *secrets)},
        )

    async def mark_used(
        self, session: TenantSession, application: Application, secret_id: uuid.UUID | None
    ) -> None:
        """Note that the application, and which of its secrets, was of use lately.

        At most once in `_NOTED_EVERY`: requests of one application would wait for each other.
        """
        now = self._clock()
        if self._is_due(application, application.id, now):
            await session.execute(
                update(OAuthClient).where(OAuthClient.id == application.id).values(last_used_at=now)
            )
        if secret_id is not None and self._is_due(application, secret_id, now):
            await session.execute(
                update(OAuthClientSecret)
                .where(OAuthClientSecret.id == secret_id)
                .values(last_used_at=now)
            )

    def _is_due(self, application: Application, what: uuid.UUID, now: dt.datetime) -> bool:
        used_at = application.used_at[what]
        return used_at is None or now - used_at >= _NOTED_EVERY


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
