"""OAuth apps of an agency: `bosco apps`."""

import datetime as dt
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client, suggest
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.oauth.caller import Scope
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from tenancy import audit
from tenancy.tables import Client, OAuthClient
from tenancy.unscoped import TenantProfile

__all__ = [
    "AppSecret",
    "add_app",
    "create_app",
    "list_apps",
    "resume_app",
    "rotate_secret",
    "suspend_app",
]


_SCOPES: Final = frozenset(scope.value for scope in Scope)

# An app that asks for none gets these: seeing other apps' tokens is asked for by name.
_USUAL_SCOPES: Final = sorted(_SCOPES - {Scope.TOKENS_INTROSPECT.value})


@dataclass(frozen=True, slots=True, repr=False)
class AppSecret:
    """What an app signs in with; the secret is shown once and stored as a hash."""

    client_id: str
    client_secret: str


async def create_app(
    runtime: Runtime,
    tenant: TenantProfile,
    *,
    name: str,
    scopes: Sequence[str],
    clients: Sequence[str],
    actor: str,
) -> AppSecret:
    """Register an app of an agency.

    Args:
        runtime: Whose ids and randomness are used.
        tenant: The agency.
        name: For people.
        scopes: What the app may do.
        clients: Slugs that the app is limited to; empty: all clients.
        actor: Who registers it, for the audit.

    Raises:
        InvalidInputError: An unknown scope.
        NotFoundError: An unknown client.
    """
    for scope in scopes:
        if scope not in _SCOPES:
            raise InvalidInputError(
                f"there is no scope {scope!r}", hint=suggest(scope, _SCOPES, none="")
            )
    client_id = f"app_{runtime.random_bytes(12).hex()}"
    secret = runtime.random_bytes(32).hex()
    async with runtime.database.session(tenant.tenant_id) as session:
        limited_to = [(await find_client(session, slug)).id for slug in clients]
        app = OAuthClient(
            id=runtime.ids(),
            client_id=client_id,
            name=name,
            secret_hash=hashlib.sha256(secret.encode()).digest(),
            scopes=list(scopes),
            client_ids=limited_to or None,
            created_at=runtime.clock(),
        )
        session.add(app)
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=actor,
            action="app.created",
            object_kind="app",
            object_id=str(app.id),
            details={"client_id": client_id, "scopes": list(scopes), "clients": list(clients)},
        )
    return AppSecret(client_id, secret)


async def rotate_secret(
    runtime: Runtime, tenant: TenantProfile, client_id: str, *, actor: str
) -> AppSecret:
    """Give an app of the agency a new secret; the old one opens nothing any more."""
    secret = runtime.random_bytes(32).hex()
    async with runtime.database.session(tenant.tenant_id) as session:
        app = (
            await session.scalars(select(OAuthClient).where(OAuthClient.client_id == client_id))
        ).one()
        app.secret_hash = hashlib.sha256(secret.encode()).digest()
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=actor,
            action="app.secret_rotated",
            object_kind="app",
            object_id=str(app.id),
            details={"client_id": client_id},
        )
    return AppSecret(client_id, secret)


async def add_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps add`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    secret = await create_app(
        runtime,
        tenant,
        name=arguments["name"],
        scopes=arguments["scopes"] or _USUAL_SCOPES,
        clients=arguments["clients"],
        actor=arguments["actor"],
    )
    yield LineEvent(f"client_id      {secret.client_id}")
    yield LineEvent(f"client_secret  {secret.client_secret}")
    yield LineEvent("the secret is not shown again")


async def suspend_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps suspend`."""
    name = await _set_suspended(runtime, arguments, at=runtime.clock())
    yield LineEvent(f"{name} is suspended: it gets no tokens, and those it has are refused")


async def resume_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps resume`."""
    name = await _set_suspended(runtime, arguments, at=None)
    yield LineEvent(f"{name} is live again")


async def _set_suspended(runtime: Runtime, arguments: Arguments, *, at: dt.datetime | None) -> str:
    """Suspend an app, or let it live; again changes nothing.

    Returns:
        Its name.

    Raises:
        NotFoundError: The agency has no such app.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    client_id = arguments["app"]
    async with runtime.database.session(tenant.tenant_id) as session:
        query = select(OAuthClient).where(OAuthClient.client_id == client_id)
        app = (await session.scalars(query)).one_or_none()
        if app is None:
            raise NotFoundError(
                f"{tenant.slug} has no app {client_id!r}", hint=f"bosco apps list {tenant.slug}"
            )
        if (app.suspended_at is None) != (at is None):
            app.suspended_at = at
            audit.record(
                session,
                clock=runtime.clock,
                ids=runtime.ids,
                actor=arguments["actor"],
                action="app.resumed" if at is None else "app.suspended",
                object_kind="app",
                object_id=str(app.id),
                details={"client_id": client_id},
            )
    return app.name


async def list_apps(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        apps = (await session.scalars(select(OAuthClient).order_by(OAuthClient.created_at))).all()
        clients = {
            client.id: client.slug for client in (await session.scalars(select(Client))).all()
        }
    rows = tuple(
        (
            app.client_id,
            app.name,
            " ".join(app.scopes),
            "all" if app.client_ids is None else ", ".join(clients[i] for i in app.client_ids),
            "suspended" if app.suspended_at else "live",
        )
        for app in apps
    )
    yield TableEvent(
        f"apps of {tenant.slug}", ("client id", "name", "scopes", "clients", "state"), rows
    )
