"""Starting a server so that it cannot outlive the supervisor, and stopping it.

    command -> fork -> change user -> ask for a signal on the parent's death -> exec

The kernel sends that signal even when the supervisor is killed with SIGKILL. Changing user clears
the request, hence the order. Elsewhere than on Linux there is no such request: there a SIGKILL of
the supervisor itself, and only that, leaves the servers running.

Sources: prctl(2) PR_SET_PDEATHSIG; PostgreSQL manual 18.5, "Shutting Down the Server".
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Child", "open_log", "start_child"]

PR_SET_PDEATHSIG: Final = 1

# Servers see nothing of the owner's environment: the same locale and zone everywhere, no secrets.
ENVIRONMENT: Final[Mapping[str, str]] = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Child:
    """A running server.

    Attributes:
        name: For messages.
        process: Its process; a child of the supervisor.
        log: Where it writes.
        gentle: The signal that asks it to finish its work and end.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    gentle: signal.Signals

    def is_running(self) -> bool:
        """Tell whether it lives; collects its exit status when it does not."""
        return self.process.poll() is None

    def last_words(self) -> str:
        """Return the last line of its log, or nothing."""
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def ask_to_stop(self) -> None:
        """Send the gentle signal; returns at once."""
        if self.is_running():
            self.process.send_signal(self.gentle)

    def wait_stopped(self, *, patience_seconds: float) -> None:
        """Wait for its end; after `patience_seconds` kill it."""
        try:
            self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_child(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    gentle: signal.Signals,
    folder: Path,
    user: tuple[int, int] | None = None,
    keep_open: Sequence[int] = (),
    stdin: int | None = subprocess.DEVNULL,
) -> Child:
    """Start a server in the background.

    Args:
        name: For messages.
        command: Program and arguments.
        log: Receives its output; appended to.
        gentle: Sent to stop it, also by the kernel when this process dies.
        folder: Its working folder.
        user: Runs as this user id and group id; None: as the present one.
        keep_open: File descriptors that it inherits.
        stdin: What it reads; `subprocess.PIPE` to write to it.

    Raises:
        OSError: The program is missing, or the user cannot be changed.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # programs and arguments of ours, no shell
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=ENVIRONMENT,
            user=user and user[0],
            group=user and user[1],
            extra_groups=user and [],
            pass_fds=keep_open,
            preexec_fn=_tied_to_parent(gentle),  # noqa: PLW1509  # the supervisor has one thread
            start_new_session=True,
        )
    return Child(name, process, log, gentle)


def open_log(path: Path) -> None:
    """Begin a new log file; the one before is kept beside it as `<name>.previous`."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.previous"))
    path.touch(mode=0o600)


def _tied_to_parent(death_signal: signal.Signals) -> Callable[[], None]:
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        if libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:  # it died before the request was in place
            os._exit(1)

    return tie
