"""Who is read next: the most urgent that finds a slot, and whose platform has calls for it.

    wait(work) -> line of its source -> take(now) -> runs -> end(work) -> room for the next

Urgent is what has the nearest deadline. What cannot be in time any more gives way to what is due
within the hour after its deadline, and only to that: deadlines pass, so nobody starves. The
dispatcher starts syncs by these rules, and the forecast plays the rest of the night by the same.
"""

import datetime as dt
import heapq
from collections import Counter, defaultdict
from typing import Final

from domain.ids import TenantId
from ingestion.schedule.provider_state import Providers, ProviderState
from tenancy.due_work import DueWork
from tenancy.jobs import SyncCapacity

__all__ = ["Board", "urgency"]

LATE_YIELDS: Final = dt.timedelta(hours=1)

# Instant, then what makes equal ones comparable.
_Entry = tuple[dt.datetime, dt.datetime, int, DueWork]

_UNKNOWN: Final = ProviderState()


def urgency(work: DueWork, now: dt.datetime) -> dt.datetime:
    """The instant that a sync goes by; it never gets more urgent while it waits."""
    if now + work.typical <= work.deadline_at:
        return work.deadline_at
    return work.deadline_at + LATE_YIELDS


class Board:
    """Lines of waiting syncs, and what runs. Changes as the night goes on."""

    def __init__(self, capacity: SyncCapacity, providers: Providers, *, others: int = 0) -> None:
        """An empty board.

        Args:
            capacity: What all workers do at once.
            providers: What platforms grant; one that is missing grants everything.
            others: Slots that jobs take which are on no board.
        """
        self._capacity = capacity
        self._providers = providers
        self._running = others
        self._running_of_tenant: Counter[TenantId] = Counter()
        self._running_of_source: Counter[str] = Counter()
        self._calls_of_source: defaultdict[str, float] = defaultdict(float)
        self._lines: defaultdict[str, list[_Entry]] = defaultdict(list)
        self._parked: defaultdict[TenantId, list[DueWork]] = defaultdict(list)

    def wait(self, work: DueWork) -> None:
        """Put a sync that is ready in line."""
        entry = (work.deadline_at, work.ready_at, work.connection_id.int, work)
        heapq.heappush(self._lines[work.source], entry)

    def take(self, now: dt.datetime) -> DueWork | None:
        """Start the most urgent sync that may start; None: none may."""
        if self._running >= self._capacity.slots:
            return None
        heads = [head for line in self._lines.values() if (head := self._head(line, now))]
        startable = [head for head in heads if self._has_calls(head[-1])]
        if not startable:
            return None
        _, _, _, work = min(startable)
        heapq.heappop(self._lines[work.source])
        self.run(work)
        return work

    def run(self, work: DueWork) -> None:
        """Count a sync as running."""
        self._running += 1
        self._running_of_tenant[work.tenant_id] += 1
        self._running_of_source[work.source] += 1
        self._calls_of_source[work.source] += _calls_per_second(work)

    def end(self, work: DueWork) -> None:
        """Free the place of a running sync."""
        self._running -= 1
        self._running_of_tenant[work.tenant_id] -= 1
        self._running_of_source[work.source] -= 1
        self._calls_of_source[work.source] -= _calls_per_second(work)
        for parked in self._parked.pop(work.tenant_id, ()):
            self.wait(parked)

    def end_other(self) -> None:
        """Free the slot of a job that is on no board."""
        self._running -= 1

    def _head(self, line: list[_Entry], now: dt.datetime) -> _Entry | None:
        """The most urgent of a line whose agency has a slot left."""
        while line:
            at, ready_at, number, work = line[0]
            urgent_at = urgency(work, now)
            if urgent_at > at:
                heapq.heapreplace(line, (urgent_at, ready_at, number, work))
            elif self._running_of_tenant[work.tenant_id] >= self._capacity.tenant_slots:
                heapq.heappop(line)
                self._parked[work.tenant_id].append(work)
            else:
                return line[0]
        return None

    def _has_calls(self, work: DueWork) -> bool:
        """Whether a sync would get its calls; more at once would only wait for them, in slots."""
        if not self._running_of_source[work.source]:
            return True
        granted = self._providers.get(work.source, _UNKNOWN).calls_per_second
        return self._calls_of_source[work.source] + _calls_per_second(work) <= granted


def _calls_per_second(work: DueWork) -> float:
    return work.calls / max(1, work.fastest_seconds)
