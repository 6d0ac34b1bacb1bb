"""How far the time that comes differs from the average of the history.

    outcome over fit, month by month -> how much it wanders, and how long it remembers
                                     -> shift and spread of each item's level, next month

Creative wears out, auctions change, competitors come: a month is better or worse than the curve
says, and the next one is like it. A plan is for the next month, so its curves start from the last
one as far as months resemble each other, and are as unsure as months differ. Both are estimated
over all outcomes of a client together; a single campaign has too few months.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from ml.panel import Floats
from ml.response.noise import Noise
from ml.response.observed import Observed

__all__ = ["Drift"]

# Fewer months do not tell how months differ.
_FEWEST_MONTHS: Final = 4

# Of the steps of a month: with fewer known ones it is left out.
_ENOUGH_KNOWN: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Of the logarithm of each outcome's level in the next month, shape (outcomes,).

    Attributes:
        shift: Expected.
        spread: Standard deviation.
    """

    shift: Floats
    spread: Floats

    @classmethod
    def of(cls, observed: Observed, fitted: Floats, noises: Sequence[Noise], month: int) -> Self:
        """Estimated from a fit.

        Args:
            observed: Outcomes.
            fitted: Expected outcomes, shape (outcomes, steps).
            noises: Of each outcome.
            month: Steps of a month.
        """
        months = observed.spend.shape[1] // month
        ratio, noise = np.full((2, len(fitted), months), np.nan)
        for outcome, (values, expected, one) in enumerate(
            zip(observed.outcomes, fitted, noises, strict=True)
        ):
            for back in range(months):
                steps = slice(len(values) - (back + 1) * month, len(values) - back * month)
                known = np.isfinite(values[steps]) & (one.weight[steps] > 0)
                total = float(np.maximum(expected[steps][known], 0).sum())
                if known.sum() < _ENOUGH_KNOWN * month or total <= 0:
                    continue
                variance = float(np.square(1 / one.weight[steps][known]).sum()) / total**2
                came = max(float(values[steps][known].sum()) / total, 0.05)
                ratio[outcome, months - 1 - back] = np.log(came)
                noise[outcome, months - 1 - back] = variance
        if np.isfinite(ratio).sum(axis=1).max(initial=0) < _FEWEST_MONTHS:
            return cls(np.zeros(len(fitted)), np.zeros(len(fitted)))
        return cls(*_next_month(ratio, noise))


def _next_month(ratio: Floats, noise: Floats) -> tuple[Floats, Floats]:
    variance = max(float(np.nanmean(np.square(ratio) - noise)), 0.0)
    pairs = ratio[:, 1:] * ratio[:, :-1]
    together = float(np.nanmean(pairs)) if np.isfinite(pairs).any() else 0.0
    memory = float(np.clip(together / variance, 0, 0.95)) if variance > 0 else 0.0
    shift, spread = np.zeros(len(ratio)), np.full(len(ratio), np.sqrt(variance))
    for outcome, row in enumerate(ratio):
        known = np.flatnonzero(np.isfinite(row))
        if not len(known) or variance == 0:
            continue
        last = int(known[-1])
        like = memory ** (len(row) - last)
        trust = variance / (variance + noise[outcome, last])
        shift[outcome] = like * trust * row[last]
        spread[outcome] = np.sqrt(variance * (1 - like**2 * trust))
    return shift, spread
