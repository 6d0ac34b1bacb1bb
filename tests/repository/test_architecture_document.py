"""`TASK2_ARCHITECTURE.md`: both parts are there, and each figure says where it comes from.

figure in a sentence -> mark (M1, S2, E3) beside it -> line of the evidence -> command that exists
"""

import hashlib
import re
import shlex
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.main import get_command

from api.cli.main import app

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "TASK2_ARCHITECTURE.md").read_text()
PART_1, PART_2 = TEXT.split("\n# Part 1: ", 1)[1].split("\n# Part 2: ", 1)
BODY, EVIDENCE = PART_2.split("\n## 9. Evidence\n")

# The first design is quoted word for word: this is the digest of what the AI wrote.
FIRST_DESIGN: Final = "3eb9c084e3c988e20a993d0058c872e32b5aa1d0f8f5959947a60faebbd2e50d"

MARK: Final = re.compile(r"\b([MSE]\d+)\b")
FIGURE: Final = re.compile(
    r"\$\d|\d ?%|\d \u00d7|\d (?:ms|seconds|rows|calls|queries|engineer-days|months?|minutes)\b"
)
ENTRIES: Final = dict(re.findall(r"^\| ([MSE]\d+) \| (.+) \|$", EVIDENCE, re.MULTILINE))


def _blocks(text: str) -> list[str]:
    """What belongs together: a paragraph, an item, a row with what introduces its table."""
    blocks: list[str] = []
    for chunk in re.sub(r"```.*?```", "", text, flags=re.DOTALL).split("\n\n"):
        lines = chunk.strip().split("\n")
        if lines[0].startswith("|"):
            before = blocks[-1] if blocks else ""
            blocks += [f"{before}\n{line}" for line in lines[2:]]
        else:
            blocks += re.split(r"\n(?=- )", chunk)
    return blocks


def test_part_1_is_the_first_design_word_for_word() -> None:
    _, quoted = PART_1.split("\n\n", 1)
    assert hashlib.sha256(quoted.strip().encode()).hexdigest() == FIRST_DESIGN
    for piece in ("Tool: Claude", "**Prompt 1.**", "**Prompt 2.**", "```mermaid\nflowchart"):
        assert piece in quoted


def test_part_2_answers_what_was_asked() -> None:
    titles = re.findall(r"^## \d+\. (.+)$", PART_2, re.MULTILINE)
    assert titles == [
        "What was right, and is kept",
        '"The first design said X, we chose Y because Z"',
        "Where it would have failed at scale",
        "What it could not know",
        "The revised architecture",
        "What is bought, what is built, and what each costs",
        "Risks that it did not see",
        "What is not proven yet",
        "Evidence",
    ]
    assert "```mermaid\nflowchart" in PART_2
    choices = re.findall(r"^\| \d+ \| .+ \| .+ \| .+ \|$", BODY, re.MULTILINE)
    assert len(choices) >= 12
    for phase in ("**MVP**", "**Phase 2**", "**Phase 3**"):
        assert phase in BODY


def test_part_2_is_read_in_fifteen_minutes() -> None:
    assert len(BODY.split()) <= 15 * 230  # words a minute of a practised reader


def test_every_figure_has_a_mark() -> None:
    bare = [block for block in _blocks(BODY) if FIGURE.search(block) and not MARK.search(block)]
    assert bare == []


def test_marks_and_evidence_agree() -> None:
    intro = TEXT.split("\n# Part 1: ", 1)[0]
    assert set(MARK.findall(intro + BODY)) == set(ENTRIES)


@pytest.mark.parametrize("mark", [mark for mark in ENTRIES if mark.startswith("M")])
def test_every_measurement_names_a_command_that_exists(mark: str) -> None:
    commands = [text for text in re.findall(r"`([^`]+)`", ENTRIES[mark]) if _is_command(text)]
    assert commands
    for command in commands:
        assert _missing(shlex.split(command)) == ""


def _is_command(text: str) -> bool:
    return text.split(maxsplit=1)[0] in {"make", "bosco"}


def _missing(words: list[str]) -> str:
    """What of a command does not exist; empty: all of it does."""
    if words[0] == "bosco":
        return _missing_command(words[1:])
    target, *rest = words[1:]
    if not re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE):
        return f"make {target}"
    arguments = [word.removeprefix("ARGS=") for word in rest]
    if target == "bench":
        return next((one for one in arguments if not (ROOT / f"bench/{one}.py").exists()), "")
    paths = [word for text in arguments for word in text.split() if word.startswith("tests/")]
    return next((path for path in paths if not _has_test(path)), "")


def _has_test(path: str) -> bool:
    file, _, name = path.partition("::")
    return (ROOT / file).exists() and (not name or f"def {name}(" in (ROOT / file).read_text())


def _missing_command(words: list[str]) -> str:
    found: object = get_command(app)
    for word in words:
        if isinstance(found, typer.core.TyperGroup):
            found = found.commands.get(word)
    return "" if found is not None else " ".join(words)
