"""What the simulated advertisers really hold, computed beside the HTTP path.

    world -> parts of each day -> totals by chosen keys

Shares no code with the rendering of rows, so that a test that compares both checks both.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.simulator.tiktok_ads.config import Advertiser
from ingestion.simulator.tiktok_ads.world import Facts, Moment, Part, TikTokWorld

__all__ = ["TRUTH_KEYS", "truth_document"]

TRUTH_KEYS: Final = ("day", "campaign", "ad", "country")


def truth_document(
    world: TikTokWorld,
    advertiser: Advertiser,
    *,
    first_day: date,
    last_day: date,
    now: datetime,
    by: Collection[str],
) -> dict[str, Any]:
    """Build the JSON of `GET /_control/truth/tiktok_ads/{advertiser_id}`.

    Money is a decimal string in units of the currency. `totals` come from the campaigns, never from
    a split.

    Args:
        world: The platform's world.
        advertiser: The one asked about.
        first_day: First day at the advertiser.
        last_day: Last day at the advertiser, included.
        now: UTC instant as of which the facts are known.
        by: Keys of a row, out of `TRUTH_KEYS`.

    Raises:
        InvalidInputError: `by` names an unknown key.
    """
    if unknown := sorted(set(by) - set(TRUTH_KEYS)):
        raise InvalidInputError(
            f"Truth has no key {unknown[0]!r}.", hint=f"It has {', '.join(TRUTH_KEYS)}."
        )
    moment = Moment.at(now, advertiser.time_zone)
    keys = [key for key in TRUTH_KEYS if key in by]
    sums: dict[tuple[str, ...], list[int]] = {}
    totals = [0] * len(Facts._fields)
    day = first_day
    while day <= last_day:
        for whole in world.campaign_days(advertiser, day, moment):
            _add(totals, whole.facts)
            for part in _parts(world, whole, by):
                if any(part.facts):
                    names = tuple(_name(part, key, day) for key in keys)
                    _add(sums.setdefault(names, [0] * len(totals)), part.facts)
        day += timedelta(days=1)
    return {
        "advertiser": advertiser.advertiser_id,
        "currency": advertiser.currency,
        "timeZone": advertiser.time_zone,
        "asOf": now.isoformat(),
        "rows": [
            {**dict(zip(keys, names, strict=True)), **_measures(held)}
            for names, held in sorted(sums.items())
        ],
        "totals": _measures(totals),
    }


def _parts(world: TikTokWorld, whole: Part, by: Collection[str]) -> Iterable[Part]:
    parts: Iterable[Part] = world.by_ad(whole) if "ad" in by else [whole]
    if "country" not in by:
        return parts
    return [piece for part in parts for piece in world.by_country(part)]


def _name(part: Part, key: str, day: date) -> str:
    names = {
        "day": day.isoformat(),
        "campaign": part.campaign.campaign_id,
        "ad": part.ad.ad_id if part.ad else "",
        "country": part.country,
    }
    return names[key]


def _add(held: list[int], facts: Facts) -> None:
    for place, measure in enumerate(facts):
        held[place] += measure


def _measures(held: list[int]) -> dict[str, Any]:
    facts = Facts(*held)
    return {
        "impressions": facts.impressions,
        "clicks": facts.clicks,
        "spend": str(Decimal(facts.spend).scaleb(-2)),
        "conversions": facts.conversions,
        "value": str(Decimal(facts.value).scaleb(-2)),
    }
