"""Processes that stay: `bosco serve` and `bosco worker`."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console

from api.cli.host import command_host
from api.control.front_door import own_runtime
from api.feature_rounds import watching_features
from api.model_rounds import forecasting
from api.rounds import beside, repeat
from api.runtime import Runtime
from api.settings import Settings, load_settings
from domain.errors import ConflictError

__all__ = ["serve", "worker"]

_RESCAN_SECONDS: Final = 300.0
_CERTIFY_SECONDS: Final = 60.0
_CATCH_UP_SECONDS: Final = 600.0
_WORKERS_HELP = "Worker processes besides; each reads from platforms, this process does the rest."


class _StoppedError(Exception):
    """Somebody ended the process: commands of others end too. Jobs go on at the next start."""


def serve(
    workers: Annotated[int, typer.Option(min=0, max=64, help=_WORKERS_HELP)] = 0,
) -> None:
    """Serve the API, sync on time and run the workers, until Ctrl-C."""
    asyncio.run(_serve(workers))


def worker() -> None:
    """Run jobs only: beside the `bosco serve` of this state folder, or on shared servers."""
    asyncio.run(_work())


async def _serve(workers: int) -> None:
    from api.http import serve_http  # noqa: PLC0415  # it costs a second, that a hand-over saves
    from api.requests import running_requests  # noqa: PLC0415  # as above
    from api.suppressing import keep_suppressing  # noqa: PLC0415
    from api.workers.processes import keep_workers  # noqa: PLC0415

    settings = load_settings()
    if workers and not settings.has_single_owner:
        raise ConflictError(
            "--workers is for the servers that bosco serve owns",
            hint="with servers of your own run as many bosco worker as you like",
        )
    console = Console(highlight=False)
    stop = _stop_on_signals()
    with contextlib.suppress(_StoppedError):
        async with (
            own_runtime(settings, command_host()) as runtime,
            serve_http(runtime, port=settings.http_port) as url,
            runtime.alerts.running(asyncio.sleep),
            runtime.webhooks.running(asyncio.sleep),
            runtime.privacy.running(asyncio.sleep),
            runtime.checkpoints.running(asyncio.sleep),
            running_requests(runtime.requests, asyncio.sleep),
            beside(
                repeat(runtime.retention.go_round, asyncio.sleep, 3600, "retention_round_failed")
            ),
            beside(_rescans(runtime)),
            beside(_certificates(runtime, _CERTIFY_SECONDS)),
            beside(_certificates(runtime, _CATCH_UP_SECONDS, everywhere=True)),
            watching_features(runtime, asyncio.sleep),
            forecasting(runtime, asyncio.sleep),
            keep_suppressing(runtime.suppressions, asyncio.sleep),
            keep_workers(workers),
            runtime.dispatcher.running(asyncio.sleep),
        ):
            opens = " (open it in a browser)" if settings.env == "development" else ""
            console.print(f"GraphQL  {url}/graphql{opens}")
            console.print(f"tokens   {url}/oauth/token")
            console.print("Ctrl-C stops; commands given meanwhile are run here")
            await stop.wait()
            raise _StoppedError


def _rescans(runtime: Runtime) -> Coroutine[Any, Any, NoReturn]:
    """Look for what was erased, whenever it is due."""
    do_due = runtime.erasure.do_due
    return repeat(do_due, asyncio.sleep, _RESCAN_SECONDS, "rescan_round_failed")


def _certificates(
    runtime: Runtime, seconds: float, *, everywhere: bool = False
) -> Coroutine[Any, Any, NoReturn]:
    """State what erasures have come to."""
    issuing = runtime.issuing
    one_round = issuing.catch_up if everywhere else issuing.go_round
    return repeat(one_round, asyncio.sleep, seconds, "certificate_round_failed")


async def _work() -> None:
    settings = load_settings()
    stop = _stop_on_signals()
    if settings.has_single_owner:
        await _work_for_owner(settings, stop)
        return
    with contextlib.suppress(_StoppedError):
        async with own_runtime(settings, command_host()) as runtime:
            _announce(runtime.jobs.executor_id)
            await stop.wait()
            raise _StoppedError


async def _work_for_owner(settings: Settings, stop: asyncio.Event) -> None:
    """Work until a signal comes, or the owner is gone."""
    from api.workers.join import join_owner  # noqa: PLC0415  # as above

    async with join_owner(settings) as joined:
        _announce(joined.executor_id)
        stopped = asyncio.ensure_future(stop.wait())
        lost = asyncio.ensure_future(joined.wait_for_owner())
        await asyncio.wait({stopped, lost}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not lost.done():
            lost.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await lost


def _announce(executor_id: str) -> None:
    Console(highlight=False).print(f"worker {executor_id}; Ctrl-C stops")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
