"""Plans as figures of days: what each series is going to spend.

    plans of a period for client, channel, campaign + shares of late spend -> amount by series, day

A plan is spread evenly over its days. That of a campaign is its own; of a channel's plan the
campaigns without one share what the others leave, in the proportion in which they spent last; and
so on from channels to the client. A day on which nothing is planned for a series is NaN.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from ml.panel import Floats, Series

__all__ = ["PlannedSpend", "planned_spend"]


@dataclass(frozen=True, slots=True)
class PlannedSpend:
    """Media cost of a period.

    Attributes:
        client: Brand, as `Series.client`.
        channel: None: all channels.
        campaign: None: all campaigns.
        first: First day.
        last: Last day, included.
        amount: Of the whole period.
        currency: ISO 4217.
    """

    client: str
    channel: str | None
    campaign: str | None
    first: dt.date
    last: dt.date
    amount: Decimal
    currency: str


def planned_spend(
    plans: Sequence[PlannedSpend],
    series: Sequence[Series],
    recent: Floats,
    start: dt.date,
    days: int,
) -> Floats:
    """What is planned for some campaigns.

    Args:
        plans: No two of one target overlap.
        series: Campaigns.
        recent: Spend of each of late, in the order of `series`; says how a common plan is shared.
        start: First day told.
        days: How many.

    Returns:
        Shape (series, days); NaN: nothing is planned.
    """
    planned = np.full((len(series), days), np.nan)
    weights = np.where(np.nan_to_num(recent) > 0, recent, 0.0)
    for is_level in (_of_campaign, _of_channel, _of_client):
        level = np.full_like(planned, np.nan)
        for plan in filter(is_level, plans):
            _share(plan, series, weights, planned, level, start)
        planned = np.where(np.isnan(planned), level, planned)
    return planned


def _of_campaign(plan: PlannedSpend) -> bool:
    return plan.campaign is not None


def _of_channel(plan: PlannedSpend) -> bool:
    return plan.campaign is None and plan.channel is not None


def _of_client(plan: PlannedSpend) -> bool:
    return plan.campaign is None and plan.channel is None


def _share(
    plan: PlannedSpend,
    series: Sequence[Series],
    weights: Floats,
    planned: Floats,
    level: Floats,
    start: dt.date,
) -> None:
    """Write what a plan leaves to the series that have none of their own."""
    rows = np.flatnonzero([_is_meant(plan, one) for one in series])
    first = max((plan.first - start).days, 0)
    stop = min((plan.last - start).days + 1, planned.shape[1])
    if not len(rows) or first >= stop:
        return
    a_day = float(plan.amount) / ((plan.last - plan.first).days + 1)
    own = planned[rows, first:stop]
    left = np.maximum(a_day - np.nansum(own, axis=0), 0.0)
    level[rows, first:stop] = left * _shares(weights[rows], np.isnan(own))


def _shares(weights: Floats, is_open: npt.NDArray[np.bool_]) -> Floats:
    """Of each row's part on each day; rows that are not open take none."""
    wanted = np.where(is_open, weights[:, None], 0.0)
    wanted = np.where(wanted.sum(axis=0) > 0, wanted, is_open.astype(float))
    total = wanted.sum(axis=0)
    shares: Floats = np.divide(wanted, total, out=np.zeros_like(wanted), where=total > 0)
    return shares


def _is_meant(plan: PlannedSpend, series: Series) -> bool:
    return (
        plan.client == series.client
        and plan.currency == series.currency
        and plan.channel in {None, series.channel}
        and plan.campaign in {None, series.campaign}
    )
