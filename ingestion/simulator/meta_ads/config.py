"""What a simulated Meta Ads knows: ad accounts, who may read them, and its limits."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ingestion.simulator.consents import OAuthApp

__all__ = ["ACTIVE", "AdAccount", "AppUser", "MetaAdsConfig", "UserToken"]

ACTIVE: Final = 1


@dataclass(frozen=True, slots=True)
class AdAccount:
    """One ad account.

    Attributes:
        account_id: Digits, without `act_`.
        name: For people.
        currency: ISO 4217 code of all its amounts.
        time_zone: IANA name; `date_start` is a day there.
        campaigns: How many campaigns it has.
        status: `account_status`: 1 active, 2 disabled, 3 unsettled, 101 closed.
        reads_devices: It has opted in to the breakdown `impression_device`.
    """

    account_id: str
    name: str
    currency: str
    time_zone: str
    campaigns: int = 6
    status: int = ACTIVE
    reads_devices: bool = False


@dataclass(frozen=True, slots=True)
class UserToken:
    """An access token, and the ad accounts that it reaches.

    Attributes:
        token: Itself.
        account_ids: Of the accounts.
        expires_at: UTC instant; None: of a system user, it does not run out.
    """

    token: str
    account_ids: tuple[str, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AppUser:
    """The person who lets an app in, and the ad accounts that the person reaches."""

    app: OAuthApp
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetaAdsConfig:
    """The platform's accounts and limits.

    Attributes:
        seed: Seed of the world.
        accounts: All ad accounts.
        tokens: All access tokens.
        supported_versions: Major API versions that answer.
        calls_per_hour: Calls of the business use case `ads_insights` for one ad account.
        usage_told_from: Percent of them from which good answers carry the usage headers; refusals
            always do.
        page_rows: Rows of a page that names no `limit`.
        report_polls: So many polls find a report under way before one finds it completed.
        first_day: First day with data.
        restated_days: Days until the numbers of a day are final.
        retained_months: Older days are refused.
        users: One for each app that may ask for consent.
    """

    seed: int
    accounts: tuple[AdAccount, ...]
    tokens: tuple[UserToken, ...]
    supported_versions: tuple[int, ...] = (25, 26, 27)
    calls_per_hour: int = 190_000
    usage_told_from: int = 1
    page_rows: int = 25
    report_polls: int = 1
    first_day: date = date(2024, 11, 1)
    restated_days: int = 28
    retained_months: int = 37
    users: tuple[AppUser, ...] = ()
