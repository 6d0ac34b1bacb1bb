"""The simulated market as the models see it: histories of campaigns and of clients, and plans.

    Agency -> History of campaigns -> summed by client at each age -> History of clients

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
    clients, whose = _by_client(campaigns)
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


def _by_client(history: History) -> tuple[History, np.ndarray]:
    clients = sorted({series.client for series in history.series})
    whose = np.array([clients.index(series.client) for series in history.series])
    age = (history.known_at - _first_morning(history.start)) // _DAY - history.step
    told: list[dict[Measure, Floats]] = []
    ages = np.unique(age)
    for limit in ages:
        panel = _known(history, age <= limit)
        told.append({measure: _whole(values, whose) for measure, values in panel.items()})
    values = {
        measure: np.stack([one[measure] for one in told], axis=-1) for measure in history.values
    }
    row, step, place = np.nonzero(~np.isnan(values[Measure.CONVERSIONS]))
    currency = {series.client: series.currency for series in history.series}
    return (
        History(
            cadence=history.cadence,
            start=history.start,
            steps=history.steps,
            series=tuple(Series(client, currency=currency[client]) for client in clients),
            row=row.astype(np.int32),
            step=step.astype(np.int32),
            known_at=_first_morning(history.start) + (step + ages[place]) * _DAY,
            values={measure: one[row, step, place] for measure, one in values.items()},
        ),
        whose,
    )


def _known(history: History, is_known: np.ndarray) -> dict[Measure, Floats]:
    """The last known figure of each cell: revisions are sorted, so later ones overwrite."""
    kept = np.flatnonzero(is_known)
    panel = {}
    for measure, values in history.values.items():
        matrix = np.full((len(history.series), history.steps), np.nan)
        matrix[history.row[kept], history.step[kept]] = values[kept]
        panel[measure] = matrix
    return panel


def _whole(values: Floats, whose: np.ndarray) -> Floats:
    """Sums by client; NaN before its first campaign, and where one that has begun is not known."""
    begun = np.maximum.accumulate(~np.isnan(values), axis=1)
    sums = _summed(np.where(begun, values, 0.0), whose)
    has_begun = _summed(begun.astype(np.float64), whose) > 0
    return np.where(has_begun, sums, np.nan)


def _summed(values: Floats, whose: np.ndarray) -> Floats:
    sums = np.zeros((whose.max() + 1, values.shape[1]))
    np.add.at(sums, whose, values)
    return sums


def _dollars(history: History) -> Floats:
    return np.array([1 / _RATES[series.currency or ""] for series in history.series])


def _first_morning(start: dt.date) -> int:
    return (start - dt.date(1970, 1, 1)).days * _DAY + HOUR * _DAY // 24
