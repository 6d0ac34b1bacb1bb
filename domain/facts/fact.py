"""What a canonical fact is: typed columns, a grain and a rule of supersession.

    mapping -> fact columns + envelope -> facts.<name> (bitemporal) -> marts.<name> (current)

Every row carries the same envelope: whose it is, which sync brought it, and since when it is known.
"""

import enum
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from domain.privacy.classification import Classification, Privacy
from domain.privacy.holds import CANONICAL_WORD, LINEAGE

__all__ = [
    "ENVELOPE",
    "HISTORY",
    "Column",
    "ColumnType",
    "Erased",
    "Fact",
    "Names",
    "Role",
    "Supersession",
]

# The stream of rows that an earlier system has told of an account. They count only for days that
# the platform itself has not told.
HISTORY: Final = "history"


class ColumnType(enum.Enum):
    """Storage types, named as in BigQuery.

    `NUMERIC` is DECIMAL(38, 9); `DATE` a reporting date; `TIMESTAMP` a UTC instant in microseconds.
    """

    STRING = "STRING"
    INT64 = "INT64"
    NUMERIC = "NUMERIC"
    FLOAT64 = "FLOAT64"
    BOOL = "BOOL"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    JSON = "JSON"


class Role(enum.Enum):
    """What a column is for in a question."""

    DIMENSION = "dimension"  # may be grouped and filtered by
    MEASURE = "measure"  # may be aggregated
    ATTRIBUTE = "attribute"  # carried along: labels, lineage


class Supersession(enum.Enum):
    """Which older rows a newer sync replaces in the current view.

    `SLICE`: every row of its (tenant, connection, stream) whose reporting date lies in the sync's
    dates, so rows that vanished at the provider vanish here. `KEY`: the row with the same key.
    """

    SLICE = "slice"
    KEY = "key"


class Names(enum.Enum):
    """Whom or what a column names, of those who can ask for their data; unique in the connection.

    `PERSON`: a person. `ORDER`: an order of a person, whoever that is.
    """

    PERSON = "person"
    ORDER = "order"


class Erased(enum.Enum):
    """What becomes of a column when the person that its row is about is erased, and the row stays.

    `SURROGATE`: a keyed pseudonym that nothing else carries: rows of one order stay together, and
    the platform's own word of the order still finds them. `DAY`: an instant keeps its day only, at
    midnight UTC of the row's reporting date.
    """

    KEPT = "kept"
    CLEARED = "cleared"
    SURROGATE = "surrogate"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a fact.

    Attributes:
        name: Snake case, unique in the fact.
        type: Storage type.
        role: What it is for.
        description: One line for people: meaning, unit, and what NULL means.
        required: A row without it is quarantined.
        money: The amount is in the row's `currency`.
        holds: What it holds of people, or why of nobody; None: nobody has said, and the inventory
            fails.
        claimed: The platform credits itself by its own rules: amounts of different `attribution`
            may tell of the same sale, so they are shown side by side and never added up.
        names: Whom it names; None: nobody.
        erased: What becomes of it when that person is erased.
        fills: Of a raw table's column: the fact's column that is filled from it; empty: none.
    """

    name: str
    type: ColumnType
    role: Role
    description: str
    required: bool = False
    money: bool = False
    holds: Privacy | None = None
    claimed: bool = False
    names: Names | None = None
    erased: Erased = Erased.KEPT
    fills: str = ""

    @property
    def personal(self) -> str:
        """Fideslang data category when the column is about a person, else empty."""
        return self.holds.category if isinstance(self.holds, Classification) else ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One canonical fact.

    Attributes:
        name: Table name in `facts` and `marts`.
        grain: One row per what.
        supersession: Which older rows a newer sync replaces.
        columns: The fact's own columns, without the envelope.
        refines: The fact whose measures this one splits further; empty: none.
        is_partial: Of a refinement: the platform reports only a part of the measures this way.
        totals_of: The fact whose totals the platform itself tells here; no metric reads it.
        books_sales: The shop's own record of its sales: what platforms claim are the same ones.
        key_holds: What the natural key holds, as `Column.holds`.
        day_holds: What the reporting date holds, as `Column.holds`.
        outlives_person: Its rows stay, without the person, when that person is erased, since sums
            of money rest on them; else they go.
        happened_at: The column with the instant of what a row tells of, where rows name somebody;
            empty: it is that of the order.
    """

    name: str
    grain: str
    supersession: Supersession
    columns: tuple[Column, ...]
    key_holds: Privacy | None = None
    day_holds: Privacy | None = None
    refines: str = ""
    is_partial: bool = False
    totals_of: str = ""
    books_sales: bool = False
    outlives_person: bool = False
    happened_at: str = ""

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The envelope and the fact's own columns, in table order."""
        return _envelope_of(self.key_holds, self.day_holds) + self.columns

    def column(self, name: str) -> Column | None:
        """The column of that name (envelope included), or None."""
        return next((column for column in self.all_columns if column.name == name), None)


def _envelope(
    name: str,
    column_type: ColumnType,
    role: Role,
    description: str,
    holds: Privacy | None = LINEAGE,
) -> Column:
    return Column(name, column_type, role, description, required=True, holds=holds)


ENVELOPE: Final = (
    _envelope(
        "tenant_id", ColumnType.STRING, Role.ATTRIBUTE, "Agency that owns the row, UUID text."
    ),
    _envelope("client_id", ColumnType.STRING, Role.DIMENSION, "Client of the agency, UUID text."),
    _envelope("connection_id", ColumnType.STRING, Role.DIMENSION, "Connection, UUID text."),
    _envelope(
        "reporting_date",
        ColumnType.DATE,
        Role.DIMENSION,
        "Day in the account's time zone.",
        holds=None,  # each fact says it
    ),
    _envelope(
        "natural_key",
        ColumnType.STRING,
        Role.ATTRIBUTE,
        "Key at the provider, unique in the connection and stream.",
        holds=None,  # each fact says it
    ),
    _envelope(
        "source",
        ColumnType.STRING,
        Role.DIMENSION,
        "Platform, for example google_ads.",
        CANONICAL_WORD,
    ),
    _envelope(
        "stream", ColumnType.STRING, Role.ATTRIBUTE, "Stream of the source that brought the row."
    ),
    _envelope(
        "sync_id", ColumnType.STRING, Role.ATTRIBUTE, "Sync that brought the row, UUID text."
    ),
    _envelope(
        "version",
        ColumnType.INT64,
        Role.ATTRIBUTE,
        "Landing sequence of that sync; higher is newer.",
    ),
    _envelope(
        "known_at",
        ColumnType.TIMESTAMP,
        Role.ATTRIBUTE,
        "UTC instant at which the sync had landed.",
    ),
)


@cache
def _envelope_of(key: Privacy | None, day: Privacy | None) -> tuple[Column, ...]:
    """The envelope of a fact whose natural key and reporting date hold that."""
    own = {"natural_key": key, "reporting_date": day}
    return tuple(
        replace(column, holds=own[column.name]) if column.name in own else column
        for column in ENVELOPE
    )
