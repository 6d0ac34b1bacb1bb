"""What kind of incident it is, from which measures deviate and which stay.

    deviations of a root by measure, and how its other measures moved -> Cause

Money goes in (spend), visitors come (sessions), some buy (conversions), for an amount (revenue).
Where in that chain the break is tells the cause: sales that end while spend and visitors stay are
not counted any more; visitors and sales that end together are a site that is down.
"""

import enum
from collections.abc import Mapping
from typing import Final

from ml.panel import Measure

__all__ = ["Cause", "find_cause"]

_STEADY: Final = 0.25  # relative: less is no move; equals what is large
_STOPPED: Final = -0.9
_BROKEN: Final = -0.5  # tracking breaks take at least half; demand rarely does in a day
_DOUBLED: Final = (0.6, 1.6)  # conversions counted twice, give or take a day's noise


class Cause(enum.Enum):
    """Kind of incident; named after what is seen, as near to its reason as figures tell."""

    SPEND_RUNAWAY = "spend_runaway"
    SPEND_STOPPED = "spend_stopped"
    SPEND_FALL = "spend_fall"
    SITE_OUTAGE = "site_outage"
    TRACKING_BREAK = "tracking_break"
    DOUBLE_COUNTING = "double_counting"
    ORDER_VALUE_FALL = "order_value_fall"
    ORDER_VALUE_RISE = "order_value_rise"
    SALES_FALL = "sales_fall"
    SALES_RISE = "sales_rise"
    TRAFFIC_FALL = "traffic_fall"
    TRAFFIC_RISE = "traffic_rise"


def find_cause(
    changes: Mapping[Measure, float], moves: Mapping[Measure, float], direction: int
) -> Cause:
    """Name the cause.

    Args:
        changes: Relative changes of the measures that are in the alarm; -0.5: half of it.
        moves: Those of the root's other measures on that day, as far as they are known.
        direction: 1: more than expected, -1: less.
    """
    return _find_fall(changes, moves) if direction < 0 else _find_rise(changes, moves)


def _find_fall(changes: Mapping[Measure, float], moves: Mapping[Measure, float]) -> Cause:
    if Measure.SPEND in changes:
        has_stopped = changes[Measure.SPEND] <= _STOPPED
        return Cause.SPEND_STOPPED if has_stopped else Cause.SPEND_FALL
    if Measure.SESSIONS in changes:
        return Cause.SITE_OUTAGE if _sells(changes) else Cause.TRAFFIC_FALL
    if Measure.CONVERSIONS not in changes and _stays(moves, Measure.CONVERSIONS):
        return Cause.ORDER_VALUE_FALL
    is_broken = min(changes.values()) <= _BROKEN and _stays(moves, Measure.SPEND)
    visits_stay = Measure.SESSIONS not in moves or _stays(moves, Measure.SESSIONS)
    return Cause.TRACKING_BREAK if is_broken and visits_stay else Cause.SALES_FALL


def _find_rise(changes: Mapping[Measure, float], moves: Mapping[Measure, float]) -> Cause:
    if Measure.SPEND in changes:
        return Cause.SPEND_RUNAWAY
    if Measure.SESSIONS in changes:
        return Cause.TRAFFIC_RISE
    if Measure.CONVERSIONS not in changes and _stays(moves, Measure.CONVERSIONS):
        return Cause.ORDER_VALUE_RISE
    low, high = _DOUBLED
    is_doubled = all(low <= change <= high for change in changes.values())
    visits_stay = Measure.SESSIONS not in moves or _stays(moves, Measure.SESSIONS)
    if is_doubled and Measure.CONVERSIONS in changes and visits_stay:
        return Cause.DOUBLE_COUNTING if _stays(moves, Measure.SPEND) else Cause.SALES_RISE
    return Cause.SALES_RISE


def _sells(changes: Mapping[Measure, float]) -> bool:
    return Measure.CONVERSIONS in changes or Measure.REVENUE in changes


def _stays(moves: Mapping[Measure, float], measure: Measure) -> bool:
    return measure in moves and abs(moves[measure]) < _STEADY
