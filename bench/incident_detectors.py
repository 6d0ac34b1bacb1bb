"""What finds incidents without us: three common rules, on the figures of the next morning.

    figures of one age -> rule on each series and measure -> days of a client -> alarms

They are treated kindly: they compare figures of one age, never young with mature ones, and
everything that they flag for a client on consecutive days is one alarm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ml.anomalies.aged import Aged
from ml.panel import Floats

__all__ = ["DETECTORS", "Raised", "raise_by"]

_MONTH: Final = 28
_LONG: Final = 180
_SIGMA: Final = 3.0
_GAP: Final = 2  # quiet steps that end an alarm, as with ours


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm, as far as it is scored.

    Attributes:
        client: Whose.
        channel: Where; None: of the client, or the detector does not say.
        since: First step of it.
        told: Step whose morning told it.
    """

    client: str
    channel: str | None
    since: int
    told: int


def three_sigma(figures: Floats, _season: int) -> Floats:
    """Distance from the mean of 28 steps, in their standard deviations."""
    return _distance(figures, _MONTH)


def windowed_gaussian(figures: Floats, _season: int) -> Floats:
    """As NAB's windowed Gaussian: the same over half a year."""
    return _distance(figures, _LONG)


def seasonal_naive(figures: Floats, season: int) -> Floats:
    """Change since a season ago, in standard deviations of such changes over half a year."""
    change = np.full_like(figures, np.nan)
    change[:, season:] = figures[:, season:] - figures[:, :-season]
    return _distance(change, _LONG)


DETECTORS: Final[Mapping[str, Callable[[Floats, int], Floats]]] = {
    "3 sigma over 28 steps": three_sigma,
    "windowed Gaussian": windowed_gaussian,
    "sNaive residual": seasonal_naive,
}


def raise_by(
    detector: Callable[[Floats, int], Floats], aged: Aged, first: int, last: int
) -> list[Raised]:
    """Alarms of a rule on steps `first` to `last`, looked at one step later."""
    flagged = np.zeros((len(aged.series), aged.steps), dtype=np.bool_)
    for measure in aged.mature:
        first_told = aged.values[measure][:, :, 0]  # noqa: PD011  # no pandas
        distance = detector(first_told, aged.cadence.season)
        flagged |= np.abs(distance) > _SIGMA  # NaN is not
    found = []
    for client in sorted({series.client for series in aged.series}):
        rows = [row for row, series in enumerate(aged.series) if series.client == client]
        steps = np.flatnonzero(flagged[rows, first : last + 1].any(axis=0)) + first
        begins = steps[np.diff(steps, prepend=-_GAP - 2) > _GAP]
        found += [Raised(client, None, int(step), int(step) + 1) for step in begins]
    return found


def _distance(figures: Floats, window: int) -> Floats:
    before = pd.DataFrame(figures.T).shift(1).rolling(window, min_periods=_MONTH)
    spread = before.std().to_numpy().T
    distance: Floats = (figures - before.mean().to_numpy().T) / np.where(spread > 0, spread, np.nan)
    return distance
