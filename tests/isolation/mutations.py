"""Takes each guard away, and sees the tests turn red.

    checkout -> copies -> one guard less -> the tests that must notice -> red: killed | green: alive

`python -m tests.isolation.mutations` tries all of them and writes the table of docs/isolation.md;
with words, those whose names hold one, and writes nothing. What row-level security adds is tried in
`test_locks.py`, one policy of one table at a time.
"""

import compileall
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tests.isolation.entries import ROOT
from tests.isolation.guards import GUARDS, Guard
from tests.isolation.report import renew

__all__ = ["Verdict", "run"]

_FAILED = re.compile(r"^(?:FAILED|ERROR) tests/(.+?)(?: - .*)?$", re.MULTILINE)
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "bench", "node_modules", ".*_cache", ".hypothesis"
)
_TESTS_FAILED = 1  # exit code of pytest; a file that cannot be read has another one
_LONGEST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a guard's absence.

    Attributes:
        killed_by: The test that turned red; empty: none did.
        remark: What pytest said, when it is neither red nor green.
    """

    guard: Guard
    killed_by: str
    seconds: float
    remark: str = ""


def run(guards: Sequence[Guard], *, at_once: int = 2) -> Iterator[Verdict]:
    """Try guards, in their order; the tests must be green as long as all guards are there."""
    with _copies(at_once) as copies, ThreadPoolExecutor(at_once) as threads:

        def try_one(guard: Guard) -> Verdict:
            copy = copies.get()
            try:
                return _try(copy, guard)
            finally:
                copies.put(copy)

        yield from threads.map(try_one, guards)


def _try(copy: Path, guard: Guard) -> Verdict:
    path = copy / guard.path
    text = path.read_text(encoding="utf-8")
    if text.count(guard.old) != 1:
        raise ValueError(f"{guard.path} does not say {guard.old!r} once")
    began = time.monotonic()
    _write(path, text.replace(guard.old, guard.new))
    try:
        code, output = _pytest(copy, guard.tests)
    finally:
        _write(path, text)
    found = _FAILED.search(output)
    killed_by = found[1] if code == _TESTS_FAILED and found else ""
    remark = "" if killed_by or code == 0 else output[-2000:]
    return Verdict(guard, killed_by, time.monotonic() - began, remark)


def _write(path: Path, text: str) -> None:
    """Write a module, and let no bytecode of what it was be taken for it."""
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()
    path.write_text(text, encoding="utf-8")


def _pytest(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p"]
    command += ["no:randomly", "-m", "not slow", *(f"tests/{test}" for test in tests)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command,
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return -1, f"the tests took more than {_LONGEST_SECONDS} s"
    return done.returncode, done.stdout + done.stderr


@contextmanager
def _copies(number: int) -> Iterator["Queue[Path]"]:
    """Checkouts that may be spoilt."""
    copies: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory(prefix="bosco-mutations-") as folder:
        Path(folder).chmod(0o711)  # root runs PostgreSQL as another user
        for place in range(number):
            copy = Path(folder) / str(place)
            shutil.copytree(ROOT, copy, ignore=_LEFT_OUT, symlinks=True)
            compileall.compile_dir(copy, quiet=2)
            copies.put(copy)
        yield copies


def main(words: Sequence[str]) -> int:
    """Try all, or those that a word names."""
    chosen = [
        guard
        for guard in GUARDS
        if not words or any(word in f"{guard.area} {guard.path} {guard.name}" for word in words)
    ]
    verdicts = []
    for verdict in run(chosen):
        verdicts.append(verdict)
        fate = verdict.killed_by or "ALIVE"
        line = f"{verdict.seconds:6.1f} s  {verdict.guard.path}: {verdict.guard.name}  {fate}\n"
        sys.stdout.write(f"{line}{verdict.remark}")
        sys.stdout.flush()
    if not words:
        renew((one.guard, one.killed_by, one.seconds) for one in verdicts)
    alive = [verdict for verdict in verdicts if not verdict.killed_by]
    sys.stdout.write(f"{len(verdicts) - len(alive)} of {len(verdicts)} killed\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
