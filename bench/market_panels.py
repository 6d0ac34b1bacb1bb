"""The simulated market as the models see it: histories of campaigns and of clients, and plans.

    Agency -> History of campaigns -> summed by client -> History of clients

As out of the warehouse, a campaign that has ended tells zeros from the next morning on. A client's
day is known when all of its campaigns that have begun are known: half an account is no figure.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.simulator.market.agency import Agency
from ingestion.simulator.market.arrivals import HOUR
from ingestion.simulator.market.trades import COUNTRIES
from ml.history.levels import Level, at_levels
from ml.panel import DAILY, Floats, History, Measure, Series

__all__ = ["Panels", "panels_of"]

_DAY: Final = 86_400_000_000  # microseconds
_RATES: Final = {country.currency: country.rate for country in COUNTRIES.values()}


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """One agency at one level.

    Attributes:
        history: Of its campaigns, or of its clients.
        planned: Spend, shape (series, steps).
        dollars: What a unit of each series' currency is worth, shape (series,).
    """

    history: History
    planned: Floats
    dollars: Floats


def panels_of(agency: Agency) -> tuple[Panels, Panels]:
    """Campaigns, then clients; what nobody paid for is left out of both."""
    paid = [row for row, series in enumerate(agency.series) if series.campaign is not None]
    campaigns = _campaigns(agency, paid)
    planned = agency.planned[paid]
    clients = at_levels(campaigns, [Level.CLIENT])
    places = {one.client: place for place, one in enumerate(clients.series)}
    whose = np.array([places[one.client] for one in campaigns.series])
    return (
        Panels(campaigns, planned, _dollars(campaigns)),
        Panels(clients, _summed(planned, whose), _dollars(clients)),
    )


def _campaigns(agency: Agency, paid: list[int]) -> History:
    revisions = agency.revisions
    place = np.full(len(agency.series), -1)
    place[paid] = np.arange(len(paid))
    kept = place[revisions.row] >= 0
    row, step = place[revisions.row[kept]], revisions.step[kept].astype(np.int64)
    known_at = revisions.known_at[kept]
    ended_row, ended_step = _ended(agency, paid)
    morning = _first_morning(agency.start) + (ended_step + 1) * _DAY
    row, step = np.append(row, ended_row), np.append(step, ended_step)
    known_at = np.append(known_at, morning)
    order = np.lexsort((known_at, step, row))
    return History(
        cadence=DAILY,
        start=agency.start,
        steps=agency.days,
        series=tuple(
            Series(one.client, one.channel, one.campaign, one.currency)
            for one in (agency.series[row] for row in paid)
        ),
        row=row[order].astype(np.int32),
        step=step[order].astype(np.int32),
        known_at=known_at[order],
        values={
            measure: np.append(revisions.values[measure.value][kept], np.zeros(len(ended_row)))[
                order
            ]
            for measure in Measure
            if measure.value in revisions.values
        },
    )


def _ended(agency: Agency, paid: list[int]) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(agency.final["conversions"][paid])
    begun = np.maximum.accumulate(known, axis=1)
    rows, steps = np.nonzero(begun & ~known)
    return rows, steps


def _summed(values: Floats, whose: np.ndarray) -> Floats:
    sums = np.zeros((whose.max() + 1, values.shape[1]))
    np.add.at(sums, whose, values)
    return sums


def _dollars(history: History) -> Floats:
    return np.array([1 / _RATES[series.currency or ""] for series in history.series])


def _first_morning(start: dt.date) -> int:
    return (start - dt.date(1970, 1, 1)).days * _DAY + HOUR * _DAY // 24
