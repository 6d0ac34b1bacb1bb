"""The demo's accounts at the simulated platforms, as Bosco connects them.

    DemoAgency, DemoClient, url of the simulator -> NewConnection for each platform

Their secrets open nothing but the simulator.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from api.commands.connections import NewConnection
from ingestion.simulator.config import DemoAgency, DemoClient

__all__ = ["demo_accounts", "demo_endpoint", "demo_slug"]


def demo_slug(agency: DemoAgency) -> str:
    """The agency's short name, for example `harbor-pine`."""
    return agency.name.lower().replace(" & ", "-")


def demo_endpoint(url: str, source: str) -> str:
    """Where a platform is served by the simulator at `url`."""
    return f"{url}/shopify/shops/{{account}}" if source == "shopify" else f"{url}/{source}"


def demo_accounts(
    agency: DemoAgency, client: DemoClient, url: str, start: dt.date
) -> Sequence[NewConnection]:
    """A client's account at each platform that the demo connects for it.

    Args:
        agency: Whose app asks the platforms.
        client: Whose accounts they are.
        url: Of the simulator, without a trailing slash.
        start: First reporting date to fetch.
    """
    google_app = {
        "app.client_id": agency.google_client_id,
        "app.client_secret": agency.google_client_secret,
    }
    ga4_token = agency.ga4_refresh_token
    tiktok_app = {"app.client_id": agency.tiktok_app_id, "app.client_secret": agency.tiktok_secret}

    def account(source: str, account_id: str, **credentials: str) -> NewConnection:
        return NewConnection(
            client=client.shop,
            source=source,
            account_id=account_id,
            credentials=credentials,
            start=start,
            endpoint=demo_endpoint(url, source),
        )

    google_ads = account(
        "google_ads",
        client.google_customer_id,
        refresh_token=agency.google_refresh_token,
        **google_app,
        **{"app.developer_token": agency.google_developer_token},
    )
    accounts = (
        dataclasses.replace(google_ads, settings={"manager_id": agency.google_manager_id}),
        account("shopify", client.shop, access_token=client.shopify_token),
        account("meta_ads", client.meta_account_id, access_token=agency.meta_access_token),
        account("ga4", client.ga4_property_id, refresh_token=ga4_token, **google_app),
        account(
            "tiktok_ads",
            client.tiktok_advertiser_id,
            access_token=agency.tiktok_access_token,
            **tiktok_app,
        ),
    )
    return [one for one in accounts if one.source not in client.leaves_out]
