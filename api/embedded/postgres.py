"""PostgreSQL: the first data folder, the command line, readiness.

    plan -> initdb in a folder beside -> rename -> postgres -> postmaster.pid says "ready"

A data folder exists whole or not at all: `initdb` and the first database are made in `<data>.new`,
which a start that was killed may leave behind and the next one throws away. Connections come
through the socket only, and only from the system user who owns the runtime, as any role.

Sources: PostgreSQL manual 18, "initdb", "postgres", "User Name Maps" (`all` as database user);
src/include/utils/pidfile.h (line 8 of postmaster.pid holds the state).
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.embedded.child import Child, open_log, start_child
from api.embedded.lifeline import Lifeline
from api.embedded.plan import PostgresPlan
from api.embedded.startup import wait_for_end, wait_until

__all__ = ["DATABASE", "SUPERUSER", "postgres_url", "start_postgres", "wait_postgres_ready"]

SUPERUSER: Final = "bosco_root"
DATABASE: Final = "bosco"

_READY_LINE: Final = 7  # counted from 0

_INITDB: Final = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # the same order of text with every libc
    "--builtin-locale=C.UTF-8",
    "--auth=peer",
    "--no-instructions",
)

_SETTINGS: Final = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "wal_level=minimal",  # one server, no replica
    "max_wal_senders=0",
    "io_method=sync",  # three fewer processes than with the default's workers
    "max_connections=200",
    "jit=off",  # questions are small; compiling them costs more than running them
)

_NOT_DURABLE: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def start_postgres(plan: PostgresPlan, lifeline: Lifeline, *, keep_open: Sequence[int]) -> Child:
    """Start the server; its data folder is made first when there is none.

    Args:
        plan: What and where.
        lifeline: Ends the wait when the owner ends.
        keep_open: File descriptors that it inherits.

    Raises:
        StartFailedError: `initdb` failed.
        OwnerGoneError: The owner ended meanwhile.
        OSError: The programs cannot be run.
    """
    open_log(Path(plan.log))
    if not Path(plan.data).exists():
        _make_data(plan, lifeline, keep_open)
    _clear_leftovers(plan)
    _write_access_rules(plan)
    settings = _SETTINGS if plan.durable else (*_SETTINGS, *_NOT_DURABLE)
    return _run(
        plan,
        "PostgreSQL",
        ["postgres", "-D", plan.data, "-k", plan.sockets, *_as_options(settings)],
        gentle=signal.SIGINT,  # "fast": open transactions are rolled back, a checkpoint is written
        keep_open=keep_open,
    )


def wait_postgres_ready(plan: PostgresPlan, server: Child, lifeline: Lifeline) -> None:
    """Wait until the server accepts connections.

    Raises:
        StartFailedError: It ended, or did not become ready in time.
        OwnerGoneError: The owner ended meanwhile.
    """
    status = Path(plan.data) / "postmaster.pid"
    wait_until(lambda: _says_ready(status), server, lifeline)


def postgres_url(plan: PostgresPlan) -> str:
    """Return the superuser's address, in the form of SQLAlchemy with psycopg 3."""
    return f"postgresql+psycopg://{SUPERUSER}@/{DATABASE}?host={plan.sockets}"


def _make_data(plan: PostgresPlan, lifeline: Lifeline, keep_open: Sequence[int]) -> None:
    unfinished = Path(f"{plan.data}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if plan.user is not None:
        os.chown(unfinished, *plan.user)
    sync = () if plan.durable else ("--no-sync",)
    initdb = _run(
        plan, "initdb", ["initdb", "-D", str(unfinished), *_INITDB, *sync], keep_open=keep_open
    )
    wait_for_end(initdb, lifeline)
    single = _run(
        plan,
        "postgres --single",
        ["postgres", "--single", "-D", str(unfinished), "template1"],
        keep_open=keep_open,
        stdin=subprocess.PIPE,
    )
    # The strategy copies files instead of logging each page: half the time for an empty database.
    single.process.communicate(f"CREATE DATABASE {DATABASE} STRATEGY FILE_COPY\n".encode())
    wait_for_end(single, lifeline)
    unfinished.rename(plan.data)


def _clear_leftovers(plan: PostgresPlan) -> None:
    """Remove the marks of a killed server.

    The supervisor's lock proves that none of its processes lives. PostgreSQL itself would take any
    process that got the same number meanwhile for its predecessor, and refuse to start.
    """
    (Path(plan.data) / "postmaster.pid").unlink(missing_ok=True)
    for leftover in Path(plan.sockets).glob(".s.PGSQL.*"):
        leftover.unlink()


def _write_access_rules(plan: PostgresPlan) -> None:
    # Written into the files that initdb made, which belong to the server's account.
    data = Path(plan.data)
    (data / "pg_hba.conf").write_text("local all all peer map=owner\n")
    (data / "pg_ident.conf").write_text(f'owner "{plan.owner_name}" all\n')


def _run(
    plan: PostgresPlan,
    name: str,
    command: Sequence[str],
    *,
    keep_open: Sequence[int],
    gentle: signal.Signals = signal.SIGTERM,
    stdin: int = subprocess.DEVNULL,
) -> Child:
    program, *arguments = command
    return start_child(
        name,
        [f"{plan.programs}/bin/{program}", *arguments],
        log=Path(plan.log),
        gentle=gentle,
        folder=Path("/"),
        user=plan.user,
        keep_open=keep_open,
        stdin=stdin,
    )


def _as_options(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]


def _says_ready(status: Path) -> bool:
    try:
        lines = status.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"
