"""What the simulated properties really hold, computed beside the HTTP path.

    world -> columns of each day -> totals by chosen keys

Shares no code with the writing of reports, so that a test that compares both checks both.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.simulator.ga4.config import Property
from ingestion.simulator.ga4.world import Cell, DayColumns, Ga4World, Moment, cells_of

__all__ = ["TRUTH_KEYS", "truth_document"]

TRUTH_KEYS: Final = ("day", *Cell._fields)


def truth_document(
    world: Ga4World,
    place: Property,
    *,
    first_day: date,
    last_day: date,
    now: datetime,
    by: Collection[str],
) -> dict[str, Any]:
    """Build the JSON of `GET /_control/truth/ga4/{property_id}`.

    `rowCount` is how many rows the finest report has. Key events and revenue are decimal strings.

    Args:
        world: The platform's world.
        place: The property asked about.
        first_day: First day at the property.
        last_day: Last day at the property, included.
        now: UTC instant as of which the facts are known.
        by: Keys of a row, out of `TRUTH_KEYS`.

    Raises:
        InvalidInputError: `by` names an unknown key.
    """
    if unknown := sorted(set(by) - set(TRUTH_KEYS)):
        raise InvalidInputError(
            f"Truth has no key {unknown[0]!r}.", hint=f"It has {', '.join(TRUTH_KEYS)}."
        )
    moment = Moment.at(now, place.time_zone)
    keys = [key for key in TRUTH_KEYS if key in by]
    own = [key for key in keys if key != "day"]
    names = [tuple(getattr(cell, key) for key in own) for cell in cells_of(place)]
    sums: dict[tuple[str, ...], list[int]] = {}
    totals = [0] * (1 + len(DayColumns._fields))
    day = first_day
    while day <= last_day:
        columns = world.day_columns(place, day, moment)
        if columns is not None:
            _add(totals, columns)
            start = (day.isoformat(),) if "day" in by else ()
            for name, *numbers in zip(names, *columns, strict=True):
                if any(numbers):
                    held = sums.setdefault((*start, *name), [0] * len(totals))
                    held[:] = map(sum, zip(held, (1, *numbers), strict=True))
        day += timedelta(days=1)
    return {
        "property": place.property_id,
        "currency": place.currency,
        "timeZone": place.time_zone,
        "asOf": now.isoformat(),
        "rows": [
            {**dict(zip(keys, name, strict=True)), **_measures(held)}
            for name, held in sorted(sums.items())
        ],
        "totals": _measures(totals),
    }


def _add(totals: list[int], columns: DayColumns) -> None:
    totals[0] += sum(any(numbers) for numbers in zip(*columns, strict=True))
    for place, column in enumerate(columns, start=1):
        totals[place] += sum(column)


def _measures(held: list[int]) -> dict[str, Any]:
    count, *numbers = held
    facts = dict(zip(DayColumns._fields, numbers, strict=True))
    return {
        "rowCount": count,
        "sessions": facts["sessions"],
        "engagedSessions": facts["engaged"],
        "newUsers": facts["new_users"],
        "screenPageViews": facts["views"],
        "keyEvents": str(Decimal(facts["key_events_milli"]).scaleb(-3)),
        "purchaseRevenue": str(Decimal(facts["revenue_cents"]).scaleb(-2)),
    }
