"""How much a client's customers want, day by day, before anything is spent.

    trade, country, dates -> week x year x events x trend x shocks of the client -> demand around 1

Shocks are shared by all campaigns of a client: what remains of an account is harder to foresee
than the average of its campaigns would be.
"""

import datetime as dt
from typing import Final

import numpy as np

from ingestion.simulator.market.streams import Floats, Stream, autoregressive
from ingestion.simulator.market.trades import Country, Trade

__all__ = ["demand_path", "season_path"]

_BLACK_FRIDAYS: Final = (dt.date(2024, 11, 29), dt.date(2025, 11, 28))
# Share of the day's lift by days from Black Friday: a week of early deals, and Cyber Monday.
_AROUND_BLACK_FRIDAY: Final = {
    -4: 0.12, -3: 0.15, -2: 0.2, -1: 0.35, 0: 1.0, 1: 0.55, 2: 0.5, 3: 0.8, 4: 0.25,
}  # fmt: skip
_LAST_ORDERS: Final = ((12, 8), (12, 18))  # gifts arrive in time until then
_QUIET: Final = ((12, 24), (12, 26))
_SHOCK_KEPT: Final = 0.85  # a week's weather, a competitor's offer


def season_path(trade: Trade, country: Country, start: dt.date, days: int) -> Floats:
    """What the calendar alone makes of demand, shape (days,)."""
    return np.array([_on(trade, country, start + dt.timedelta(days=day)) for day in range(days)])


def demand_path(
    trade: Trade, country: Country, start: dt.date, days: int, chance: Stream
) -> Floats:
    """Demand of one client, shape (days,): the calendar, its trend and its own shocks."""
    strength = chance.uniform(0.7, 1.3)  # not every shop lives of Christmas alike
    yearly_growth = chance.normal(0.08, 0.22)
    shocks = autoregressive(chance, (1, days), _SHOCK_KEPT, chance.uniform(0.05, 0.14))[0]
    daily = chance.standard_t(5, days) * chance.uniform(0.02, 0.05)
    trend = yearly_growth * (np.arange(days) / 365.25 - 0.5)
    season = np.log(season_path(trade, country, start, days)) * strength
    path: Floats = np.exp(season + trend + shocks + daily)
    return path


def _on(trade: Trade, country: Country, day: dt.date) -> float:
    angle = 2 * np.pi * ((day.timetuple().tm_yday - 15) / 365.25 - (trade.peak_month - 1) / 12)
    wave = float(np.exp(trade.wave * np.cos(angle)))
    holiday = trade.holiday if day in country.holidays else 1.0
    return trade.week[day.weekday()] * wave * holiday * _event(trade, day)


def _event(trade: Trade, day: dt.date) -> float:
    lift = trade.black_friday - 1
    for friday in _BLACK_FRIDAYS:
        if share := _AROUND_BLACK_FRIDAY.get((day - friday).days):
            return 1 + lift * share
    place = (day.month, day.day)
    if _LAST_ORDERS[0] <= place <= _LAST_ORDERS[1]:
        return 1 + 0.15 * lift
    return 0.7 if _QUIET[0] <= place <= _QUIET[1] else 1.0
