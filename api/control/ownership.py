"""Who owns the runtime: one process at a time, proved by a lock that ends with the process.

    state folder -> flock on owner.lock -> Ownership (who, since when, written in the file)

The kernel drops the lock however the process ends, so what the file says is only ever read to name
the owner. The file is never removed: a lock on a removed file would guard nothing.
"""

import datetime as dt
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from api.embedded.errors import EmbeddedServerError
from api.embedded.layout import make_private

__all__ = ["Owner", "Ownership", "find_owner", "try_own"]


class Owner(msgspec.Struct, frozen=True):
    """The process that owns the runtime.

    Attributes:
        pid: Its number.
        command: The command line, as its user typed it.
        started_at: UTC instant.
    """

    pid: int
    command: str
    started_at: dt.datetime

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}, since {self.started_at:%Y-%m-%d %H:%M:%S} UTC)"


class Ownership:
    """The lock, held; a context manager that gives it back. Made by `try_own`."""

    def __init__(self, lock: int) -> None:
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._lock)


def try_own(state_dir: Path, owner: Owner) -> Ownership | None:
    """Become the owner, or return None because another process is.

    Args:
        state_dir: The state folder; made when absent.
        owner: Written into the lock file for those who come later.

    Raises:
        EmbeddedServerError: The state folder belongs to another user, or cannot be written.
    """
    make_private(state_dir)
    try:
        lock = os.open(_lock_file(state_dir), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedServerError(
            f"{_lock_file(state_dir)} cannot be written: {error.strerror}",
            hint="make the folder writable, or set BOSCO_STATE_DIR to one that you may write",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.ftruncate(lock, 0)
    os.pwrite(lock, msgspec.json.encode(owner), 0)
    return Ownership(lock)


def find_owner(state_dir: Path) -> Owner | None:
    """Read who owned the runtime last; None when nobody has, or the name is just being written."""
    try:
        return msgspec.json.decode(_lock_file(state_dir).read_bytes(), type=Owner)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _lock_file(state_dir: Path) -> Path:
    return state_dir / "owner.lock"
