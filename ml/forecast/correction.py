"""What the trees add: how far the total will be off the anchor, as a logarithm.

    rows of all agencies -> XGBoost (hist, squared error on the clipped log ratio) -> correction

The anchor carries what is particular to a series; the trees learn what holds for all: how much of a
spend change comes through, how fast a new campaign's ratio settles, how a past bias goes on. They
are few, shallow and slow, and leaves are shrunk to no correction: the anchor is hard to beat and
easy to spoil. Never quantile loss with monotone constraints: `hist` breaks those silently.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import xgboost as xgb

from ml.forecast.features import Features
from ml.forecast.rows import Rows
from ml.panel import Floats

__all__ = ["CLIPPED", "correct", "fit_correction", "trust_in"]

CLIPPED: Final = 1.0  # residuals beyond a factor of e say little of what will happen again
_MONTH_DAYS: Final = 28
_LEAST_ROWS: Final = 20  # of a month; fewer are left out
_RIDGE: Final = 1.1
_ROUNDS: Final = 150
_PARAMETERS: Final = {
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "base_score": 0.0,
    "max_depth": 4,
    "eta": 0.06,
    "min_child_weight": 40,
    "lambda": 40.0,
    "subsample": 0.7,
    "colsample_bynode": 0.6,
    "max_bin": 64,
}


class _Blocks(xgb.DataIter):
    """Hands the rows of one agency after the other to XGBoost, which keeps bins only."""

    def __init__(self, blocks: Sequence[Rows]) -> None:
        self._blocks = blocks
        self._next = 0
        super().__init__()

    def next(self, input_data: Callable[..., Any]) -> bool:
        if self._next == len(self._blocks):
            return False
        rows = self._blocks[self._next]
        input_data(data=rows.features, label=np.clip(rows.residual, -CLIPPED, CLIPPED))
        self._next += 1
        return True

    def reset(self) -> None:
        self._next = 0


def fit_correction(blocks: Sequence[Rows], *, seed: int, threads: int) -> xgb.Booster:
    """Learn from the rows of all agencies; the same rows and seed give the same trees."""
    parameters = {**_PARAMETERS, "seed": seed, "nthread": threads}
    matrix = xgb.QuantileDMatrix(_Blocks(blocks), max_bin=64, nthread=threads)
    return xgb.train(parameters, matrix, num_boost_round=_ROUNDS)


def correct(booster: xgb.Booster, features: Features) -> Floats:
    """Log ratio to be added to the anchor: shape (rows,)."""
    told: Floats = booster.inplace_predict(features).astype(np.float64)
    return told


def trust_in(correction: Floats, residual: Floats, moment: Floats) -> float:
    """Share of the correction to apply, by rows that the trees have not seen.

    What all agencies went through in one month the trees take for a law. So the share that would
    have been best is found for each month apart, and the least of them is believed: none, where
    there are not two months to compare.

    Args:
        correction: Of each row.
        residual: Of each row; NaN: not known.
        moment: Day of each row's origin.
    """
    month = moment // _MONTH_DAYS
    known = np.isfinite(residual)
    shares = []
    for one in np.unique(month):
        rows = known & (month == one)
        if rows.sum() >= _LEAST_ROWS:
            shares.append(_best_share(correction[rows], residual[rows]))
    return min(shares) if len(shares) > 1 else 0.0


def _best_share(correction: Floats, residual: Floats) -> float:
    """Least squares, with a ridge that is a tenth of the rows."""
    squares = float((correction**2).sum())
    if squares == 0.0:
        return 0.0
    came = np.clip(residual, -CLIPPED, CLIPPED)
    return min(max(float((correction * came).sum()) / (_RIDGE * squares), 0.0), 1.0)
