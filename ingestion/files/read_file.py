"""Files to fact-shaped batches, with the same typing and the same quarantine as the API path.

    file + MapSpec -> keys counted -> blocks of rows -> per feed: shared columns typed, then each
    unpivot set -> FilePage

The file is read twice: first for keys that stand in two lines, then for its rows. Memory: one block
of rows, and eight bytes per line and feed. Measured figures are in docs/import.md.
"""

import bisect
import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from domain.errors import InvalidInputError
from domain.facts import FACTS
from domain.privacy.identifiers import IdentifierKind
from ingestion.connector.columns import batch_schema
from ingestion.connector.job import Account, RejectedRow
from ingestion.connector.naming import naming_fields, without_addresses, without_cells
from ingestion.files.account_refs import AccountRef, read_accounts
from ingestion.files.csv_rows import BLOCK_ROWS, RowBlock, UnusableHeaderError, iter_blocks
from ingestion.files.feeds import NATURAL_KEY, raw_file_stream
from ingestion.files.map_spec import FeedSpec, MapSpec, UnpivotSet
from ingestion.files.parquet_rows import iter_parquet_blocks
from ingestion.files.part_reader import REPORTING_DATE, Arrays, PartReader
from ingestion.files.repeated_keys import KeyCensus, RepeatedKeys

__all__ = [
    "FeedReader",
    "FilePage",
    "UnreadableFileError",
    "check_file",
    "find_accounts",
    "read_file",
    "unknown_cells",
]

_SHOWN_COLUMNS: Final = 20


class UnreadableFileError(InvalidInputError):
    """The file cannot be read, or not to its end."""

    code = "UNREADABLE_FILE"


@dataclass(frozen=True, slots=True)
class FilePage:
    """Typed rows of one feed.

    Attributes:
        feed: Of the map.
        batch: As `raw_file_stream` of the feed's fact declares; `row_number` is the line in the
            file (several rows may come from one line), `unknown_fields` a JSON object of the cells
            that the map does not name.
        rejected: Lines that could not be read or typed, by line; their `field` is the file's
            column. A line that is no row at all is told with the first feed only.
        accounts: Whose each row of the batch is; None: the file is an account of its own.
    """

    feed: FeedSpec
    batch: pa.RecordBatch
    rejected: tuple[RejectedRow, ...]
    accounts: Sequence[AccountRef] | None = None


def check_file(path: Path, file_map: MapSpec) -> None:
    """Look at a file's first line.

    Raises:
        InvalidInputError: The file cannot be read, is empty or no text, or lacks columns that the
            map names.
    """
    with _reading(path):
        header = next(_iter_blocks(path, file_map, block_rows=1)).header
        _check_header(header, file_map, path.name)


def find_accounts(path: Path, file_map: MapSpec) -> Mapping[AccountRef, int]:
    """The accounts of a file and how many lines each has, in order of appearance.

    Raises:
        InvalidInputError: As `check_file`.
    """
    check_file(path, file_map)
    found: Counter[AccountRef] = Counter()
    with _reading(path):
        for block in _iter_blocks(path, file_map, block_rows=BLOCK_ROWS):
            accounts, _ = _accounts(block, file_map)
            found.update(account for account in accounts or () if account is not None)
    return found


def _iter_blocks(path: Path, file_map: MapSpec, *, block_rows: int) -> Iterator[RowBlock]:
    if file_map.file.is_parquet:
        return iter_parquet_blocks(path, block_rows=block_rows)
    return iter_blocks(path, file_map.file, block_rows=block_rows)


def read_file(
    path: Path,
    file_map: MapSpec,
    *,
    account: Account,
    block_rows: int = BLOCK_ROWS,
    as_is: bool = False,
) -> Iterator[FilePage]:
    """Read a file.

    Args:
        path: Of the file.
        file_map: How it is read.
        account: Its currency and time zone are those of every row.
        block_rows: Most lines in memory at once.
        as_is: A line with the key of an earlier one is a row like any other, and amounts may be
            negative.

    Yields:
        For each block of lines, one page per feed; at least one page per feed.

    Raises:
        InvalidInputError: As `check_file`, before any page; or the file cannot be read to its end,
            or was changed meanwhile.
    """
    check_file(path, file_map)
    with _reading(path):
        begun = _state(path)
        checks = (
            [KeyCensus().finish() for _ in file_map.feeds]
            if as_is
            else _count_keys(path, file_map, block_rows)
        )
        feeds = [
            FeedReader(file_map, feed, account, check, as_is=as_is)
            for feed, check in zip(file_map.feeds, checks, strict=True)
        ]
        for block in _iter_blocks(path, file_map, block_rows=block_rows):
            unknown = unknown_cells(block, file_map)
            accounts, nameless = _accounts(block, file_map)
            for index, feed in enumerate(feeds):
                page = feed.read(block, unknown, accounts)
                whole = _with_bad_rows(page, block, nameless) if index == 0 else page
                yield _withheld(whole, file_map.withheld)
        if _state(path) != begun:
            raise UnreadableFileError(
                f"{path.name} was changed while it was read", hint="import it again"
            )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableFileError(f"{path.name} cannot be read: {error.strerror}") from error


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _check_header(header: Sequence[str], file_map: MapSpec, name: str) -> None:
    missing = [column for column in file_map.file_columns if column not in header]
    if not missing:
        return
    near = {column: difflib.get_close_matches(column, header, n=1) for column in missing}
    told = ", ".join(f"{c!r} (did you mean {m[0]!r}?)" if m else repr(c) for c, m in near.items())
    names = ", ".join(map(repr, header[:_SHOWN_COLUMNS])) + ", ..." * (len(header) > _SHOWN_COLUMNS)
    hint = "correct the names in the map, or send the file with these columns"
    if len(header) == 1:
        hint = f"the file has one column only: is {file_map.file.delimiter!r} its delimiter?"
    elif len(missing) == len(file_map.file_columns):
        hint = "does the file lack its header? Its first line has to name the columns"
    raise UnusableHeaderError(
        f"{name} lacks columns that the map names: {told}; it has {names}", hint=hint
    )


def _count_keys(path: Path, file_map: MapSpec, block_rows: int) -> list[RepeatedKeys]:
    counts = [KeyCensus() for _ in file_map.feeds]
    for block in _iter_blocks(path, file_map, block_rows=block_rows):
        for feed, census in zip(file_map.feeds, counts, strict=True):
            census.note(_keys(_key_columns(feed, file_map), block))
    return [census.finish() for census in counts]


def _key_columns(feed: FeedSpec, file_map: MapSpec) -> tuple[str, ...]:
    """What tells lines apart: ids are a platform's own, unique in their account."""
    whose = file_map.accounts.file_columns if file_map.accounts else ()
    return tuple(dict.fromkeys((*feed.key, *whose)))


def _keys(columns: Sequence[str], block: RowBlock) -> list[tuple[str, ...]]:
    return list(zip(*(block.column(name) for name in columns), strict=True))


def _accounts(
    block: RowBlock, file_map: MapSpec
) -> tuple[Sequence[AccountRef | None] | None, list[RejectedRow]]:
    if file_map.accounts is None:
        return None, []
    return read_accounts(file_map.accounts, block)


def unknown_cells(block: RowBlock, file_map: MapSpec) -> list[str | None]:
    """The cells of each row that the map does not name, as JSON."""
    known = {*file_map.file_columns, *file_map.ignore}
    names = [name for name in block.header if name not in known]
    if not names:
        return [None] * len(block.rows)
    columns = [block.column(name) for name in names]
    return [
        orjson.dumps(dict(zip(names, cells, strict=True))).decode()
        for cells in zip(*columns, strict=True)
    ]


def _with_bad_rows(page: FilePage, block: RowBlock, nameless: list[RejectedRow]) -> FilePage:
    bad = [RejectedRow(item.line, "", item.reason, item.message, item.raw) for item in block.bad]
    if not bad and not nameless:
        return page
    rejected = sorted([*page.rejected, *nameless, *bad], key=lambda row: row.row_number)
    return dataclasses.replace(page, rejected=tuple(rejected))


def _withheld(page: FilePage, columns: Sequence[str]) -> FilePage:
    """The page, whose rejected lines do not show the cells that name people.

    In a line that is no row, nobody knows which those are.
    """
    if not columns or not page.rejected:
        return page
    rejected = tuple(
        dataclasses.replace(
            row,
            raw=without_cells(row.raw, columns) if row.field else "{}",
            message=without_addresses(row.message),
        )
        for row in page.rejected
    )
    return dataclasses.replace(page, rejected=rejected)


class FeedReader:
    """Reads one feed out of the blocks of one file."""

    def __init__(
        self,
        file_map: MapSpec,
        feed: FeedSpec,
        account: Account,
        repeated: RepeatedKeys,
        *,
        as_is: bool,
    ) -> None:
        self._feed = feed
        self._key = _key_columns(feed, file_map)
        self._repeated = repeated
        stream = raw_file_stream(FACTS[feed.fact])
        self._schema = batch_schema(stream.fields)
        self._naming = naming_fields(stream)
        self._shared = PartReader(feed.columns, file_map.file, account, fact=feed.fact, as_is=as_is)
        self._sets = [
            (
                item,
                PartReader(item.columns, file_map.file, account, fact=feed.fact, as_is=as_is),
            )
            for item in feed.sets or (UnpivotSet({}, ()),)
        ]
        self._constants = {
            "currency": account.currency,
            "time_zone": account.time_zone,
            **feed.constants,
        }

    def read(
        self,
        block: RowBlock,
        unknown: list[str | None],
        accounts: Sequence[AccountRef | None] | None,
    ) -> FilePage:
        """Type the rows of a block; those that are nobody's are left out."""
        shared, kept, rejected = self._shared.read(block, _owned(block, accounts))
        kept, repeated = self._without_repeated(block, kept)
        whole = None if self._feed.sets else UnpivotSet({}, ())
        rejected = self._identified([*rejected, *repeated], block, shared, whole)
        batches = []
        whose: list[AccountRef] = []
        for item, reader in self._sets:
            own, rows, refused = reader.read(block, kept)
            rejected += self._identified(refused, block, shared, item)
            if self._feed.sets:
                own, rows = _without_empty(own, rows)
            batches.append(self._assemble(block, unknown, (shared, own), rows, item))
            if accounts is not None:
                whose += [account for row in rows if (account := accounts[row]) is not None]
        rejected.sort(key=lambda row: row.row_number)
        batch = pa.concat_batches(batches)
        return FilePage(self._feed, batch, tuple(rejected), whose if accounts is not None else None)

    def _without_repeated(
        self, block: RowBlock, kept: Sequence[int]
    ) -> tuple[Sequence[int], list[RejectedRow]]:
        """Leave out rows whose key stands on an earlier good line."""
        keys = _keys(self._key, block)
        if not self._repeated.is_any(keys):
            return kept, []
        fresh, rejected = [], []
        for row in kept:
            line = block.lines[row]
            earlier = self._repeated.earlier_line(keys[row], line)
            if earlier is None:
                fresh.append(row)
                continue
            pairs = zip(self._key, keys[row], strict=True)
            told = ", ".join(f"{name} {cell!r}" for name, cell in pairs)
            rejected.append(
                RejectedRow(
                    line,
                    self._feed.key[0],
                    "duplicate_key",
                    f"has the key of line {earlier}: {told}",
                    block.raw(row),
                )
            )
        return fresh, rejected

    def _assemble(
        self,
        block: RowBlock,
        unknown: list[str | None],
        typed: tuple[Arrays, Arrays],
        rows: Sequence[int],
        item: UnpivotSet,
    ) -> pa.RecordBatch:
        """The batch of some rows of a block.

        `typed` are the shared columns and the set's own, each by row of the block.
        """
        count = len(rows)
        pick = pa.array(rows, pa.int64())
        found = {name: array.take(pick) for part in typed for name, array in part.items()}
        constants = {**self._constants, **item.constants}
        found["row_number"] = pa.array([block.lines[row] for row in rows], pa.int64())
        found[NATURAL_KEY] = self._natural_keys(block, rows, item)
        found["unknown_fields"] = pa.array([unknown[row] for row in rows], pa.string())
        arrays = []
        for column in self._schema:
            if column.name in found:
                arrays.append(found[column.name])
            elif column.name in constants:
                arrays.append(pa.repeat(pa.scalar(constants[column.name], column.type), count))
            else:
                arrays.append(pa.nulls(count, column.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _identified(
        self,
        rejected: Sequence[RejectedRow],
        block: RowBlock,
        shared: Arrays,
        item: UnpivotSet | None,
    ) -> list[RejectedRow]:
        """Rejected rows with their key and day. A line of several sets is no single row: no key."""
        if not rejected:
            return []
        rows = [bisect.bisect_left(block.lines, row.row_number) for row in rejected]
        keys = self._natural_keys(block, rows, item).to_pylist() if item else [None] * len(rows)
        days = shared.get(REPORTING_DATE)
        return [
            dataclasses.replace(
                row,
                named=row.named or self._named(shared, place),
                natural_key=key,
                reporting_date=row.reporting_date or (days[place].as_py() if days else None),
            )
            for row, place, key in zip(rejected, rows, keys, strict=True)
        ]

    def _named(self, shared: Arrays, row: int) -> tuple[tuple[IdentifierKind, str], ...]:
        """Whom a row names that was typed and is refused all the same."""
        return tuple(
            (kind, str(text))
            for name, kind in self._naming.items()
            if name in shared and (text := shared[name][row].as_py()) is not None
        )

    def _natural_keys(self, block: RowBlock, rows: Sequence[int], item: UnpivotSet) -> pa.Array:
        """A JSON array of the key's cells and of what tells the set from its line's others."""
        columns = [block.column(name) for name in self._feed.key]
        words = tuple(item.constants[name] for name in sorted(item.constants))
        keys = list(zip(*columns, strict=True))
        return pa.array([orjson.dumps((*keys[row], *words)).decode() for row in rows], pa.string())


def _owned(block: RowBlock, accounts: Sequence[AccountRef | None] | None) -> Sequence[int]:
    rows = range(len(block.rows))
    return rows if accounts is None else [row for row in rows if accounts[row] is not None]


def _without_empty(own: Arrays, rows: Sequence[int]) -> tuple[Arrays, Sequence[int]]:
    """Leave out rows of a set that hold nothing: all its cells are empty."""
    pick = pa.array(rows, pa.int64())
    filled = None
    for array in own.values():
        valid = array.take(pick).is_valid()
        filled = valid if filled is None else pc.or_(filled, valid)
    if filled is None or pc.all(filled).as_py() is not False:
        return own, rows
    flags = filled.to_pylist()
    return own, [row for row, is_filled in zip(rows, flags, strict=True) if is_filled]
