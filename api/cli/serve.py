"""Processes that stay: `bosco serve` and `bosco worker`."""

import asyncio
import contextlib
import signal

from rich.console import Console

from api.cli.host import command_host
from api.control.front_door import own_runtime
from api.settings import load_settings
from domain.errors import ConflictError

__all__ = ["serve", "worker"]


class _StoppedError(Exception):
    """Somebody ended the process: commands of others end too. Jobs go on at the next start."""


def serve() -> None:
    """Serve the API and run the workers, until Ctrl-C."""
    asyncio.run(_serve())


def worker() -> None:
    """Run jobs only. Needs servers and a warehouse that several processes can share."""
    asyncio.run(_work())


async def _serve() -> None:
    from api.http import serve_http  # noqa: PLC0415  # as above

    settings = load_settings()
    console = Console(highlight=False)
    stop = _stop_on_signals()
    with contextlib.suppress(_StoppedError):
        async with (
            own_runtime(settings, command_host()) as runtime,
            serve_http(runtime, port=settings.http_port) as url,
            runtime.alerts.running(asyncio.sleep),
        ):
            opens = " (open it in a browser)" if settings.env == "development" else ""
            console.print(f"GraphQL  {url}/graphql{opens}")
            console.print(f"tokens   {url}/oauth/token")
            console.print("Ctrl-C stops; commands given meanwhile are run here")
            await stop.wait()
            raise _StoppedError


async def _work() -> None:
    settings = load_settings()
    if settings.has_single_owner:
        raise ConflictError(
            "a worker of its own needs DATABASE_URL, REDIS_URL and a bigquery:// WAREHOUSE_URL",
            hint="bosco serve runs workers already: one process owns the embedded servers",
        )
    stop = _stop_on_signals()
    with contextlib.suppress(_StoppedError):
        async with own_runtime(settings, command_host()) as runtime:
            Console(highlight=False).print(f"worker {runtime.jobs.executor_id}; Ctrl-C stops")
            await stop.wait()
            raise _StoppedError


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
