"""The configuration of the whole simulator, and the demo world of two agencies."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingestion.simulator.consents import OAuthApp
from ingestion.simulator.ga4 import Ga4Config, Ga4Grant, Property
from ingestion.simulator.google_ads import (
    AccessGrant,
    AdsAccount,
    DeveloperToken,
    GoogleAdsConfig,
)
from ingestion.simulator.meta_ads import AdAccount, AppUser, MetaAdsConfig, UserToken
from ingestion.simulator.shopify import Shop, ShopifyConfig
from ingestion.simulator.tiktok_ads import Advertiser, AppGrant, TikTokAdsConfig

__all__ = [
    "DEMO_AGENCIES",
    "DemoAgency",
    "DemoClient",
    "SimulatorConfig",
    "demo_config",
    "demo_world",
]


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client of a demo agency and its accounts; an empty id: it has none there.

    Attributes:
        leaves_out: Platforms that the demo does not connect for it; agencies' clients differ.
    """

    name: str
    google_customer_id: str
    shop: str
    shopify_token: str
    meta_account_id: str = ""
    ga4_property_id: str = ""
    tiktok_advertiser_id: str = ""
    leaves_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DemoAgency:
    """A demo agency and its own secrets at the simulated platforms.

    GA4 takes the same OAuth client as Google Ads, with a refresh token of its own.
    """

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
    meta_access_token: str = ""
    ga4_refresh_token: str = ""
    tiktok_app_id: str = ""
    tiktok_secret: str = ""
    tiktok_access_token: str = ""
    meta_app_id: str = ""
    meta_app_secret: str = ""
    shopify_client_id: str = ""
    shopify_client_secret: str = ""

    def app(self, source: str, redirect_base: str) -> OAuthApp:
        """The agency's app at a platform, which may send people back to `redirect_base`."""
        client_id, client_secret = {
            "google_ads": (self.google_client_id, self.google_client_secret),
            "ga4": (self.google_client_id, self.google_client_secret),
            "meta_ads": (self.meta_app_id, self.meta_app_secret),
            "shopify": (self.shopify_client_id, self.shopify_client_secret),
            "tiktok_ads": (self.tiktok_app_id, self.tiktok_secret),
        }[source]
        return OAuthApp(client_id, client_secret, (f"{redirect_base}/connect/{source}/callback",))


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything that decides what the simulator answers.

    Attributes:
        google_ads: Accounts and limits of Google Ads.
        shopify: Shops and limits of Shopify.
        meta_ads: Accounts and limits of Meta Ads.
        ga4: Properties and limits of Google Analytics 4.
        tiktok_ads: Advertisers and limits of TikTok Ads.
        now: UTC instant at the start; None follows the real clock.
    """

    google_ads: GoogleAdsConfig
    shopify: ShopifyConfig
    meta_ads: MetaAdsConfig
    ga4: Ga4Config
    tiktok_ads: TikTokAdsConfig
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
        meta_access_token="EAAnorthwind-system-user",  # noqa: S106 - simulated
        ga4_refresh_token="1//northwind-analytics-refresh-token",  # noqa: S106 - simulated
        tiktok_app_id="7000000000000000001",
        tiktok_secret="northwind-tiktok-secret",  # noqa: S106 - simulated
        tiktok_access_token="northwind-tiktok-access-token",  # noqa: S106 - simulated
        meta_app_id="100000000000001",
        meta_app_secret="northwind-meta-secret",  # noqa: S106 - simulated
        shopify_client_id="northwind-shopify-client",
        shopify_client_secret="northwind-shopify-secret",  # noqa: S106 - simulated
        clients=(
            DemoClient(
                "Acme Shoes",
                "1111111111",
                "acme-shoes",
                "shpat_acme_shoes",
                "111111111111111",
                ga4_property_id="111111111",
                tiktok_advertiser_id="7111111111111111111",
            ),
            DemoClient(
                "Bluebird Coffee",
                "2222222222",
                "bluebird-coffee",
                "shpat_bluebird_coffee",
                "222222222222222",
                ga4_property_id="222222222",
                tiktok_advertiser_id="7222222222222222222",
                leaves_out=frozenset({"meta_ads", "tiktok_ads"}),
            ),
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
        meta_access_token="EAAharborpine-system-user",  # noqa: S106 - simulated
        ga4_refresh_token="1//harbor-pine-analytics-refresh-token",  # noqa: S106 - simulated
        tiktok_app_id="7000000000000000002",
        tiktok_secret="harbor-pine-tiktok-secret",  # noqa: S106 - simulated
        tiktok_access_token="harbor-pine-tiktok-access-token",  # noqa: S106 - simulated
        meta_app_id="100000000000002",
        meta_app_secret="harbor-pine-meta-secret",  # noqa: S106 - simulated
        shopify_client_id="harbor-pine-shopify-client",
        shopify_client_secret="harbor-pine-shopify-secret",  # noqa: S106 - simulated
        clients=(
            DemoClient(
                "Summit Outdoor",
                "3333333333",
                "summit-outdoor",
                "shpat_summit_outdoor",
                "333333333333333",
                ga4_property_id="333333333",
                tiktok_advertiser_id="7333333333333333333",
                leaves_out=frozenset({"tiktok_ads"}),
            ),
            DemoClient(
                "Luna Skincare",
                "4444444444",
                "luna-skincare",
                "shpat_luna_skincare",
                "444444444444444",
                ga4_property_id="444444444",
                tiktok_advertiser_id="7444444444444444444",
                leaves_out=frozenset({"google_ads", "ga4"}),
            ),
        ),
    ),
)


def demo_world() -> SimulatorConfig:
    """What `bosco demo` and `bosco simulate` serve: accounts of the size of a small shop's."""
    return demo_config(campaigns=5, orders_a_day=(8, 24), reseller_lines=(30, 60))


def demo_config(
    *,
    seed: int = 7,
    now: datetime | None = None,
    agencies: Sequence[DemoAgency] = DEMO_AGENCIES,
    campaigns: int = 12,
    orders_a_day: tuple[int, int] = (20, 60),
    reseller_lines: tuple[int, int] = (30, 400),
    redirect_base: str = "http://127.0.0.1:8080",
) -> SimulatorConfig:
    """Build the demo world.

    Args:
        seed: The same seed gives the same data in every process.
        now: UTC instant to start at; None follows the real clock.
        agencies: Agencies with their accounts and secrets.
        campaigns: Campaigns of each Google Ads account; 12 give about 40 rows a day.
        orders_a_day: Least and most orders of each shop on a day.
        reseller_lines: Least and most lines of the few orders of resellers.
        redirect_base: Where the agencies' apps send people back to, without a closing slash.
    """

    def apps(source: str) -> tuple[OAuthApp, ...]:
        return tuple(agency.app(source, redirect_base) for agency in agencies)

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
            apps=apps("google_ads"),
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
            reseller_lines=reseller_lines,
            bucket_size=20_000,  # of the plan Plus
            restore_rate=1_000,
            apps=apps("shopify"),
        ),
        meta_ads=_meta_ads(agencies, seed, redirect_base),
        ga4=dataclasses.replace(_ga4(agencies, seed), apps=apps("ga4")),
        tiktok_ads=dataclasses.replace(_tiktok_ads(agencies, seed), apps=apps("tiktok_ads")),
        now=now,
    )


def _meta_ads(agencies: Sequence[DemoAgency], seed: int, redirect_base: str) -> MetaAdsConfig:
    return MetaAdsConfig(
        seed=seed,
        accounts=tuple(
            AdAccount(client.meta_account_id, client.name, agency.currency, agency.time_zone)
            for agency in agencies
            for client in agency.clients
            if client.meta_account_id
        ),
        tokens=tuple(
            UserToken(
                agency.meta_access_token,
                tuple(each.meta_account_id for each in agency.clients if each.meta_account_id),
            )
            for agency in agencies
            if agency.meta_access_token
        ),
        users=tuple(
            AppUser(
                agency.app("meta_ads", redirect_base),
                tuple(each.meta_account_id for each in agency.clients if each.meta_account_id),
            )
            for agency in agencies
        ),
    )


def _ga4(agencies: Sequence[DemoAgency], seed: int) -> Ga4Config:
    return Ga4Config(
        seed=seed,
        properties=tuple(
            Property(
                client.ga4_property_id,
                client.name,
                account_id=client.ga4_property_id[:6],
                account_name=client.name,
                currency=agency.currency,
                time_zone=agency.time_zone,
            )
            for agency in agencies
            for client in agency.clients
        ),
        grants=tuple(
            Ga4Grant(
                agency.google_client_id,
                agency.google_client_secret,
                agency.ga4_refresh_token,
                tuple(client.ga4_property_id for client in agency.clients),
            )
            for agency in agencies
        ),
    )


def _tiktok_ads(agencies: Sequence[DemoAgency], seed: int) -> TikTokAdsConfig:
    return TikTokAdsConfig(
        seed=seed,
        advertisers=tuple(
            Advertiser(client.tiktok_advertiser_id, client.name, agency.currency, agency.time_zone)
            for agency in agencies
            for client in agency.clients
        ),
        grants=tuple(
            AppGrant(
                agency.tiktok_app_id,
                agency.tiktok_secret,
                agency.tiktok_access_token,
                tuple(client.tiktok_advertiser_id for client in agency.clients),
            )
            for agency in agencies
        ),
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
