"""The configuration of the whole simulator, and the demo world of two agencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingestion.simulator.google_ads import (
    AccessGrant,
    AdsAccount,
    DeveloperToken,
    GoogleAdsConfig,
)
from ingestion.simulator.shopify import Shop, ShopifyConfig

__all__ = [
    "DEMO_AGENCIES",
    "DemoAgency",
    "DemoClient",
    "SimulatorConfig",
    "demo_config",
]


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client of a demo agency and its accounts."""

    name: str
    google_customer_id: str
    shop: str
    shopify_token: str


@dataclass(frozen=True, slots=True)
class DemoAgency:
    """A demo agency and its own secrets at the simulated platforms."""

    name: str
    currency: str
    time_zone: str
    country: str
    google_manager_id: str
    google_client_id: str
    google_client_secret: str
    google_refresh_token: str
    google_developer_token: str
    clients: tuple[DemoClient, ...]


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything that decides what the simulator answers.

    Attributes:
        google_ads: Accounts and limits of Google Ads.
        shopify: Shops and limits of Shopify.
        now: UTC instant at the start; None follows the real clock.
    """

    google_ads: GoogleAdsConfig
    shopify: ShopifyConfig
    now: datetime | None = None


# These open nothing but the simulator.
DEMO_AGENCIES: Final = (
    DemoAgency(
        name="Northwind",
        currency="EUR",
        time_zone="Europe/Berlin",
        country="DE",
        google_manager_id="9000000001",
        google_client_id="northwind.apps.googleusercontent.com",
        google_client_secret="northwind-client-secret",  # noqa: S106 - simulated
        google_refresh_token="1//northwind-refresh-token",  # noqa: S106 - simulated
        google_developer_token="northwind-developer-token",  # noqa: S106 - simulated
        clients=(
            DemoClient("Acme Shoes", "1111111111", "acme-shoes", "shpat_acme_shoes"),
            DemoClient("Bluebird Coffee", "2222222222", "bluebird-coffee", "shpat_bluebird_coffee"),
        ),
    ),
    DemoAgency(
        name="Harbor & Pine",
        currency="USD",
        time_zone="America/New_York",
        country="US",
        google_manager_id="9000000002",
        google_client_id="harbor-pine.apps.googleusercontent.com",
        google_client_secret="harbor-pine-client-secret",  # noqa: S106 - simulated
        google_refresh_token="1//harbor-pine-refresh-token",  # noqa: S106 - simulated
        google_developer_token="harbor-pine-developer-token",  # noqa: S106 - simulated
        clients=(
            DemoClient("Summit Outdoor", "3333333333", "summit-outdoor", "shpat_summit_outdoor"),
            DemoClient("Luna Skincare", "4444444444", "luna-skincare", "shpat_luna_skincare"),
        ),
    ),
)


def demo_config(
    *,
    seed: int = 7,
    now: datetime | None = None,
    agencies: Sequence[DemoAgency] = DEMO_AGENCIES,
    campaigns: int = 12,
    orders_a_day: tuple[int, int] = (20, 60),
) -> SimulatorConfig:
    """Build the demo world.

    Args:
        seed: The same seed gives the same data in every process.
        now: UTC instant to start at; None follows the real clock.
        agencies: Agencies with their accounts and secrets.
        campaigns: Campaigns of each Google Ads account; 12 give about 40 rows a day.
        orders_a_day: Least and most orders of each shop on a day.
    """
    return SimulatorConfig(
        google_ads=GoogleAdsConfig(
            seed=seed,
            accounts=tuple(
                account for agency in agencies for account in _accounts(agency, campaigns)
            ),
            grants=tuple(
                AccessGrant(
                    agency.google_client_id,
                    agency.google_client_secret,
                    agency.google_refresh_token,
                    (agency.google_manager_id,),
                )
                for agency in agencies
            ),
            developer_tokens=tuple(
                DeveloperToken(agency.google_developer_token) for agency in agencies
            ),
        ),
        shopify=ShopifyConfig(
            seed=seed,
            shops=tuple(
                Shop(
                    client.shop,
                    client.name,
                    agency.currency,
                    agency.time_zone,
                    agency.country,
                    client.shopify_token,
                )
                for agency in agencies
                for client in agency.clients
            ),
            orders_a_day=orders_a_day,
        ),
        now=now,
    )


def _accounts(agency: DemoAgency, campaigns: int) -> list[AdsAccount]:
    manager = AdsAccount(
        agency.google_manager_id,
        f"{agency.name} Manager",
        agency.currency,
        agency.time_zone,
        is_manager=True,
    )
    return [
        manager,
        *(
            AdsAccount(
                client.google_customer_id,
                client.name,
                agency.currency,
                agency.time_zone,
                manager_id=agency.google_manager_id,
                campaigns=campaigns,
            )
            for client in agency.clients
        ),
    ]
