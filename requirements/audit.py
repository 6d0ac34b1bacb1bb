"""Are the locked packages known to be bad? Run by `make check`.

    run.txt, test.txt, bench.txt -> advisories.toml: older than fixed? -> fails
    run.txt -> an advisory service answers? -> pip-audit -> fails on what it finds
                                            -> no: says so, and that only the list was asked

Nothing passes silently: the last line always says what was asked.
"""

import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from packaging.version import Version

__all__ = ["Advisory", "find_bad_versions", "main", "read_advisories", "read_lock"]

_FOLDER: Final = Path(__file__).resolve().parent
_LOCKS: Final = ("run.txt", "test.txt", "bench.txt")
_SERVICE: Final = "https://api.osv.dev/"
_PROBE_SECONDS: Final = 2.0
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Advisory:
    """A package's versions before `fixed` are bad."""

    package: str
    fixed: Version
    ids: tuple[str, ...]
    why: str


def main(folder: Path = _FOLDER, service: str = _SERVICE) -> int:
    """Audit the locks of a folder; prints what is wrong.

    Returns:
        0 when nothing is known to be bad, else 1.
    """
    advisories = read_advisories((folder / "advisories.toml").read_text(encoding="utf-8"))
    problems: list[str] = []
    for lock in _LOCKS:
        locked = read_lock((folder / lock).read_text(encoding="utf-8"))
        problems += [f"{lock}: {line}" for line in find_bad_versions(locked, advisories)]
    for problem in problems:
        _say(problem)
    if problems:
        return 1
    if not _is_reachable(service):
        _say(
            f"audit: no advisory service can be reached ({service}); "
            f"asked the {len(advisories)} entries of requirements/advisories.toml only"
        )
        return 0
    return _ask_service(folder / "run.txt")


def read_advisories(text: str) -> list[Advisory]:
    """The entries of `advisories.toml`."""
    return [
        Advisory(entry["package"], Version(entry["fixed"]), tuple(entry["ids"]), entry["why"])
        for entry in tomllib.loads(text)["advisory"]
    ]


def read_lock(text: str) -> dict[str, Version]:
    """Version by package, of a lock file's pins; names as PEP 503 normalises them."""
    return {
        re.sub(r"[-_.]+", "-", name).lower(): Version(version)
        for name, version in _PIN.findall(text)
    }


def find_bad_versions(locked: Mapping[str, Version], advisories: list[Advisory]) -> list[str]:
    """A line for each locked package that is older than an advisory's fixed version."""
    return [
        f"{advisory.package} {locked[advisory.package]} is known to be bad: {advisory.why} "
        f"({', '.join(advisory.ids)}); needs {advisory.fixed} or newer"
        for advisory in advisories
        if advisory.package in locked and locked[advisory.package] < advisory.fixed
    ]


def _is_reachable(service: str) -> bool:
    """Whether anything answers there; a name server that hangs cannot hold this up."""
    answered = threading.Event()

    def probe() -> None:
        try:
            httpx.get(service, timeout=_PROBE_SECONDS)
        except (httpx.HTTPError, OSError):
            return
        answered.set()

    prober = threading.Thread(target=probe, daemon=True)
    prober.start()
    prober.join(_PROBE_SECONDS + 1)
    return answered.is_set()


def _ask_service(lock: Path) -> int:
    words = ("--require-hashes", "--disable-pip", "--vulnerability-service", "osv")
    program = Path(sys.executable).with_name("pip-audit")
    command = [str(program), *words, "--progress-spinner", "off", "--requirement", str(lock)]
    asked = subprocess.run(command, check=False)  # noqa: S603  # our own words
    if asked.returncode:
        _say("audit: see above; pip-audit has found something, or was cut off")
    return min(asked.returncode, 1)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
