"""What is usual for a feature of this agency, by its own last days, and whether today is.

profiles of the last days -> usual share of unknown values, usual range -> today against both

Never against other agencies. What has been so for a week is usual from then on: the middle of the
last 14 days decides, so that an alert about a lasting change ends by itself.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from feature_repo.monitoring.profile import Profile, known_numbers
from feature_repo.packing import Value
from tenancy.tables import FeatureVerdict

__all__ = ["BASELINE_DAYS", "Usual", "compute_usual", "judge_nulls", "judge_range"]

BASELINE_DAYS: Final = 14
_LEAST_DAYS: Final = 7
_LEAST_ENTITIES: Final = 5

# The rate of unknown values may grow by 5 points, or by five times what it moves from day to day.
_NULL_MARGIN: Final = 0.05
_NULL_DEVIATIONS: Final = 5
_SIGMA_OF_MAD: Final = 1.4826  # of a normal distribution
# A value may lie further out than the usual range by four times its width, or its upper end: a big
# new client does, amounts in cents or micros do not.
_WIDTHS: Final = 4
_LEAST_VALUES: Final = 3  # fewer are somebody's odd campaign


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual.

    Attributes:
        null_rate: At most, from 0 to 1.
        low: Lowest number; None: there were no numbers, or nothing but zeros.
        high: Highest number; None likewise.
    """

    null_rate: float
    low: float | None
    high: float | None


def compute_usual(days: Sequence[Profile]) -> Usual | None:
    """What is usual after some days.

    Args:
        days: Profiles of the last `BASELINE_DAYS` days before the one to be judged.

    Returns:
        None: on fewer than 7 of them were there enough entities.
    """
    days = [day for day in days if day.count >= _LEAST_ENTITIES]
    if len(days) < _LEAST_DAYS:
        return None
    rates = [day.nulls / day.count for day in days]
    middle = statistics.median(rates)
    deviation = _SIGMA_OF_MAD * statistics.median(abs(rate - middle) for rate in rates)
    null_rate = min(1.0, middle + max(_NULL_MARGIN, _NULL_DEVIATIONS * deviation))
    lows = [day.minimum for day in days if day.minimum is not None]
    highs = [day.maximum for day in days if day.maximum is not None]
    if len(lows) < _LEAST_DAYS:
        return Usual(null_rate, None, None)
    low, high = statistics.median(lows), statistics.median(highs)
    room = _WIDTHS * max(high - low, abs(high))
    if not room:
        return Usual(null_rate, None, None)
    # What never was below zero, such as a cost, has no business there.
    return Usual(null_rate, max(0.0, low - room) if low >= 0 else low - room, high + room)


def judge_nulls(usual: Usual | None, today: Profile) -> FeatureVerdict:
    """Whether more values than usual are unknown: by share, and by at least three."""
    if usual is None or today.count < _LEAST_ENTITIES:
        return FeatureVerdict.TOO_FEW
    more = today.nulls - usual.null_rate * today.count
    is_unusual = more > 0 and today.nulls >= _LEAST_VALUES
    return FeatureVerdict.UNUSUAL if is_unusual else FeatureVerdict.USUAL


def judge_range(usual: Usual | None, values: Sequence[Value]) -> FeatureVerdict:
    """Whether at least three numbers lie outside the usual range."""
    numbers = known_numbers(values)
    if usual is None or usual.low is None or usual.high is None or numbers.size < _LEAST_ENTITIES:
        return FeatureVerdict.TOO_FEW
    outside = int(np.count_nonzero((numbers < usual.low) | (numbers > usual.high)))
    return FeatureVerdict.UNUSUAL if outside >= _LEAST_VALUES else FeatureVerdict.USUAL
