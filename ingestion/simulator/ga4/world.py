"""The visits: which cells of a property have some on a day, and what is known of them now.

    property -> cells (source x page x device x country); seed + day + age -> columns of facts

A property has the same cells on every day. Nothing is kept per cell and day: a day of 100,000 cells
is made in columns when it is asked for. Days restate like the real ones: visits settle within two
days; key events and their revenue are modelled and credited for twelve.

Sources: support.google.com/analytics/answer/11198161 (data freshness), answer/10710245 (modeled key
events: "can still be updated for up to 12 days"), answer/9756891 (default channel group), 2026-11.
"""

from array import array
from collections.abc import MutableSequence
from datetime import date, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.simulator.chance import numbers
from ingestion.simulator.ga4.config import Ga4Config, Property

__all__ = ["NOT_SET", "Cell", "DayColumns", "Ga4World", "Moment", "cells_of"]

NOT_SET: Final = "(not set)"
_SOURCES: Final = (
    ("Paid Search", "google", "cpc"),
    ("Organic Search", "google", "organic"),
    ("Direct", "(direct)", "(none)"),
    ("Paid Social", "facebook", "paid"),
    ("Organic Social", "instagram", "social"),
    ("Email", "newsletter", "email"),
    ("Referral", "blog.example", "referral"),
    ("Cross-network", "google", "cpc"),
    ("Organic Shopping", "google", "shopping"),
    ("Unassigned", NOT_SET, NOT_SET),
)
_DEVICES: Final = ("mobile", "desktop", "tablet", "smart tv")
_COUNTRIES: Final = ("DE", "US", "GB", "AT", NOT_SET)
_CELLS_PER_PAGE: Final = len(_SOURCES) * len(_DEVICES) * len(_COUNTRIES)
_STRIDE: Final = 7919  # a prime that spreads the first cells over all sources, pages and places
_MASK: Final = 0xFFFFFFFF
_MISSING_AT_FIRST_PER_MILLE: Final = 300
_LATE_PER_MILLE: Final = 40  # of the visits of yesterday


class Cell(NamedTuple):
    """Where visits come from and go to."""

    channel: str
    source: str
    medium: str
    page: str
    device: str
    country: str


class DayColumns(NamedTuple):
    """The facts of a day, a column each, parallel to the property's cells."""

    sessions: MutableSequence[int]
    engaged: MutableSequence[int]
    new_users: MutableSequence[int]
    views: MutableSequence[int]
    key_events_milli: MutableSequence[int]
    revenue_cents: MutableSequence[int]


class Moment(NamedTuple):
    """What the world depends on of the present: the day and hour at the property."""

    today: date
    hour: int

    @classmethod
    def at(cls, now: datetime, time_zone: str) -> "Moment":
        """See the UTC instant `now` from a property's time zone."""
        local = now.astimezone(ZoneInfo(time_zone))
        return cls(local.date(), local.hour)


class Ga4World:
    """Cells and days of all properties, made on demand."""

    def __init__(self, config: Ga4Config) -> None:
        self._config = config
        # A few days only: of a property with 100,000 cells, one takes five megabytes.
        self._made_day = lru_cache(maxsize=8)(self._make_day)

    def day_columns(self, place: Property, day: date, moment: Moment) -> DayColumns | None:
        """Return what is known of `day`; None: nothing."""
        age = (moment.today - day).days
        if age < 0 or day < self._config.first_day:
            return None
        settled = max(self._config.settled_days, self._config.credited_days)
        return self._made_day(place, day, min(age, settled), moment.hour if age == 0 else 24)

    def _make_day(self, place: Property, day: date, age: int, hour: int) -> DayColumns:
        draws = numbers(self._config.seed, "ga4 day", place.property_id, day.toordinal())
        salt = draws[0] & _MASK
        columns = DayColumns(*(array("q", bytes(8 * place.cells)) for _ in DayColumns._fields))
        credited = self._config.credited_days
        kept = 1000 - _MISSING_AT_FIRST_PER_MILLE * (credited - age) ** 2 // credited**2
        seen = (1000 if age >= self._config.settled_days else 1000 - _LATE_PER_MILLE) * hour // 24
        for index in range(place.cells):
            noise = ((index + 1) * 2_654_435_761 ^ salt) & _MASK
            noise = (noise ^ noise >> 15) * 2_246_822_519 & _MASK
            noise ^= noise >> 13
            visits = 3 + noise % 60
            sessions = -(-visits * seen // 1000)
            columns.sessions[index] = sessions
            columns.engaged[index] = sessions * (400 + (noise >> 6) % 400) // 1000
            columns.new_users[index] = sessions * (200 + (noise >> 9) % 500) // 1000
            columns.views[index] = sessions * (1100 + (noise >> 12) % 3000) // 1000
            events = visits * ((noise >> 16) % 90) * seen // 1000 * kept // 1000
            columns.key_events_milli[index] = events
            columns.revenue_cents[index] = events * (2_000 + (noise >> 20) % 6_000) // 1000
        return columns


def cells_of(place: Property) -> list[Cell]:
    """List the cells of a property, in the order of its columns."""
    return [_cell(place, index) for index in range(place.cells)]


def _cell(place: Property, index: int) -> Cell:
    position = index * _STRIDE % (place.pages * _CELLS_PER_PAGE)
    position, source = divmod(position, len(_SOURCES))
    position, device = divmod(position, len(_DEVICES))
    page, country = divmod(position, len(_COUNTRIES))
    return Cell(*_SOURCES[source], _page(place, page), _DEVICES[device], _COUNTRIES[country])


def _page(place: Property, page: int) -> str:
    if page == place.pages - 1:
        return NOT_SET
    return f"/products/{page}" if page else "/"
