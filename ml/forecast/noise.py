"""How noisy a series is, and which interval group that puts it in.

    own past residuals, usual noise of such forecasts -> noise -> group: new, calm, usual, wild

A handful of own residuals is a poor estimate of noise; it is mixed with what is usual for the
measure and horizon, as `_PRIOR` more residuals would be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.features import NAMES, Features
from ml.panel import Floats

__all__ = ["Kind", "Noise", "kind_of", "learn_noise"]

_PRIOR: Final = 3.0
_FEW_TRIALS: Final = 3
_LEAST: Final = 1e-3  # nothing is known to a thousandth
_NOISE: Final = NAMES.index("noise")
_TRIALS: Final = NAMES.index("trials")
_GROUPS: Final = ("calm", "usual", "wild")

Kind = tuple[str, str, int]  # measure, planned or open, place of the horizon


def kind_of(measure: str, *, is_planned: bool, horizon: int) -> Kind:
    """What is usual is learnt by measure, regime and horizon."""
    return measure, "planned" if is_planned else "open", horizon


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Usual noise of each kind, and the bounds of its groups.

    Attributes:
        usual: Root mean square of residuals, the median over series.
        bounds: Noise that parts calm from usual, and usual from wild series.
    """

    usual: Mapping[Kind, float]
    bounds: Mapping[Kind, tuple[float, float]]

    def of(self, features: Features, kind: Kind) -> Floats:
        """Noise of each row: shape (rows,)."""
        own, trials = features[:, _NOISE].astype(np.float64), features[:, _TRIALS]
        # Who has no record yet is taken for as noisy as the wild ones.
        wild = self.bounds.get(kind, (1.0, 1.0))[1]
        usual = np.where(trials < _FEW_TRIALS, wild, self.usual.get(kind, 1.0))
        squares = np.where(trials > 0, own, 0.0) ** 2 * trials
        mixed = np.sqrt((squares + _PRIOR * usual**2) / (trials + _PRIOR))
        noise: Floats = np.maximum(mixed, _LEAST)
        return noise

    def groups(self, features: Features, kind: Kind) -> list[str]:
        """Group of each row."""
        trials = features[:, _TRIALS]
        place = np.searchsorted(self.bounds.get(kind, (0.0, 0.0)), self.of(features, kind))
        return [
            _GROUPS[number] if count >= _FEW_TRIALS else "new"
            for number, count in zip(place, trials, strict=True)
        ]


def learn_noise(features_by_kind: Mapping[Kind, Features]) -> Noise:
    """Medians and thirds, from rows of the past."""
    usual, bounds = {}, {}
    for kind, features in features_by_kind.items():
        tried = features[features[:, _TRIALS] >= _FEW_TRIALS]
        if len(tried):
            usual[kind] = float(np.median(tried[:, _NOISE]))
            low, high = np.quantile(Noise(usual, {}).of(tried, kind), (1 / 3, 2 / 3))
            bounds[kind] = (float(low), float(high))
    return Noise(usual, bounds)
