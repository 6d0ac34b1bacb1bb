"""The apps of an agency: registered, given secrets, cut off.

    registration -> checked -> OAuthClient (+ secret, shown once) + audit entry, one transaction

An app that keeps a secret may act for itself; one with redirect addresses may act for people who
sign in. A program that cannot keep a secret (a page, a phone) is registered as public.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from api.identity.caller import Scope
from api.oauth.redirects import check_origin, check_redirect_uri
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import AppKind, OAuthClient, OAuthClientSecret

__all__ = ["USUAL_SCOPES", "AppRegistry", "AppSecret", "Registration"]

_SCOPES: Final = frozenset(scope.value for scope in Scope)

# An app that asks for none gets these: what tells about others, tells others, or changes what
# models are fed is asked for by name.
_BY_NAME: Final = frozenset(
    {
        Scope.FEATURES_WRITE,
        Scope.TOKENS_INTROSPECT,
        Scope.AUDIT_READ,
        Scope.WEBHOOKS_MANAGE,
        Scope.PRIVACY_READ,
        Scope.PRIVACY_WRITE,
    }
)
USUAL_SCOPES: Final = tuple(sorted(scope.value for scope in Scope if scope not in _BY_NAME))


@dataclass(frozen=True, slots=True, repr=False)
class AppSecret:
    """What an app signs in with; the secret is shown once and stored as a hash.

    Attributes:
        client_secret: None: the app is public.
    """

    client_id: str
    client_secret: str | None


@dataclass(frozen=True, slots=True)
class Registration:
    """What is asked for an app.

    Attributes:
        name: For people; the consent page shows it.
        clients: Brands that it is limited to; None: all.
        metrics: Metrics that it is limited to; None: all.
        redirect_uris: Where people are sent back; none: it acts for itself alone.
        origins: Of pages that call us from a browser.
        calls_per_minute: None: the usual limit.
    """

    name: str
    scopes: Sequence[str]
    is_public: bool = False
    clients: Sequence[ClientId] | None = None
    metrics: Sequence[str] | None = None
    redirect_uris: Sequence[str] = ()
    origins: Sequence[str] = ()
    calls_per_minute: int | None = None

    @property
    def grants(self) -> list[str]:
        """Values of `grant_type` that follow from it."""
        for_people = ["authorization_code", "refresh_token"] if self.redirect_uris else []
        return for_people if self.is_public else ["client_credentials", *for_people]

    def check(self) -> None:
        """Refuse what cannot work or would be unsafe.

        Raises:
            InvalidInputError: Says what is wrong (whoever registers the app).
        """
        if not self.name.strip():
            raise InvalidInputError("the app has no name", hint="people see it when they consent")
        for scope in self.scopes:
            if scope not in _SCOPES:
                raise InvalidInputError(
                    f"there is no scope {scope!r}", hint=f"there are {', '.join(sorted(_SCOPES))}"
                )
        for uri in self.redirect_uris:
            check_redirect_uri(uri)
        for origin in self.origins:
            check_origin(origin)
        if self.is_public and not self.redirect_uris:
            raise InvalidInputError(
                "an app without a secret acts for people, and has to say where they return to",
                hint="give it a redirect address, or let it have a secret",
            )
        if self.calls_per_minute is not None and self.calls_per_minute < 1:
            raise InvalidInputError(
                "an app needs at least one call per minute", hint="suspend it to cut it off"
            )


@dataclass(frozen=True, slots=True)
class AppRegistry:
    """Changes apps; each change is audited.

    Attributes:
        random_bytes: Cryptographic randomness.
    """

    database: Database
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]

    async def register(
        self, tenant_id: TenantId, registration: Registration, *, actor: str
    ) -> AppSecret:
        """Register an app.

        Raises:
            InvalidInputError: The registration cannot work or would be unsafe.
        """
        registration.check()
        app = OAuthClient(
            id=self.ids(),
            client_id=f"app_{self.random_bytes(12).hex()}",
            kind=AppKind.PUBLIC if registration.is_public else AppKind.CONFIDENTIAL,
            name=registration.name.strip(),
            grants=registration.grants,
            scopes=list(registration.scopes),
            client_ids=None if registration.clients is None else list(registration.clients),
            metrics=None if registration.metrics is None else list(registration.metrics),
            redirect_uris=list(registration.redirect_uris),
            origins=list(registration.origins),
            calls_per_minute=registration.calls_per_minute,
            created_at=self.clock(),
            suspended_at=None,
            last_used_at=None,
        )
        async with self.database.session(tenant_id) as session:
            session.add(app)
            await session.flush()
            secret = None if registration.is_public else self._new_secret(session, app)
            self._audit(
                session,
                app,
                "app.created",
                actor,
                scopes=list(registration.scopes),
                clients=[str(client) for client in registration.clients or ()],
                redirect_uris=list(registration.redirect_uris),
            )
        return AppSecret(app.client_id, secret)

    async def rotate(
        self, tenant_id: TenantId, client_id: str, *, overlap: dt.timedelta, actor: str
    ) -> AppSecret:
        """Give an app a new secret.

        Args:
            tenant_id: Of the agency.
            client_id: Of the app.
            overlap: How long the one before still opens; any older one ends now.
            actor: Who asks, for the audit.

        Raises:
            NotFoundError: The agency has no such app.
            InvalidInputError: It is public.
        """
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            app = await self._find(session, client_id)
            if app.kind is AppKind.PUBLIC:
                raise InvalidInputError(
                    f"{app.name} is public and has no secret", hint="suspend it to cut it off"
                )
            newest, *older = await self._live_secrets(session, app.id, now)
            newest.retired_at = now + overlap
            for secret in older:
                secret.retired_at = now
            fresh = self._new_secret(session, app)
            self._audit(session, app, "app.secret_rotated", actor, until=str(newest.retired_at))
        return AppSecret(app.client_id, fresh)

    async def set_suspended(
        self, tenant_id: TenantId, client_id: str, *, is_suspended: bool, actor: str
    ) -> OAuthClient:
        """Suspend an app, or let it live; again changes nothing.

        Raises:
            NotFoundError: The agency has no such app.
        """
        async with self.database.session(tenant_id) as session:
            app = await self._find(session, client_id)
            if (app.suspended_at is not None) != is_suspended:
                app.suspended_at = self.clock() if is_suspended else None
                action = "app.suspended" if is_suspended else "app.resumed"
                self._audit(session, app, action, actor)
        return app

    async def list_apps(self, tenant_id: TenantId) -> Sequence[OAuthClient]:
        """Apps of the agency, the oldest first."""
        async with self.database.session(tenant_id) as session:
            found = await session.scalars(
                select(OAuthClient).order_by(OAuthClient.created_at, OAuthClient.id)
            )
            return found.all()

    async def _find(self, session: TenantSession, client_id: str) -> OAuthClient:
        app = await session.scalar(select(OAuthClient).where(OAuthClient.client_id == client_id))
        if app is None:
            raise NotFoundError(f"the agency has no app {client_id!r}")
        return app

    async def _live_secrets(
        self, session: TenantSession, app_id: uuid.UUID, now: dt.datetime
    ) -> list[OAuthClientSecret]:
        """The newest first."""
        stored = await session.scalars(
            select(OAuthClientSecret)
            .where(OAuthClientSecret.app_id == app_id)
            .order_by(OAuthClientSecret.created_at.desc(), OAuthClientSecret.id.desc())
        )
        return [one for one in stored if one.retired_at is None or now < one.retired_at]

    def _new_secret(self, session: TenantSession, app: OAuthClient) -> str:
        secret = self.random_bytes(32).hex()
        session.add(
            OAuthClientSecret(
                id=self.ids(),
                app_id=app.id,
                secret_hash=hashlib.sha256(secret.encode()).digest(),
                created_at=self.clock(),
                retired_at=None,
                last_used_at=None,
            )
        )
        return secret

    def _audit(
        self,
        session: TenantSession,
        app: OAuthClient,
        action: str,
        actor: str,
        **details: str | list[str],
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=action,
            object_kind="app",
            object_id=str(app.id),
            details={"client_id": app.client_id, **details},
        )
