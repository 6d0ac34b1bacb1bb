"""The HTTP server, as long as a block runs.

Runtime -> create_app -> uvicorn on this event loop, connections guarded -> url
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

from api.app import EdgeServices, create_app
from api.edge.protocol import guarded_protocol
from api.edge.rules import EdgeRules, RequestLimits
from api.features.endpoint import FeatureServices
from api.oauth.applications import Applications
from api.oauth.endpoint import OAuthServices
from api.pages.services import open_pages
from api.privacy.endpoint import PrivacyCallbacks
from api.runtime import Runtime
from domain.errors import ConflictError, InternalError
from tenancy.rate_limits import RateLimits
from tenancy.session import Database

__all__ = ["AddressInUseError", "serve_app", "serve_http"]


class AddressInUseError(ConflictError):
    """The address is taken, or not one of this machine's."""

    code = "ADDRESS_IN_USE"


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to whoever runs the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve_http(
    runtime: Runtime, *, port: int, limits: RequestLimits | None = None
) -> AsyncIterator[str]:
    """Serve the API.

    Args:
        runtime: What answers.
        port: 0 lets the system choose.
        limits: What one client may take; None: the defaults.

    Yields:
        The base URL, without a slash at the end.

    Raises:
        AddressInUseError: The address is taken, or not one of this machine's.
    """
    host = runtime.settings.http_host
    rules = EdgeRules(
        issuer=runtime.issuer,
        is_production=runtime.settings.env == "production",
        trusted_proxies=runtime.settings.trusted_proxies,
        limits=limits or RequestLimits(),
    )
    oauth = OAuthServices(
        applications=Applications(runtime.doors, runtime.database, runtime.clock),
        database=runtime.database,
        tokens=runtime.tokens,
        issuer=runtime.issuer,
        clock=runtime.clock,
        ids=runtime.ids,
        random_bytes=runtime.random_bytes,
    )
    rate_limits = RateLimits(runtime.redis, runtime.clock)
    pages = open_pages(
        oauth,
        doors=runtime.doors,
        vault=runtime.vault,
        limits=rate_limits,
        privacy=runtime.edge.privacy,
        trusted_proxies=rules.trusted_proxies,
        is_production=rules.is_production,
        apps=runtime.extraction.apps,
    )
    app = create_app(
        EdgeServices(
            graphql=runtime.edge,
            oauth=oauth,
            pages=pages,
            checks={
                "postgresql": lambda: _check_database(runtime.database),
                "redis": runtime.redis.ping,
                "warehouse": runtime.warehouse.check,
            },
            ids=runtime.ids,
            rules=rules,
            rate_limits=rate_limits,
            connecting=runtime.connecting,
            privacy=PrivacyCallbacks(
                pages.privacy_forms.inbox, runtime.extraction.apps, runtime.issuer
            ),
            exports=runtime.exports,
            features=FeatureServices(
                database=runtime.database,
                tokens=runtime.tokens,
                reader=runtime.features.reader,
                computer=runtime.features.computer,
                clock=runtime.clock,
                ids=runtime.ids,
            ),
        )
    )
    async with serve_app(app, host, port, rules.limits) as taken:
        yield f"http://{f'[{host}]' if ':' in host else host}:{taken}"


@contextlib.asynccontextmanager
async def serve_app(
    app: ASGIApp, host: str, port: int, limits: RequestLimits
) -> AsyncIterator[int]:
    """Serve any application; yields the port.

    Raises:
        AddressInUseError: The address is taken, or not one of this machine's.
    """
    # The socket listens already: a request that comes before the server has started just waits.
    listener = _listen(host, port)
    server = _Server(_config(app, limits))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving


def _config(app: ASGIApp, limits: RequestLimits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=guarded_protocol(limits),
        ws="none",  # nothing here speaks WebSocket
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe whoever comes from this machine
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=limits.shutdown_seconds,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Take the address. Its connections send at once what is written to them.

    Uvicorn writes the head and the body of an answer one after the other. Without TCP_NODELAY the
    second write waits until the client acknowledges the first one, on Linux 40 ms; and asyncio sets
    the option only on sockets that name their protocol, which these do not.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (while ")[0]  # the rest names the address again
        raise AddressInUseError(
            f"cannot serve at {host}, port {port}: {reason}",
            hint="set BOSCO_HTTP_PORT (or BOSCO_HTTP_HOST) to one that is free",
        ) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    return listener


async def _check_database(database: Database) -> None:
    """Not ready while the schema is of another release or a tenant's table is unlocked."""
    if problems := await database.check():
        raise InternalError("; ".join(problems))
