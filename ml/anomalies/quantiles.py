"""Quantiles of rows of which some figures are not known.

    matrix with gaps -> known figures of each row in order -> quantile

numpy's nanquantile walks rows one by one in Python where there are gaps; this sorts them at once.
"""

import numpy as np

from ml.panel import Floats

__all__ = ["row_median", "row_quantile"]


def row_quantile(matrix: Floats, level: float) -> Floats:
    """Linear between order statistics, as numpy's.

    Args:
        matrix: Shape (rows, columns); NaN: not known.
        level: Between 0 and 1.

    Returns:
        Shape (rows, 1); NaN where nothing is known.
    """
    ordered = np.sort(matrix, axis=1)  # NaN last
    last = np.maximum(np.isfinite(matrix).sum(axis=1) - 1, 0)
    place = level * last
    below = np.floor(place)
    rows = np.arange(len(matrix))
    low = ordered[rows, below.astype(np.intp)]
    high = ordered[rows, np.ceil(place).astype(np.intp)]
    between: Floats = (low + (high - low) * (place - below))[:, np.newaxis]
    return between


def row_median(matrix: Floats) -> Floats:
    """Shape (rows, 1); NaN where nothing is known."""
    return row_quantile(matrix, 0.5)
