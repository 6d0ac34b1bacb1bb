"""The process between the owner and the servers: it starts them, and ends them with the owner.

    plan on stdin -> lock -> start -> one JSON line on stdout -> wait for the owner's end -> stop

It leads its own session, so Ctrl-C in the owner's terminal does not reach it. It and the servers
keep one file locked: once the lock is free, no process of an earlier run is left, whatever its end
was.

Run as `python -m api.embedded.supervisor`, by `api.embedded.servers` only.
"""

import fcntl
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.embedded.child import Child
from api.embedded.lifeline import Lifeline
from api.embedded.plan import SupervisorPlan, decode_plan
from api.embedded.postgres import postgres_url, start_postgres, wait_postgres_ready
from api.embedded.redis import redis_url, start_redis
from api.embedded.startup import POLL_SECONDS, OwnerGoneError, StartFailedError

__all__ = ["main"]

# Servers of a killed run need a moment to notice and end; a second live set never ends.
LOCK_POLLS: Final = 1_000
WATCH_SECONDS: Final = 1.0
STOP_SECONDS: Final = 20.0


def main() -> int:
    """Run until the owner ends.

    Returns:
        The exit status: 0 after a normal end, 1 when a server failed.
    """
    plan = decode_plan(sys.stdin.buffer.readline())
    lifeline = Lifeline(sys.stdin.fileno(), plan.owner_pid).watch_signals()
    servers: list[Child] = []
    try:
        lock = _lock(plan.lock, lifeline)
        _tell(_start(plan, lifeline, lock, servers))
        return _watch(servers, lifeline)
    except OwnerGoneError:
        return 0
    except (StartFailedError, OSError) as error:
        _tell({"failed": str(error)})
        return 1
    finally:
        _stop(servers)


def _lock(path: Path, lifeline: Lifeline) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(LOCK_POLLS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if lifeline.is_cut(within_seconds=POLL_SECONDS):
                raise OwnerGoneError("the owner ended while waiting for earlier servers") from None
        else:
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
            return lock
    holder = path.read_text().strip()
    raise StartFailedError(f"the servers of {path.parent} are in use, started by process {holder}")


def _start(
    plan: SupervisorPlan, lifeline: Lifeline, lock: int, servers: list[Child]
) -> dict[str, str]:
    """Start what is planned; PostgreSQL recovers while Redis starts."""
    urls = {}
    if plan.postgres is not None:
        servers.append(start_postgres(plan.postgres, lifeline, keep_open=[lock]))
    if plan.redis is not None:
        servers.append(start_redis(plan.redis, lifeline, keep_open=[lock]))
        urls["redis_url"] = redis_url(plan.redis)
    if plan.postgres is not None:
        wait_postgres_ready(plan.postgres, servers[0], lifeline)
        urls["database_url"] = postgres_url(plan.postgres)
    return urls


def _tell(message: dict[str, str]) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The owner is gone; the lifeline says so too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _watch(servers: Sequence[Child], lifeline: Lifeline) -> int:
    while not lifeline.is_cut(within_seconds=WATCH_SECONDS):
        for server in servers:
            if not server.is_running():
                sys.stderr.write(f"{server.name} ended by itself: {server.last_words()}\n")
                return 1
    return 0


def _stop(servers: Sequence[Child]) -> None:
    for server in servers:
        server.ask_to_stop()
    for server in servers:
        server.wait_stopped(patience_seconds=STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
