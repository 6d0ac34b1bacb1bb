"""Watching processes that are not ours to wait for."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 30.0


@contextmanager
def owner_process(state_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tests.api.embedded.owner_process`; it is killed at the end."""
    owner = subprocess.Popen(  # noqa: S603  # a module of ours
        [sys.executable, "-m", "tests.api.embedded.owner_process", str(state_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    )
    with owner:
        try:
            yield owner
        finally:
            owner.kill()


def read_line(owner: subprocess.Popen[bytes]) -> dict[str, str]:
    """Read the next JSON line of an owner."""
    assert owner.stdout is not None
    line: dict[str, str] = json.loads(owner.stdout.readline())
    return line


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    head = psutil.Process(pid)
    return [head, *head.children(recursive=True)]


def survivors(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Wait for processes to end; return those that did not.

    An orphan that nobody has collected yet (a zombie) has ended.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    alive = list(processes)
    while alive and time.monotonic() < deadline:
        _, waiting = psutil.wait_procs(alive, timeout=0.05)
        alive = [process for process in waiting if not _has_ended(process)]
    return alive


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
