"""The advertising world: campaigns, ad sets and ads, and what is known of each day now.

    seed + account -> campaigns; seed + campaign + day + age -> Facts -> cells

The facts of a campaign-day are split by device, by device and ad, and by country, each time to the
last cent and purchase, so every level adds up to the account. Days restate like the real ones:
purchases are credited to the day of the impression and keep coming until the day is final; spend
falls slightly in the first days, when invalid clicks are credited. A day depends on (day, age of
the day) only, and on the hour for the day that is not over yet.

Source: Insights API guide, "Data is refreshed every 15 minutes and does not change after 28 days"
(developers.facebook.com/docs/marketing-api/insights, 2026-11).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.simulator.chance import Chance, numbers
from ingestion.simulator.meta_ads.config import AdAccount, MetaAdsConfig

__all__ = [
    "COUNTRIES",
    "DEVICES",
    "Ad",
    "AdSet",
    "Campaign",
    "Cell",
    "Facts",
    "MetaWorld",
    "Moment",
]

# Values of the breakdown `impression_device`, with their parts of the traffic in a thousand.
DEVICES: Final = (
    ("android_smartphone", 380),
    ("iphone", 430),
    ("ipad", 40),
    ("android_tablet", 30),
    ("desktop", 110),
    ("other", 10),
)
COUNTRIES: Final = (("DE", 400), ("US", 290), ("GB", 200), ("AT", 100), ("unknown", 10))
_OBJECTIVES: Final = ("OUTCOME_SALES", "OUTCOME_TRAFFIC", "OUTCOME_AWARENESS")
_NAMES: Final = ("Prospecting", "Retargeting", "Catalogue", "Lookalike", "Launch", "Brand")
_WEEKDAY_PER_MILLE: Final = (980, 970, 980, 1000, 1020, 1060, 1050)
# Extra spend, per mille, that is still charged on a day of this age and credited later.
_UNCREDITED_PER_MILLE: Final = (7, 4, 2)
_MISSING_AT_FIRST_PER_MILLE: Final = 500
_STORE_PER_MILLE: Final = 120  # of purchases are made in a shop, not on the website


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad; `weight` is its part of the traffic of its campaign."""

    ad_id: str
    name: str
    weight: int


@dataclass(frozen=True, slots=True)
class AdSet:
    """An ad set."""

    adset_id: str
    name: str
    ads: tuple[Ad, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and the levels around which its days vary."""

    campaign_id: str
    name: str
    objective: str
    impressions_a_day: int
    clicks_per_10000: int
    spend_cents_per_1000: int
    purchases_per_mille: int
    order_cents: int
    ad_sets: tuple[AdSet, ...]


class Facts(NamedTuple):
    """Additive measures; money in hundredths of the account's currency.

    `web` purchases are those that the pixel saw, `store` purchases those of offline events; a
    purchase is one of the two.
    """

    impressions: int = 0
    clicks: int = 0
    link_clicks: int = 0
    spend: int = 0
    web: int = 0
    web_value: int = 0
    store: int = 0
    store_value: int = 0


class Cell(NamedTuple):
    """The facts of a campaign on a day, or of a part of it; None: not split by that."""

    campaign: Campaign
    facts: Facts
    device: str | None = None
    country: str | None = None
    ad_set: AdSet | None = None
    ad: Ad | None = None


class Moment(NamedTuple):
    """What the world depends on of the present: the day and hour at the account."""

    today: date
    hour: int

    @classmethod
    def at(cls, now: datetime, time_zone: str) -> "Moment":
        """See the UTC instant `now` from an account's time zone."""
        local = now.astimezone(ZoneInfo(time_zone))
        return cls(local.date(), local.hour)


class MetaWorld:
    """Campaigns and days of all accounts, made on demand."""

    def __init__(self, config: MetaAdsConfig) -> None:
        self._config = config
        self._campaigns: dict[str, tuple[Campaign, ...]] = {}

    def campaigns_of(self, account: AdAccount) -> tuple[Campaign, ...]:
        """Return the campaigns of `account`, by id."""
        if account.account_id not in self._campaigns:
            made = tuple(self._make_campaign(account, index) for index in range(account.campaigns))
            self._campaigns[account.account_id] = made
        return self._campaigns[account.account_id]

    def campaign_days(self, account: AdAccount, day: date, moment: Moment) -> Iterator[Cell]:
        """Yield what is known of `day`, one cell a campaign that was shown."""
        age = (moment.today - day).days
        if age < 0 or day < self._config.first_day:
            return
        for campaign in self.campaigns_of(account):
            final = _final_facts(self._config.seed, campaign, day)
            facts = self._as_known(final, age, moment.hour)
            if facts.impressions:
                yield Cell(campaign, facts)

    def by_device(self, cell: Cell) -> Iterator[Cell]:
        """Split the cell of a campaign by the device of the impression."""
        parts = _split(cell.facts, [weight for _, weight in DEVICES])
        for (device, _), facts in zip(DEVICES, parts, strict=True):
            yield cell._replace(device=device, facts=facts)

    def by_country(self, cell: Cell) -> Iterator[Cell]:
        """Split the cell of a campaign by country."""
        parts = _split(cell.facts, [weight for _, weight in COUNTRIES])
        for (country, _), facts in zip(COUNTRIES, parts, strict=True):
            yield cell._replace(country=country, facts=facts)

    def by_ad(self, cell: Cell) -> Iterator[Cell]:
        """Split the cell of a campaign, or of one of its devices, by ad."""
        placed = [(ad_set, ad) for ad_set in cell.campaign.ad_sets for ad in ad_set.ads]
        parts = _split(cell.facts, [ad.weight for _, ad in placed])
        for (ad_set, ad), facts in zip(placed, parts, strict=True):
            yield cell._replace(ad_set=ad_set, ad=ad, facts=facts)

    def _make_campaign(self, account: AdAccount, index: int) -> Campaign:
        chance = Chance(self._config.seed, "meta campaign", account.account_id, index)
        campaign_id = f"1202{account.account_id[-8:]}{index + 1:03d}"
        return Campaign(
            campaign_id=campaign_id,
            name=f"{account.name} | {_NAMES[index % len(_NAMES)]} {index // len(_NAMES) + 1}",
            objective=_OBJECTIVES[index % len(_OBJECTIVES)],
            impressions_a_day=chance.between(2_000, 20_000),
            clicks_per_10000=chance.between(60, 240),
            spend_cents_per_1000=chance.between(400, 1_400),
            purchases_per_mille=chance.between(10, 60),
            order_cents=chance.between(2_500, 12_000),
            ad_sets=tuple(
                _make_ad_set(chance, campaign_id, number)
                for number in range(1, 1 + chance.between(1, 2))
            ),
        )

    def _as_known(self, final: Facts, age: int, hour: int) -> Facts:
        window = self._config.restated_days
        missing = _MISSING_AT_FIRST_PER_MILLE * max(window - age, 0) ** 2 // window**2
        arrived = 1000 - missing
        extra = _UNCREDITED_PER_MILLE[age] if age < len(_UNCREDITED_PER_MILLE) else 0
        known = final._replace(
            spend=final.spend + (final.spend * extra + 999) // 1000,
            web=final.web * arrived // 1000,
            web_value=final.web_value * arrived // 1000,
            store=final.store * arrived // 1000,
            store_value=final.store_value * arrived // 1000,
        )
        return known if age > 0 else Facts(*(measure * hour // 24 for measure in known))


def _make_ad_set(chance: Chance, campaign_id: str, number: int) -> AdSet:
    adset_id = f"{campaign_id}{number:02d}"
    ads = tuple(
        Ad(f"{adset_id}{ad:02d}", f"Creative {number}.{ad}", chance.between(10, 100))
        for ad in range(1, 1 + chance.between(2, 3))
    )
    return AdSet(adset_id, f"Audience {number}", ads)


def _final_facts(seed: int, campaign: Campaign, day: date) -> Facts:
    noise = [
        800 + draw % 401  # per mille
        for draw in numbers(seed, "meta day", campaign.campaign_id, day.toordinal())
    ]
    weekday = _WEEKDAY_PER_MILLE[day.weekday()]
    impressions = campaign.impressions_a_day * weekday * noise[0] // 1_000_000
    clicks = impressions * campaign.clicks_per_10000 * noise[1] // 10_000_000
    purchases = clicks * campaign.purchases_per_mille * noise[2] // 1_000_000
    value = purchases * campaign.order_cents * noise[3] // 1000
    store = purchases * _STORE_PER_MILLE // 1000
    store_value = value * store // purchases if purchases else 0
    return Facts(
        impressions=impressions,
        clicks=clicks,
        link_clicks=clicks * 8 // 10,
        spend=impressions * campaign.spend_cents_per_1000 * noise[4] // 1_000_000,
        web=purchases - store,
        web_value=value - store_value,
        store=store,
        store_value=store_value,
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
