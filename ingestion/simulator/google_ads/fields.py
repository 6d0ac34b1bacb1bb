"""The reporting fields of the simulated resources: names, types, and where they come from.

    "metrics.cost_micros" -> Metric(kind, value of Facts);  "campaign.name" -> Attribute(...)

Names and types follow developers.google.com/google-ads/api/fields/v25. int64 travels as a JSON
string, double and int32 as a JSON number.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import orjson

from ingestion.simulator.google_ads.campaigns import (
    Ad,
    AdGroup,
    Campaign,
    Keyword,
    Place,
    SearchTerm,
)
from ingestion.simulator.google_ads.config import AdsAccount
from ingestion.simulator.google_ads.facts import Facts

__all__ = [
    "ATTRIBUTES",
    "CLIENT_RESOURCE",
    "CORE_DATE_SEGMENTS",
    "ENUMS",
    "LOCATION_RESOURCE",
    "METRICS",
    "RESOURCES",
    "SEGMENTS",
    "Attribute",
    "ClientLink",
    "Entity",
    "Kind",
    "Metric",
    "Segment",
    "Value",
    "json_path",
    "json_text",
    "resource_name_of",
]

Kind = Literal["int64", "int32", "string", "enum", "date", "double", "boolean"]
Value = int | str | bool | float | Decimal


class ClientLink(NamedTuple):
    """An account in the hierarchy of a manager; `level` counts the steps down to it."""

    account: AdsAccount
    level: int


class Entity(NamedTuple):
    """What a row is about: an account, and what the resource has below it.

    Attributes:
        account: The account that is asked.
        campaign, ad_group, ad, keyword, term, place: Levels below it.
        client: Account in its hierarchy; the asked account itself unless the resource is
            `customer_client`.
    """

    account: AdsAccount
    campaign: Campaign
    ad_group: AdGroup
    ad: Ad
    keyword: Keyword
    term: SearchTerm
    place: Place
    client: ClientLink


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of a resource."""

    kind: Kind
    value_of: Callable[[Entity], Value]


@dataclass(frozen=True, slots=True)
class Segment:
    """A field that splits rows, from the day and the device."""

    kind: Kind
    value_of: Callable[[date, str], Value]


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of summed facts; `prohibited_in` lists resources that cannot be asked for it."""

    kind: Kind
    value_of: Callable[[Facts], int | float | Decimal]
    prohibited_in: frozenset[str] = frozenset()


# Lists accounts: it has neither metrics nor segments.
CLIENT_RESOURCE: Final = "customer_client"

# One row a country of the account; fields of the campaign split it further ("segmenting resource").
LOCATION_RESOURCE: Final = "user_location_view"

# Resources that may stand in FROM, and the resources whose attributes come along with each.
RESOURCES: Final[dict[str, tuple[str, ...]]] = {
    "customer": ("customer",),
    "campaign": ("campaign", "customer"),
    "ad_group": ("ad_group", "campaign", "customer"),
    "ad_group_ad": ("ad_group_ad", "ad_group", "campaign", "customer"),
    "keyword_view": ("keyword_view", "ad_group_criterion", "ad_group", "campaign", "customer"),
    "search_term_view": ("search_term_view", "ad_group", "campaign", "customer"),
    LOCATION_RESOURCE: (LOCATION_RESOURCE, "campaign", "customer"),
    CLIENT_RESOURCE: (CLIENT_RESOURCE, "customer"),
}

CORE_DATE_SEGMENTS: Final = frozenset(
    f"segments.{name}" for name in ("date", "week", "month", "quarter", "year")
)

ENUMS: Final[dict[str, frozenset[str]]] = {
    "campaign.status": frozenset({"ENABLED", "PAUSED", "REMOVED"}),
    "campaign.advertising_channel_type": frozenset(
        {"SEARCH", "PERFORMANCE_MAX", "DISPLAY", "VIDEO", "SHOPPING", "DEMAND_GEN", "HOTEL"}
    ),
    "ad_group.status": frozenset({"ENABLED", "PAUSED", "REMOVED"}),
    "ad_group_ad.status": frozenset({"ENABLED", "PAUSED", "REMOVED"}),
    "ad_group_criterion.status": frozenset({"ENABLED", "PAUSED", "REMOVED"}),
    "ad_group_criterion.keyword.match_type": frozenset({"EXACT", "PHRASE", "BROAD"}),
    "search_term_view.status": frozenset({"ADDED", "EXCLUDED", "ADDED_EXCLUDED", "NONE"}),
    "customer.status": frozenset({"ENABLED", "CANCELED", "SUSPENDED", "CLOSED"}),
    "customer_client.status": frozenset({"ENABLED", "CANCELED", "SUSPENDED", "CLOSED"}),
    "segments.device": frozenset({"MOBILE", "DESKTOP", "TABLET", "CONNECTED_TV", "OTHER"}),
}


def resource_name_of(resource: str, entity: Entity) -> str:
    """Build the `resourceName` of the resource `resource` of `entity`."""
    root = f"customers/{entity.account.customer_id}"
    return root + _NAMES[resource](entity)


def _term_name(entity: Entity) -> str:
    term = base64.urlsafe_b64encode(entity.term.text.encode()).decode().rstrip("=")
    ids = f"{entity.campaign.campaign_id}~{entity.ad_group.ad_group_id}"
    return f"/searchTermViews/{ids}~{term}"


def _place_name(entity: Entity) -> str:
    place = entity.place
    targeted = str(place.is_targeted).lower()
    return f"/userLocationViews/{place.country_criterion_id}~{targeted}"


_NAMES: Final[dict[str, Callable[[Entity], str]]] = {
    "customer": lambda _: "",
    CLIENT_RESOURCE: lambda e: f"/customerClients/{e.client.account.customer_id}",
    "campaign": lambda e: f"/campaigns/{e.campaign.campaign_id}",
    "ad_group": lambda e: f"/adGroups/{e.ad_group.ad_group_id}",
    "ad_group_ad": lambda e: f"/adGroupAds/{e.ad_group.ad_group_id}~{e.ad.ad_id}",
    "ad": lambda e: f"/ads/{e.ad.ad_id}",
    "ad_group_criterion": lambda e: f"/adGroupCriteria/{_keyword_ids(e)}",
    "keyword_view": lambda e: f"/keywordViews/{_keyword_ids(e)}",
    "search_term_view": _term_name,
    LOCATION_RESOURCE: _place_name,
}


def _keyword_ids(entity: Entity) -> str:
    return f"{entity.ad_group.ad_group_id}~{entity.keyword.criterion_id}"


ATTRIBUTES: Final[dict[str, Attribute]] = {
    "customer.id": Attribute("int64", lambda e: int(e.account.customer_id)),
    "customer.descriptive_name": Attribute("string", lambda e: e.account.name),
    "customer.currency_code": Attribute("string", lambda e: e.account.currency),
    "customer.time_zone": Attribute("string", lambda e: e.account.time_zone),
    "customer.manager": Attribute("boolean", lambda e: e.account.is_manager),
    "customer.status": Attribute("enum", lambda _: "ENABLED"),
    "campaign.id": Attribute("int64", lambda e: e.campaign.campaign_id),
    "campaign.name": Attribute("string", lambda e: e.campaign.name),
    "campaign.status": Attribute("enum", lambda e: e.campaign.status),
    "campaign.advertising_channel_type": Attribute("enum", lambda e: e.campaign.channel),
    "campaign.bidding_strategy_type": Attribute("enum", lambda e: e.campaign.bidding),
    "ad_group.id": Attribute("int64", lambda e: e.ad_group.ad_group_id),
    "ad_group.name": Attribute("string", lambda e: e.ad_group.name),
    "ad_group.status": Attribute("enum", lambda e: e.ad_group.status),
    "ad_group.type": Attribute("enum", lambda e: e.ad_group.kind),
    "ad_group.campaign": Attribute("string", lambda e: resource_name_of("campaign", e)),
    "ad_group_ad.status": Attribute("enum", lambda e: e.ad.status),
    "ad_group_ad.ad_group": Attribute("string", lambda e: resource_name_of("ad_group", e)),
    "ad_group_ad.ad.id": Attribute("int64", lambda e: e.ad.ad_id),
    "ad_group_ad.ad.name": Attribute("string", lambda e: e.ad.name),
    "ad_group_ad.ad.type": Attribute("enum", lambda e: e.ad.kind),
    "ad_group_ad.ad.resource_name": Attribute("string", lambda e: resource_name_of("ad", e)),
    "ad_group_criterion.criterion_id": Attribute("int64", lambda e: e.keyword.criterion_id),
    "ad_group_criterion.keyword.text": Attribute("string", lambda e: e.keyword.text),
    "ad_group_criterion.keyword.match_type": Attribute("enum", lambda e: e.keyword.match_type),
    "ad_group_criterion.status": Attribute("enum", lambda _: "ENABLED"),
    "search_term_view.search_term": Attribute("string", lambda e: e.term.text),
    "search_term_view.status": Attribute("enum", lambda _: "NONE"),
    "search_term_view.ad_group": Attribute("string", lambda e: resource_name_of("ad_group", e)),
    "user_location_view.country_criterion_id": Attribute(
        "int64", lambda e: e.place.country_criterion_id
    ),
    "user_location_view.targeting_location": Attribute("boolean", lambda e: e.place.is_targeted),
    "customer_client.id": Attribute("int64", lambda e: int(e.client.account.customer_id)),
    "customer_client.descriptive_name": Attribute("string", lambda e: e.client.account.name),
    "customer_client.currency_code": Attribute("string", lambda e: e.client.account.currency),
    "customer_client.time_zone": Attribute("string", lambda e: e.client.account.time_zone),
    "customer_client.manager": Attribute("boolean", lambda e: e.client.account.is_manager),
    "customer_client.status": Attribute(
        "enum", lambda e: "ENABLED" if e.client.account.is_enabled else "CANCELED"
    ),
    "customer_client.level": Attribute("int64", lambda e: e.client.level),
    "customer_client.hidden": Attribute("boolean", lambda _: False),
    "customer_client.test_account": Attribute("boolean", lambda _: False),
    "customer_client.client_customer": Attribute(
        "string", lambda e: f"customers/{e.client.account.customer_id}"
    ),
    "customer_client.resource_name": Attribute(
        "string", lambda e: resource_name_of(CLIENT_RESOURCE, e)
    ),
    "customer.resource_name": Attribute("string", lambda e: resource_name_of("customer", e)),
    "campaign.resource_name": Attribute("string", lambda e: resource_name_of("campaign", e)),
    "ad_group.resource_name": Attribute("string", lambda e: resource_name_of("ad_group", e)),
    "ad_group_ad.resource_name": Attribute("string", lambda e: resource_name_of("ad_group_ad", e)),
    "ad_group_criterion.resource_name": Attribute(
        "string", lambda e: resource_name_of("ad_group_criterion", e)
    ),
    "keyword_view.resource_name": Attribute(
        "string", lambda e: resource_name_of("keyword_view", e)
    ),
    "search_term_view.resource_name": Attribute(
        "string", lambda e: resource_name_of("search_term_view", e)
    ),
    "user_location_view.resource_name": Attribute(
        "string", lambda e: resource_name_of(LOCATION_RESOURCE, e)
    ),
}


def _monday_of(day: date) -> str:
    return (day - timedelta(days=day.weekday())).isoformat()


_WEEKDAYS: Final = (
    "MONDAY",
    "TUESDAY",
    "WEDNESDAY",
    "THURSDAY",
    "FRIDAY",
    "SATURDAY",
    "SUNDAY",
)

SEGMENTS: Final[dict[str, Segment]] = {
    "segments.date": Segment("date", lambda day, _: day.isoformat()),
    "segments.week": Segment("date", lambda day, _: _monday_of(day)),
    "segments.month": Segment("date", lambda day, _: day.replace(day=1).isoformat()),
    "segments.quarter": Segment(
        "date",
        lambda day, _: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1).isoformat(),
    ),
    "segments.year": Segment("int32", lambda day, _: day.year),
    "segments.day_of_week": Segment("enum", lambda day, _: _WEEKDAYS[day.weekday()]),
    "segments.device": Segment("enum", lambda _, device: device),
}


def _decimal(units: int, places: int) -> Decimal:
    return Decimal(units).scaleb(-places)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


_NO_AUCTIONS: Final = frozenset({"ad_group_ad", "search_term_view", LOCATION_RESOURCE})

METRICS: Final[dict[str, Metric]] = {
    "metrics.impressions": Metric("int64", lambda f: f.impressions),
    "metrics.clicks": Metric("int64", lambda f: f.clicks),
    "metrics.interactions": Metric("int64", lambda f: f.clicks),
    "metrics.cost_micros": Metric("int64", lambda f: f.cost_micros),
    "metrics.conversions": Metric("double", lambda f: _decimal(f.conversions_milli, 3)),
    "metrics.conversions_value": Metric("double", lambda f: _decimal(f.value_cents, 2)),
    # All actions counted for bidding here, so "all" is the same set.
    "metrics.all_conversions": Metric("double", lambda f: _decimal(f.conversions_milli, 3)),
    "metrics.all_conversions_value": Metric("double", lambda f: _decimal(f.value_cents, 2)),
    "metrics.ctr": Metric("double", lambda f: _ratio(f.clicks, f.impressions)),
    "metrics.average_cpc": Metric("double", lambda f: _ratio(f.cost_micros, f.clicks)),
    "metrics.search_impression_share": Metric(
        "double", lambda f: _ratio(f.impressions, f.eligible), _NO_AUCTIONS
    ),
}


def json_path(name: str) -> tuple[str, ...]:
    """Turn `metrics.cost_micros` into `("metrics", "costMicros")`."""
    return tuple(_camel(part) for part in name.split("."))


def json_text(value: Value, kind: Kind) -> str:
    """Write `value` as protobuf's JSON does for `kind`."""
    if kind == "int64":
        return f'"{value}"'
    if kind == "double":
        return _double_text(value)
    return orjson.dumps(value).decode()


def _double_text(value: Value) -> str:
    text = f"{value:f}" if isinstance(value, Decimal) else repr(value)
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text


def _camel(word: str) -> str:
    head, *tail = word.split("_")
    return head + "".join(part.capitalize() for part in tail)
