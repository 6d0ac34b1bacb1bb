"""What each series is going to spend, where it is planned.

    plans, panel at all levels -> amount by series and day

A series counts as planned when its next week is. What a plan leaves open further on is taken to go
on at the pace of the planned days; totals are planned when every campaign of theirs that has spent
in the last four weeks is.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ml.panel import Floats, Measure, Panel
from ml.plans.planned import PlannedSpend, planned_spend

__all__ = ["spend_ahead"]

_RECENT: Final = 28
_LEAST: Final = 7


def spend_ahead(panel: Panel, plans: Sequence[PlannedSpend], days: int) -> Floats:
    """Planned spend of the days after a panel's last.

    Args:
        panel: Campaigns, and totals of theirs by channel and client.
        plans: Of the agency's clients.
        days: How many.

    Returns:
        Shape (series, days); a series without a plan is NaN throughout.
    """
    recent = np.nansum(panel.values[Measure.SPEND][:, -_RECENT:], axis=1)
    parts = [row for row, one in enumerate(panel.series) if one.campaign is not None]
    ahead = np.full((len(panel.series), days), np.nan)
    start = panel.day(panel.steps)
    own = planned_spend(plans, [panel.series[row] for row in parts], recent[parts], start, days)
    ahead[parts] = _continued(own)
    for row, total in enumerate(panel.series):
        if total.campaign is None:
            members = [
                part
                for part in parts
                if panel.series[part].client == total.client
                and panel.series[part].currency == total.currency
                and total.channel in {None, panel.series[part].channel}
                and (recent[part] > 0 or not np.isnan(ahead[part, 0]))
            ]
            if members:
                ahead[row] = ahead[members].sum(axis=0)
    return ahead


def _continued(planned: Floats) -> Floats:
    """Open days of planned series at the mean of their planned days; NaN: no next week."""
    is_told = ~np.isnan(planned)
    sums, counts = np.where(is_told, planned, 0.0).sum(axis=1), is_told.sum(axis=1)
    mean = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    filled = np.where(is_told, planned, mean[:, None])
    filled[~is_told[:, :_LEAST].all(axis=1)] = np.nan
    return filled
