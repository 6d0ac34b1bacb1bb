"""Rules about the repository that no other tool checks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api", "domain", "feature_repo", "gdpr", "ingestion", "tenancy")


def _modules() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _documents() -> list[Path]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    return sorted(found)


def test_only_the_session_commits() -> None:
    """One transaction per request or step, committed at the edge (ADR-0003)."""
    offenders = [
        name for name, text in _modules() if ".commit(" in text and name != "tenancy/session.py"
    ]
    # DuckDB's own transactions are the warehouse's; they hold no control-plane rows.
    assert [name for name in offenders if not name.startswith("tenancy/warehouse/")] == []


def test_every_module_says_what_it_is() -> None:
    missing = [
        name for name, text in _modules() if text.strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert missing == []


def test_no_safety_by_assert() -> None:
    """`assert` disappears under -O."""
    offenders = [
        name
        for name, text in _modules()
        if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(text)))
    ]
    assert offenders == []


def test_locks_name_no_registry() -> None:
    for lock in ("run.txt", "test.txt", "bootstrap.txt"):
        text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
        assert "://" not in text, lock
        assert "--hash=sha256:" in text, lock


@pytest.mark.parametrize("word", [r"\bTODO\b(?!\(ADR-\d{4}\))", r"\bFIXME\b", r"\bXXX\b"])
def test_nothing_is_left_for_later(word: str) -> None:
    found = [name for name, text in _modules() if re.search(word, text)]
    assert found == []


def test_documents_point_at_files_that_exist() -> None:
    broken = []
    for path in _documents():
        text = path.read_text(encoding="utf-8")
        targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text)
        broken += [
            f"{path.name}: {target}" for target in targets if not (path.parent / target).exists()
        ]
    assert broken == []
