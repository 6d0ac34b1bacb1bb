"""The advertising world: accounts with campaigns, and what happened on each day as known now.

    seed + customer -> campaigns; seed + campaign + device + day + age -> DayFacts

Days restate like the real ones: conversions are attributed to the day of the click and keep coming
until the conversion window has passed; cost falls slightly in the first days, when invalid clicks
are credited; a few campaign-days are credited whole and vanish. The facts of a day depend on
(day, age of the day) only, and on the hour for the day that is not over yet.
"""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.simulator.chance import Chance, numbers
from ingestion.simulator.google_ads.config import AdsAccount, GoogleAdsConfig

__all__ = [
    "CENTS_TO_MICROS",
    "Ad",
    "AdGroup",
    "AdsWorld",
    "Campaign",
    "Facts",
    "Moment",
    "split_facts",
]

CENTS_TO_MICROS: Final = 10_000

_CHANNELS: Final = (
    "SEARCH",
    "PERFORMANCE_MAX",
    "SHOPPING",
    "DISPLAY",
    "VIDEO",
    "DEMAND_GEN",
)
_NAMES: Final = {
    "SEARCH": ("Brand Search", "Generic Search", "Competitor Search"),
    "PERFORMANCE_MAX": ("PMax All Products", "PMax Bestsellers", "PMax New In"),
    "SHOPPING": ("Shopping Core", "Shopping Long Tail", "Shopping Clearance"),
    "DISPLAY": ("Display Remarketing", "Display Prospecting", "Display Seasonal"),
    "VIDEO": ("YouTube Awareness", "YouTube Action", "YouTube Shorts"),
    "DEMAND_GEN": ("Demand Gen Lookalike", "Demand Gen Social", "Demand Gen Launch"),
}
# Per mille of clicks by device. Connected television shows where video runs.
_DEVICES: Final = {
    "SEARCH": (("MOBILE", 560), ("DESKTOP", 380), ("TABLET", 60)),
    "SHOPPING": (("MOBILE", 600), ("DESKTOP", 340), ("TABLET", 60)),
    "PERFORMANCE_MAX": (("MOBILE", 580), ("DESKTOP", 320), ("TABLET", 50), ("CONNECTED_TV", 50)),
    "DISPLAY": (("MOBILE", 640), ("DESKTOP", 300), ("TABLET", 60)),
    "VIDEO": (("MOBILE", 520), ("DESKTOP", 200), ("TABLET", 60), ("CONNECTED_TV", 220)),
    "DEMAND_GEN": (("MOBILE", 700), ("DESKTOP", 250), ("TABLET", 50)),
}
_CLICKS_PER_IMPRESSION_PER_10000: Final = {
    "SEARCH": 620,
    "SHOPPING": 110,
    "PERFORMANCE_MAX": 140,
    "DISPLAY": 45,
    "VIDEO": 60,
    "DEMAND_GEN": 90,
}
_WEEKDAY_PER_MILLE: Final = (1040, 1030, 1000, 990, 960, 930, 1050)
_BIDDING: Final = ("TARGET_ROAS", "MAXIMIZE_CONVERSIONS", "TARGET_CPA", "MAXIMIZE_CONVERSION_VALUE")
# Extra cost, per mille, that is still charged on a day of this age and credited later.
_UNCREDITED_PER_MILLE: Final = (9, 6, 3)
_VANISHING_PER_MILLE: Final = 12
_ONE_CONVERSION: Final = 1000
_CAMPAIGNS_BEFORE_PAUSE: Final = 7


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad; `weight` is its part of the traffic of its campaign."""

    ad_id: int
    name: str
    kind: str
    status: str
    weight: int


@dataclass(frozen=True, slots=True)
class AdGroup:
    """A group of ads."""

    ad_group_id: int
    name: str
    kind: str
    status: str
    ads: tuple[Ad, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and the levels around which its days vary."""

    campaign_id: int
    name: str
    channel: str
    status: str
    bidding: str
    first_day: date
    last_day: date | None
    clicks_a_day: int
    click_cents: int
    conversions_per_mille: int
    order_cents: int
    devices: tuple[tuple[str, int], ...]
    ad_groups: tuple[AdGroup, ...]


class Facts(NamedTuple):
    """Additive measures.

    Money is in micros of the account's currency; conversions are in thousandths and their value in
    hundredths of the currency. `eligible` counts auctions that could have shown the ad.
    """

    impressions: int = 0
    clicks: int = 0
    cost_micros: int = 0
    conversions_milli: int = 0
    value_cents: int = 0
    eligible: int = 0


class Moment(NamedTuple):
    """What the world depends on of the present: the day and hour at the account."""

    today: date
    hour: int

    @classmethod
    def at(cls, now: datetime, time_zone: str) -> "Moment":
        """See the UTC instant `now` from an account's time zone."""
        local = now.astimezone(ZoneInfo(time_zone))
        return cls(local.date(), local.hour)


class AdsWorld:
    """Lazily made, cached world of all accounts."""

    # Days kept: 4 accounts, 2 years, a few ages. Past it the cache starts again.
    _CACHED_DAYS: Final = 20_000

    def __init__(self, config: GoogleAdsConfig) -> None:
        self._config = config
        self._campaigns: dict[str, tuple[Campaign, ...]] = {}
        self._days: dict[tuple[str, date, int, int], tuple[tuple[int, str, Facts], ...]] = {}

    def campaigns_of(self, account: AdsAccount) -> tuple[Campaign, ...]:
        """Return the campaigns of `account`, by id; none for a manager account."""
        if account.customer_id not in self._campaigns:
            count = 0 if account.is_manager else account.campaigns
            made = tuple(self._make_campaign(account, index) for index in range(count))
            self._campaigns[account.customer_id] = made
        return self._campaigns[account.customer_id]

    def age_key(self, day: date, moment: Moment) -> tuple[int, int]:
        """Return (age in days, hour): equal keys mean equal facts of `day`."""
        age = (moment.today - day).days
        return min(age, self._config.conversion_window_days), moment.hour if age == 0 else 0

    def day_facts(
        self, account: AdsAccount, day: date, moment: Moment
    ) -> tuple[tuple[int, str, Facts], ...]:
        """Return what is known of `day`: (index of the campaign, device, facts), in that order."""
        age, hour = self.age_key(day, moment)
        if age < 0 or day < self._config.first_day:
            return ()
        key = (account.customer_id, day, age, hour)
        found = self._days.get(key)
        if found is None:
            if len(self._days) >= self._CACHED_DAYS:
                self._days.clear()
            found = tuple(self._make_day(account, day, age, hour))
            self._days[key] = found
        return found

    def _make_campaign(self, account: AdsAccount, index: int) -> Campaign:
        chance = Chance(self._config.seed, "campaign", account.customer_id, index)
        channel = _CHANNELS[index % len(_CHANNELS)]
        round_number = index // len(_CHANNELS)
        names = _NAMES[channel]
        name = names[round_number % len(names)]
        if round_number >= len(names):
            name = f"{name} {round_number // len(names) + 1}"
        campaign_id = int(account.customer_id) * 100 + index + 1
        first_day = self._config.first_day
        status, last_day = "ENABLED", None
        if index % _CAMPAIGNS_BEFORE_PAUSE == _CAMPAIGNS_BEFORE_PAUSE - 1:
            status = chance.pick(("PAUSED", "REMOVED"))
            last_day = date.fromordinal(first_day.toordinal() + chance.between(300, 600))
        return Campaign(
            campaign_id=campaign_id,
            name=f"{account.name} | {name}",
            channel=channel,
            status=status,
            bidding=chance.pick(_BIDDING),
            first_day=first_day,
            last_day=last_day,
            clicks_a_day=chance.between(40, 400),
            click_cents=chance.between(20, 180),
            conversions_per_mille=chance.between(8, 60),
            order_cents=chance.between(2_500, 12_000),
            devices=_DEVICES[channel],
            ad_groups=self._make_ad_groups(chance, campaign_id, channel),
        )

    def _make_ad_groups(
        self, chance: Chance, campaign_id: int, channel: str
    ) -> tuple[AdGroup, ...]:
        if channel == "PERFORMANCE_MAX":
            return ()  # Performance Max has asset groups instead.
        kind = f"{channel}_STANDARD" if channel in {"SEARCH", "DISPLAY"} else "UNSPECIFIED"
        groups = []
        for group in range(chance.between(2, 3)):
            group_id = campaign_id * 10 + group
            ads = tuple(
                Ad(
                    ad_id=group_id * 10 + ad,
                    name=f"Ad {group + 1}.{ad + 1}",
                    kind="RESPONSIVE_SEARCH_AD" if channel == "SEARCH" else "RESPONSIVE_DISPLAY_AD",
                    status="ENABLED",
                    weight=chance.between(10, 100),
                )
                for ad in range(chance.between(1, 2))
            )
            groups.append(AdGroup(group_id, f"Ad group {group + 1}", kind, "ENABLED", ads))
        return tuple(groups)

    def _make_day(
        self, account: AdsAccount, day: date, age: int, hour: int
    ) -> list[tuple[int, str, Facts]]:
        made = []
        for index, campaign in enumerate(self.campaigns_of(account)):
            if campaign.last_day is not None and day > campaign.last_day:
                continue
            draws = numbers(self._config.seed, "day", campaign.campaign_id, day.toordinal())
            if draws[0] % 1000 < _VANISHING_PER_MILLE and age >= 2 + draws[1] % 5:
                continue
            for place, (device, share) in enumerate(campaign.devices):
                # The daily draws differ by device through distinct digits of the same numbers.
                noise = [draw >> (place * 12) & 0xFFF for draw in draws[2:]]
                final = _final_facts(campaign, day, share, noise)
                made.append((index, device, self._as_known(final, age, hour)))
        return made

    def _as_known(self, final: Facts, age: int, hour: int) -> Facts:
        window = self._config.conversion_window_days
        # Conversions start at 55 % and close in on the final figure with the square of the rest.
        missing = 450 * (window - age) ** 2 // window**2 if age < window else 0
        arrived = 1000 - missing
        extra = _UNCREDITED_PER_MILLE[age] if age < len(_UNCREDITED_PER_MILLE) else 0
        cents = final.cost_micros // CENTS_TO_MICROS
        conversions = final.conversions_milli * arrived // 1000
        known = Facts(
            final.impressions,
            final.clicks,
            (cents + (cents * extra + 999) // 1000) * CENTS_TO_MICROS,
            conversions,
            final.value_cents * arrived // 1000,
            final.eligible,
        )
        if age > 0:
            return known
        cents = known.cost_micros // CENTS_TO_MICROS * hour // 24
        parts = [measure * hour // 24 for measure in known]
        parts[2] = cents * CENTS_TO_MICROS
        return Facts(*parts)


def _final_facts(campaign: Campaign, day: date, share: int, noise: list[int]) -> Facts:
    """Make the final facts of a campaign, device and day; `noise` is six numbers below 4096."""
    level = campaign.clicks_a_day * _WEEKDAY_PER_MILLE[day.weekday()] * share
    clicks = level * (700 + noise[0] * 600 // 4096) // 1_000_000_000
    rate = _CLICKS_PER_IMPRESSION_PER_10000[campaign.channel]
    impressions = clicks * 10_000 * (900 + noise[1] * 200 // 4096) // (rate * 1000)
    impressions = max(impressions, clicks)
    cents = clicks * campaign.click_cents * (800 + noise[2] * 400 // 4096) // 1000
    conversions = clicks * campaign.conversions_per_mille * (600 + noise[3] * 800 // 4096) // 1000
    if conversions < _ONE_CONVERSION:
        # A thin row has one conversion or none; fractions come with attribution of many.
        conversions = _ONE_CONVERSION if noise[3] * 1000 // 4096 < conversions else 0
    value = conversions * campaign.order_cents * (800 + noise[4] * 400 // 4096) // 1_000_000
    eligible = impressions * (1100 + noise[5] * 900 // 4096) // 1000
    return Facts(impressions, clicks, cents * CENTS_TO_MICROS, conversions, value, eligible)


def split_facts(facts: Facts, weights: list[int]) -> list[Facts]:
    """Split `facts` by `weights` into parts whose sum is exactly `facts`."""
    total = sum(weights)
    edges = [0]
    for weight in weights:
        edges.append(edges[-1] + weight)
    return [
        Facts(*(measure * high // total - measure * low // total for measure in facts))
        for low, high in pairwise(edges)
    ]
