"""What a simulated Google Ads knows: accounts, who may read them, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ingestion.simulator.consents import OAuthApp

__all__ = ["AccessGrant", "AdsAccount", "DeveloperToken", "GoogleAdsConfig", "managers_above"]


@dataclass(frozen=True, slots=True)
class AdsAccount:
    """One customer.

    Attributes:
        customer_id: Ten digits without dashes.
        name: Descriptive name.
        currency: ISO 4217 code of all its amounts.
        time_zone: IANA name; `segments.date` is a day there.
        manager_id: The manager account above it; empty for none.
        is_manager: A manager account has no campaigns and no metrics.
        is_enabled: A disabled account refuses every query.
        campaigns: How many campaigns it has.
    """

    customer_id: str
    name: str
    currency: str
    time_zone: str
    manager_id: str = ""
    is_manager: bool = False
    is_enabled: bool = True
    campaigns: int = 12


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """A user's consent to an OAuth client: its refresh token reaches `customer_ids` directly."""

    client_id: str
    client_secret: str
    refresh_token: str
    customer_ids: tuple[str, ...]
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class DeveloperToken:
    """A developer token; `test` reaches no production account, `basic` has a daily budget."""

    token: str
    access_level: Literal["test", "basic", "standard"] = "basic"


@dataclass(frozen=True, slots=True)
class GoogleAdsConfig:
    """The platform's accounts and limits.

    Attributes:
        seed: Seed of the world.
        accounts: All customers.
        grants: All OAuth consents.
        developer_tokens: All developer tokens.
        supported_versions: Major API versions that answer.
        chunk_rows: Rows per chunk of `searchStream`.
        page_rows: Rows per page of `search`.
        operations_per_day: Budget of a developer token with basic access.
        token_lifetime_seconds: Lifetime of an OAuth access token.
        page_token_lifetime_seconds: Lifetime of a page token.
        first_day: First day with data.
        conversion_window_days: Days until the conversions of a day are final.
        apps: That people may let in; a person reaches what the app's grants reach.
        testing_days: The apps are in testing: new refresh tokens last so long; 0: they are not.
    """

    seed: int
    accounts: tuple[AdsAccount, ...]
    grants: tuple[AccessGrant, ...]
    developer_tokens: tuple[DeveloperToken, ...]
    supported_versions: tuple[int, ...] = (23, 24, 25)
    chunk_rows: int = 10_000
    page_rows: int = 10_000
    operations_per_day: int = 15_000
    token_lifetime_seconds: int = 3_599
    page_token_lifetime_seconds: int = 7_200
    first_day: date = date(2024, 11, 1)
    conversion_window_days: int = 30
    apps: tuple[OAuthApp, ...] = ()
    testing_days: int = 0


def managers_above(account: AdsAccount, accounts: Mapping[str, AdsAccount]) -> list[str]:
    """List the managers of `account`, nearest first, the managers of managers included.

    Args:
        account: One of `accounts`.
        accounts: All customers by id; no account is above itself.
    """
    above = []
    while account.manager_id:
        above.append(account.manager_id)
        account = accounts[account.manager_id]
    return above
