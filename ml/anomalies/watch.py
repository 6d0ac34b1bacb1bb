"""The daily watch over an agency's figures.

    ages -> totals of what is told now -> look at what is due -> discoveries -> roots -> alarms

Pure: everything that must be remembered from day to day is in the alarms.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Final

from ml.anomalies.aged import Aged
from ml.anomalies.alarms import Alarm, find_left_out, follow
from ml.anomalies.deviation import Deviation
from ml.anomalies.expectation import Expectation
from ml.anomalies.look import look
from ml.anomalies.root import Finding, find_roots
from ml.anomalies.totals import add_totals
from ml.panel import Measure

__all__ = ["watch"]

_NO_DAYS: Final[Mapping[str, Collection[dt.date]]] = {}


def watch(
    aged: Aged,
    today: dt.date,
    alarms: Sequence[Alarm],
    expectation: Expectation,
    unusual: Mapping[str, Collection[dt.date]] = _NO_DAYS,
) -> list[Alarm]:
    """Carry an agency's alarms on by one day.

    Args:
        aged: Figures of all its clients at each age; totals are added.
        today: Day that goes on, in the agency's calendar; one that has been watched is not
            watched again.
        alarms: Until yesterday, at least those of the last seven months.
        expectation: What figures are expected to be, by rows of `add_totals`.
        unusual: Holidays and sales of each client that the expectation does not know of: the past
            is no measure for them. Demand on these days is neither judged nor learned from; spend
            is.

    Returns:
        All of them, and those that today opened.
    """
    step = (today - aged.start) // aged.cadence.step
    aged = add_totals(aged, step)
    left_out = find_left_out(aged, alarms)
    for row, series in enumerate(aged.series):
        places = [(day - aged.start) // aged.cadence.step for day in unusual.get(series.client, ())]
        inside = [place for place in places if 0 <= place < aged.steps]
        for measure in set(left_out) - {Measure.SPEND}:
            left_out[measure][row, inside] = True
    deviations, moves = look(aged, step, left_out, expectation, unusual)
    return follow(alarms, _find_all_roots(deviations), deviations, moves)


def _find_all_roots(deviations: Sequence[Deviation]) -> list[Finding]:
    ordered = sorted(deviations, key=lambda one: (one.day, one.series.client))
    groups = groupby(ordered, key=lambda one: (one.day, one.series.client))
    return [finding for _, group in groups for finding in find_roots(list(group))]
