"""Which deadlines could have been met: worked out by hand, without the product's code.

    places + slots + outage + kill -> minute by minute, most urgent first -> finish of each

The oracle starts work at full minutes, knows how long each report takes and that a platform is
away, but not what will happen: whatever is cut short is lost and begun again. Who finishes here
with time to spare could have been in time; who is too late even alone could not.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.night.places import Place
from tests.night.provider import Outage

__all__ = ["Forecast", "forecast"]

_MINUTE: Final = dt.timedelta(minutes=1)
_HOUR: Final = dt.timedelta(hours=1)
# A slot that falls free is seen at the next full minute, and so is the end of a job.
_GRAIN: Final = dt.timedelta(minutes=2)
# So long a job tries again before it gives up on a platform that is away.
_PATIENCE: Final = dt.timedelta(minutes=12)
_QUOTA_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class _Job:
    place: Place
    ends: dt.datetime
    is_cut_short: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """What could be.

    Attributes:
        finished_at: By the oracle's own night.
        doomed: Too late even if nobody else wanted anything.
    """

    finished_at: Mapping[Place, dt.datetime]
    doomed: frozenset[Place]

    def could_be_met(self, place: Place, spare: dt.timedelta) -> bool:
        """Whether the place is in time with `spare` left."""
        return self.finished_at[place] + spare <= place.deadline_at


def forecast(
    places: Sequence[Place],
    outage: Outage,
    limits: Mapping[str, int | None],
    *,
    slots: int,
    slots_lost: int,
    kill_at: dt.datetime,
) -> Forecast:
    """Play the night with a list."""
    night = _Night(outage, limits, slots, sorted(places, key=_urgency))
    now = min(place.ready_at for place in places)
    while night.waiting or night.running:
        if now == kill_at:
            night.lose(slots_lost)
        night.advance(now)
        now += _MINUTE
    doomed = frozenset(place for place in places if _alone(place, outage) > place.deadline_at)
    return Forecast(night.finished, doomed)


@dataclass(slots=True)
class _Night:
    outage: Outage
    limits: Mapping[str, int | None]
    slots: int
    waiting: list[Place]
    running: list[_Job] = field(default_factory=list)
    calls: dict[str, list[dt.datetime]] = field(default_factory=dict)
    finished: dict[Place, dt.datetime] = field(default_factory=dict)

    def lose(self, slots: int) -> None:
        """A worker is killed: as many of the longest jobs as it had slots begin again."""
        self.slots -= slots
        self.running.sort(key=lambda job: job.ends)
        self.waiting += [job.place for job in self.running[-slots:]]
        self.waiting.sort(key=_urgency)
        del self.running[-slots:]

    def advance(self, now: dt.datetime) -> None:
        """End what ends now, and begin what can."""
        for job in [job for job in self.running if job.ends <= now]:
            self.running.remove(job)
            if job.is_cut_short:
                self.waiting.append(job.place)
                self.waiting.sort(key=_urgency)
            else:
                self.finished[job.place] = now
        for place in list(self.waiting):
            if len(self.running) < self.slots and self._can_begin(place, now):
                self.waiting.remove(place)
                self._begin(place, now)

    def _can_begin(self, place: Place, now: dt.datetime) -> bool:
        if place.ready_at > now or _is_away(place, self.outage, now):
            return False
        limit = self.limits[place.source]
        recent = sum(at > now - _HOUR for at in self.calls.get(place.source, []))
        return limit is None or recent + place.pages <= _QUOTA_SHARE * limit

    def _begin(self, place: Place, now: dt.datetime) -> None:
        calls = [now + number * place.work / place.pages for number in range(place.pages)]
        self.calls.setdefault(place.source, []).extend(calls)
        ends = now + place.work + _GRAIN
        is_cut_short = place.source == self.outage.source and now < self.outage.start < ends
        if is_cut_short:
            ends = self.outage.start + _PATIENCE
        self.running.append(_Job(place, ends, is_cut_short))


def _urgency(place: Place) -> dt.datetime:
    return place.deadline_at


def _is_away(place: Place, outage: Outage, now: dt.datetime) -> bool:
    return place.source == outage.source and outage.start <= now < outage.end


def _alone(place: Place, outage: Outage) -> dt.datetime:
    """When the place is done if it starts as soon as it can be done in one go."""
    ends = place.ready_at + place.work
    if place.source != outage.source or ends <= outage.start or place.ready_at >= outage.end:
        return ends
    return outage.end + place.work
