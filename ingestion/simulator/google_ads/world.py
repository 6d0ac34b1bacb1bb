"""The advertising world: accounts with campaigns, and what happened on each day as known now.

    seed + customer -> campaigns; seed + campaign + device + day + age -> DayFacts

Days restate like the real ones: conversions are attributed to the day of the click and keep coming
until the conversion window has passed; cost falls slightly in the first days, when invalid clicks
are credited; a few campaign-days are credited whole and vanish. The facts of a day depend on
(day, age of the day) only, and on the hour for the day that is not over yet.
"""

from datetime import date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.simulator.chance import numbers
from ingestion.simulator.google_ads.campaigns import Campaign, make_campaign
from ingestion.simulator.google_ads.config import AdsAccount, GoogleAdsConfig
from ingestion.simulator.google_ads.facts import Facts

__all__ = ["AdsWorld", "Moment"]

_CENTS_TO_MICROS: Final = 10_000

_CLICKS_PER_IMPRESSION_PER_10000: Final = {
    "SEARCH": 620,
    "SHOPPING": 110,
    "PERFORMANCE_MAX": 140,
    "DISPLAY": 45,
    "VIDEO": 60,
    "DEMAND_GEN": 90,
}
_WEEKDAY_PER_MILLE: Final = (1040, 1030, 1000, 990, 960, 930, 1050)
# Extra cost, per mille, that is still charged on a day of this age and credited later.
_UNCREDITED_PER_MILLE: Final = (9, 6, 3)
_VANISHING_PER_MILLE: Final = 12
_ONE_CONVERSION: Final = 1000


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
            made = tuple(make_campaign(self._config, account, index) for index in range(count))
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
        cents = final.cost_micros // _CENTS_TO_MICROS
        conversions = final.conversions_milli * arrived // 1000
        known = Facts(
            final.impressions,
            final.clicks,
            (cents + (cents * extra + 999) // 1000) * _CENTS_TO_MICROS,
            conversions,
            final.value_cents * arrived // 1000,
            final.eligible,
        )
        if age > 0:
            return known
        cents = known.cost_micros // _CENTS_TO_MICROS * hour // 24
        parts = [measure * hour // 24 for measure in known]
        parts[2] = cents * _CENTS_TO_MICROS
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
    return Facts(impressions, clicks, cents * _CENTS_TO_MICROS, conversions, value, eligible)
