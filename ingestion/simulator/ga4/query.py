"""What a report asks for, read and checked as the platform does.

    body of runReport -> ReportQuery | Ga4RefusalError

Source: developers.google.com/analytics/devguides/reporting/data/v1/{basics,api-schema} and
rest/v1beta/properties/runReport (2026-11). Of the dimensions and metrics, those of visits are
played here, over one date range, ordered by dimensions.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from ingestion.simulator.ga4.failures import invalid_argument

__all__ = ["DATE", "DIMENSIONS", "METRICS", "ReportQuery", "read_query"]

DATE: Final = "date"
# Dimension -> attribute of a cell.
DIMENSIONS: Final = {
    "sessionDefaultChannelGroup": "channel",
    "sessionSource": "source",
    "sessionMedium": "medium",
    "landingPage": "page",
    "deviceCategory": "device",
    "countryId": "country",
}
# Metric -> column of a day, and the type that its header names.
METRICS: Final = {
    "sessions": ("sessions", "TYPE_INTEGER"),
    "engagedSessions": ("engaged", "TYPE_INTEGER"),
    "newUsers": ("new_users", "TYPE_INTEGER"),
    "screenPageViews": ("views", "TYPE_INTEGER"),
    "keyEvents": ("key_events_milli", "TYPE_FLOAT"),
    "purchaseRevenue": ("revenue_cents", "TYPE_CURRENCY"),
}
_SCHEMA: Final = (
    "For a list of valid dimensions and metrics, see "
    "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema"
)
_USUAL_LIMIT: Final = 10_000
_LARGEST_LIMIT: Final = 250_000  # however many are asked for
_MOST_DIMENSIONS: Final = 9
_MOST_METRICS: Final = 10


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """One report.

    Attributes:
        dimensions: Asked for, `date` among them.
        metrics: Asked for.
        first_day: At the property.
        last_day: Included.
        order: Dimensions that rows are ordered by, each with its direction (descending: True).
        offset: Rows before the page.
        limit: Rows of the page.
        keeps_empty: Rows whose metrics are all zero are told too.
        tells_quota: The answer has `propertyQuota`.
    """

    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    first_day: date
    last_day: date
    order: tuple[tuple[str, bool], ...]
    offset: int
    limit: int
    keeps_empty: bool
    tells_quota: bool


def read_query(body: bytes) -> ReportQuery:
    """Read the body of a report request.

    Raises:
        Ga4RefusalError: As the platform would refuse it.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_argument("Invalid JSON payload received.") from error
    if not isinstance(document, dict):
        raise invalid_argument("Invalid JSON payload received.")
    dimensions = _names(document, "dimensions", (DATE, *DIMENSIONS), _MOST_DIMENSIONS)
    metrics = _names(document, "metrics", tuple(METRICS), _MOST_METRICS)
    if not metrics:
        raise invalid_argument("The request must have at least one metric.")
    first_day, last_day = _range(document.get("dateRanges"))
    limit = _number(document, "limit", _USUAL_LIMIT)
    if not limit:
        raise invalid_argument("The limit must be positive.")
    return ReportQuery(
        dimensions=dimensions,
        metrics=metrics,
        first_day=first_day,
        last_day=last_day,
        order=_order(document.get("orderBys", []), dimensions),
        offset=_number(document, "offset", 0),
        limit=min(limit, _LARGEST_LIMIT),
        keeps_empty=document.get("keepEmptyRows") is True,
        tells_quota=document.get("returnPropertyQuota") is True,
    )


def _names(
    document: dict[str, Any], key: str, known: tuple[str, ...], most: int
) -> tuple[str, ...]:
    kind = key.removesuffix("s")
    given = document.get(key, [])
    names = tuple(str(item.get("name")) for item in given if isinstance(item, dict))
    for name in names:
        if name not in known:
            raise invalid_argument(
                f"Did you mean {known[0]}? Field {name} is not a valid {kind}. {_SCHEMA}"
            )
    if len(names) > most:
        raise invalid_argument(f"Requests are limited to {most} {key} per request.")
    return names


def _range(ranges: Any) -> tuple[date, date]:
    if not isinstance(ranges, list) or len(ranges) != 1 or not isinstance(ranges[0], dict):
        raise invalid_argument("One date range is played here.")
    days = []
    for name in ("startDate", "endDate"):
        try:
            days.append(datetime.strptime(str(ranges[0].get(name)), "%Y-%m-%d").date())  # noqa: DTZ007
        except ValueError as error:
            raise invalid_argument(
                f"Invalid {name}: {ranges[0].get(name)}. Dates should be of the form YYYY-MM-DD."
            ) from error
    if days[1] < days[0]:
        raise invalid_argument("The start date must not be after the end date.")
    return days[0], days[1]


def _number(document: dict[str, Any], name: str, otherwise: int) -> int:
    """A number of 64 bits, which JSON may write as a text."""
    text = str(document.get(name, otherwise))
    if not text.isdecimal():
        raise invalid_argument(f"Invalid value at '{name}' (TYPE_INT64), {text}")
    return int(text)


def _order(given: Any, dimensions: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    order = []
    for item in given:
        name = item.get("dimension", {}).get("dimensionName") if isinstance(item, dict) else None
        if name not in dimensions:
            raise invalid_argument(
                "An order by must be a dimension or metric of the request; dimensions are played "
                "here."
            )
        order.append((str(name), item.get("desc") is True))
    return tuple(order)
