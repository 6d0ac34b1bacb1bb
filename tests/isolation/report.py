"""The tables of docs/isolation.md: entries from the code, guards from the run that took them away.

    find_entries, GUARDS, verdicts -> tables -> between the marks of the document

`python -m tests.isolation.mutations` writes them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.isolation.entries import CLASSIFIED, ROOT, Attacked, Kind
from tests.isolation.guards import Guard

__all__ = ["DOCUMENT", "guards_in", "renew"]

DOCUMENT: Final[Path] = ROOT / "docs" / "isolation.md"
_ROW: Final = re.compile(r"^\| [^|]+ \| ([^|]+) \| `([^`|]+)` \|", re.MULTILINE)


def _entries_table() -> str:
    """How many entries of each kind are attacked, and how many hold nothing of a tenant."""
    lines = ["| Entries | Attacked | Nothing of a tenant |", "|---|---|---|"]
    total: Counter[bool] = Counter()
    for kind in Kind:
        found = Counter(isinstance(verdict, Attacked) for verdict in CLASSIFIED[kind].values())
        total += found
        lines.append(f"| {kind.value} | {found[True]} | {found[False]} |")
    return "\n".join([*lines, f"| **All** | **{total[True]}** | **{total[False]}** |"])


def _put(name: str, text: str) -> None:
    """Put a table between its marks."""
    document = DOCUMENT.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    head, _, rest = document.partition(start)
    _, _, tail = rest.partition(end)
    DOCUMENT.write_text(f"{head}{start}{text}\n{end}{tail}", encoding="utf-8")


def renew(killed: Iterable[tuple[Guard, str, float]]) -> None:
    """Write the tables: of each guard, which test noticed its absence, and how soon."""
    _put("entries", _entries_table())
    lines = ["| What | Guard | File | Noticed by | Seconds |", "|---|---|---|---|---|"]
    for guard, test, seconds in killed:
        noticed = f"`{test.partition('[')[0]}`"
        lines.append(
            f"| {guard.area} | {guard.name} | `{guard.path}` | {noticed} | {seconds:.0f} |"
        )
    _put("guards", "\n".join(lines))


def guards_in(document: str) -> set[tuple[str, str]]:
    """Name and file of each guard that the document lists."""
    return {(name, path) for name, path in _ROW.findall(document) if path.endswith(".py")}
