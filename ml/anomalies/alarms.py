"""An incident over days is one alarm: opened, going on, closed.

    alarms until yesterday + findings and deviations of today -> alarms until today

An alarm goes on while its figures stay large the same way, rare or not. It is over after two
quiet days in a row; a day of which nothing was told yet is neither. After two weeks it is no
incident any more but how things are: it is closed, and the new level is learned.
"""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ml.anomalies.aged import Aged
from ml.anomalies.causes import Cause, find_cause
from ml.anomalies.conformal import BoolMatrix
from ml.anomalies.deviation import LARGE, Deviation, is_ancestor
from ml.anomalies.look import RUN
from ml.anomalies.moves import Moves
from ml.anomalies.root import Finding, belong_together
from ml.panel import Measure, Series

__all__ = ["Alarm", "State", "find_left_out", "follow"]

_QUIET: Final = 2  # days: one may be chance
_LASTING: Final = 14  # days


class State(enum.Enum):
    """Where an alarm is in its life."""

    OPENED = "opened"  # today
    ONGOING = "ongoing"
    OVER = "over"  # closed: figures are as expected again
    LASTING = "lasting"  # closed: this is the new level


@dataclass(frozen=True, slots=True)
class Alarm:
    """One incident of a client.

    Attributes:
        root: Where: all of its parts and nothing beside it.
        direction: 1: more than expected, -1: less.
        cause: What it looks like.
        state: Where it is in its life.
        since: First day of it.
        last: Last day of it that is known.
        quiet: Days since then, in a row, that were as expected.
        deviations: The first one of each measure, root's first.
        stakes: Money by day; NaN: no money is known.
    """

    root: Series
    direction: int
    cause: Cause
    state: State
    since: dt.date
    last: dt.date
    quiet: int
    deviations: tuple[Deviation, ...]
    stakes: Mapping[dt.date, float]

    @property
    def is_open(self) -> bool:
        """Whether it goes on, as far as is known."""
        return self.state in {State.OPENED, State.ONGOING}

    @property
    def measures(self) -> frozenset[Measure]:
        """Which deviate."""
        return frozenset(one.measure for one in self.deviations)

    @property
    def stake(self) -> float:
        """Money of all days until now; NaN: no money is known."""
        return sum(self.stakes.values())


def follow(
    alarms: Sequence[Alarm],
    findings: Sequence[Finding],
    deviations: Sequence[Deviation],
    moves: Moves,
) -> list[Alarm]:
    """Carry alarms on by one day.

    Args:
        alarms: Until yesterday; closed ones stay as they are.
        findings: Of today.
        deviations: Everything that was looked at today.
        moves: Of the measures that were looked at on other days.
    """
    followed = [replace(one, state=State.ONGOING) if one.is_open else one for one in alarms]
    for finding in findings:
        place = next((at for at, one in enumerate(followed) if _is_of(one, finding)), None)
        if place is None:
            followed.append(_open(finding, moves))
        else:
            followed[place] = _join(followed[place], finding.deviations, moves)
    return [_go_on(one, deviations) if one.state is State.ONGOING else one for one in followed]


def find_left_out(aged: Aged, alarms: Sequence[Alarm]) -> Mapping[Measure, BoolMatrix]:
    """Figures to learn nothing from: those of incidents, and those before a new level.

    Returns:
        By measure, shape (series, steps). An alarm covers all measures of its root and below, and
        its own measures above.
    """
    shape = (len(aged.series), aged.steps)
    left_out = {measure: np.zeros(shape, dtype=np.bool_) for measure in aged.values}
    for alarm in alarms:
        begin, end = (max(_step(aged, day), 0) for day in (alarm.since, alarm.last))
        for row, series in enumerate(aged.series):
            if is_ancestor(alarm.root, series):
                is_new = alarm.state is State.LASTING
                days = slice(0, begin) if is_new else slice(begin, end + 1)
                for matrix in left_out.values():
                    matrix[row, days] = True
            elif is_ancestor(series, alarm.root) and alarm.state is not State.LASTING:
                for measure in alarm.measures:
                    left_out[measure][row, begin : end + 1] = True
    return left_out


def _step(aged: Aged, day: dt.date) -> int:
    return (day - aged.start) // aged.cadence.step


def _is_of(alarm: Alarm, finding: Finding) -> bool:
    first = finding.deviations[0]
    return (
        alarm.is_open
        and alarm.direction == finding.direction
        and first.day >= alarm.since
        and belong_together(alarm.root, alarm.measures, first)
    )


def _open(finding: Finding, moves: Moves) -> Alarm:
    return Alarm(
        root=finding.root,
        direction=finding.direction,
        cause=_cause(finding.root, finding.direction, finding.deviations, moves),
        state=State.OPENED,
        since=_since(finding, moves),
        last=max(one.day for one in finding.deviations),
        quiet=0,
        deviations=finding.deviations,
        stakes=_with_stakes({}, finding.deviations),
    )


def _since(finding: Finding, moves: Moves) -> dt.date:
    """First of the days before that were at least half as far, if a run gave it away."""
    first = finding.deviations[0]
    least = max(LARGE, min(abs(first.change), 1.0) / 2)
    since = first.day
    for back in range(1, RUN):
        day = first.day - dt.timedelta(days=back)
        change = moves.of(finding.root, day).get(first.measure, 0.0)
        if change * finding.direction < least:
            break
        since = day
    return since


def _join(alarm: Alarm, deviations: Sequence[Deviation], moves: Moves) -> Alarm:
    new = tuple(one for one in deviations if one.measure not in alarm.measures)
    known = (*alarm.deviations, *new)
    return replace(
        alarm,
        cause=_cause(alarm.root, alarm.direction, known, moves) if new else alarm.cause,
        deviations=known,
    )


def _cause(root: Series, direction: int, deviations: Sequence[Deviation], moves: Moves) -> Cause:
    changes = {one.measure: one.change for one in deviations}
    return find_cause(changes, moves.of(root, deviations[0].day), direction)


def _go_on(alarm: Alarm, deviations: Sequence[Deviation]) -> Alarm:
    """Read today's figures of the root in the alarm's measures; none: nothing is known yet."""
    own = [one for one in deviations if one.series == alarm.root and one.measure in alarm.measures]
    still = [one for one in own if one.is_large and one.direction == alarm.direction]
    if still:
        last = max(alarm.last, *(one.day for one in still))
        stakes = _with_stakes(alarm.stakes, still)
        is_lasting = (last - alarm.since).days >= _LASTING
        state = State.LASTING if is_lasting else State.ONGOING
        return replace(alarm, state=state, last=last, quiet=0, stakes=stakes)
    quiet = alarm.quiet + any(one.day > alarm.last for one in own)
    state = State.OVER if quiet >= _QUIET else State.ONGOING
    return replace(alarm, state=state, quiet=quiet)


def _with_stakes(
    stakes: Mapping[dt.date, float], deviations: Sequence[Deviation]
) -> Mapping[dt.date, float]:
    """Of a day the dearest measure counts: conversions and their revenue are the same money."""
    more = dict(stakes)
    for one in deviations:
        more[one.day] = float(np.fmax(more.get(one.day, np.nan), one.stake))
    return more
