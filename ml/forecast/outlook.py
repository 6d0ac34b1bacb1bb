"""Where every series of a panel stands, for one measure: anchors, past residuals, what is planned.

    panel, completion, planned spend -> basis -> anchors -> residuals of the past -> Outlook

Residuals are logarithms of (actual / expected), with a tenth of the series' usual total added to
both: a sparse campaign's zero is then far off, not infinitely far. They carry no unit, so those of
all agencies are comparable.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.anchor import Basis
from ml.forecast.completion import Completion
from ml.forecast.record import Anchors, anchors_of, stacked_trials, without_plan
from ml.forecast.shrinkage import tiers_of
from ml.panel import Floats, Measure, Panel

__all__ = ["Outlook", "log_ratio", "outlook_of", "unlogged", "unplanned"]

_OFFSET: Final = 0.1  # of the usual total


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What is expected of some series, and how such expectations have fared.

    Attributes:
        panel: What is known.
        measure: Of what.
        horizons: Ascending.
        basis: Figures and their completeness.
        ahead: Spend planned, shape (series, last horizon); None: unknown.
        anchors: What the experts agree on.
        usual: Usual total, shape (horizons, series).
        past_told: Totals that the stack would have told, by horizon shape (trials, series).
        past: Residuals of the stacked anchor, by horizon shape (trials, series), newest first.
    """

    panel: Panel
    measure: Measure
    horizons: tuple[int, ...]
    basis: Basis
    ahead: Floats | None
    anchors: Anchors
    usual: Floats
    past_told: tuple[Floats, ...]
    past: tuple[Floats, ...]


def outlook_of(
    panel: Panel,
    measure: Measure,
    horizons: tuple[int, ...],
    planned: Floats | None,
    completion: Completion,
) -> Outlook:
    """Take stock of a panel.

    Args:
        panel: What is known now; its last column is the newest step that has ended.
        measure: What to forecast.
        horizons: Steps of each total, ascending.
        planned: Spend of the next steps, shape (series, last horizon); None: unknown. The plan says
            nothing of spend itself here: whether it is kept is what a forecast of spend tells.
        completion: How complete young figures are.
    """
    basis = basis_of(panel, measure, completion)
    ahead = None if planned is None or measure is Measure.SPEND else planned
    anchors = anchors_of(basis, horizons, ahead)
    return _outlook(panel, measure, horizons, basis, ahead, anchors)


def unplanned(outlook: Outlook) -> Outlook:
    """The same outlook, were nothing planned."""
    anchors = without_plan(outlook.anchors, outlook.horizons)
    return _outlook(outlook.panel, outlook.measure, outlook.horizons, outlook.basis, None, anchors)


def _outlook(
    panel: Panel,
    measure: Measure,
    horizons: tuple[int, ...],
    basis: Basis,
    ahead: Floats | None,
    anchors: Anchors,
) -> Outlook:
    usual = np.empty_like(anchors.totals)
    past, past_told = [], []
    for place, trials in enumerate(anchors.trials):
        usual[place] = _usual(trials.came, anchors.totals[place])
        told = stacked_trials(trials)
        past_told.append(told)
        past.append(log_ratio(trials.came, told, usual[place]))
    return Outlook(
        panel, measure, horizons, basis, ahead, anchors, usual, tuple(past_told), tuple(past)
    )


def basis_of(panel: Panel, measure: Measure, completion: Completion) -> Basis:
    """Figures of a measure from the first step on which the series was alive."""
    figures = panel.values[measure]
    nothing = np.full_like(figures, np.nan)
    spend = panel.values.get(Measure.SPEND, nothing)
    has_begun = np.logical_or.accumulate((figures > 0) | (spend > 0), axis=1)
    return Basis(
        panel.cadence,
        np.where(has_begun, figures, np.nan),
        completion.shares(panel, measure),
        np.where(has_begun, spend, np.nan),
        tiers_of(panel.series),
    )


def log_ratio(actual: Floats, expected: Floats, usual: Floats) -> Floats:
    """Residual without a unit; NaN where one of the three is."""
    offset = _OFFSET * usual
    above, below = np.maximum(actual, 0.0) + offset, np.maximum(expected, 0.0) + offset
    is_known = (above > 0) & (below > 0)
    ratio = np.divide(above, below, out=np.ones_like(above), where=is_known)
    nothing_at_all = np.isfinite(above) & np.isfinite(below)
    return np.where(nothing_at_all, np.log(ratio), np.nan)


def unlogged(residual: Floats, expected: Floats, usual: Floats) -> Floats:
    """The actual that has this residual; never negative."""
    offset = _OFFSET * usual
    actual: Floats = np.maximum((expected + offset) * np.exp(residual) - offset, 0.0)
    return actual


def _usual(came: Floats, expected: Floats) -> Floats:
    is_known = np.isfinite(came)
    count = is_known.sum(axis=0)
    sums = np.where(is_known, came, 0.0).sum(axis=0)
    mean = np.divide(sums, count, out=np.zeros(came.shape[1]), where=count > 0)
    return np.where(mean > 0, mean, np.nan_to_num(expected))
