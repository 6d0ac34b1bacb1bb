"""Medians that are moved, and the bands that have to hold them.

    quantiles, another median -> median moved, bounds drawn out to it where they would leave it out
    steps, totals             -> medians of the steps that add up to those of the totals
    campaigns, planned spend  -> nothing, where nothing is spent

The median of a day is less than its mean where days are skewed, so medians of days come to less
than the total that is told for them: on a simulated market a sixth less. A reader adds days up, so
they are scaled by what is missing. Bounds are kept: they are of one day, and hold what they say.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.forecast import QUANTILES, Forecast
from ml.panel import Floats, Series

__all__ = ["Flags", "adding_up", "centred", "scaled", "unspent"]

Flags = npt.NDArray[np.bool_]

_MEDIAN: Final = QUANTILES.index(0.5)
_LEAST, _MOST = 0.2, 5.0  # factor: what is further off is not the shape of the steps any more


def centred(quantiles: Floats, point: Floats, rows: Flags) -> Floats:
    """The same quantiles with other medians.

    Args:
        quantiles: Shape (series, columns, quantiles).
        point: The medians, shape (series, columns).
        rows: Series whose medians are moved, shape (series,).
    """
    moved, told = quantiles.copy(), point[rows][..., None]
    moved[rows, :, _MEDIAN] = point[rows]
    moved[rows, :, :_MEDIAN] = np.minimum(moved[rows, :, :_MEDIAN], told)
    moved[rows, :, _MEDIAN + 1 :] = np.maximum(moved[rows, :, _MEDIAN + 1 :], told)
    return moved


def unspent(forecast: Forecast, series: Sequence[Series], planned: Floats | None) -> Forecast:
    """The same forecast, of campaigns nothing for the steps on which they are not to spend.

    A campaign brings what it is paid for; a level that it had says nothing once it is paused. Upper
    bounds stay: a plan may be changed.

    Args:
        forecast: Of these series.
        series: Its rows; channels and clients are left as they are.
        planned: Spend of the steps, shape (series, last horizon); None: unknown.
    """
    if planned is None:
        return forecast
    is_campaign = np.array([one.campaign is not None for one in series], dtype=np.bool_)
    idle = is_campaign[:, None] & (planned == 0)
    medians = np.nan_to_num(forecast.steps[..., _MEDIAN])
    steps, totals = forecast.steps.copy(), forecast.totals.copy()
    steps[idle, : _MEDIAN + 1] = 0.0
    for place, horizon in enumerate(forecast.horizons):
        before, left = (
            part[:, :horizon].sum(axis=1) for part in (medians, np.where(idle, 0.0, medians))
        )
        share = np.divide(left, before, out=np.ones_like(before), where=before > 0)
        totals[:, place, : _MEDIAN + 1] *= share[:, None]
    return Forecast(forecast.measure, forecast.horizons, steps, totals, forecast.methods)


def scaled(steps: Floats, total: Floats) -> Floats:
    """Steps, shape (series, steps), that come to a total, shape (series,), as far as is sensible.

    Steps that are nothing or not known stay as they are.
    """
    sums = steps.sum(axis=1)
    factor = np.divide(total, sums, out=np.ones_like(total), where=sums > 0)
    told: Floats = steps * np.clip(factor, _LEAST, _MOST)[:, None]
    return told


def adding_up(forecast: Forecast) -> Forecast:
    """The same forecast, the steps up to each horizon adding up to its total."""
    medians = forecast.steps[..., _MEDIAN].copy()
    before, begin = np.zeros(len(medians)), 0
    for place, horizon in enumerate(forecast.horizons):
        total = forecast.totals[:, place, _MEDIAN]
        medians[:, begin:horizon] = scaled(medians[:, begin:horizon], total - before)
        before, begin = total, horizon
    is_told: Flags = np.all(np.isfinite(medians), axis=1)
    steps = centred(forecast.steps, medians, is_told)
    return Forecast(forecast.measure, forecast.horizons, steps, forecast.totals, forecast.methods)
