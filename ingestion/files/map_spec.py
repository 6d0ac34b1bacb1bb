"""A map as data: what a kind of file looks like and which facts its columns feed.

MAP.yaml -> map_file -> MapSpec -> reader
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ingestion.connector.naming import is_direct
from ingestion.connector.spec import Field

__all__ = ["AccountColumns", "FeedSpec", "FileFormat", "MapSpec", "MappedColumn", "UnpivotSet"]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What the file looks like.

    Attributes:
        is_parquet: It holds typed columns; what else is said of cells is about text files.
        delimiter: Between cells.
        encoding: Empty: found out from the file.
        decimal: Decimal separator.
        thousands: Grouping separator; empty: numbers have none.
        null_as: Cells that mean "no value"; the empty cell is one of them.
    """

    is_parquet: bool = False
    delimiter: str = ","
    encoding: str = ""
    decimal: str = "."
    thousands: str = ""
    null_as: frozenset[str] = frozenset({""})


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column of the fact that is read from a column of the file.

    Attributes:
        field: How its cells are read; `name` is the fact's column, `path` the file's.
        enum: File's word -> the fact's word; empty: taken as it is.
        otherwise: For a word outside `enum`; None: such a row is rejected.
        missing: For a cell without value; None: NULL.
    """

    field: Field
    enum: Mapping[str, str]
    otherwise: str | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class UnpivotSet:
    """One of the rows that a line of a wide file becomes.

    Attributes:
        constants: Fact column -> value in this row.
        columns: Read from the file for this row only.
    """

    constants: Mapping[str, str]
    columns: tuple[MappedColumn, ...]


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """One fact that the file feeds.

    Attributes:
        name: Within the map.
        fact: Name of the fact.
        key: File columns whose cells identify a line.
        constants: Fact column -> value in every row.
        columns: Read from the file for every row.
        sets: Rows that a line becomes; empty: one.
    """

    name: str
    fact: str
    key: tuple[str, ...]
    constants: Mapping[str, str]
    columns: tuple[MappedColumn, ...]
    sets: tuple[UnpivotSet, ...]

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Every column of the file that this feed reads, once."""
        parts = [self.columns, *(item.columns for item in self.sets)]
        mapped = [column.field.path for part in parts for column in part]
        return tuple(dict.fromkeys([*self.key, *mapped]))


@dataclass(frozen=True, slots=True)
class AccountColumns:
    """Where a file of several accounts says whose a row is.

    Attributes:
        source_column: File column that names the platform; empty: `source` for all rows.
        sources: File's word -> platform as we name it; empty: taken as it is.
        source: The platform of every row; empty: see `source_column`.
        account_column: File column with the platform's own account id.
        clients: Account id -> short name of the client that it belongs to.
    """

    source_column: str
    sources: Mapping[str, str]
    source: str
    account_column: str
    clients: Mapping[str, str]

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The columns of the file that it reads."""
        return tuple(name for name in (self.source_column, self.account_column) if name)


@dataclass(frozen=True, slots=True)
class MapSpec:
    """How one kind of file is read.

    Attributes:
        name: Snake case; files of one map restate each other.
        label: For people.
        file: What the file looks like.
        currency: ISO 4217 code of its amounts; empty: the client's.
        time_zone: IANA zone of its days; empty: the client's.
        ignore: File columns that are known and not wanted.
        feeds: At least one.
        accounts: Whose the rows are; None: the file is an account of its own.
        content_hash: SHA-256 of the map's text, hexadecimal.
    """

    name: str
    label: str
    file: FileFormat
    currency: str
    time_zone: str
    ignore: frozenset[str]
    feeds: tuple[FeedSpec, ...]
    accounts: AccountColumns | None
    content_hash: str

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Every column of the file that the map reads, once."""
        own = self.accounts.file_columns if self.accounts else ()
        fed = (name for feed in self.feeds for name in feed.file_columns)
        return tuple(dict.fromkeys((*own, *fed)))

    @property
    def withheld(self) -> tuple[str, ...]:
        """The columns of the file that name people, and are kept nowhere in the clear."""
        fed = (column.field for feed in self.feeds for column in feed.columns)
        return tuple(dict.fromkeys(field.path for field in fed if is_direct(field)))

    def stream_of(self, feed: FeedSpec) -> str:
        """The stream whose syncs bring this feed: `<map>.<feed>`."""
        return f"{self.name}.{feed.name}"
