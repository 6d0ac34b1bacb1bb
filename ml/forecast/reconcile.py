"""Campaigns add up to their channel, channels to their client.

    medians and bands of all levels -> up: what each level and its parts say together
    -> down: what is missing, to the parts by their variance -> quantiles moved along

Weighted least squares with the variances of the bands (MinT with a diagonal covariance), which on a
tree is two sweeps and needs no matrix: going up, a sum's own forecast and the sum of its parts are
averaged by inverse variance; going down, each part takes of the difference what its share of the
variance is. Quantiles keep their ratio to the median. A family adds up only where it has done so in
the past: a client's revenue with orders that no channel claims is left as it is.

Source: Wickramasuriya, Athanasopoulos, Hyndman (2019), Optimal forecast reconciliation through
trace minimization, JASA 114, section 2.4 (WLS).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.forecast import Forecast
from ml.panel import Floats, Measure, Panel, Series

__all__ = ["Family", "families_in", "reconciled", "reconciled_medians"]

_MEDIAN: Final = 2
_LOW, _HIGH = 1, 3
_ADDS_UP: Final = 0.01  # of the sum, over the steps that are looked at
_LOOKED_AT: Final = 28
_LEAST_VARIANCE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Family:
    """A row that is the sum of others.

    Attributes:
        whole: Its row.
        parts: Theirs.
    """

    whole: int
    parts: tuple[int, ...]


def families_in(panel: Panel, measure: Measure) -> tuple[Family, ...]:
    """Families of a panel that have added up lately, channels before clients."""
    rows = {series: row for row, series in enumerate(panel.series)}
    parts: dict[Series, list[int]] = {}
    for series, row in rows.items():
        if series.campaign is not None:
            whole = Series(series.client, series.channel, None, series.currency)
        elif series.channel is not None:
            whole = Series(series.client, None, None, series.currency)
        else:
            continue
        parts.setdefault(whole, []).append(row)
    found = [Family(rows[whole], tuple(each)) for whole, each in parts.items() if whole in rows]
    figures = panel.values[measure][:, -_LOOKED_AT:]
    adding = [family for family in found if _adds_up(figures, family)]
    return tuple(sorted(adding, key=lambda one: panel.series[one.whole].channel is None))


def reconciled(forecast: Forecast, families: Sequence[Family]) -> Forecast:
    """The same forecast, adding up in every step and in every total."""
    if not families:
        return forecast
    return Forecast(
        forecast.measure,
        forecast.horizons,
        _moved(forecast.steps, families),
        _moved(forecast.totals, families),
        forecast.methods,
    )


def reconciled_medians(medians: Floats, variances: Floats, families: Sequence[Family]) -> Floats:
    """Weighted least squares on the trees of some families.

    Args:
        medians: Shape (rows, columns), not negative; columns are reconciled each for itself.
        variances: Same shape.
        families: Those of the lower level first.

    Returns:
        Same shape; families with a row that is not known are left as they are.
    """
    up, spread = medians.copy(), np.maximum(variances, _LEAST_VARIANCE)
    for family in families:
        parts = list(family.parts)
        total, doubt = up[parts].sum(axis=0), spread[parts].sum(axis=0)
        own, own_doubt = up[family.whole], spread[family.whole]
        joint = (own * doubt + total * own_doubt) / (doubt + own_doubt)
        is_known = np.isfinite(joint)
        up[family.whole] = np.where(is_known, joint, own)
        spread[family.whole] = np.where(
            is_known, doubt * own_doubt / (doubt + own_doubt), own_doubt
        )
    # The spread that hands a difference down is that of the parts as they came up.
    for family in reversed(families):
        parts = list(family.parts)
        up[parts] = _handed_down(up[family.whole], up[parts], spread[parts])
    return up


def _handed_down(whole: Floats, parts: Floats, spread: Floats) -> Floats:
    missing = whole - parts.sum(axis=0)
    moved = np.maximum(parts + missing * spread / spread.sum(axis=0), 0.0)
    # What was cut off at nothing is taken from the others.
    total = moved.sum(axis=0)
    scaled = moved * np.divide(whole, total, out=np.ones_like(total), where=total > 0)
    return np.where(np.isfinite(missing), scaled, parts)


def _adds_up(figures: Floats, family: Family) -> bool:
    whole = figures[family.whole]
    parts = np.nan_to_num(figures[list(family.parts)]).sum(axis=0)
    off = np.nansum(np.abs(whole - parts))
    return bool(off <= _ADDS_UP * np.nansum(np.abs(whole)))


def _moved(quantiles: Floats, families: Sequence[Family]) -> Floats:
    medians = quantiles[..., _MEDIAN]
    variances = (quantiles[..., _HIGH] - quantiles[..., _LOW]) ** 2
    told = reconciled_medians(medians, variances, families)
    factor = np.divide(told, medians, out=np.ones_like(told), where=medians > 0)
    moved: Floats = quantiles * factor[..., None]
    # A median of nothing has no ratio to keep.
    moved[..., _MEDIAN] = np.where(np.isfinite(told), told, moved[..., _MEDIAN])
    return np.maximum.accumulate(moved, axis=-1)
