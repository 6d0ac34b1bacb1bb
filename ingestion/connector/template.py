"""Request templates: fixed text with named places.

    "/customers/{account}/x" + {"account": "1"} -> "/customers/1/x"
    "$credential.access_token"                  -> the credential, or "left out" when there is none

A place that is the whole text keeps its type (`"{from.day}"` becomes the number 1), one inside a
text becomes text. Only lower-case names count as places, so GraphQL selections are written `{ id
}`, with spaces. Nothing is evaluated, and values are never scanned for places again.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.errors import InternalError

__all__ = ["LEFT_OUT", "date_places", "fill", "instant_places", "places_of"]

LEFT_OUT: Final = object()

_PLACE: Final = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")
_REFERENCE: Final = re.compile(r"\$(app|credential|setting)\.([a-z_]+)")


def fill(template: Any, places: Mapping[str, Any], references: Mapping[str, str]) -> Any:
    """Fill a template of texts, lists and mappings.

    Args:
        template: As the source file has it.
        places: `{name}` -> value.
        references: `app.developer_token` -> value, for texts that are one `$reference`.

    Returns:
        The same shape; entries of mappings whose reference has no value are left out.
    """
    if isinstance(template, str):
        return _fill_text(template, places, references)
    if isinstance(template, Mapping):
        filled = {str(key): fill(value, places, references) for key, value in template.items()}
        return {key: value for key, value in filled.items() if value is not LEFT_OUT}
    if isinstance(template, list | tuple):
        return [fill(value, places, references) for value in template]
    return template


def _fill_text(text: str, places: Mapping[str, Any], references: Mapping[str, str]) -> Any:
    reference = _REFERENCE.fullmatch(text)
    if reference:
        return references.get(f"{reference[1]}.{reference[2]}") or LEFT_OUT
    whole = _PLACE.fullmatch(text)
    if whole:
        return _value(places, whole[1])
    return _PLACE.sub(lambda place: str(_value(places, place[1])), text)


def _value(places: Mapping[str, Any], name: str) -> Any:
    try:
        return places[name]
    except KeyError:
        raise InternalError(
            f"the template asks for {{{name}}}, which this request has not"
        ) from None


def places_of(template: Any) -> Iterator[str]:
    """Names of all places in a template."""
    for text in _texts(template):
        yield from _PLACE.findall(text)


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from _texts(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from _texts(value)


def date_places(start: dt.date, end: dt.date, time_zone: str) -> dict[str, Any]:
    """Places of a range of days, both ends included.

    `{from}`, `{to}`: ISO dates. `.year`, `.month`, `.day`: numbers. `{from.midnight}` and
    `{to.next_midnight}`: instants at which the range starts and has ended in the account's zone.
    """
    zone = ZoneInfo(time_zone)
    return {
        **_date("from", start),
        **_date("to", end),
        "from.midnight": _midnight(start, zone),
        "to.next_midnight": _midnight(end + dt.timedelta(days=1), zone),
    }


def _date(name: str, day: dt.date) -> dict[str, Any]:
    return {
        name: day.isoformat(),
        f"{name}.year": day.year,
        f"{name}.month": day.month,
        f"{name}.day": day.day,
    }


def _midnight(day: dt.date, zone: ZoneInfo) -> str:
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone).isoformat(timespec="milliseconds")


def instant_places(start: dt.datetime, end: dt.datetime) -> dict[str, Any]:
    """Places of a window of instants: `{from}`, `{to}` in ISO 8601 UTC, `.millis` as numbers."""
    return {**_instant("from", start), **_instant("to", end)}


def _instant(name: str, moment: dt.datetime) -> dict[str, Any]:
    utc = moment.astimezone(dt.UTC)
    text = utc.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {name: text, f"{name}.millis": int(utc.timestamp() * 1000)}
