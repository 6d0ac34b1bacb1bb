"""OAuth apps of an agency: `bosco apps`."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Final

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client, suggest
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.identity.caller import Scope
from api.oauth.app_registry import USUAL_SCOPES, AppRegistry, AppSecret, Registration
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from tenancy.tables import AppKind, Client, OAuthClient
from tenancy.unscoped import TenantProfile

__all__ = [
    "add_app",
    "apps_of",
    "list_apps",
    "resume_app",
    "rotate_app",
    "suspend_app",
]

_SCOPES: Final = frozenset(scope.value for scope in Scope)


def apps_of(runtime: Runtime) -> AppRegistry:
    """Whoever changes apps."""
    return AppRegistry(runtime.database, runtime.clock, runtime.ids, runtime.random_bytes)


async def add_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps add`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    for scope in arguments["scopes"]:
        if scope not in _SCOPES:
            raise InvalidInputError(
                f"there is no scope {scope!r}", hint=suggest(scope, _SCOPES, none="")
            )
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = [(await find_client(session, slug)).id for slug in arguments["clients"]]
    registration = Registration(
        name=arguments["name"],
        scopes=arguments["scopes"] or USUAL_SCOPES,
        is_public=arguments.get("public", False),
        clients=clients or None,
        metrics=arguments.get("metrics") or None,
        redirect_uris=arguments.get("redirects") or (),
        origins=arguments.get("origins") or (),
        calls_per_minute=arguments.get("calls_per_minute"),
    )
    made = await apps_of(runtime).register(tenant.tenant_id, registration, actor=arguments["actor"])
    for line in _told(made):
        yield line


async def rotate_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps rotate`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    overlap = dt.timedelta(days=arguments["overlap_days"])
    with _knows(tenant, arguments["app"]):
        made = await apps_of(runtime).rotate(
            tenant.tenant_id, arguments["app"], overlap=overlap, actor=arguments["actor"]
        )
    for line in _told(made):
        yield line
    until = (runtime.clock() + overlap).strftime("%Y-%m-%d %H:%M UTC")
    yield LineEvent(f"the secret before it opens until {until}")


def _told(made: AppSecret) -> list[LineEvent]:
    lines = [LineEvent(f"client_id      {made.client_id}")]
    if made.client_secret is None:
        return [*lines, LineEvent("it is public: it has no secret, and proves itself by PKCE")]
    return [
        *lines,
        LineEvent(f"client_secret  {made.client_secret}"),
        LineEvent("the secret is not shown again"),
    ]


async def suspend_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps suspend`."""
    app = await _set_suspended(runtime, arguments, is_suspended=True)
    yield LineEvent(f"{app.name} is suspended: it gets no tokens, and those it has are refused")


async def resume_app(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps resume`."""
    app = await _set_suspended(runtime, arguments, is_suspended=False)
    yield LineEvent(f"{app.name} is live again")


async def _set_suspended(
    runtime: Runtime, arguments: Arguments, *, is_suspended: bool
) -> OAuthClient:
    tenant = await find_agency(runtime, arguments["tenant"])
    with _knows(tenant, arguments["app"]):
        return await apps_of(runtime).set_suspended(
            tenant.tenant_id,
            arguments["app"],
            is_suspended=is_suspended,
            actor=arguments["actor"],
        )


async def list_apps(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco apps list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    apps = await apps_of(runtime).list_apps(tenant.tenant_id)
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = {
            client.id: client.slug for client in (await session.scalars(select(Client))).all()
        }
    rows = tuple(
        (
            app.client_id,
            app.name,
            "public" if app.kind is AppKind.PUBLIC else "secret",
            " ".join(app.scopes),
            "all" if app.client_ids is None else ", ".join(clients[i] for i in app.client_ids),
            f"{app.last_used_at:%Y-%m-%d %H:%M}" if app.last_used_at else "never",
            "suspended" if app.suspended_at else "live",
        )
        for app in apps
    )
    columns = ("client id", "name", "kind", "scopes", "clients", "last used", "state")
    yield TableEvent(f"apps of {tenant.slug}", columns, rows)


@contextlib.contextmanager
def _knows(tenant: TenantProfile, client_id: str) -> Iterator[None]:
    """Say where to look when there is no such app."""
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError(
            f"{tenant.slug} has no app {client_id!r}", hint=f"bosco apps list {tenant.slug}"
        ) from error
