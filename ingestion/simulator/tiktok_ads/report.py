"""Rows of a report.

    ReportQuery + world -> parts of each day -> groups -> rows, every number a text

Source: Business API v1.3, Run a synchronous report (2026-11): amounts in units of the currency with
two decimals, days as `2026-11-01 00:00:00`, and `-` where nothing is measured.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from ingestion.simulator.tiktok_ads.config import Advertiser
from ingestion.simulator.tiktok_ads.query import ReportQuery
from ingestion.simulator.tiktok_ads.world import Facts, Moment, Part, TikTokWorld

__all__ = ["report_rows"]

_NOTHING: Final = "-"

_Key = tuple[str, str, str]  # day, id, country


def report_rows(
    world: TikTokWorld, advertiser: Advertiser, query: ReportQuery, moment: Moment, most_ads: int
) -> list[dict[str, Any]]:
    """Build all rows of a report, ordered by day, id and country.

    One by ad tells of the first `most_ads` ads alone.
    """
    groups: dict[_Key, tuple[Part, Facts]] = {}
    day = query.first_day
    while day <= query.last_day:
        for part in world.campaign_days(advertiser, day, moment):
            for piece in _pieces(world, part, query):
                if not any(piece.facts):
                    continue
                key = _key(advertiser, piece, query, day)
                first, facts = groups.get(key, (piece, Facts()))
                groups[key] = first, Facts(*map(sum, zip(facts, piece.facts, strict=True)))
        day += timedelta(days=1)
    if query.level == "ad_id":
        told = set(sorted({ad for _, ad, _ in groups})[:most_ads])
        groups = {key: group for key, group in groups.items() if key[1] in told}
    return [
        {
            "dimensions": _dimensions(query, key),
            "metrics": {
                name: _metric(name, advertiser, part, facts, query) for name in query.metrics
            },
        }
        for key, (part, facts) in sorted(groups.items(), key=lambda item: item[0])
    ]


def _pieces(world: TikTokWorld, part: Part, query: ReportQuery) -> Iterator[Part]:
    whole = query.level in {"advertiser_id", "campaign_id"}
    for piece in [part] if whole else world.by_ad(part):
        if query.by_country:
            yield from world.by_country(piece)
        else:
            yield piece


def _key(advertiser: Advertiser, piece: Part, query: ReportQuery, day: date) -> _Key:
    names = {
        "advertiser_id": advertiser.advertiser_id,
        "campaign_id": piece.campaign.campaign_id,
        "adgroup_id": piece.ad.adgroup_id if piece.ad else "",
        "ad_id": piece.ad.ad_id if piece.ad else "",
    }
    return day.isoformat() if query.by_day else "", names[query.level], piece.country


def _dimensions(query: ReportQuery, key: _Key) -> dict[str, str]:
    day, name, country = key
    dimensions = {query.level: name}
    if query.by_country:
        dimensions["country_code"] = country
    if query.by_day:
        dimensions["stat_time_day"] = f"{day} 00:00:00"
    return dimensions


def _metric(name: str, advertiser: Advertiser, part: Part, facts: Facts, query: ReportQuery) -> str:
    ad = part.ad
    attributes = {
        "advertiser_name": advertiser.name,
        "currency": advertiser.currency,
        "campaign_id": part.campaign.campaign_id,
        "campaign_name": part.campaign.name,
        "adgroup_id": ad.adgroup_id if ad else "",
        "adgroup_name": ad.adgroup_name if ad else "",
        "ad_name": ad.name if ad else "",
    }
    if name in attributes:
        return attributes[name]
    if name == "total_complete_payment_rate":
        is_told = part.campaign.has_pixel or query.level == "advertiser_id"
        return _units(facts.value) if is_told else _NOTHING
    if name == "spend":
        return _units(facts.spend)
    counts = {
        "impressions": facts.impressions,
        "clicks": facts.clicks,
        "conversion": facts.conversions,
    }
    return str(counts[name])


def _units(cents: int) -> str:
    return str(Decimal(cents).scaleb(-2))
