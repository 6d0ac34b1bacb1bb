"""What mended rows may still change: only what nothing newer has told.

    days of mended rows + syncs that are published -> windows to tell again, with their bases
    keys of mended rows + who told them since      -> keys to tell again

A fact that is replaced by days has to be told again for whole days: the mended rows, and with them
all good rows that are visible of the same day. These come from the day's base: the sync that the
row belongs to, or an earlier replay of it. Where another sync has told the day since, the row is
history: that sync has told the row again, good or bad.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.ids import SyncId
from domain.time_window import DateRange

__all__ = ["DayChoice", "ToldSync", "Window", "choose_days", "is_told_since", "window_of"]

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ToldSync:
    """A published sync of a stream.

    Attributes:
        origin: The sync whose rows it brings, mended; else itself.
        version: Landing sequence; higher is newer.
        days: That it covers; None: rows by key.
    """

    sync_id: SyncId
    origin: SyncId
    version: int
    days: DateRange | None


@dataclass(frozen=True, slots=True)
class Window:
    """Days in a row that are told again.

    Attributes:
        days: The days.
        bases: Sync -> the days of which its good rows are visible; days without any are not there.
    """

    days: DateRange
    bases: Mapping[SyncId, Collection[dt.date]]


@dataclass(frozen=True, slots=True)
class DayChoice:
    """What becomes of the days of some mended rows.

    Attributes:
        windows: To tell again.
        superseded: Told by another sync since.
        outside: Not among the days that the sync covers.
    """

    windows: Sequence[Window]
    superseded: Collection[dt.date]
    outside: Collection[dt.date]


def choose_days(
    own: ToldSync, wanted: Iterable[dt.date], told: Sequence[ToldSync], *, widens: bool
) -> DayChoice:
    """Choose the windows for mended rows of one sync.

    Args:
        own: The sync that the rows belong to.
        wanted: Days of the rows.
        told: All published syncs of the stream, `own` among them.
        widens: The days of the sync are those of its rows, as in a file: a row of another day would
            have widened them, and the days between with it.
    """
    asked = set(wanted)
    covered = set(own.days or ())
    superseded = {day for day in asked if _is_replaced(own, day, told)}
    outside = set() if widens else asked - covered - superseded
    chosen = asked - superseded - outside
    if widens and chosen:
        all_days = sorted(covered | chosen)
        span = DateRange(all_days[0], all_days[-1])
        chosen |= {d for d in span if d not in covered and not _is_replaced(own, d, told)}
    return DayChoice([window_of(own, run, told) for run in _runs(chosen)], superseded, outside)


def window_of(own: ToldSync, days: DateRange, told: Sequence[ToldSync]) -> Window:
    """Days in a row, and where their visible rows of the sync are."""
    bases: dict[SyncId, set[dt.date]] = {}
    for day in days:
        tellers = [
            one
            for one in told
            if one.origin == own.sync_id and one.days and one.days.start <= day <= one.days.end
        ]
        if tellers:
            newest = max(tellers, key=lambda one: one.version)
            bases.setdefault(newest.sync_id, set()).add(day)
    return Window(days, bases)


def is_told_since(
    own: ToldSync, tellers: Iterable[tuple[SyncId, int]], family: Collection[SyncId]
) -> bool:
    """Whether another sync has told a key since.

    Args:
        own: The sync that the row belongs to.
        tellers: Sync and version of every telling of the key.
        family: The sync and its earlier replays.
    """
    return any(version > own.version and one not in family for one, version in tellers)


def _is_replaced(own: ToldSync, day: dt.date, told: Sequence[ToldSync]) -> bool:
    return any(
        one.version > own.version and one.origin != own.sync_id
        for one in told
        if one.days is not None and one.days.start <= day <= one.days.end
    )


def _runs(days: Iterable[dt.date]) -> list[DateRange]:
    """Days that follow each other, together."""
    runs: list[DateRange] = []
    for day in sorted(days):
        if runs and runs[-1].end + _DAY == day:
            runs[-1] = DateRange(runs[-1].start, day)
        else:
            runs.append(DateRange(day, day))
    return runs
