"""How noisy a series is, and which interval group that puts it in.

    own past residuals, usual noise of such forecasts -> noise -> group: new, calm, usual, wild

A handful of own residuals is a poor estimate of noise; it is mixed with what is usual for the
measure and horizon, as `_PRIOR` more residuals would be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from ml.forecast.features import NAMES, Features
from ml.panel import Floats

__all__ = ["REGIMES", "Kind", "Noise", "details_of", "kind_of", "learn_noise", "nearest_known"]

_T = TypeVar("_T")

_PRIOR: Final = 3.0
_FEW_TRIALS: Final = 3
_LEAST: Final = 1e-3  # nothing is known to a thousandth
_NOISE: Final = NAMES.index("noise")
_TRIALS: Final = NAMES.index("trials")
_DETAIL: Final = NAMES.index("level of detail")
_DETAILS: Final = ("client", "channel", "campaign")
_LEAST_ROWS: Final = 40  # fewer tell no third
_GROUPS: Final = ("calm", "usual", "wild")
REGIMES: Final = ("open", "planned")  # of spend ahead

Kind = tuple[str, ...]  # measure, regime, horizon, level of detail


def kind_of(measure: str, *, is_planned: bool, horizon: int, detail: int) -> Kind:
    """What is usual is learnt by measure, regime, place of the horizon and level of detail."""
    return measure, REGIMES[is_planned], str(horizon), _DETAILS[detail]


def details_of(features: Features) -> npt.NDArray[np.int64]:
    """Level of detail of each row: 0 client, 1 channel, 2 campaign."""
    details: npt.NDArray[np.int64] = features[:, _DETAIL].astype(np.int64)
    return details


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Usual noise of each kind, and the bounds of its groups; also of kinds cut short at the end.

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
        wild = nearest_known(self.bounds, kind, (1.0, 1.0))[1]
        usual = np.where(trials < _FEW_TRIALS, wild, nearest_known(self.usual, kind, 1.0))
        squares = np.where(trials > 0, own, 0.0) ** 2 * trials
        mixed = np.sqrt((squares + _PRIOR * usual**2) / (trials + _PRIOR))
        noise: Floats = np.maximum(mixed, _LEAST)
        return noise

    def groups(self, features: Features, kind: Kind) -> list[str]:
        """Group of each row."""
        trials = features[:, _TRIALS]
        bounds = nearest_known(self.bounds, kind, (0.0, 0.0))
        place = np.searchsorted(bounds, self.of(features, kind))
        return [
            _GROUPS[number] if count >= _FEW_TRIALS else "new"
            for number, count in zip(place, trials, strict=True)
        ]


def nearest_known(known: Mapping[Kind, _T], kind: Kind, otherwise: _T) -> _T:
    """What is known of a kind, else of the narrowest one around it that is known."""
    for end in range(len(kind), 0, -1):
        if kind[:end] in known:
            return known[kind[:end]]
    return otherwise


def learn_noise(features_by_kind: Mapping[Kind, Features]) -> Noise:
    """Medians and thirds, from rows of the past."""
    gathered: dict[Kind, list[Features]] = {}
    for kind, features in features_by_kind.items():
        for end in range(1, len(kind) + 1):
            gathered.setdefault(kind[:end], []).append(features)
    usual, bounds = {}, {}
    for kind, parts in gathered.items():
        features = np.concatenate(parts)
        tried = features[features[:, _TRIALS] >= _FEW_TRIALS]
        if len(tried) >= _LEAST_ROWS:
            usual[kind] = float(np.median(tried[:, _NOISE]))
            low, high = np.quantile(Noise(usual, {}).of(tried, kind), (1 / 3, 2 / 3))
            bounds[kind] = (float(low), float(high))
    return Noise(usual, bounds)
