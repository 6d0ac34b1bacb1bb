"""The current view as the syncs of a batch change it, one after the other.

    visible figures + what has passed -> Evidence of the next sync

A sync that passes is part of what the next one of its stream is compared with, so a long backfill
is judged like a year of nights.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.ids import SyncId
from ingestion.quality.checks.totals_differ import TOLD_TOGETHER, totals_of
from ingestion.quality.evidence import Evidence, LandedSync
from ingestion.quality.figures import DayFigures, Days

__all__ = ["HISTORY", "CurrentView", "VisibleDay"]

HISTORY: Final = dt.timedelta(weeks=5)


@dataclass(frozen=True, slots=True)
class VisibleDay:
    """Figures of one day in the current view of a fact."""

    connection_id: str
    fact: str
    stream: str
    day: dt.date
    figures: DayFigures


class CurrentView:
    """What syncs are compared with. Used for one batch."""

    def __init__(self, visible: Iterable[VisibleDay], landed: Mapping[SyncId, Days]) -> None:
        self._landed = landed
        self._streams: dict[tuple[str, str], dict[str, dict[dt.date, DayFigures]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for one in visible:
            self._streams[one.connection_id, one.fact][one.stream][one.day] = one.figures

    def evidence(self, sync: LandedSync, conflicts: int) -> Evidence:
        """A sync, and what it would replace or go on from."""
        landed = self._landed.get(sync.sync_id, {})
        today = sync.known_at.date()
        first, last = (sync.days.start, sync.days.end) if sync.days else (today, today)
        published = {
            day: figures
            for day, figures in self._days(sync).items()
            if first - HISTORY <= day <= last
        }
        return Evidence(sync, landed, published, self._totals(sync), conflicts)

    def let_through(self, sync: LandedSync) -> None:
        """Change the view as the sync will change it. Rows by key change no day as a whole."""
        if sync.days is None or not sync.replaces_days:
            return
        days = self._days(sync)
        landed = self._landed.get(sync.sync_id, {})
        for day in sync.days:
            days.pop(day, None)
            if day in landed:
                days[day] = landed[day]

    def _days(self, sync: LandedSync) -> dict[dt.date, DayFigures]:
        return self._streams[str(sync.connection_id), sync.fact.name][sync.name]

    def _totals(self, sync: LandedSync) -> Days | None:
        """The platform's totals that were told at about the same time; None: none were."""
        fact = totals_of(sync.fact)
        if fact is None:
            return None
        return {
            day: figures
            for days in self._streams[str(sync.connection_id), fact.name].values()
            for day, figures in days.items()
            if figures.known_at and abs(figures.known_at - sync.known_at) < TOLD_TOGETHER
        } or None
