"""What an extraction is asked for, and what it hands out.

ExtractionJob + checkpoint -> Extractor -> Page, Page, ... Page(last=True)
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from domain.errors import InvalidInputError
from domain.privacy.identifiers import IdentifierKind
from domain.time_window import DateRange
from ingestion.connector.auth import TokenSource
from ingestion.connector.spec import SourceSpec, StreamSpec

__all__ = [
    "Access",
    "Account",
    "CursorWindow",
    "DiscoveredAccount",
    "Drift",
    "ExtractProgress",
    "ExtractionJob",
    "Page",
    "RejectedRow",
]


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a source.

    Attributes:
        account_id: The provider's id, as `SourceSpec.account` describes it.
        settings: For example `manager_id`.
        currency: ISO 4217 code.
        time_zone: IANA zone of its reporting dates.
    """

    account_id: str
    settings: Mapping[str, str]
    currency: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class DiscoveredAccount:
    """An account that the credentials can see.

    Attributes:
        account_id: The provider's id.
        label: The provider's name of it; empty: none.
        currency: ISO 4217 code; empty: not told.
        time_zone: IANA zone; empty: not told.
        settings: What a connection to it has to keep, for example `manager_id`.
    """

    account_id: str
    label: str = ""
    currency: str = ""
    time_zone: str = ""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CursorWindow:
    """Instants from `start` (included) to `end` (excluded), both with a time zone.

    Raises:
        InvalidInputError: `end` is not after `start`, or a time zone is missing.
    """

    start: dt.datetime
    end: dt.datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidInputError("a window of instants needs time zones")
        if self.end <= self.start:
            raise InvalidInputError(f"the window ends at {self.end}, not after {self.start}")


@dataclass(frozen=True, slots=True)
class Access:
    """An account and what opens it.

    Attributes:
        source: Where.
        account: At the source.
        credentials: Secrets of the connection; never shown.
        app_credentials: Secrets of the agency's app at the source; never shown.
        tokens: Gives access tokens in place of the credentials; None: the extractor sees to it.
        name: Tells its calls apart where a quota is that of the credentials; empty: these do.
    """

    source: SourceSpec = dataclasses.field(repr=False)
    account: Account
    credentials: Mapping[str, str] = dataclasses.field(repr=False)
    app_credentials: Mapping[str, str] = dataclasses.field(repr=False)
    tokens: TokenSource | None = dataclasses.field(default=None, repr=False)
    name: str = ""


@dataclass(frozen=True, slots=True)
class ExtractionJob:
    """One stream of one account over one window.

    Attributes:
        source: Where from.
        stream: Of that source.
        account: At the source.
        credentials: Secrets of the connection; never shown.
        window: `DateRange` for streams sliced by date, else `CursorWindow`.
        app_credentials: Secrets of the agency's app at the source; never shown.
        tokens: See `Access`.
        name: See `Access`.
    """

    source: SourceSpec = dataclasses.field(repr=False)
    stream: StreamSpec = dataclasses.field(repr=False)
    account: Account
    credentials: Mapping[str, str] = dataclasses.field(repr=False)
    window: DateRange | CursorWindow
    app_credentials: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    tokens: TokenSource | None = dataclasses.field(default=None, repr=False)
    name: str = ""

    @property
    def access(self) -> Access:
        """The account and what opens it."""
        return Access(
            self.source,
            self.account,
            self.credentials,
            self.app_credentials,
            self.tokens,
            self.name,
        )


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A record that could not be typed.

    Attributes:
        row_number: Position in the sync, or line in the file; starts at 1.
        field: Of the stream; empty: the row as a whole.
        reason: Stable code, for example `not_a_number`.
        message: What is wrong with it, for people.
        raw: The whole record as JSON.
        natural_key: As unification would write it; None: it cannot be read.
        reporting_date: None: it cannot be read.
        around: What its stream reads of the records around it, by path, as JSON; empty: nothing.
        named: Whom it names, as far as that can be read: kind and text of an identifier.
    """

    row_number: int
    field: str
    reason: str
    message: str
    raw: str = dataclasses.field(repr=False)
    natural_key: str | None = dataclasses.field(default=None, repr=False)
    reporting_date: dt.date | None = None
    around: str = dataclasses.field(default="", repr=False)
    named: tuple[tuple[IdentifierKind, str], ...] = dataclasses.field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Drift:
    """The provider's records differ from the source file. Told once per extraction, kind and field.

    Attributes:
        kind: `new_field`, `missing_field`, `changed_type` or `unknown_value`; `notice`: the answer
            itself says that it is less than exact.
        field: Field of the stream, or path of a new one or of the notice.
        detail: For people.
    """

    kind: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Page:
    """Typed rows, and where to go on after them.

    Attributes:
        batch: `row_number` (int64, not null), the stream's fields, `unknown_fields` (string: JSON).
        rejected: Records that could not be typed, by row number.
        drift: What differs from the source file and was not told before.
        skipped: Records that the source file's `where` leaves out.
        checkpoint: JSON value; give it to `extract` to go on after this page.
        requests: HTTP requests since the last page, retries included.
        bytes_received: Of their bodies, after transport compression.
        last: No page follows.
        is_order: A report was ordered: there are no rows, but the checkpoint names the report, and
            has to be kept before it is waited for.
    """

    batch: pa.RecordBatch
    rejected: tuple[RejectedRow, ...]
    drift: tuple[Drift, ...]
    skipped: int
    checkpoint: Mapping[str, Any]
    requests: int
    bytes_received: int
    last: bool
    is_order: bool = False


@dataclass(frozen=True, slots=True)
class ExtractProgress:
    """How far an extraction is.

    Attributes:
        slices_done: Requests' windows that are finished.
        slices_total: All of them, as known now.
        rows: Records seen so far in the sync.
        waiting_seconds: A wait of so many seconds begins; 0: none.
        reason: Why, for people.
    """

    slices_done: int
    slices_total: int
    rows: int
    waiting_seconds: float = 0.0
    reason: str = ""
