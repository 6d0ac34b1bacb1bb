"""What a simulated Meta Ads knows: ad accounts, who may read them, and its limits."""

from dataclasses import dataclass
from datetime import date
from typing import Final

__all__ = ["ACTIVE", "AdAccount", "MetaAdsConfig", "UserToken"]

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
    """

    account_id: str
    name: str
    currency: str
    time_zone: str
    campaigns: int = 6
    status: int = ACTIVE


@dataclass(frozen=True, slots=True)
class UserToken:
    """A long-lived access token of a system user, and the ad accounts assigned to it."""

    token: str
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
        page_rows: Rows of a page that names no `limit`.
        report_polls: So many polls find a report under way before one finds it completed.
        first_day: First day with data.
        restated_days: Days until the numbers of a day are final.
        retained_months: Older days are refused.
    """

    seed: int
    accounts: tuple[AdAccount, ...]
    tokens: tuple[UserToken, ...]
    supported_versions: tuple[int, ...] = (23, 24, 25)
    calls_per_hour: int = 190_000
    page_rows: int = 25
    report_polls: int = 1
    first_day: date = date(2024, 11, 1)
    restated_days: int = 28
    retained_months: int = 37
