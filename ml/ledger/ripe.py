"""What has come of a forecast, once it is mature.

    panel as known now, origin, horizons -> totals of days that are known and old enough | NaN

A figure that is still growing makes every forecast look too high. A day is mature at an age that
depends on the measure; a total is, when its last day is. Later restatements are found by computing
the totals anew: whoever asks twice gets the newer figure.

Sources: Google Ads help, "About conversion windows" (30 days by default, counted on the day of the
click); spend and sessions settle within days, when invalid clicks have been taken out.
Decision: ADR-0033.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ml.panel import Floats, Measure, Panel

__all__ = ["MATURE_AFTER", "ripe_totals"]

MATURE_AFTER: Final[Mapping[Measure, int]] = {
    Measure.SPEND: 3,
    Measure.SESSIONS: 3,
    Measure.CONVERSIONS: 30,
    Measure.REVENUE: 30,
    Measure.ORDERS: 3,
    Measure.SALES: 3,
}


def ripe_totals(
    panel: Panel, measure: Measure, origin: dt.date, horizons: Sequence[int], today: dt.date
) -> Floats:
    """Totals from a day on.

    Args:
        panel: What is known now; daily.
        measure: Of what.
        origin: First day.
        horizons: Days of each total.
        today: The day on which this is asked.

    Returns:
        Shape (series, horizons); NaN: a day is not known, not in the panel or not mature.
    """
    values = panel.values[measure]
    begins = (origin - panel.start).days
    youngest = (today - panel.start).days - MATURE_AFTER[measure]  # mature up to this column
    totals = np.full((len(panel.series), len(horizons)), np.nan)
    for place, days in enumerate(horizons):
        ends = begins + days
        if begins >= 0 and ends <= panel.steps and ends - 1 <= youngest:
            totals[:, place] = values[:, begins:ends].sum(axis=1)
    return totals
