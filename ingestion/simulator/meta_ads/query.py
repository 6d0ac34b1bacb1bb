"""What an insights call asks for, read and checked as the platform does.

    parameters (query string or form) -> InsightsQuery | MetaRefusalError

Sources: developers.facebook.com/docs/marketing-api/insights/{parameters,breakdowns} and
.../best-practices/manage-your-ad-object-status (2026-11). Of breakdowns, one at a time is played
here. Deleted and archived objects are in an answer only when the filter names their status.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import orjson

from ingestion.simulator.meta_ads.failures import invalid_parameter, too_old

__all__ = ["FIELDS", "LEVELS", "InsightsQuery", "list_of", "read_query", "whole_number"]

LEVELS: Final = ("account", "campaign", "adset", "ad")
FIELDS: Final = (
    "account_id",
    "account_name",
    "account_currency",
    "campaign_id",
    "campaign_name",
    "adset_id",
    "adset_name",
    "ad_id",
    "ad_name",
    "objective",
    "date_start",
    "date_stop",
    "impressions",
    "clicks",
    "inline_link_clicks",
    "spend",
    "actions",
    "action_values",
)
_PLAYED_BREAKDOWNS: Final = ("impression_device", "device_platform", "country")
_BREAKDOWNS: Final = (
    *("age", "gender", "country", "region", "dma", "device_platform", "impression_device"),
    *("publisher_platform", "platform_position", "product_id"),
    "hourly_stats_aggregated_by_advertiser_time_zone",
    "hourly_stats_aggregated_by_audience_time_zone",
)
_WINDOWS: Final = ("1d_view", "1d_click", "7d_click", "28d_click", "default")
_STATUSES: Final = (
    *("ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES", "PENDING_REVIEW"),
    *("DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO", "CAMPAIGN_PAUSED", "ADSET_PAUSED"),
)
_GONE: Final = frozenset({"DELETED", "ARCHIVED"})
_LIVE: Final = tuple(status for status in _STATUSES if status not in _GONE)
_DEFAULT_DAYS: Final = 30
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class InsightsQuery:
    """One insights call.

    Attributes:
        level: What a row is: `account`, `campaign`, `adset` or `ad`.
        fields: Asked for.
        breakdown: `impression_device`, `device_platform`, `country` or empty.
        first_day: Of the time range, at the account.
        last_day: Included.
        is_daily: One row a day, else one for the whole range.
        windows: Attribution windows told beside `value`.
        statuses: Of the level's objects that are in the answer.
    """

    level: str
    fields: tuple[str, ...]
    breakdown: str
    first_day: date
    last_day: date
    is_daily: bool
    windows: tuple[str, ...]
    statuses: tuple[str, ...]


def read_query(values: Mapping[str, str], *, today: date, retained_months: int) -> InsightsQuery:
    """Read the parameters of an insights call.

    Args:
        values: Parameters by name; unknown ones are passed over, as the platform does.
        today: At the account.
        retained_months: Older days are refused.

    Raises:
        MetaRefusalError: As the platform would refuse it.
    """
    first_day, last_day = _range(values.get("time_range", ""), today)
    if first_day < _months_before(today, retained_months):
        raise too_old(retained_months)
    increment = values.get("time_increment", "all_days")
    if increment not in {"1", "all_days"}:
        raise invalid_parameter(f"time_increment {increment!r} is not played here")
    level = _one("level", values.get("level", "account"), LEVELS)
    windows = list_of(values.get("action_attribution_windows", ""))
    return InsightsQuery(
        level=level,
        fields=_fields(list_of(values.get("fields", ""))),
        breakdown=_breakdown(list_of(values.get("breakdowns", ""))),
        first_day=first_day,
        last_day=last_day,
        is_daily=increment == "1",
        windows=_known("action_attribution_windows", windows, _WINDOWS),
        statuses=_statuses(values.get("filtering", ""), level),
    )


def list_of(text: str) -> tuple[str, ...]:
    """Read a list as the platform takes it: a JSON array of texts, or words between commas."""
    if not text.startswith("["):
        return tuple(word.strip() for word in text.split(",") if word.strip())
    found = _json(text)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise invalid_parameter(f"{text} is not a list of texts")
    return tuple(found)


def whole_number(name: str, text: str) -> int:
    """Read a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise invalid_parameter(f"Param {name} must be an integer greater than 0")
    return int(text)


def _fields(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in FIELDS:
            raise invalid_parameter(
                f"{name} is not valid for fields param. please check "
                "https://developers.facebook.com/docs/marketing-api/reference/ads-insights/ "
                "for all valid values"
            )
    return names or ("impressions", "spend")


def _breakdown(names: tuple[str, ...]) -> str:
    _known("breakdowns", names, _BREAKDOWNS)
    if len(names) > 1:
        columns = ", ".join(("action_type", *names))
        raise invalid_parameter(
            f"Current combination of data breakdown columns ({columns}) is invalid"
        )
    if names and names[0] not in _PLAYED_BREAKDOWNS:
        raise invalid_parameter(f"the breakdown {names[0]} is not played here")
    return "".join(names)


def _statuses(text: str, level: str) -> tuple[str, ...]:
    """What `[{"field": "ad.effective_status", "operator": "IN", "value": [...]}]` lets through."""
    filters = _json(text) if text else []
    statuses = _LIVE
    for each in filters if isinstance(filters, list) else [filters]:
        names = {"field": "", "operator": "", "value": ()} | (
            each if isinstance(each, dict) else {}
        )
        if names["field"] != f"{level}.effective_status" or names["operator"] != "IN":
            raise invalid_parameter(
                f"Filtering field '{names['field']}' with operation '{names['operator']}' is not "
                "supported"
            )
        statuses = _known("filtering[value]", tuple(map(str, names["value"])), _STATUSES)
    return statuses


def _known(name: str, words: tuple[str, ...], all_words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_one(f"{name}[{place}]", word, all_words) for place, word in enumerate(words))


def _one(name: str, word: str, all_words: tuple[str, ...]) -> str:
    if word not in all_words:
        raise invalid_parameter(
            f"{name} must be one of the following values: {', '.join(all_words)}"
        )
    return word


def _range(text: str, today: date) -> tuple[date, date]:
    if not text:
        return today - timedelta(days=_DEFAULT_DAYS), today - timedelta(days=1)
    found = _json(text)
    values = found if isinstance(found, dict) else {}
    try:
        first_day = date.fromisoformat(str(values.get("since")))
        last_day = date.fromisoformat(str(values.get("until")))
    except ValueError as error:
        raise invalid_parameter("Must be a date representation in the format YYYY-MM-DD") from error
    if first_day > last_day:
        raise invalid_parameter("time_range: since must not be after until")
    return first_day, last_day


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid_parameter(f"{text} is not JSON") from error


def _months_before(today: date, months: int) -> date:
    year, month = divmod(today.year * _MONTHS + today.month - 1 - months, _MONTHS)
    days = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(today.day, days))
