"""Days that are not like others: public holidays of a client's country, and events it has planned.

client -> country, events -> share of holidays and of events in a window of steps
"""

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import holidays
import numpy as np

from domain.errors import InvalidInputError
from ml.panel import Floats, Panel

__all__ = ["NO_CALENDAR", "Calendar"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is known of the days of each client; a client that is missing has neither.

    Attributes:
        countries: ISO 3166-1 alpha-2 code by client.
        events: First and last day of each planned event (a sale, a launch), by client.
    """

    countries: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, tuple[tuple[dt.date, dt.date], ...]] = field(default_factory=dict)

    def holidays_of(self, panel: Panel, ahead: int) -> Floats:
        """Share of each step that is a holiday: shape (series, steps + ahead).

        Raises:
            InvalidInputError: A country is not known (caller).
        """
        days = _days(panel, ahead)
        years = range(days[0].year, days[-1].year + 1)
        known = {
            country: set(_public_holidays(country, years))
            for country in sorted(set(self.countries.values()))
        }
        by_client = {client: known[country] for client, country in self.countries.items()}
        return _marked(panel, days, by_client)

    def events_of(self, panel: Panel, ahead: int) -> Floats:
        """Share of each step that lies in an event: shape (series, steps + ahead)."""
        by_client = {
            client: {
                first + dt.timedelta(days=number)
                for first, last in spans
                for number in range((last - first).days + 1)
            }
            for client, spans in self.events.items()
        }
        return _marked(panel, _days(panel, ahead), by_client)


NO_CALENDAR: Final = Calendar()


def _public_holidays(country: str, years: range) -> list[dt.date]:
    try:
        return list(holidays.country_holidays(country, years=years))
    except NotImplementedError as unknown:
        raise InvalidInputError(
            f"no public holidays are known of country {country!r}",
            hint="give an ISO 3166-1 alpha-2 code, or leave the client's country out",
        ) from unknown


def _days(panel: Panel, ahead: int) -> list[dt.date]:
    return [panel.day(step) for step in range(panel.steps + ahead + 1)]


def _marked(panel: Panel, days: list[dt.date], by_client: Mapping[str, set[dt.date]]) -> Floats:
    marks = {client: _shares(days, marked) for client, marked in by_client.items()}
    nothing = np.zeros(len(days) - 1)
    return np.array([marks.get(series.client, nothing) for series in panel.series]).reshape(
        len(panel.series), -1
    )


def _shares(days: list[dt.date], marked: set[dt.date]) -> Floats:
    """A step of a day or less is in or out; a longer one is so by the share of its days."""
    shares = np.zeros(len(days) - 1)
    for place, (first, after) in enumerate(itertools.pairwise(days)):
        length = max((after - first).days, 1)
        inside = sum(first + dt.timedelta(days=number) in marked for number in range(length))
        shares[place] = inside / length
    return shares
