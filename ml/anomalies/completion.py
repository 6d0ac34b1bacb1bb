"""How much of a figure is known at each age: what late data can explain.

    figures at each age over the mature ones, day by day -> usual share, and the least share

Of the days that are mature by now, what was known at an age is compared with what it came to. The
usual share tells what a young figure will come to. The least one tells what it may come to when it
is late as one day in twenty was: a figure is only short if it would be short even then. So a
deviation is one of the figure and not of its arrival.

Source: T. Mack, "Distribution-free calculation of the standard error of chain ladder reserve
estimates", ASTIN Bulletin 23(2), 1993, for the idea of development by age.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.anomalies.aged import AGES, MATURE, Aged
from ml.anomalies.quantiles import row_quantile
from ml.panel import Floats, Measure

__all__ = ["LEAST_SHARE", "Completion", "compute_completion"]

# Below that half of a figure is a guess: it is looked at when it is older.
LEAST_SHARE: Final = 0.5

_WINDOW: Final = 90  # mature steps: lag changes with the platforms' rules, a quarter is recent
_ENOUGH: Final = 20  # steps; with fewer, one in twenty says nothing
_LATE: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Completion:
    """Share of the mature figure that is known, by age.

    Attributes:
        usual: Shape (series, ages of `AGES`); NaN: too little is known to say.
        least: Same shape; at most 1.
    """

    usual: Floats
    least: Floats

    @property
    def first_age(self) -> Floats:
        """Shape (series,): first age at which a figure can be looked at; NaN: at none."""
        is_enough = self.least >= LEAST_SHARE  # NaN is not
        ages = np.asarray(AGES, dtype=np.float64)[is_enough.argmax(axis=1)]
        return np.where(is_enough.any(axis=1), ages, np.nan)


def compute_completion(aged: Aged, measure: Measure, today: int) -> Completion:
    """Learn shares from the last quarter of mature steps.

    Args:
        aged: Figures at each age.
        measure: Of what.
        today: Step that goes on; nothing that was known after its look is read.

    Returns:
        Equal for all series of a channel of a client, which arrive alike: the shares of one small
        campaign would be noise.
    """
    begin = max(today - MATURE - _WINDOW + 1, 0)
    recent = slice(begin, max(today - MATURE + 1, 0))
    young, mature = aged.values[measure][:, recent], aged.mature[measure][:, recent, np.newaxis]
    usual = np.full((len(aged.series), len(AGES)), np.nan)
    least = usual.copy()
    for rows in _arriving_alike(aged):
        is_told = np.isfinite(young[rows]) & np.isfinite(mature[rows])
        told = np.where(is_told, young[rows], 0).sum(axis=0).T
        final = np.where(is_told, mature[rows], 0).sum(axis=0).T
        is_some = final > 0
        shares = np.where(is_some, told, np.nan) / np.where(is_some, final, 1)
        is_enough = is_some.sum(axis=1) >= _ENOUGH
        total = np.where(is_enough, final.sum(axis=1), np.nan)
        usual[rows] = told.sum(axis=1) / total
        late = row_quantile(shares, _LATE)[:, 0] if shares.shape[1] else total
        least[rows] = np.where(is_enough, np.minimum(late, 1.0), np.nan)
    return Completion(usual, least)


def _arriving_alike(aged: Aged) -> list[list[int]]:
    groups: dict[tuple[str, str | None], list[int]] = {}
    for row, series in enumerate(aged.series):
        groups.setdefault((series.client, series.channel), []).append(row)
    return list(groups.values())
