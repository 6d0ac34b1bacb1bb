"""Patterns over many days of one account: a factor, a shift, days cut at another hour.

two series by day -> find_factor, find_shift, is_cut_elsewhere
"""

import datetime as dt
import statistics
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

__all__ = ["Series", "find_factor", "find_shift", "is_cut_elsewhere"]

Series = Mapping[dt.date, Decimal]

_FEWEST_DAYS: Final = 3
_ENOUGH: Final = 0.8  # of the days: others may differ for reasons of their own
_SAME_RATIO: Final = Decimal("0.002")  # small amounts that were rounded
# A day loses a part to one neighbour and gets that part of the other; hours differ from day to day.
_LEAST_MOVED: Final = 0.005
_MOST_LEFT: Final = 0.3


def find_factor(old: Series, new: Series) -> Decimal | None:
    """The one factor between most days, `old = factor * new`; None: there is none, or it is 1."""
    ratios = [
        old[day] / new[day] for day in old.keys() & new.keys() if old[day] != 0 and new[day] != 0
    ]
    if len(ratios) < _FEWEST_DAYS:
        return None
    factor = statistics.median(ratios)
    alike = sum(abs(ratio / factor - 1) <= _SAME_RATIO for ratio in ratios)
    if alike < _ENOUGH * len(ratios) or abs(factor - 1) <= _SAME_RATIO:
        return None
    return factor


def find_shift(old: Series, new: Series) -> int | None:
    """By how many days the old system's dates are late (1) or early (-1); None: by none."""
    if _agreeing(old, new, 0) >= _ENOUGH:
        return None
    return next((days for days in (1, -1) if _agreeing(old, new, days) >= _ENOUGH), None)


def _agreeing(old: Series, new: Series, days: int) -> float:
    """The share of days on which `old` has what `new` had so many days before."""
    step = dt.timedelta(days=days)
    pairs = [(old[day], new[day - step]) for day in old if day - step in new]
    if len(pairs) < _FEWEST_DAYS or len(set(new.values())) < _FEWEST_DAYS:
        return 0.0
    return sum(one == other for one, other in pairs) / len(pairs)


def is_cut_elsewhere(old: Sequence[Series], new: Sequence[Series]) -> bool:
    """Whether days begin at another hour: amounts move between neighbours and none are lost.

    Args:
        old: Series of metrics that cannot differ for another reason, such as impressions.
        new: The same metrics.
    """
    return bool(old) and all(_moves(*pair) for pair in zip(old, new, strict=True))


def _moves(old: Series, new: Series) -> bool:
    """Whether `old[d] - new[d]` is a steady part of what a neighbour has more than the day."""
    days = old.keys() & new.keys()
    differing = sum(old[day] != new[day] for day in days)
    if len(days) <= _FEWEST_DAYS or differing < _ENOUGH * len(days):
        return False
    return any(_fits(old, new, dt.timedelta(days=step)) for step in (1, -1))


def _fits(old: Series, new: Series, step: dt.timedelta) -> bool:
    days = [day for day in old.keys() & new.keys() if day - step in new]
    moved = [float(old[day] - new[day]) for day in days]
    slopes = [float(new[day - step] - new[day]) for day in days]
    power = sum(slope * slope for slope in slopes)
    if not power:
        return False
    part = sum(one * slope for one, slope in zip(moved, slopes, strict=True)) / power
    left = sum((one - part * slope) ** 2 for one, slope in zip(moved, slopes, strict=True))
    return _LEAST_MOVED < part < 1 and left <= _MOST_LEFT * sum(one * one for one in moved)
