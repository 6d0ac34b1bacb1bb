"""The HTTP server, as long as a block runs.

Runtime -> create_app -> uvicorn on this event loop -> url
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import uvicorn

from api.app import EdgeServices, create_app
from api.oauth.endpoint import OAuthServices
from api.runtime import Runtime

__all__ = ["serve_http"]


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to whoever runs the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve_http(runtime: Runtime, *, port: int) -> AsyncIterator[str]:
    """Serve the API.

    Args:
        runtime: What answers.
        port: 0 lets the system choose.

    Yields:
        The base URL, without a slash at the end.

    Raises:
        OSError: The address is in use or not ours.
    """
    host = runtime.settings.http_host
    app = create_app(
        EdgeServices(
            graphql=runtime.edge,
            oauth=OAuthServices(
                doors=runtime.doors,
                database=runtime.database,
                tokens=runtime.tokens,
                issuer=runtime.issuer,
                clock=runtime.clock,
            ),
            checks={
                "postgresql": runtime.database.check,
                "redis": runtime.redis.ping,
                "warehouse": runtime.warehouse.check,
            },
            ids=runtime.ids,
        )
    )
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, lifespan="off"
    )
    listener = await asyncio.to_thread(config.bind_socket)
    # The socket listens already: a request that comes before the server has started just waits.
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
