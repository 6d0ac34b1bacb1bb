"""The rest of the night, played ahead: when each due sync will be done.

    what is due + what runs + slots + what platforms grant -> Board, event by event -> Expectation

It goes by the dispatcher's own rules and by what such syncs took so far. What has to wait for a
person is never done; a platform that is away is assumed to stay so for another hour.
"""

import datetime as dt
import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.ids import ConnectionId
from ingestion.connector.failures import TRANSIENT_CODES
from ingestion.quality.gate import HELD_CODE
from ingestion.schedule.board import Board
from ingestion.schedule.provider_state import Allowance, Providers, ProviderState
from tenancy.due_work import DueWork
from tenancy.jobs import SyncCapacity
from tenancy.tables import MissCause

__all__ = ["Expectation", "forecast"]

# A job that was started by hand: nobody knows how long it takes.
_OTHER_JOB: Final = dt.timedelta(minutes=10)
# Who takes longer than usual is expected to need this share of the usual time from now on.
_OVERTIME_SHARE: Final = 4

_UNKNOWN: Final = ProviderState()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What becomes of a due sync.

    Attributes:
        finish: UTC instant at which it is done; None: not before somebody acts.
        cause: Why that is after its deadline; None: it is not.
    """

    finish: dt.datetime | None
    cause: MissCause | None


def forecast(
    works: Sequence[DueWork],
    now: dt.datetime,
    capacity: SyncCapacity,
    providers: Providers,
    *,
    others: int = 0,
) -> Mapping[ConnectionId, Expectation]:
    """What to expect of each sync. O(n log n) in their number, for so many sources.

    Args:
        works: One of each connection.
        now: UTC instant.
        capacity: What all workers do at once; some.
        providers: What platforms grant.
        others: Jobs that run besides.
    """
    night = _Night(now, Board(capacity, providers, others=others), providers)
    for _ in range(others):
        night.push(night.ends, now + _OTHER_JOB, None)
    expected = {
        work.connection_id: Expectation(None, cause)
        for work in works
        if (cause := _needs_somebody(work)) is not None
    }
    for work in works:
        if work.is_running:
            night.go_on(work)
        elif work.connection_id not in expected:
            provider = providers.get(work.source, _UNKNOWN)
            night.push(night.releases, max(work.may_start_at, provider.opens_at(now)), work)
    night.play()
    for work, finish in night.finished:
        is_late = finish > work.deadline_at
        cause = _cause(work, providers.get(work.source, _UNKNOWN)) if is_late else None
        expected[work.connection_id] = Expectation(finish, cause)
    return expected


_Event = tuple[dt.datetime, int, DueWork | None]


@dataclass(slots=True)
class _Night:
    now: dt.datetime
    board: Board
    providers: Providers
    releases: list[_Event] = field(default_factory=list)
    ends: list[_Event] = field(default_factory=list)
    finished: list[tuple[DueWork, dt.datetime]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    calls: dict[str, list["_CallLine"]] = field(default_factory=dict)

    def push(self, events: list[_Event], at: dt.datetime, work: DueWork | None) -> None:
        heapq.heappush(events, (at, next(self.numbers), work))

    def go_on(self, work: DueWork) -> None:
        """A sync that runs already."""
        self.board.run(work)
        opens_at = self.providers.get(work.source, _UNKNOWN).opens_at(self.now)
        begun_at = work.started_at or self.now
        if opens_at > self.now:  # it will fail, and be tried again
            finish = opens_at + work.typical
        else:
            overtime = self.now + work.typical / _OVERTIME_SHARE
            finish = max(begun_at + work.typical, overtime)
        self._finish(work, finish)

    def play(self) -> None:
        """Let time pass from event to event until all is done."""
        while self.releases or self.ends:
            at = min(events[0][0] for events in (self.releases, self.ends) if events)
            for work in _due(self.ends, at):
                if work is None:
                    self.board.end_other()
                else:
                    self.board.end(work)
            for work in _due(self.releases, at):
                if work is not None:
                    self.board.wait(work)
            while work := self.board.take(at):
                self._finish(work, max(at + work.typical, self._calls_granted(work, at)))

    def _finish(self, work: DueWork, finish: dt.datetime) -> None:
        self.finished.append((work, finish))
        self.push(self.ends, finish, work)

    def _calls_granted(self, work: DueWork, at: dt.datetime) -> dt.datetime:
        """When the platform has granted the last call, after all that were booked before."""
        if work.source not in self.calls:
            allowances = self.providers.get(work.source, _UNKNOWN).allowances
            self.calls[work.source] = [_CallLine.begin(item, self.now) for item in allowances]
        return max((line.book(work.calls, at) for line in self.calls[work.source]), default=at)


def _due(events: list[_Event], at: dt.datetime) -> Iterator[DueWork | None]:
    while events and events[0][0] <= at:
        yield heapq.heappop(events)[-1]


@dataclass(slots=True)
class _CallLine:
    """Calls of one quota, each granted `gap` after the one before it once none is saved up.

    Attributes:
        next_at: When the next one would be granted if it had always come back; in the past by as
            much as is saved up.
    """

    gap: dt.timedelta
    most_saved: dt.timedelta
    next_at: dt.datetime

    @classmethod
    def begin(cls, allowance: Allowance, now: dt.datetime) -> "_CallLine":
        gap = dt.timedelta(seconds=1 / allowance.per_second)
        return cls(gap, allowance.most * gap, now - allowance.calls * gap)

    def book(self, calls: int, at: dt.datetime) -> dt.datetime:
        self.next_at = max(self.next_at, at - self.most_saved) + calls * self.gap
        return self.next_at


def _needs_somebody(work: DueWork) -> MissCause | None:
    """Why trying again will not help; None: it may."""
    code = work.error_code
    if work.is_running or code is None or code in TRANSIENT_CODES:
        return None
    return MissCause.INCIDENT if code == HELD_CODE else MissCause.REFUSED


def _cause(work: DueWork, provider: ProviderState) -> MissCause:
    """The first that holds, in the order of certainty."""
    holding = {
        MissCause.OUTAGE: provider.away_since is not None,
        MissCause.THROTTLED: provider.held_until is not None,
        MissCause.FAILING: work.error_code is not None,
        MissCause.READY_LATE: work.ready_at + work.typical > work.deadline_at,
        MissCause.SLOW: work.is_running,
    }
    return next((cause for cause, holds in holding.items() if holds), MissCause.QUEUE)
