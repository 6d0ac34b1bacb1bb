"""Whose each row of a file is, where a file holds several accounts.

block of rows + map -> AccountRef for each row, or why there is none
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ingestion.connector.job import RejectedRow
from ingestion.files.csv_rows import RowBlock
from ingestion.files.map_spec import AccountColumns, MapSpec

__all__ = ["AccountRef", "account_of", "read_accounts"]

_SHOWN_WORDS: Final = 8


class AccountRef(NamedTuple):
    """An account at a platform: our name of the platform, the platform's own id."""

    source: str
    account_id: str


def read_accounts(
    columns: AccountColumns, block: RowBlock
) -> tuple[Sequence[AccountRef | None], list[RejectedRow]]:
    """Read whose the rows of a block are.

    Returns:
        One for each row, None where it cannot be told; and those rows with the reason.
    """
    ids = block.column(columns.account_column)
    words = block.column(columns.source_column) if columns.source_column else [""] * len(ids)
    found: list[AccountRef | None] = []
    rejected = []
    for index, (word, account_id) in enumerate(zip(words, ids, strict=True)):
        source = _source(columns, word)
        if source and account_id:
            found.append(AccountRef(source, account_id))
            continue
        found.append(None)
        line, raw = block.lines[index], block.raw(index)
        if not source:
            shown = ", ".join(list(columns.sources)[:_SHOWN_WORDS])
            message = f"{word!r} is no platform that the map knows ({shown})"
            rejected.append(RejectedRow(line, columns.source_column, "unknown_word", message, raw))
        else:
            message = "says no account"
            rejected.append(RejectedRow(line, columns.account_column, "missing", message, raw))
    return found, rejected


def account_of(file_map: MapSpec, cells: Mapping[str, Any]) -> AccountRef | None:
    """Whose a line is that was kept as it came; None: it does not say."""
    columns = file_map.accounts
    if columns is None:
        return None
    source = _source(columns, str(cells.get(columns.source_column, "")))
    account_id = str(cells.get(columns.account_column, ""))
    return AccountRef(source, account_id) if source and account_id else None


def _source(columns: AccountColumns, word: str) -> str:
    return columns.source or (columns.sources.get(word, "") if columns.sources else word)
