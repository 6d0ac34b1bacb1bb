"""The advertising world: campaigns, ad sets and ads, and what is known of each day now.

    seed + account + day -> campaigns; seed + campaign + day + age -> Facts -> cells

The facts of a campaign-day are split by device, by device and ad, and by country, each time to the
last cent and purchase, so every level adds up to the account. Days restate like the real ones:
purchases are credited to the day of the impression and keep coming until the day is final; spend
falls slightly in the first days, when invalid clicks are credited. A day depends on (day, age of
the day) only, and on the hour for the day that is not over yet.

Objects come and go: one campaign is replaced every four weeks, one ad of each ad set every two;
those before are deleted or archived, and what they did still counts.

Sources: developers.facebook.com/docs/marketing-api/insights ("data ... does not change after 28
days") and .../best-practices/manage-your-ad-object-status (2026-11).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
    "Device",
    "Facts",
    "MetaWorld",
    "Moment",
]


class Device(NamedTuple):
    """Where an impression is seen; `weight` is its part of the traffic in a thousand."""

    impression_device: str
    device_platform: str
    weight: int


DEVICES: Final = (
    Device("iphone", "mobile_app", 380),
    Device("iphone", "mobile_web", 50),
    Device("android_smartphone", "mobile_app", 330),
    Device("android_smartphone", "mobile_web", 50),
    Device("ipad", "mobile_app", 40),
    Device("android_tablet", "mobile_app", 30),
    Device("desktop", "desktop", 110),
    Device("other", "unknown", 10),
)
COUNTRIES: Final = (("DE", 400), ("US", 290), ("GB", 200), ("AT", 100), ("unknown", 10))
_OBJECTIVES: Final = ("OUTCOME_SALES", "OUTCOME_TRAFFIC", "OUTCOME_AWARENESS")
_NAMES: Final = ("Prospecting", "Retargeting", "Catalogue", "Lookalike", "Launch", "Brand")
_REPLACED_CAMPAIGN: Final = 4  # index of the launch campaign
_CAMPAIGN_DAYS: Final = 28
_AD_DAYS: Final = 14
_WEEKDAY_PER_MILLE: Final = (980, 970, 980, 1000, 1020, 1060, 1050)
# Extra spend, per mille, that is still charged on a day of this age and credited later.
_UNCREDITED_PER_MILLE: Final = (7, 4, 2)
_MISSING_AT_FIRST_PER_MILLE: Final = 500
# Of a campaign's purchases, per mille: after a view, within a day and within a week of a click, in
# a shop within a week of a click; the rest comes up to four weeks after a click.
_VIEWED, _DAY, _WEEK, _STORE = 180, 400, 220, 120


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad.

    Attributes:
        ad_id: Digits.
        name: For people.
        weight: Its part of the traffic of its campaign.
        last_day: On which it was shown, before it was deleted or archived; None: it runs.
        end: What it became: `DELETED` or `ARCHIVED`.
    """

    ad_id: str
    name: str
    weight: int
    last_day: date | None = None
    end: str = ""


@dataclass(frozen=True, slots=True)
class AdSet:
    """An ad set; `attribution` are the windows in which its own results count."""

    adset_id: str
    name: str
    attribution: tuple[str, ...]
    slots: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and the levels around which its days vary.

    Attributes:
        last_day: On which it was shown, before it was deleted; None: it runs.
    """

    campaign_id: str
    name: str
    objective: str
    impressions_a_day: int
    clicks_per_10000: int
    spend_cents_per_1000: int
    purchases_per_mille: int
    order_cents: int
    ad_sets: tuple[AdSet, ...]
    last_day: date | None = None

    @property
    def attribution(self) -> tuple[str, ...] | None:
        """The windows of all its ad sets; None: they differ."""
        settings = {ad_set.attribution for ad_set in self.ad_sets}
        return settings.pop() if len(settings) == 1 else None


class Facts(NamedTuple):
    """Additive measures; money in hundredths of the account's currency.

    Purchases by what came before: `viewed` within a day of a view; `day` within a day of a click,
    `week` on the six days after that, `month` on the 21 after those; `store` in a shop within a
    week of a click, the others on the website.
    """

    impressions: int = 0
    clicks: int = 0
    link_clicks: int = 0
    spend: int = 0
    viewed: int = 0
    viewed_value: int = 0
    day: int = 0
    day_value: int = 0
    week: int = 0
    week_value: int = 0
    month: int = 0
    month_value: int = 0
    store: int = 0
    store_value: int = 0


class Cell(NamedTuple):
    """The facts of a campaign on a day, or of a part of it; None: not split by that."""

    date: date
    campaign: Campaign
    facts: Facts
    device: Device | None = None
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
        self._campaigns: dict[tuple[str, int, int], Campaign] = {}
        self._ads: dict[tuple[str, int, int], Ad] = {}

    def campaigns_of(self, account: AdAccount, day: date) -> list[Campaign]:
        """Return the campaigns that `account` shows on `day`."""
        return [self._campaign(account, index, day) for index in range(account.campaigns)]

    def campaign_days(self, account: AdAccount, day: date, moment: Moment) -> Iterator[Cell]:
        """Yield what is known of `day`, one cell a campaign that was shown."""
        age = (moment.today - day).days
        if age < 0 or day < self._config.first_day:
            return
        for campaign in self.campaigns_of(account, day):
            final = _final_facts(self._config.seed, campaign, day)
            facts = self._as_known(final, age, moment.hour)
            if facts.impressions:
                yield Cell(day, campaign, facts)

    def by_device(self, cell: Cell) -> Iterator[Cell]:
        """Split the cell of a campaign by the device of the impression."""
        parts = _split(cell.facts, [device.weight for device in DEVICES])
        for device, facts in zip(DEVICES, parts, strict=True):
            yield cell._replace(device=device, facts=facts)

    def by_country(self, cell: Cell) -> Iterator[Cell]:
        """Split the cell of a campaign by country."""
        parts = _split(cell.facts, [weight for _, weight in COUNTRIES])
        for (country, _), facts in zip(COUNTRIES, parts, strict=True):
            yield cell._replace(country=country, facts=facts)

    def by_ad(self, cell: Cell) -> Iterator[Cell]:
        """Split the cell of a campaign, or of one of its devices, by ad."""
        placed = [
            (ad_set, self._ad(ad_set, slot, cell.date))
            for ad_set in cell.campaign.ad_sets
            for slot in range(1, 1 + ad_set.slots)
        ]
        parts = _split(cell.facts, [ad.weight for _, ad in placed])
        for (ad_set, ad), facts in zip(placed, parts, strict=True):
            yield cell._replace(ad_set=ad_set, ad=ad, facts=facts)

    def _campaign(self, account: AdAccount, index: int, day: date) -> Campaign:
        is_replaced = index % len(_NAMES) == _REPLACED_CAMPAIGN
        number = day.toordinal() // _CAMPAIGN_DAYS if is_replaced else 0
        key = (account.account_id, index, number)
        if key not in self._campaigns:
            self._campaigns[key] = self._make_campaign(account, index, number)
        return self._campaigns[key]

    def _make_campaign(self, account: AdAccount, index: int, number: int) -> Campaign:
        chance = Chance(self._config.seed, "meta campaign", account.account_id, index)
        campaign_id = f"1202{account.account_id[-8:]}{index + 1:02d}{number % 10_000:04d}"
        name = f"{account.name} | {_NAMES[index % len(_NAMES)]} {index // len(_NAMES) + 1}"
        return Campaign(
            campaign_id=campaign_id,
            name=f"{name}, {number}" if number else name,
            objective=_OBJECTIVES[index % len(_OBJECTIVES)],
            impressions_a_day=chance.between(2_000, 20_000),
            clicks_per_10000=chance.between(60, 240),
            spend_cents_per_1000=chance.between(400, 1_400),
            purchases_per_mille=chance.between(10, 60),
            order_cents=chance.between(2_500, 12_000),
            ad_sets=tuple(
                AdSet(
                    f"{campaign_id}{place:02d}",
                    f"Audience {place}",
                    ("7d_click", "1d_view") if place == 1 else ("1d_click",),
                    slots=chance.between(2, 3),
                )
                for place in range(1, 1 + chance.between(1, 2))
            ),
            last_day=_last_day(number, _CAMPAIGN_DAYS) if number else None,
        )

    def _ad(self, ad_set: AdSet, slot: int, day: date) -> Ad:
        number = day.toordinal() // _AD_DAYS if slot == 1 else 0
        key = (ad_set.adset_id, slot, number)
        if key not in self._ads:
            chance = Chance(self._config.seed, "meta ad", *key)
            name = f"Creative {slot}"
            self._ads[key] = Ad(
                f"{ad_set.adset_id}{slot:02d}{number % 10_000:04d}",
                f"{name}, {number}" if number else name,
                chance.between(10, 100),
                last_day=_last_day(number, _AD_DAYS) if number else None,
                end=("DELETED", "ARCHIVED")[number % 2],
            )
        return self._ads[key]

    def _as_known(self, final: Facts, age: int, hour: int) -> Facts:
        window = self._config.restated_days
        missing = -(-_MISSING_AT_FIRST_PER_MILLE * max(window - age, 0) ** 2 // window**2)
        extra = _UNCREDITED_PER_MILLE[age] if age < len(_UNCREDITED_PER_MILLE) else 0
        shown, purchases = final[:3], final[4:]
        known = Facts(
            *shown,
            final.spend + (final.spend * extra + 999) // 1000,
            *(measure * (1000 - missing) // 1000 for measure in purchases),
        )
        return known if age > 0 else Facts(*(measure * hour // 24 for measure in known))


def _last_day(number: int, days: int) -> date:
    return date.fromordinal((number + 1) * days) - timedelta(days=1)


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
    viewed, day_count, week, store = (
        purchases * part // 1000 for part in (_VIEWED, _DAY, _WEEK, _STORE)
    )
    month = purchases - viewed - day_count - week - store
    values = [
        value * count // purchases if purchases else 0 for count in (viewed, day_count, week, store)
    ]
    return Facts(
        impressions=impressions,
        clicks=clicks,
        link_clicks=clicks * 8 // 10,
        spend=impressions * campaign.spend_cents_per_1000 * noise[4] // 1_000_000,
        viewed=viewed,
        viewed_value=values[0],
        day=day_count,
        day_value=values[1],
        week=week,
        week_value=values[2],
        month=month,
        month_value=value - sum(values),
        store=store,
        store_value=values[3],
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
