"""What the days of a month that are not known will cost, from forecasts of whole weeks.

    quantiles of the totals of 7, 14, 28 days + how many days -> quantiles of their total
    spend of the last four weeks -> what each day of a month usually costs

Between two horizons totals grow evenly. Below the first one the middle is its share; the band
narrows with the root of the days only, as that of days that err each by itself.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import numpy as np

from ml.forecast.forecast import QUANTILES
from ml.pacing.budget import Month
from ml.panel import Floats

__all__ = ["total_of_days", "usual_days"]

_MEDIAN: Final = QUANTILES.index(0.5)
_LATELY: Final = 28  # days: each weekday four times


def total_of_days(days: int, horizons: Sequence[int], totals: Floats) -> Floats:
    """Quantiles of what some days cost together.

    Args:
        days: How many, not more than the longest horizon.
        horizons: Days of each forecast total, ascending.
        totals: Shape (horizons, quantiles of `QUANTILES`); NaN: not known.

    Returns:
        Shape (quantiles,); at least 0.
    """
    if not days:
        return np.zeros(len(QUANTILES))
    first = horizons[0]
    if days < first:
        middle = totals[0, _MEDIAN]
        told: Floats = middle * days / first + (totals[0] - middle) * np.sqrt(days / first)
    else:
        told = np.array([np.interp(days, horizons, column) for column in totals.T])
    return np.maximum(told, 0)


def usual_days(month: Month, known: Floats, after: dt.date) -> Floats:
    """Mean spend of each day's weekday lately.

    Args:
        month: Whose days are asked for.
        known: Shape (days,), up to the day before `after`; NaN: not known.
        after: First day that is not over.

    Returns:
        Shape (days of the month,); NaN: the weekday is not known.
    """
    recent = known[-_LATELY:]
    weekdays = np.array(
        [(after - dt.timedelta(days=back)).weekday() for back in range(len(recent), 0, -1)]
    )
    means = np.full(7, np.nan)
    for weekday in range(7):
        own = recent[weekdays == weekday]
        if np.isfinite(own).any():
            means[weekday] = np.nanmean(own)
    return means[[month.day(place).weekday() for place in range(month.days)]]
