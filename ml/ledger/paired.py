"""A challenger beside the champion, forecast by forecast.

    served, shadow -> same series, measure, origin and horizon, both told, actual known -> Pair
    pairs of many agencies -> errors_of -> PairedErrors -> `ml.registry.gate`

Errors are given as a fraction of the series' mean actual, since a gate over agencies adds up series
of different sizes and currencies; a series counts by its number of forecasts, not by its money.

Decision: ADR-0032.
"""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.forecast import QUANTILES
from ml.registry.gate import PairedErrors
from tenancy.tables import MadeForecast

__all__ = ["Pair", "errors_of", "pair_up"]

_MEDIAN: Final = QUANTILES.index(0.5)
_LOW: Final = QUANTILES.index(0.1)
_HIGH: Final = QUANTILES.index(0.9)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two forecasts of the same total, and what came.

    Attributes:
        series: Tells it from others, over all agencies.
        champion: Median that was served, whatever made it.
        challenger: Median of the challenger.
        low: Lower bound of the challenger's 80 % interval.
        high: Upper bound.
    """

    series: Hashable
    origin: dt.date
    horizon: int
    actual: float
    champion: float
    challenger: float
    low: float
    high: float


def pair_up(served: Sequence[MadeForecast], shadow: Sequence[MadeForecast]) -> list[Pair]:
    """Pairs of an agency, in the order of the challenger's forecasts."""
    known = {(_series(one), one.origin): one for one in served}
    pairs: list[Pair] = []
    for one in shadow:
        other = known.get((_series(one), one.origin))
        if other is None or one.actuals is None:
            continue
        mine, theirs = _quantiles(one), _quantiles(other)
        for place, horizon in enumerate(one.horizons):
            if horizon not in theirs or math.isnan(one.actuals[place]):
                continue
            told = mine[horizon]
            pair = Pair(
                _series(one),
                one.origin,
                horizon,
                one.actuals[place],
                theirs[horizon][_MEDIAN],
                told[_MEDIAN],
                told[_LOW],
                told[_HIGH],
            )
            if not math.isnan(pair.champion + pair.challenger + pair.low + pair.high):
                pairs.append(pair)
    return pairs


def errors_of(pairs_by_group: Mapping[str, Sequence[Pair]], horizon: int) -> PairedErrors:
    """Errors of one horizon, for the gate.

    Args:
        pairs_by_group: By group of agencies: the pairs of all its agencies. Series whose actuals
            are all 0 are left out: there is nothing to measure an error by.
        horizon: Days of the totals.
    """
    rows: list[tuple[int, Pair]] = []
    sizes: dict[Hashable, list[float]] = defaultdict(list)
    for group, pairs in enumerate(pairs_by_group.values()):
        for pair in pairs:
            if pair.horizon == horizon:
                rows.append((group, pair))
                sizes[pair.series].append(abs(pair.actual))
    scale = {series: sum(actuals) / len(actuals) for series, actuals in sizes.items()}
    rows = [(group, pair) for group, pair in rows if scale[pair.series] > 0.0]
    numbers: dict[Hashable, int] = {}
    for _, pair in rows:
        numbers.setdefault(pair.series, len(numbers))
    scales = np.array([scale[pair.series] for _, pair in rows])
    actual = np.array([pair.actual for _, pair in rows])
    return PairedErrors(
        series=np.array([numbers[pair.series] for _, pair in rows], dtype=np.intp),
        origin=np.array([pair.origin.toordinal() for _, pair in rows], dtype=np.intp),
        group=np.array([group for group, _ in rows], dtype=np.intp),
        groups=tuple(pairs_by_group),
        champion=np.abs(np.array([pair.champion for _, pair in rows]) - actual) / scales,
        challenger=np.abs(np.array([pair.challenger for _, pair in rows]) - actual) / scales,
        is_covered=np.array([pair.low <= pair.actual <= pair.high for _, pair in rows]),
    )


def _series(one: MadeForecast) -> Hashable:
    return (one.tenant_id, one.client_id, one.series, one.measure)


def _quantiles(one: MadeForecast) -> dict[int, list[float]]:
    count = len(QUANTILES)
    return {
        horizon: one.quantiles[place * count : (place + 1) * count]
        for place, horizon in enumerate(one.horizons)
    }
