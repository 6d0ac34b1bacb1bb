"""What a simulated Google Analytics 4 knows: properties, who may read them, and its limits."""

from dataclasses import dataclass
from datetime import date

from ingestion.simulator.consents import OAuthApp

__all__ = ["Ga4Config", "Ga4Grant", "Property", "TokenLimits"]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an account.

    Attributes:
        property_id: Digits.
        name: Display name.
        account_id: Digits; of the account that it belongs to.
        account_name: Display name of that account.
        currency: ISO 4217 code of all its amounts.
        time_zone: IANA name; `date` is a day there.
        pages: How many landing pages it has.
        cells: Combinations of source, page, device and country that have visits on a day; at most
            200 a page.
    """

    property_id: str
    name: str
    account_id: str
    account_name: str
    currency: str
    time_zone: str
    pages: int = 4
    cells: int = 120


@dataclass(frozen=True, slots=True)
class Ga4Grant:
    """A user's consent to an OAuth client, and the properties that the user may read."""

    client_id: str
    client_secret: str
    refresh_token: str
    property_ids: tuple[str, ...]
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """Tokens and errors of a standard property."""

    tokens_per_day: int = 200_000
    tokens_per_hour: int = 40_000
    tokens_per_project_per_hour: int = 14_000
    concurrent_requests: int = 10
    server_errors_per_hour: int = 10
    thresholded_requests_per_hour: int = 120


@dataclass(frozen=True, slots=True)
class Ga4Config:
    """The platform's properties and limits.

    Attributes:
        seed: Seed of the world.
        properties: All properties.
        grants: All OAuth consents.
        limits: Of each property.
        token_lifetime_seconds: Lifetime of an OAuth access token.
        summaries_page: Accounts on a page that names no `pageSize`.
        supported_versions: API versions that answer; nothing is found at others.
        first_day: First day with data.
        settled_days: Days until the visits of a day are final.
        credited_days: Days until its key events are.
        apps: That people may let in; a person reaches what the app's grants reach.
    """

    seed: int
    properties: tuple[Property, ...]
    grants: tuple[Ga4Grant, ...]
    limits: TokenLimits = TokenLimits()
    token_lifetime_seconds: int = 3_599
    summaries_page: int = 50
    supported_versions: tuple[str, ...] = ("v1beta",)
    first_day: date = date(2024, 11, 1)
    settled_days: int = 2
    credited_days: int = 12
    apps: tuple[OAuthApp, ...] = ()
