"""Working days where a controller is, by its time zone.

time zone -> tzdata's table of zones -> country -> public holidays of the whole country

A zone that no country is known for (UTC, an old name) has weekends only: dates come out earlier,
never later.

Sources: IANA time zone database, `zone.tab`; the package `holidays`, category "public".
"""

import datetime as dt
import functools
from collections.abc import Mapping
from importlib import resources
from zoneinfo import ZoneInfo

from domain.privacy.deadlines import WorkCalendar

__all__ = ["country_of", "work_calendar"]


@functools.lru_cache(maxsize=512)
def work_calendar(time_zone: str) -> WorkCalendar:
    """The calendar of a controller.

    Args:
        time_zone: IANA name.
    """
    country = country_of(time_zone)
    return WorkCalendar(ZoneInfo(time_zone), _public_holidays(country or ""))


def country_of(time_zone: str) -> str | None:
    """ISO 3166-1 alpha-2 of the country that keeps a zone; None: none is known."""
    return _countries().get(time_zone)


@functools.cache
def _countries() -> Mapping[str, str]:
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


class _PublicHolidays:
    """Hashable, so that calendars are values."""

    def __init__(self, country: str) -> None:
        import holidays  # noqa: PLC0415  # a tenth of a second, for whoever counts days

        self._days = (
            holidays.country_holidays(country)
            if country in holidays.list_supported_countries()
            else frozenset()
        )

    def __call__(self, day: dt.date) -> bool:
        return day in self._days


@functools.cache
def _public_holidays(country: str) -> _PublicHolidays:
    return _PublicHolidays(country)
