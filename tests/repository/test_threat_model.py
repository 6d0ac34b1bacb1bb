"""The threat model names what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([STRIDE]) \| (.+?) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)


def test_every_control_is_held_by_files_that_exist() -> None:
    assert len(ROWS) > 40
    for _, threat, _, held_by in ROWS:
        files = re.findall(r"`([^`]+)`", held_by)
        assert files, threat
        assert [name for name in files if not (ROOT / name).exists()] == [], threat


def test_every_border_has_a_section() -> None:
    headings = re.findall(r"^## \d\. (\w+)", TEXT, re.MULTILINE)
    assert headings == [
        "Browser",
        "OAuth",
        "Provider",
        "Worker",
        "PostgreSQL",
        "Redis",
        "Warehouse",
        "Operator",
    ]
