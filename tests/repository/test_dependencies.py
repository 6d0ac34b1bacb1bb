"""No locked package is known to be bad, and the audit that says so can fail."""

import re
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from requirements import audit

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LISTED = audit.read_advisories((REQUIREMENTS / "advisories.toml").read_text(encoding="utf-8"))
NOBODY = "http://127.0.0.1:9/"  # the port of "discard": no advisory service

OLD = """
authlib==1.7.1 \\
    --hash=sha256:00
uvicorn==0.54.0 ; python_version >= "3.11" \\
    --hash=sha256:00
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("run.txt", "test.txt", "bench.txt", "advisories.toml"):
        (tmp_path / name).write_text((REQUIREMENTS / name).read_text(encoding="utf-8"))
    return tmp_path


@pytest.mark.parametrize("lock", ["run.txt", "test.txt", "bench.txt"])
def test_no_locked_package_is_known_to_be_bad(lock: str) -> None:
    locked = audit.read_lock((REQUIREMENTS / lock).read_text(encoding="utf-8"))
    assert len(locked) > 100
    assert audit.find_bad_versions(locked, LISTED) == []


@pytest.mark.parametrize(("less", "more"), [("run.txt", "test.txt"), ("test.txt", "bench.txt")])
def test_lock_has_the_versions_of_the_one_below(less: str, more: str) -> None:
    below, above = (
        audit.read_lock((REQUIREMENTS / lock).read_text(encoding="utf-8")) for lock in (less, more)
    )
    assert below.items() - above.items() == set()


def test_every_pin_of_a_lock_is_read() -> None:
    text = (REQUIREMENTS / "test.txt").read_text(encoding="utf-8")
    assert len(audit.read_lock(text)) == len(re.findall(r"^[^\s#].*==", text, re.MULTILINE))


def test_old_version_is_told_with_what_it_means() -> None:
    (line,) = audit.find_bad_versions(audit.read_lock(OLD), LISTED)
    assert line == (
        "authlib 1.7.1 is known to be bad: a key in a token's own header is believed; two open "
        "redirects at the authorization endpoint (CVE-2026-27962, CVE-2026-41479, "
        "CVE-2026-44681); needs 1.7.2 or newer"
    )


def test_fixed_version_is_good() -> None:
    assert audit.find_bad_versions({"authlib": Version("1.7.2")}, LISTED) == []
    assert len(audit.find_bad_versions({"authlib": Version("1.7.2rc1")}, LISTED)) == 1


def test_bad_version_fails_the_audit_before_anything_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "run.txt").write_text(OLD)
    assert audit.main(folder, NOBODY) == 1
    assert capsys.readouterr().err.startswith("run.txt: authlib 1.7.1 is known to be bad: ")


def test_audit_says_when_no_service_can_be_reached(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main(folder, NOBODY) == 0
    assert capsys.readouterr().err == (
        "audit: no advisory service can be reached (http://127.0.0.1:9/); "
        f"asked the {len(LISTED)} entries of requirements/advisories.toml only\n"
    )


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (2, 1)])
def test_what_the_service_finds_fails_the_audit(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: int,
    expected: int,
) -> None:
    program = folder / "pip-audit"
    program.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(audit, "_is_reachable", lambda _: True)
    assert audit.main(folder, NOBODY) == expected
    told = capfd.readouterr()
    assert told.out == (
        "--require-hashes --disable-pip --vulnerability-service osv --progress-spinner off "
        f"--requirement {folder}/run.txt\n"
    )
    assert told.err == (
        "audit: see above; pip-audit has found something, or was cut off\n" * expected
    )


def test_list_is_sorted_out() -> None:
    packages = [advisory.package for advisory in LISTED]
    assert len(packages) == len(set(packages))
    for advisory in LISTED:
        assert re.fullmatch(r"[a-z0-9-]+", advisory.package)
        assert advisory.why
        assert all(re.fullmatch(r"CVE-20\d\d-\d{4,}", name) for name in advisory.ids)
