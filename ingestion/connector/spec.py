"""A source as data: what its YAML file says, checked and typed.

    <source>.yaml -> source_file -> SourceSpec -> Extractor

Paths (`path`, `records`, `body`) are written in the small language of `ingestion.connector.paths`.
Templates (`url`, `json`, ...) are filled by `ingestion.connector.template`.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType, Role
from domain.facts.tables import Table
from domain.privacy.classification import Privacy
from ingestion.connector.raw_table import LINEAGE, RAW_SCHEMA, UNKNOWN_FIELDS, about_people

__all__ = [
    "AccountRule",
    "ApiSpec",
    "AuthSpec",
    "BodyFormat",
    "BudgetSpec",
    "CheckSpec",
    "ColumnMapping",
    "Condition",
    "ConsentSpec",
    "DiscoverSpec",
    "ErrorKind",
    "ErrorRule",
    "ErrorTexts",
    "Evidence",
    "Field",
    "FieldType",
    "InnerPages",
    "Notice",
    "PageSize",
    "Pagination",
    "RateSignal",
    "ReadyRule",
    "ReportSpec",
    "RequestSpec",
    "Rest",
    "SliceRule",
    "SourceSpec",
    "StreamSpec",
    "WaitRule",
]


class FieldType(enum.Enum):
    """How a provider's value is read; the warehouse type follows from it."""

    STRING = "string"
    INT = "int"
    DECIMAL = "decimal"
    FLOAT = "float"
    MONEY = "money"
    DATE = "date"
    TIMESTAMP = "timestamp"
    LOCAL_DATE = "local_date"  # an instant, read as the calendar day in the account's zone
    BOOL = "bool"
    JSON = "json"


_STORAGE = {
    FieldType.STRING: ColumnType.STRING,
    FieldType.INT: ColumnType.INT64,
    FieldType.DECIMAL: ColumnType.NUMERIC,
    FieldType.FLOAT: ColumnType.FLOAT64,
    FieldType.MONEY: ColumnType.NUMERIC,
    FieldType.DATE: ColumnType.DATE,
    FieldType.TIMESTAMP: ColumnType.TIMESTAMP,
    FieldType.LOCAL_DATE: ColumnType.DATE,
    FieldType.BOOL: ColumnType.BOOL,
    FieldType.JSON: ColumnType.JSON,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What names, paths and rules were held against.

    Attributes:
        kind: `documentation`, `simulator` or `live`.
        place: Which pages, or what else.
        checked: When.
    """

    kind: str
    place: str
    checked: dt.date


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a stream, as it stands in the raw table.

    Attributes:
        name: Column of the raw table.
        paths: Where it stands in a record; the first that is present counts, or all with `join`.
        type: How the value is read.
        unit: Of money: `units` (1.50), `micros` (1500000) or `minor` (150, by the account's
            currency).
        required: A row without it is rejected.
        holds: What it holds of people, or why of nobody; None: the file does not say.
        null_as: Words that mean "no value".
        format: Of dates (`%d.%m.%Y`) and instants (`epoch_seconds`, `epoch_millis`); empty: ISO
            8601.
        minimum: Smaller numbers are rejected.
        round: A fractional number is rounded half-even to a whole one; else it is rejected.
        join: Put between the present values of all paths, in lower case; empty: no joining.
        sum: The numbers at all paths are added; one that is absent is zero, which the provider
            leaves out.
        strip: Prefix taken off a text, for example `customers/`.
        less: Path of amounts that are taken off an amount; empty: none.
        words: Regular expression -> word, the first that fits the whole text counts.
        when_present: Path -> word: where that path has a value, the word replaces the field's
            value.
        note: What the provider's name does not tell; for people.
        identifier: What it names a person by, `email`, `phone` or `person` (the platform's id, in
            rows whose fact has none); such a field never lands. Empty: it is an ordinary field.
    """

    name: str
    paths: tuple[str, ...]
    type: FieldType
    unit: str = "units"
    required: bool = False
    holds: Privacy | None = None
    null_as: tuple[str, ...] = ()
    format: str = ""
    minimum: int | None = None
    round: bool = False
    join: str = ""
    sum: bool = False
    strip: str = ""
    less: str = ""
    when_present: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    note: str = ""
    identifier: str = ""

    @property
    def path(self) -> str:
        """The first path: where the field usually stands."""
        return self.paths[0]

    @property
    def column(self) -> Column:
        """The raw table's column."""
        return Column(
            name=self.name,
            type=_STORAGE[self.type],
            role=Role.ATTRIBUTE,
            description=f"{self.path} of the provider's record.",
            required=self.required,
            money=self.type is FieldType.MONEY,
            holds=self.holds,
        )


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How one column of the fact is filled.

    Attributes:
        column: Of the fact; `reporting_date` of the envelope is one of them.
        field: Raw column that it is read from, or None.
        constant: The value itself, or None.
        account: `currency` or `time_zone` of the account, or None.
        enum: Provider's word -> canonical word; empty: taken as it is.
        otherwise: For a word outside `enum`; None: such a row is rejected; empty: it has no value.
        missing: For a NULL; None: stays NULL.
    """

    column: str
    field: str | None = None
    constant: str | None = None
    account: str | None = None
    enum: Mapping[str, str] = dataclasses.field(default_factory=dict)
    otherwise: str | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class SliceRule:
    """How a window is cut into requests.

    Attributes:
        kind: `date`: ranges of calendar days; `cursor`: the whole window of instants at once.
        days: Days per request, of kind `date`.
        lookback: Of kind `cursor`: how far before the last window's end the next one starts.
    """

    kind: str
    days: int = 0
    lookback: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """One HTTP request, as templates.

    Attributes:
        method: `GET` or `POST`.
        url: Path below the base URL, or (`{report_url}`) a whole URL.
        query: Query parameters.
        headers: Added to those of `auth`.
        json: JSON body, or None.
        form: Form body, or None.
        anonymous: Sent without credentials, to a URL that the provider gave.
        host: Which of the API's `other_urls` the path is below; empty: the base URL.
    """

    method: str
    url: str
    query: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    json: Any = None
    form: Mapping[str, Any] | None = None
    anonymous: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class PageSize:
    """How many records a page asks for.

    Attributes:
        to: Where the number goes, `query.<name>` or `json.<path>`.
        start: First try.
        minimum: Not halved below this.
        maximum: Documented upper limit.
        cost: Path of the cost that the answer names for a page of this size; empty: none.
        cost_limit: The size is adapted so that `cost` stays at or below it.
    """

    to: str
    start: int
    minimum: int = 1
    maximum: int = 0
    cost: str = ""
    cost_limit: int = 0


@dataclass(frozen=True, slots=True)
class InnerPages:
    """How a list inside a record goes on that is longer than its part of a page.

    The stream's records stand in lists of other records: lines in orders. One whose list goes on is
    asked for by itself, until its list ends, before the next page.

    Attributes:
        each: Path of the enclosing records in an answer.
        id: In such a record: what names it.
        more: In such a record: a flag that tells whether its list goes on.
        token: In such a record: where it goes on.
        to: Where that goes in the next request, `query.<name>` or `json.<path>`.
        alone: Place in the next request -> what asks for this record only; `{id}` stands for it.
    """

    each: str
    id: str
    more: str
    token: str
    to: str
    alone: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pagination:
    """How the next page is found.

    Attributes:
        kind: `none`, `token`, `offset`, `page`, `link_header` or `next_url`.
        token: Path of the next token, cursor, offset or URL in the answer.
        to: Where it goes in the next request, `query.<name>` or `json.<path>`.
        more: Path of what tells whether there is a next page, a flag or something that is there
            only then; empty: the token itself tells.
        first: Number of the first page, of kind `page`.
        total: Path of the number of records in the whole answer: the proof of completeness.
        cap: The provider cuts lists at this many records without saying so; 0: it does not.
        size: Page size, or None.
        inner: Of streams whose records are lists inside other records, or None.
    """

    kind: str = "none"
    token: str = ""
    to: str = ""
    more: str = ""
    first: int = 1
    total: str = ""
    cap: int = 0
    size: PageSize | None = None
    inner: InnerPages | None = None


class BodyFormat(enum.Enum):
    """What an answer's body holds."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule holds: the status, and every named path of the body has one of its words.

    A `*` in a word stands for any text; a word of `*` alone for any value.
    """

    statuses: tuple[int, ...] = ()
    body: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class WaitRule:
    """How long to wait, as the answer tells.

    Attributes:
        path: In the body; empty: only `seconds` and `Retry-After` tell.
        unit: Of the value: `duration` (`"30s"`), `seconds`, `milliseconds`, `minutes` or
            `epoch_seconds`.
        seconds: When nothing else tells, rate signals included; None: exponential.
        until_midnight: IANA zone at whose next midnight the wait ends, when the body tells nothing.
    """

    path: str = ""
    unit: str = "duration"
    seconds: float | None = None
    until_midnight: str = ""


class ErrorKind(enum.Enum):
    """What an answer that is no data means for the sync."""

    TRANSIENT = "transient"
    TIMED_OUT = "timed_out"  # may pass; a request that does so again and again is made smaller
    THROTTLED = "throttled"
    TOO_LARGE = "too_large"
    CREDENTIALS = "credentials"
    ACCESS = "access"
    VERSION_RETIRED = "version_retired"
    UNKNOWN_FIELD = "unknown_field"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One documented failure.

    Attributes:
        when: When it holds.
        kind: What it means.
        hint: What the user can do; empty: the kind's own hint.
        wait: Of throttling.
        budget: Of throttling: name of the budget that is spent; empty: any may be.
    """

    when: Condition
    kind: ErrorKind
    hint: str = ""
    wait: WaitRule = WaitRule()
    budget: str = ""


@dataclass(frozen=True, slots=True)
class ErrorTexts:
    """Where an error body keeps the provider's own words."""

    code: tuple[str, ...] = ()
    message: tuple[str, ...] = ()
    request_id: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """A quota that the provider declares, or that its answers tell.

    Attributes:
        name: Within the source.
        scope: `account`, `credentials`, `app` or `provider` (all of us): who shares it.
        limit: Calls in any window of a period; 0: only the answers tell.
        period_seconds: Length of the period.
        burst: Most calls at once; they count against the limit unless they are more than it (the
            provider's own bucket then, which it refills at the limit). 0: a twentieth of `limit`.
        counts: What is taken from it: `calls`, or `server_errors` (5xx), which some providers allow
            so many of before they refuse every call.
    """

    name: str
    scope: str
    limit: float = 0.0
    period_seconds: float = 1.0
    burst: float = 0.0
    counts: str = "calls"


@dataclass(frozen=True, slots=True)
class RateSignal:
    """What an answer, good or not, says about the budget that is left.

    Attributes:
        kind: `headers` (remaining and reset), `percent` (share used, in a header's JSON), `cost`
            (points in the body, restored at a rate) or `left` (points in the body).
        budget: Name of the budget that is held.
        remaining: Header name (`headers`), or body path of the points left (`cost`, `left`).
        reset: Header name of the time until the reset (`headers`).
        reset_unit: `seconds`, `milliseconds` or `epoch_seconds`.
        header: Header with JSON (`percent`).
        percent: Paths of shares from 0 to 100 in it (`percent`).
        wait: Path of the time to wait in it (`percent`).
        wait_unit: `minutes` or `seconds` (`percent`).
        hold_above: Share from which calls are held (`percent`).
        hold_below: Points left below which calls are held (`left`).
        hold_seconds: For how long, when nothing else tells (`percent`, `left`).
        until_midnight: IANA zone at whose next midnight the points are back (`left`).
        requested: Body path of the points that one such call needs (`cost`).
        restore_rate: Body path of the points restored per second (`cost`).
    """

    kind: str
    budget: str
    remaining: str = ""
    reset: str = ""
    reset_unit: str = "seconds"
    header: str = ""
    percent: tuple[str, ...] = ()
    wait: str = ""
    wait_unit: str = "minutes"
    hold_above: float = 90.0
    hold_below: float = 1.0
    hold_seconds: float = 60.0
    until_midnight: str = ""
    requested: str = ""
    restore_rate: str = ""


@dataclass(frozen=True, slots=True)
class ConsentSpec:
    """How a person lets our app read accounts (RFC 6749 section 4.1).

    What a platform does in the standard's way is left out.

    Attributes:
        authorize_url: Where the person is sent; may use `{account}` and `{version}`.
        authorize_query: Parameters beside the standard's own, or in their place; an empty one is
            left out.
        exchange_url: Where the code is exchanged; empty: the token URL of `auth`.
        exchange_method: `POST` or `GET`.
        exchange_body: `form` or `json`, of a POST.
        exchange_fields: Of the token request, like `authorize_query`.
        exchange_at: Path of the token in the answer.
        names: The standard's name of a parameter -> the platform's.
        pkce: The platform takes a code challenge (RFC 7636, S256).
        scope_separator: Between scopes.
        granted: Where the granted scopes are told: a path in the token, or `callback.<name>`;
            empty: nowhere.
        signature: Parameter of the callback that signs the others with the app's secret (HMAC of
            SHA-256, hexadecimal); empty: none does.
        longer: Gets a token that lasts longer; may use `{access_token}`.
        person: Tells who has consented, by the platform's id of them, in the member `id`; may use
            `{access_token}`. Who takes our app out there is known again by it.
        ends: Path in the token of the seconds until a person has to be asked again.
        lasts_days: How long that is when the token does not tell; 0: no end is known.
        rotates: A refresh gives a new refresh token, and the old one ends.
    """

    authorize_url: str
    authorize_query: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exchange_url: str = ""
    exchange_method: str = "POST"
    exchange_body: str = "form"
    exchange_fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exchange_at: str = "."
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pkce: bool = False
    scope_separator: str = " "
    granted: str = ""
    signature: str = ""
    longer: RequestSpec | None = None
    person: RequestSpec | None = None
    ends: str = ""
    lasts_days: int = 0
    rotates: bool = False


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """How requests prove who they are.

    Attributes:
        kind: `oauth2_refresh`, `header`, `bearer`, `basic`, `query` or `none`.
        token_url: Of `oauth2_refresh`; may use `{account}`.
        client_auth: `body` or `basic`: where client id and secret go in the token request.
        name: Header or query parameter, of `header` and `query`; of `oauth2_refresh` the header
            that carries the access token, when that is not `Authorization`.
        value: Template of the header's value, of `header`, `query` and `bearer`.
        headers: More headers; one whose reference has no value is left out.
        scopes: Asked of the user when connecting.
        consent: How the user is asked; None: credentials are given by hand.
    """

    kind: str
    token_url: str = ""
    client_auth: str = "body"
    name: str = ""
    value: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    consent: ConsentSpec | None = None


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """A report that is ordered, waited for and fetched by the stream's request.

    The stream's `request` may use `{job}` and `{report_url}`.

    Attributes:
        submit: Orders the report.
        job: Path of its id in the answer.
        duplicate: The provider refuses an identical order and names the running one; or None.
        duplicate_job: Path of the text that names it.
        poll: Asks for the status; may use `{job}`.
        status: Path of the status word.
        done: Words that mean finished.
        failed: Words that mean it never will be.
        reason: Path of why, in the provider's words; empty: it does not tell.
        url: Path of the result's URL; empty: the stream's own request reads it.
        every_seconds: Between two polls; the first ones come sooner.
        give_up_seconds: After this long the order is given up.
    """

    submit: RequestSpec
    job: str
    poll: RequestSpec
    status: str
    done: tuple[str, ...]
    failed: tuple[str, ...]
    reason: str = ""
    url: str = ""
    every_seconds: float = 10.0
    give_up_seconds: float = 3 * 3600.0
    duplicate: Condition | None = None
    duplicate_job: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a good answer says about its own limits.

    Attributes:
        when: When it says so.
        detail: What that means, for people.
    """

    when: Condition
    detail: str


@dataclass(frozen=True, slots=True)
class Rest:
    """What a stream's records leave out of the whole that they are parts of.

    The platform is asked for both. A record of the whole becomes a row that holds what no part has,
    so that the stream adds up to the whole.

    Attributes:
        request: Asks for the whole; its records have the stream's own fields.
        by: Fields that say which parts belong to which record of the whole.
        without: The field that a part always has and a record of the whole never.
    """

    request: RequestSpec
    by: tuple[str, ...]
    without: str


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One report or object of a source.

    Attributes:
        name: Within the source.
        source: Name of the source.
        fact: Canonical fact that it feeds.
        request: How a page is asked for; None for a file.
        records: Path of the records in an answer; each `[]` goes through a list.
        fields: In the order of the raw table.
        key: Fields whose values identify a row in the connection and stream.
        mapping: Of the fact's columns.
        slice: How a window is cut.
        restates_days: The provider still changes days that lie this far back.
        restates_because: Why, for people.
        history_days: The provider answers for so many days back only; 0: for all.
        history_because: Why, for people.
        ignore: Paths that are known and not wanted.
        where: Path -> word: only records with that word count.
        pagination: How the next page is found.
        report: For reports that are made first; None: answered at once.
        body: Format of an answer.
        compression: `none`, `gzip` or `zip`.
        notices: What answers may say about their own limits.
        rest: What the records leave out, when the platform reports only a part in their way.
        evidence: What it was checked against; None: the source's evidence is for it too.
    """

    name: str
    source: str
    fact: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    mapping: tuple[ColumnMapping, ...]
    slice: SliceRule
    restates_days: int = 0
    restates_because: str = ""
    history_days: int = 0
    history_because: str = ""
    request: RequestSpec | None = None
    records: str = "[]"
    ignore: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    pagination: Pagination = Pagination()
    report: ReportSpec | None = None
    body: BodyFormat = BodyFormat.JSON
    compression: str = "none"
    notices: tuple[Notice, ...] = ()
    rest: Rest | None = None
    evidence: Evidence | None = None

    @property
    def raw_table(self) -> Table:
        """The warehouse table of the rows as the provider sent them, without identifiers."""
        fact = FACTS[self.fact]
        own = tuple(
            about_people(
                item.column,
                fact,
                [one.column for one in self.mapping if one.field == item.name],
                is_key=item.name in self.key,
            )
            for item in self.fields
            if not item.identifier
        )
        return Table(
            RAW_SCHEMA,
            f"{self.source}__{self.name}",
            (*LINEAGE, *own, UNKNOWN_FIELDS),
            cluster_by=("tenant_id", "connection_id", "sync_id"),
            key=self.key,
            outlives_person=fact.outlives_person,
        )

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((item for item in self.fields if item.name == name), None)


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A cheap request that proves the credentials and tells about the account.

    Attributes:
        request: May use `{account}`.
        records: Path of the one record.
        fields: `label`, `currency`, `time_zone` -> path in it.
    """

    request: RequestSpec
    records: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DiscoverSpec:
    """How the accounts are found that the credentials can see.

    Attributes:
        roots: Lists the accounts to look below, or None: the connection's own account.
        roots_records: Path of their ids.
        roots_strip: Prefix of these ids.
        roots_pages: How the next page of roots is found.
        request: Lists the accounts of one root; may use `{account}`. One that does not, and needs
            no roots, lists all that there are.
        pages: How its next page is found.
        records: Path of the accounts.
        fields: `account_id`, `label`, `currency`, `time_zone` -> path in it.
        where: Path -> word: only such accounts count.
        settings: Setting -> template, for example `{root}`.
    """

    request: RequestSpec
    records: str
    fields: Mapping[str, str]
    roots: RequestSpec | None = None
    roots_records: str = ""
    roots_strip: str = ""
    roots_pages: Pagination = Pagination()
    pages: Pagination = Pagination()
    where: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountRule:
    """What an account id looks like. It goes into URLs, so nothing else is let through.

    Attributes:
        label: What the platform calls it.
        pattern: Regular expression of the whole id.
        example: A well-formed id.
        strip: Characters that people put in and the API does not take.
    """

    label: str
    pattern: str
    example: str
    strip: str = ""


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """When a day's figures can be read.

    Attributes:
        at: Time of the following day, in the account's zone.
        because: Why, for people.
    """

    at: dt.time
    because: str


@dataclass(frozen=True, slots=True)
class ApiSpec:
    """Which API, and until when.

    Attributes:
        version: Goes into `base_url`.
        sunset: Last day on which the version is known to answer.
        base_url: Template; may use `{version}` and `{account}`.
        other_urls: Name -> template of another URL of the provider that takes the credentials.
    """

    version: str
    sunset: dt.date
    base_url: str
    other_urls: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One platform.

    Attributes:
        name: For example `google_ads`.
        label: For people.
        evidence: What the file was checked against.
        api: Version and base URL.
        account: What an account id looks like.
        ready: When a day's figures can be read.
        auth: How requests prove who they are.
        budgets: Declared quotas.
        signals: What answers tell about them.
        errors: Documented failures; the first rule that holds counts.
        error_texts: Where error bodies keep the provider's words.
        check: Proves the credentials.
        discover: Finds the accounts; None: the user names the account.
        streams: By name.
        content_hash: SHA-256 of the file, hexadecimal.
    """

    name: str
    label: str
    evidence: Evidence
    api: ApiSpec
    account: AccountRule
    ready: ReadyRule
    auth: AuthSpec
    budgets: tuple[BudgetSpec, ...]
    signals: tuple[RateSignal, ...]
    errors: tuple[ErrorRule, ...]
    error_texts: ErrorTexts
    check: CheckSpec
    discover: DiscoverSpec | None
    streams: Mapping[str, StreamSpec]
    content_hash: str
