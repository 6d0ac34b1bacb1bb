"""What a report call asks for, read and checked as the platform does.

    query parameters (lists as JSON text) -> ReportQuery | TikTokRefusalError

Source: Business API v1.3, Run a synchronous report, with the pages of dimensions and metrics of
basic and audience reports (2026-11). One id dimension, the day and, in audience reports, the
country are played here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson

from ingestion.simulator.tiktok_ads.failures import wrong_parameter

__all__ = ["MEASURES", "ReportQuery", "list_of", "read_query"]

_LEVELS: Final = {
    "AUCTION_ADVERTISER": "advertiser_id",
    "AUCTION_CAMPAIGN": "campaign_id",
    "AUCTION_ADGROUP": "adgroup_id",
    "AUCTION_AD": "ad_id",
}
_ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "advertiser_id": ("advertiser_name", "currency"),
    "campaign_id": ("campaign_name", "currency"),
    "adgroup_id": ("campaign_id", "campaign_name", "adgroup_name", "currency"),
    "ad_id": (
        *("campaign_id", "campaign_name", "adgroup_id", "adgroup_name", "ad_name"),
        "currency",
    ),
}
# The value of completed payments has a name that says otherwise, and audience reports lack it.
MEASURES: Final = ("spend", "impressions", "clicks", "conversion", "total_complete_payment_rate")
_AUDIENCE_MEASURES: Final = MEASURES[:4]
_MOST_DAYS: Final = 30
_LARGEST_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """One report call.

    Attributes:
        level: The id dimension: `advertiser_id`, `campaign_id`, `adgroup_id` or `ad_id`.
        by_day: Split by `stat_time_day`.
        by_country: Split by `country_code`.
        metrics: Measures and attributes asked for.
        first_day: At the advertiser.
        last_day: Included.
        page: From 1.
        page_size: Rows of a page.
    """

    level: str
    by_day: bool
    by_country: bool
    metrics: tuple[str, ...]
    first_day: date
    last_day: date
    page: int
    page_size: int


def read_query(values: Mapping[str, str]) -> ReportQuery:
    """Read the parameters of a report call; unknown ones are passed over, as the platform does.

    Raises:
        TikTokRefusalError: As the platform would refuse it.
    """
    report_type = _one_of("report_type", values.get("report_type", ""), ("BASIC", "AUDIENCE"))
    _one_of("service_type", values.get("service_type", "AUCTION"), ("AUCTION",))
    level = _LEVELS[_one_of("data_level", values.get("data_level", ""), tuple(_LEVELS))]
    dimensions = list_of("dimensions", values.get("dimensions", ""))
    allowed = {level, "stat_time_day"} | ({"country_code"} if report_type == "AUDIENCE" else set())
    if level not in dimensions or not allowed.issuperset(dimensions):
        raise wrong_parameter(f"dimensions: {list(dimensions)} is not supported for the data_level")
    measures = MEASURES if report_type == "BASIC" else _AUDIENCE_MEASURES
    metrics = list_of("metrics", values.get("metrics", '["spend","impressions"]'))
    if wrong := [name for name in metrics if name not in (*measures, *_ATTRIBUTES[level])]:
        raise wrong_parameter(f"Invalid metric fields: {wrong}")
    first_day, last_day = _day(values, "start_date"), _day(values, "end_date")
    if last_day < first_day:
        raise wrong_parameter("end_date should not be earlier than start_date")
    if (last_day - first_day).days >= _MOST_DAYS:
        raise wrong_parameter(f"The time span cannot be longer than {_MOST_DAYS} days")
    return ReportQuery(
        level=level,
        by_day="stat_time_day" in dimensions,
        by_country="country_code" in dimensions,
        metrics=metrics,
        first_day=first_day,
        last_day=last_day,
        page=_number(values, "page", 1, None),
        page_size=_number(values, "page_size", 10, _LARGEST_PAGE),
    )


def list_of(name: str, text: str) -> tuple[str, ...]:
    """Read a list of texts, which the platform takes as JSON only."""
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise wrong_parameter(f"{name}: Not a valid list.")
    return tuple(found)


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise wrong_parameter(f"{name}: Must be one of {list(words)}.")
    return word


def _day(values: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(values.get(name, ""))
    except ValueError as error:
        raise wrong_parameter(f"{name}: Must be a date in the format YYYY-MM-DD.") from error


def _number(values: Mapping[str, str], name: str, otherwise: int, most: int | None) -> int:
    text = values.get(name, str(otherwise))
    if not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        limit = "" if most is None else f" and not more than {most}"
        raise wrong_parameter(f"{name}: Must be greater than or equal to 1{limit}.")
    return int(text)
