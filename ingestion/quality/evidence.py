"""What checks are given.

before publication: LandedSync + figures -> Evidence      -> gate checks
after publication:  one stream's days    -> StreamRecord  -> follow-up checks
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from domain.facts import FACTS
from domain.facts.fact import HISTORY, Fact, Supersession
from domain.ids import ClientId, ConnectionId, RunId, SyncId, TenantId
from domain.time_window import DateRange
from ingestion.connector.spec import StreamSpec
from ingestion.files.feeds import FILE_SOURCE
from ingestion.quality.figures import Days
from ingestion.quality.finding import Finding

__all__ = ["Evidence", "FollowUpCheck", "GateCheck", "LandedSync", "StreamRecord"]


@dataclass(frozen=True, slots=True)
class LandedSync:
    """A sync that has landed and is not published.

    Attributes:
        name: Of its stream in the connection; of a file `<map>.<feed>`.
        stream: How its rows are read.
        version: Landing sequence.
        known_at: UTC instant of landing.
        days: That it replaces; None: its rows replace those with the same key.
        rows: Landed.
        quarantined: That did not fit.
        is_released: Somebody let it pass although it had been held.
    """

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    run_id: RunId
    sync_id: SyncId
    source: str
    name: str
    stream: StreamSpec = dataclasses.field(repr=False)
    version: int
    known_at: dt.datetime
    days: DateRange | None
    rows: int
    quarantined: int
    is_released: bool

    @property
    def fact(self) -> Fact:
        """What its rows become first."""
        return FACTS[self.stream.fact]

    @property
    def is_file(self) -> bool:
        """Whether somebody sent it, instead of a platform."""
        return self.source == FILE_SOURCE or self.name == HISTORY

    @property
    def replaces_days(self) -> bool:
        """Whether rows that are not among its own vanish from its days."""
        return self.fact.supersession is Supersession.SLICE


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a sync before it is published.

    Attributes:
        sync: Which.
        landed: Its own figures by day.
        published: Those of its connection and stream that are visible now, up to five weeks before
            its first day.
        totals: The platform's own totals by day, told at about the same time; None: not told.
        conflicts: Keys that several of its rows share although they say different things.
    """

    sync: LandedSync
    landed: Days
    published: Days
    totals: Days | None = None
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """What is visible of one stream of a connection, after something of it was published.

    Attributes:
        source: Platform.
        stream: Of the connection.
        fact: What it becomes.
        days: Visible figures of the last nine weeks.
        replaced: Days that were published now; None: rows of any day.
        yesterday: Last day that is over in the account's time zone.
        drift: `<kind> <field>` -> what the source file does not know of it, in this run.
    """

    source: str
    stream: str
    fact: Fact
    days: Days
    replaced: DateRange | None
    yesterday: dt.date
    drift: Mapping[str, str]


GateCheck = Callable[[Evidence], Iterable[Finding]]
FollowUpCheck = Callable[[StreamRecord], Iterable[Finding]]
