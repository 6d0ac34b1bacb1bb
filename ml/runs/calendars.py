"""Calendars of an agency's clients: holidays of their country, and the events they have planned.

    clients (time zone), planned events -> Calendar

A client's country is that of its time zone; a zone that belongs to no country, or to one whose
holidays nobody has written down, has none.

Source: zone.tab of the IANA time zone database.
"""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from importlib import resources

import holidays
from sqlalchemy import select

from ml.forecast.calendar import Calendar
from tenancy.session import TenantSession
from tenancy.tables import Client, PlannedEvent

__all__ = ["country_of_zone", "load_calendar"]


async def load_calendar(session: TenantSession) -> Calendar:
    """Of all clients of the session's agency."""
    zones = {str(one.id): one.time_zone for one in await session.scalars(select(Client))}
    events: dict[str, list[tuple[dt.date, dt.date]]] = {}
    query = select(PlannedEvent).order_by(PlannedEvent.day_from, PlannedEvent.id)
    for event in await session.scalars(query):
        events.setdefault(str(event.client_id), []).append((event.day_from, event.day_to))
    countries = {client: country_of_zone(zone) for client, zone in zones.items()}
    return Calendar(
        {client: country for client, country in countries.items() if country is not None},
        {client: tuple(days) for client, days in events.items()},
    )


def country_of_zone(zone: str) -> str | None:
    """ISO 3166-1 alpha-2 code of the country that an IANA zone is named after."""
    return _countries().get(zone)


@cache
def _countries() -> Mapping[str, str]:
    known = holidays.list_supported_countries()
    text = resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {parts[2]: parts[0] for parts in lines if parts[0] in known}
