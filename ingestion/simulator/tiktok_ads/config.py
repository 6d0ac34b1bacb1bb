"""What a simulated TikTok Ads knows: advertisers, who may read them, and its limits."""

from dataclasses import dataclass
from datetime import date

from ingestion.simulator.consents import OAuthApp

__all__ = ["Advertiser", "AppGrant", "CallLimits", "TikTokAdsConfig"]


@dataclass(frozen=True, slots=True)
class Advertiser:
    """One ad account.

    Attributes:
        advertiser_id: Digits.
        name: For people.
        currency: ISO 4217 code of all its amounts.
        time_zone: IANA name; `stat_time_day` is a day there.
        campaigns: How many campaigns it has.
    """

    advertiser_id: str
    name: str
    currency: str
    time_zone: str
    campaigns: int = 8


@dataclass(frozen=True, slots=True)
class AppGrant:
    """A long-lived access token that advertisers granted to an app."""

    app_id: str
    secret: str
    access_token: str
    advertiser_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Calls of one app; these are of the access level Basic."""

    per_second: int = 10
    per_minute: int = 600
    per_day: int = 864_000

    def by_period(self) -> dict[str, int]:
        """Period -> limit, longest first."""
        return {"day": self.per_day, "minute": self.per_minute, "second": self.per_second}


@dataclass(frozen=True, slots=True)
class TikTokAdsConfig:
    """The platform's advertisers and limits.

    Attributes:
        seed: Seed of the world.
        advertisers: All ad accounts.
        grants: All access tokens.
        supported_versions: API versions that answer; older ones are offline.
        limits: Calls of one app.
        first_day: First day with data.
        restated_days: Days until the conversions of a day are final.
        most_ads: A report by ad tells of so many; of the others it tells nothing.
        apps: That advertisers may let in; one reaches what the app's grants reach.
    """

    seed: int
    advertisers: tuple[Advertiser, ...]
    grants: tuple[AppGrant, ...]
    supported_versions: tuple[str, ...] = ("v1.3",)
    limits: CallLimits = CallLimits()
    first_day: date = date(2024, 11, 1)
    restated_days: int = 28
    most_ads: int = 20_000
    apps: tuple[OAuthApp, ...] = ()
