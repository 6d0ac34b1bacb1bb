"""A whole distribution from the few quantiles that a forecast tells.

    five quantiles -> straight lines between them on normal scale -> probability of staying below

On that scale a normal distribution is one straight line, so its probabilities are exact; what is
skewed bends at the quantiles that are told. Beyond the outer ones the last line goes on.
"""

from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from ml.forecast.forecast import QUANTILES
from ml.panel import Floats

__all__ = ["probability_at_most"]

_SCALE: Final = ndtri(np.asarray(QUANTILES))  # standard normal value of each quantile


def probability_at_most(quantiles: Floats, value: float) -> float:
    """Probability that the figure does not pass a value.

    Args:
        quantiles: Shape (quantiles of `QUANTILES`,), ascending; equal ones are a point mass.
        value: In the same unit.
    """
    above = int(np.searchsorted(quantiles, value, side="right"))
    left = min(max(above - 1, 0), len(quantiles) - 2)
    width = quantiles[left + 1] - quantiles[left]
    if width <= 0:
        return float(value >= quantiles[left])
    # A hair's breadth beyond all quantiles is endlessly many widths away.
    with np.errstate(over="ignore"):
        share = (value - quantiles[left]) / width
    return float(ndtr(_SCALE[left] + share * (_SCALE[left + 1] - _SCALE[left])))
