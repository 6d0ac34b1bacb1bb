"""What an agency plans to spend on each campaign, and what is spent.

    budget x changes x pacing x flights -> planned -> drift, shocks, days without -> actual

Plans are known ahead: budgets, starts, ends, flights and the push before Black Friday are the
agency's own decisions. Actual spend keeps near the plan, since platforms pace to a budget, but it
drifts, is now and then far off, and on some days is nothing at all.
"""

import datetime as dt
from typing import Final

import numpy as np
import numpy.typing as npt

from ingestion.simulator.market.clients import Campaign, Client
from ingestion.simulator.market.streams import Floats, Stream, autoregressive

__all__ = ["actual_spend", "is_live", "planned_spend"]

_CHANGE: Final = 1 / 35  # chance a day that a campaign's budget is changed
_CHANGE_SPREAD: Final = 0.28  # of the logarithm of the change
_MOST: Final = 1.2  # log distance at which a budget is brought back
_MONTHLY_SPREAD: Final = 0.12  # the client's own budget, each month
_FOLLOWS_SEASON: Final = 0.75  # plans follow the calendar, not all the way
_DRIFT_KEPT: Final = 0.7
_SHOCK: Final = 0.006
_NOTHING: Final = 0.004
_SATURDAY: Final = 5


def is_live(campaigns: tuple[Campaign, ...], days: int) -> np.ndarray:
    """Whether each campaign exists on each day, shape (campaigns, days), boolean."""
    day = np.arange(days)
    firsts = np.array([one.first_day for one in campaigns])[:, None]
    ends = np.array([one.end_day for one in campaigns])[:, None]
    live: np.ndarray = (day >= firsts) & (day < ends)
    return live


def planned_spend(client: Client, season: Floats, start: dt.date, chance: Stream) -> Floats:
    """What was planned for each day, whole cents, shape (campaigns, days); 0 outside its life.

    Args:
        client: Whose campaigns.
        season: Demand by the calendar, shape (days,).
        start: Date of day 0.
        chance: Drawn from.
    """
    days = len(season)
    campaigns = client.campaigns
    shape = (len(campaigns), days)
    is_change = chance.random(shape) < _CHANGE
    steps = np.where(is_change, chance.normal(0.0, _CHANGE_SPREAD, shape), 0.0)
    path = np.clip(np.cumsum(steps, axis=1), -_MOST, _MOST)
    months = _months(start, days)
    path += np.cumsum(chance.normal(0.0, _MONTHLY_SPREAD, months[-1] + 1))[months]
    level = np.array([one.level for one in campaigns])[:, None]
    runs = is_live(campaigns, days) & _is_on(campaigns, start, days)
    planned: Floats = np.round(level * np.exp(path) * season**_FOLLOWS_SEASON * runs, 2)
    return planned


def actual_spend(planned: Floats, chance: Stream) -> Floats:
    """What the platform spends of a plan, whole cents, same shape."""
    shape = (len(planned), planned.shape[1])
    drift = np.exp(autoregressive(chance, shape, _DRIFT_KEPT, 0.07))
    is_shock = chance.random(shape) < _SHOCK
    is_over = chance.integers(0, 2, shape) == 1
    size = np.where(is_over, chance.uniform(1.3, 1.9, shape), chance.uniform(0.2, 0.6, shape))
    is_nothing = chance.random(shape) < _NOTHING
    factor = drift * np.where(is_shock, size, 1.0) * ~is_nothing
    spent: Floats = np.round(planned * factor, 2)
    return spent


def _months(start: dt.date, days: int) -> npt.NDArray[np.intp]:
    dates = [start + dt.timedelta(days=day) for day in range(days)]
    return np.array([(day.year - start.year) * 12 + day.month - start.month for day in dates])


def _is_on(campaigns: tuple[Campaign, ...], start: dt.date, days: int) -> np.ndarray:
    day = np.arange(days)
    is_on = np.ones((len(campaigns), days), dtype=np.bool_)
    for row, campaign in enumerate(campaigns):
        if campaign.flight is not None:
            on, off, shift = campaign.flight
            is_on[row] &= (day + shift) % (on + off) < on
        if campaign.rests_at_weekends:
            is_on[row] &= (start.weekday() + day) % 7 < _SATURDAY
    return is_on
