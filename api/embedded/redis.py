"""Redis: which program, its command line, readiness.

    plan -> redis-server (socket only) -> PING -> PONG

It holds caches, which may vanish, and the call budgets of the day, which should not: forgotten
budgets would let the next run overspend what a platform allows. So it writes a snapshot once a
minute and on a normal end; after a crash at most the last minute is missing.

Sources: redis.io documentation 6.2, "Redis persistence"; RESP protocol.
"""

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.embedded.child import Child, open_log, start_child
from api.embedded.lifeline import Lifeline
from api.embedded.plan import RedisPlan
from api.embedded.startup import StartFailedError, wait_until

__all__ = ["find_redis", "redis_url", "start_redis"]

OLDEST: Final = (6, 2)
SNAPSHOT: Final = "dump.rdb"

_SETTINGS: Final = (
    *("--port", "0"),
    *("--unixsocketperm", "700"),
    *("--dbfilename", SNAPSHOT),
    *("--save", "60", "1"),
    *("--appendonly", "no"),
    # A full disk must not turn a cache into a server that refuses to write.
    *("--stop-writes-on-bgsave-error", "no"),
    *("--daemonize", "no"),
)


def find_redis(bundled: Path, search_path: str | None = None) -> Path:
    """Choose `redis-server`: the machine's own if it is new enough, else the bundled one.

    Args:
        bundled: The program that is installed with the packages.
        search_path: Folders to search, separated as in PATH; None: PATH.
    """
    found = shutil.which("redis-server", path=search_path)
    if found is None:
        return bundled
    told = subprocess.run(  # noqa: S603  # a program on the user's own PATH
        [found, "--version"], capture_output=True, check=False, text=True, stdin=subprocess.DEVNULL
    )
    version = re.search(r"\bv=(\d+)\.(\d+)", told.stdout)
    is_new_enough = version is not None and (int(version[1]), int(version[2])) >= OLDEST
    return Path(found) if is_new_enough else bundled


def start_redis(plan: RedisPlan, lifeline: Lifeline, *, keep_open: Sequence[int]) -> Child:
    """Start the server and wait until it answers.

    A snapshot that it cannot read (of a newer Redis, or damaged) is set aside, never an obstacle.

    Args:
        plan: What and where.
        lifeline: Ends the wait when the owner ends.
        keep_open: File descriptors that it inherits.

    Raises:
        StartFailedError: It ended, or did not answer in time.
        OwnerGoneError: The owner ended meanwhile.
        OSError: The program cannot be run.
    """
    open_log(Path(plan.log))
    snapshot = Path(plan.data) / SNAPSHOT
    try:
        return _start(plan, lifeline, keep_open)
    except StartFailedError:
        if not snapshot.exists():
            raise
        snapshot.replace(snapshot.with_name(f"{SNAPSHOT}.unreadable"))
        return _start(plan, lifeline, keep_open)


def redis_url(plan: RedisPlan) -> str:
    """Return the address, in the form of redis-py."""
    return f"unix://{plan.socket}"


def _start(plan: RedisPlan, lifeline: Lifeline, keep_open: Sequence[int]) -> Child:
    Path(plan.socket).unlink(missing_ok=True)
    server = start_child(
        "Redis",
        [plan.program, *_SETTINGS, "--dir", plan.data, "--unixsocket", plan.socket],
        log=Path(plan.log),
        gentle=signal.SIGTERM,
        folder=Path("/"),
        keep_open=keep_open,
    )
    try:
        wait_until(lambda: _answers(plan.socket), server, lifeline)
    except BaseException:
        server.ask_to_stop()
        server.wait_stopped(patience_seconds=5.0)
        raise
    return server


def _answers(path: str) -> bool:
    """PING; while Redis reads its snapshot it answers `-LOADING`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(path)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
