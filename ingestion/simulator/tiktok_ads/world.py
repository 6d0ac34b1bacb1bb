"""The advertising world: campaigns, ad groups and ads, and what is known of each day now.

    seed + advertiser -> campaigns; seed + campaign + day + age -> Facts -> parts by ad, by country

The facts of a campaign-day are split by ad and, apart from that, by country, each time to the last
cent and conversion, so every level adds up to the account. Conversions are credited to the day of
the impression and keep coming until the longest attribution window has passed; spend is final the
next day. A day depends on (day, age of the day) only, and on the hour for the day that is not over
yet.

Source: Business API, Reporting - Basic reports (metric `conversion`: "calculated based on the time
each ad impression occurred"); Attribution Manager (clicks count up to 28 days), 2026-11.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.simulator.chance import Chance, numbers
from ingestion.simulator.tiktok_ads.config import Advertiser, TikTokAdsConfig

__all__ = ["Ad", "Campaign", "Facts", "Moment", "Part", "TikTokWorld"]

# Audience reports name a place that is not known `None`.
_COUNTRIES: Final = (("US", 340), ("DE", 310), ("GB", 220), ("FR", 110), ("None", 20))
_NAMES: Final = ("Spark Ads", "Video Shopping", "Prospecting", "Retargeting", "Creator", "Reach")
_WEEKDAY_PER_MILLE: Final = (950, 950, 970, 990, 1040, 1080, 1070)
_MISSING_AT_FIRST_PER_MILLE: Final = 400


class Facts(NamedTuple):
    """Additive measures; money in hundredths of the advertiser's currency."""

    impressions: int = 0
    clicks: int = 0
    spend: int = 0
    conversions: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad in its ad group; `weight` is its part of the campaign's traffic."""

    ad_id: str
    name: str
    adgroup_id: str
    adgroup_name: str
    weight: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and the levels around which its days vary.

    Attributes:
        campaign_id: Digits.
        name: For people.
        has_pixel: Payments are measured; without, their value is not told.
        impressions_a_day: Mean.
        clicks_per_10000: Of impressions.
        spend_cents_per_1000: Of impressions.
        conversions_per_mille: Of clicks.
        order_cents: Mean value of a conversion.
        ads: All of its ads.
    """

    campaign_id: str
    name: str
    has_pixel: bool
    impressions_a_day: int
    clicks_per_10000: int
    spend_cents_per_1000: int
    conversions_per_mille: int
    order_cents: int
    ads: tuple[Ad, ...]


class Part(NamedTuple):
    """The facts of a campaign on a day, or of one of its ads or countries."""

    campaign: Campaign
    facts: Facts
    ad: Ad | None = None
    country: str = ""


class Moment(NamedTuple):
    """What the world depends on of the present: the day and hour at the advertiser."""

    today: date
    hour: int

    @classmethod
    def at(cls, now: datetime, time_zone: str) -> "Moment":
        """See the UTC instant `now` from an advertiser's time zone."""
        local = now.astimezone(ZoneInfo(time_zone))
        return cls(local.date(), local.hour)


class TikTokWorld:
    """Campaigns and days of all advertisers, made on demand."""

    def __init__(self, config: TikTokAdsConfig) -> None:
        self._config = config
        self._campaigns: dict[str, tuple[Campaign, ...]] = {}

    def campaigns_of(self, advertiser: Advertiser) -> tuple[Campaign, ...]:
        """Return the campaigns of `advertiser`, by id."""
        key = advertiser.advertiser_id
        if key not in self._campaigns:
            self._campaigns[key] = tuple(
                _make_campaign(self._config.seed, advertiser, index)
                for index in range(advertiser.campaigns)
            )
        return self._campaigns[key]

    def campaign_days(self, advertiser: Advertiser, day: date, moment: Moment) -> Iterator[Part]:
        """Yield what is known of `day`, one part a campaign that was shown."""
        age = (moment.today - day).days
        if age < 0 or day < self._config.first_day:
            return
        for campaign in self.campaigns_of(advertiser):
            final = _final_facts(self._config.seed, campaign, day)
            facts = self._as_known(final, age, moment.hour)
            if facts.impressions:
                yield Part(campaign, facts)

    def by_ad(self, part: Part) -> Iterator[Part]:
        """Split the part of a campaign by ad."""
        ads = part.campaign.ads
        for ad, facts in zip(ads, _split(part.facts, [ad.weight for ad in ads]), strict=True):
            yield part._replace(ad=ad, facts=facts)

    def by_country(self, part: Part) -> Iterator[Part]:
        """Split the part of a campaign by country."""
        shares = _split(part.facts, [weight for _, weight in _COUNTRIES])
        for (country, _), facts in zip(_COUNTRIES, shares, strict=True):
            yield part._replace(country=country, facts=facts)

    def _as_known(self, final: Facts, age: int, hour: int) -> Facts:
        window = self._config.restated_days
        missing = -(-_MISSING_AT_FIRST_PER_MILLE * max(window - age, 0) ** 2 // window**2)
        known = final._replace(
            conversions=final.conversions * (1000 - missing) // 1000,
            value=final.value * (1000 - missing) // 1000,
        )
        return known if age > 0 else Facts(*(measure * hour // 24 for measure in known))


def _make_campaign(seed: int, advertiser: Advertiser, index: int) -> Campaign:
    chance = Chance(seed, "tiktok campaign", advertiser.advertiser_id, index)
    campaign_id = f"17{advertiser.advertiser_id[-11:]}{index + 1:04d}"
    groups = 1 + chance.below(2)
    return Campaign(
        campaign_id=campaign_id,
        name=f"{advertiser.name} | {_NAMES[index % len(_NAMES)]} {index // len(_NAMES) + 1}",
        has_pixel=index % len(_NAMES) != len(_NAMES) - 1,
        impressions_a_day=chance.between(4_000, 30_000),
        clicks_per_10000=chance.between(50, 160),
        spend_cents_per_1000=chance.between(300, 900),
        conversions_per_mille=chance.between(8, 45),
        order_cents=chance.between(1_800, 7_000),
        ads=tuple(
            Ad(
                ad_id=f"{campaign_id}{group:02d}{ad:02d}",
                name=f"Video {group}.{ad}",
                adgroup_id=f"{campaign_id}{group:02d}",
                adgroup_name=f"Ad group {group}",
                weight=chance.between(10, 100),
            )
            for group in range(1, groups + 1)
            for ad in range(1, 4)
        ),
    )


def _final_facts(seed: int, campaign: Campaign, day: date) -> Facts:
    noise = [
        750 + draw % 501  # per mille
        for draw in numbers(seed, "tiktok day", campaign.campaign_id, day.toordinal())
    ]
    weekday = _WEEKDAY_PER_MILLE[day.weekday()]
    impressions = campaign.impressions_a_day * weekday * noise[0] // 1_000_000
    clicks = impressions * campaign.clicks_per_10000 * noise[1] // 10_000_000
    conversions = clicks * campaign.conversions_per_mille * noise[2] // 1_000_000
    return Facts(
        impressions=impressions,
        clicks=clicks,
        spend=impressions * campaign.spend_cents_per_1000 * noise[3] // 1_000_000,
        conversions=conversions,
        value=conversions * campaign.order_cents * noise[4] // 1000 if campaign.has_pixel else 0,
    )


def _split(facts: Facts, weights: list[int]) -> list[Facts]:
    """Split `facts` by `weights` into parts whose sum is exactly `facts`."""
    total = sum(weights)
    edges = [0]
    for weight in weights:
        edges.append(edges[-1] + weight)
    return [
        Facts(*(measure * high // total - measure * low // total for measure in facts))
        for low, high in pairwise(edges)
    ]
