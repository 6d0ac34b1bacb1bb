"""How good forecasts were: errors, bands, and whether one is really better than another.

    actual, forecast -> wMAPE, bias, MASE, pinball (WSPL), coverage, width, Winkler
    error of each series under two forecasts -> paired bootstrap, share of series that are worse

Cells where the actual or the forecast is not known are left out, so two forecasts are compared on
cells that both have told. Figures of shape (series, steps) may be steps or totals alike.

Sources: Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006 (MASE);
Makridakis et al., "The M5 uncertainty competition", 2022, equations 1 to 3 (SPL, WSPL);
Gneiting and Raftery, "Strictly proper scoring rules", 2007, equation 43 (Winkler's score);
Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13;
Diebold and Mariano, "Comparing predictive accuracy", 1995, with Student's law for few origins
(Harvey, Leybourne and Newbold, 1997).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from ml.forecast.forecast import QUANTILES
from ml.panel import Floats

__all__ = [
    "BANDS",
    "MEDIAN",
    "Comparison",
    "bias",
    "clearly_worse",
    "coverage",
    "mase",
    "paired_bootstrap",
    "pinball",
    "seasonal_scale",
    "share_worse",
    "width",
    "winkler",
    "wmape",
    "wspl",
]

MEDIAN: Final = QUANTILES.index(0.5)
# Places of the lower and the upper bound in `QUANTILES`, by nominal coverage.
BANDS: Final[Mapping[float, tuple[int, int]]] = {0.8: (1, 3), 0.95: (0, 4)}
_CHANCE: Final = 0.05
_ROUNDING: Final = 1e-9  # where a baseline is served, its figures may have been scaled and back


@dataclass(frozen=True, slots=True)
class Comparison:
    """Error of a forecast over that of a baseline, on the same series.

    Attributes:
        ratio: Sum of errors over sum of errors; below 1 it is better.
        low: 2.5 % bound of the ratio over resampled series.
        high: 97.5 % bound.
        better: Share of resamples where the ratio is below 1.
    """

    ratio: float
    low: float
    high: float
    better: float


def wmape(actual: Floats, median: Floats) -> float:
    """Sum of absolute errors over the sum of absolute actuals; NaN if that is 0.

    Args:
        actual: Any shape; NaN: not known.
        median: Same shape; NaN: not told.
    """
    told, forecast = _known(actual, median)
    return _ratio(np.abs(told - forecast).sum(), np.abs(told).sum())


def bias(actual: Floats, median: Floats) -> float:
    """Sum of forecast minus actual over the sum of absolute actuals; above 0: told too much."""
    told, forecast = _known(actual, median)
    return _ratio((forecast - told).sum(), np.abs(told).sum())


def seasonal_scale(past: Floats, season: int) -> Floats:
    """Mean absolute change over a season, shape (series,); NaN: too short or still.

    Args:
        past: What was known at the origin, shape (series, steps).
        season: Steps of a season; 1 gives the scale of M5.
    """
    changes = np.abs(past[:, season:] - past[:, :-season])
    known = ~np.isnan(changes)
    mean = np.where(known, changes, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known.any(axis=1) & (mean > 0), mean, np.nan)


def mase(actual: Floats, median: Floats, scale: Floats) -> Floats:
    """Mean absolute error of each series over its scale, shape (series,); NaN: nothing to tell.

    Args:
        actual: Shape (series, steps).
        median: Same shape.
        scale: Shape (series,), of `seasonal_scale`.
    """
    return _mean_over_steps(np.abs(actual - median)) / scale


def pinball(actual: Floats, quantiles: Floats) -> Floats:
    """Pinball loss of each cell, mean over `QUANTILES`; shape of `actual`.

    Args:
        actual: Any shape.
        quantiles: That shape, and `QUANTILES` last.
    """
    off = actual[..., None] - quantiles
    levels = np.array(QUANTILES)
    loss: Floats = np.maximum(levels * off, (levels - 1) * off).mean(axis=-1)
    return loss


def wspl(actual: Floats, quantiles: Floats, scale: Floats, weights: Floats) -> float:
    """Weighted scaled pinball loss.

    Args:
        actual: Shape (series, steps).
        quantiles: Shape (series, steps, quantiles).
        scale: Shape (series,), of `seasonal_scale` with a season of 1.
        weights: Shape (series,), at least 0; for example the revenue of a series.
    """
    scaled = _mean_over_steps(pinball(actual, quantiles)) / scale
    usable = ~np.isnan(scaled)
    return _ratio((weights * np.nan_to_num(scaled))[usable].sum(), weights[usable].sum())


def coverage(actual: Floats, quantiles: Floats, level: float) -> float:
    """Share of actuals inside a band, bounds included.

    Args:
        actual: Any shape.
        quantiles: That shape, and `QUANTILES` last.
        level: Nominal coverage, a key of `BANDS`.
    """
    told, low, high = _band(actual, quantiles, level)
    return _ratio(((told >= low) & (told <= high)).sum(), len(told))


def width(actual: Floats, quantiles: Floats, level: float) -> float:
    """Sum of a band's widths over the sum of absolute actuals; arguments as for `coverage`."""
    told, low, high = _band(actual, quantiles, level)
    return _ratio((high - low).sum(), np.abs(told).sum())


def winkler(actual: Floats, quantiles: Floats, level: float) -> float:
    """Width and penalties of a band, over the sum of absolute actuals; as for `coverage`."""
    told, low, high = _band(actual, quantiles, level)
    outside = np.maximum(low - told, 0.0) + np.maximum(told - high, 0.0)
    score = (high - low) + 2 / (1 - level) * outside
    return _ratio(score.sum(), np.abs(told).sum())


def share_worse(errors: Floats, baseline: Floats, margin: float = 0.0) -> float:
    """Share of series whose error is above the baseline's; equal ones, but for rounding, are not.

    Args:
        errors: Of each series; NaN: not told.
        baseline: Same shape.
        margin: By more than this share.
    """
    usable = ~np.isnan(errors) & ~np.isnan(baseline)
    limit = baseline[usable] * (1 + max(margin, _ROUNDING))
    return _ratio((errors[usable] > limit).sum(), usable.sum())


def clearly_worse(errors: Floats, baseline: Floats) -> float:
    """Share of series that are worse beyond chance: Diebold and Mariano's test, one-sided, 5 %.

    Origins are taken as independent draws; where their horizons overlap, too many are called worse.
    A twentieth of series that are in truth equal is, unless both tell the very same.

    Args:
        errors: Shape (series, origins); NaN: not told.
        baseline: Same shape.
    """
    lost = errors - baseline
    known = ~np.isnan(lost)
    count = known.sum(axis=1)
    mean = np.where(known, lost, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(known, lost - mean[:, None], 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=1) / np.maximum(count - 1, 1) / np.maximum(count, 1))
    usable = count > 1
    limit = stdtrit(np.maximum(count - 1, 1), 1 - _CHANCE) * spread
    rounding = _ROUNDING * np.nan_to_num(np.abs(baseline)).sum(axis=1)
    return _ratio(((mean > limit) & (mean > rounding))[usable].sum(), usable.sum())


def paired_bootstrap(
    errors: Floats, baseline: Floats, chance: np.random.Generator, draws: int = 2000
) -> Comparison:
    """Compare two forecasts by resampling series, each with both of its errors.

    Args:
        errors: Absolute error of each series, shape (series,); NaN: not told.
        baseline: Same shape.
        chance: Drawn from.
        draws: How many resamples.
    """
    usable = ~np.isnan(errors) & ~np.isnan(baseline)
    own, other = errors[usable], baseline[usable]
    if not other.sum() > 0:
        return Comparison(np.nan, np.nan, np.nan, np.nan)
    counts = chance.multinomial(len(own), np.full(len(own), 1 / len(own)), size=draws)
    sums = counts @ other
    ratios = (counts @ own)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Comparison(
        float(own.sum() / other.sum()), float(low), float(high), float((ratios < 1).mean())
    )


def _known(actual: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(actual) & ~np.isnan(forecast)
    return actual[known], forecast[known]


def _band(actual: Floats, quantiles: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    low, high = (quantiles[..., place] for place in BANDS[level])
    known = ~np.isnan(actual) & ~np.isnan(low) & ~np.isnan(high)
    return actual[known], low[known], high[known]


def _mean_over_steps(loss: Floats) -> Floats:
    known = ~np.isnan(loss)
    count = known.sum(axis=1)
    total = np.where(known, loss, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
