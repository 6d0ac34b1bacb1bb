"""What the morning watch looks at: all histories of an agency as one, at each age.

    ads, visits, sales as they were told -> ages -> one table of series -> watched_figures
    plans -> what was planned for each of these days -> planned_days
    calendar -> days of clients that are not like others -> unusual_days

Visits have no currency. Where a client has one currency, they stand beside its money: what a fall
of sales means depends on whether visitors came.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ml.anomalies.aged import AGES, Aged, compute_aged, with_backfill
from ml.forecast.calendar import Calendar
from ml.panel import DAILY, Floats, History, Instants, Measure, Panel, Series
from ml.plans.planned import PlannedSpend, planned_spend

__all__ = ["planned_days", "unusual_days", "watched_figures"]


def watched_figures(
    told: Sequence[tuple[History, Instants]], looked_at: dt.timedelta
) -> Aged | None:
    """All figures of an agency at each age.

    Args:
        told: Histories of the same days, each with since when its days are told whole; their
            measures differ.
        looked_at: When in a day figures are looked at, from its begin in UTC.

    Returns:
        None: nothing is known.
    """
    parts = [_aged(history, reported, looked_at) for history, reported in told if history.series]
    if not parts:
        return None
    currencies = _currencies([one for part in parts for one in part.series])
    named = [[_with_currency(one, currencies) for one in part.series] for part in parts]
    series = tuple(dict.fromkeys(one for names in named for one in names))
    rows = {one: row for row, one in enumerate(series)}
    values: dict[Measure, Floats] = {}
    mature: dict[Measure, Floats] = {}
    for part, names in zip(parts, named, strict=True):
        places = [rows[one] for one in names]
        for measure in part.values:
            values[measure] = np.full((len(series), part.steps, len(AGES)), np.nan)
            mature[measure] = np.full((len(series), part.steps), np.nan)
            values[measure][places] = part.values[measure]
            mature[measure][places] = part.mature[measure]
    return Aged(parts[0].cadence, parts[0].start, series, values, mature)


def planned_days(aged: Aged, plans: Sequence[PlannedSpend]) -> Floats:
    """What was planned for each series and day.

    Args:
        aged: Campaigns and their totals.
        plans: Of the agency's clients.

    Returns:
        Shape (series, steps); NaN: nothing. A total is planned where all its campaigns that spend
        are.
    """
    shape = (len(aged.series), aged.steps)
    planned = np.full(shape, np.nan)
    parts = [row for row, one in enumerate(aged.series) if one.campaign is not None]
    if not plans or not parts or Measure.SPEND not in aged.values:
        return planned
    spent = aged.values[Measure.SPEND][:, :, -1]
    recent = np.nansum(spent[:, -28:], axis=1)
    names = [aged.series[row] for row in parts]
    planned[parts] = planned_spend(plans, names, recent[parts], aged.start, aged.steps)
    for row, whole in enumerate(aged.series):
        members = [
            part
            for part in parts
            if aged.series[part].client == whole.client
            and aged.series[part].currency == whole.currency
            and whole.channel in {None, aged.series[part].channel}
            and recent[part] > 0
        ]
        if whole.campaign is None and members:
            planned[row] = planned[members].sum(axis=0)
    return planned


def unusual_days(aged: Aged, calendar: Calendar) -> Mapping[str, frozenset[dt.date]]:
    """Holidays and events of each client."""
    clients = sorted({one.client for one in aged.series})
    nothing = {Measure.SPEND: np.zeros((len(clients), aged.steps))}
    panel = Panel(DAILY, aged.start, tuple(Series(client) for client in clients), nothing)
    marked = (calendar.holidays_of(panel, 0) + calendar.events_of(panel, 0)) > 0
    return {
        client: frozenset(aged.day(int(step)) for step in np.flatnonzero(row))
        for client, row in zip(clients, marked, strict=True)
    }


def _aged(history: History, reported: Instants, looked_at: dt.timedelta) -> Aged:
    aged = compute_aged(history, looked_at, reported)
    return with_backfill(aged, history.latest().values)


def _currencies(series: Sequence[Series]) -> Mapping[str, str | None]:
    """The one currency of each client; None: it has none, or several."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in series:
        if one.currency is not None:
            found[one.client].add(one.currency)
    return {client: next(iter(of)) if len(of) == 1 else None for client, of in found.items()}


def _with_currency(one: Series, currencies: Mapping[str, str | None]) -> Series:
    return replace(one, currency=one.currency or currencies.get(one.client))
