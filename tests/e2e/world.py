"""A small world that stands still: one agency, one client, two platforms, one instant.

    agency -> simulator (its clock and the product's show NOW for ever) -> the same data in each run

Whatever two runs of the product make of this world may only differ where they ran differently.
"""

import dataclasses
import datetime as dt
from typing import Final

from api.commands.connections import NewConnection, create_connection
from api.commands.tenants import create_client, create_tenant
from api.runtime import Runtime
from ingestion.simulator.config import DemoAgency, DemoClient, SimulatorConfig, demo_config
from tenancy.tables import Connection
from tenancy.unscoped import TenantProfile

__all__ = [
    "AGENCY",
    "CLIENT",
    "NOW",
    "START",
    "connect_google_ads",
    "connect_shopify",
    "google_credentials",
    "make_agency",
    "small_world",
]

NOW: Final = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
START: Final = dt.date(2026, 10, 1)

CLIENT: Final = DemoClient(
    "Acme Shoes",
    "1111111111",
    "acme-shoes",
    "shpat_acme_shoes",
    meta_account_id="111111111111111",
)
AGENCY: Final = DemoAgency(
    name="Northwind",
    currency="EUR",
    time_zone="Europe/Berlin",
    country="DE",
    google_manager_id="9000000001",
    google_client_id="northwind.apps.googleusercontent.com",
    google_client_secret="northwind-client-secret",
    google_refresh_token="1//northwind-refresh-token",
    google_developer_token="northwind-developer-token",
    clients=(CLIENT,),
    meta_access_token="EAAnorthwind-system-user",
)


def small_world(*, campaigns: int = 3, orders_a_day: tuple[int, int] = (4, 7)) -> SimulatorConfig:
    """The world; its shop's bucket never empties, since time does not refill it."""
    config = demo_config(
        now=NOW, agencies=(AGENCY,), campaigns=campaigns, orders_a_day=orders_a_day
    )
    return dataclasses.replace(
        config, shopify=dataclasses.replace(config.shopify, bucket_size=10_000_000)
    )


async def make_agency(runtime: Runtime, slug: str) -> TenantProfile:
    """An agency with the client."""
    tenant = await create_tenant(
        runtime, slug=slug, name=AGENCY.name, currency="EUR", time_zone="Europe/Berlin"
    )
    await create_client(runtime, tenant, slug=CLIENT.shop, name=CLIENT.name, actor="test")
    return tenant


def google_credentials() -> dict[str, str]:
    """What opens the client's Google Ads account."""
    return {
        "refresh_token": AGENCY.google_refresh_token,
        "app.client_id": AGENCY.google_client_id,
        "app.client_secret": AGENCY.google_client_secret,
        "app.developer_token": AGENCY.google_developer_token,
    }


async def connect_google_ads(
    runtime: Runtime, tenant: TenantProfile, url: str, *, start: dt.date = START
) -> Connection:
    """Connect the client's Google Ads account."""
    new = NewConnection(
        client=CLIENT.shop,
        source="google_ads",
        account_id=CLIENT.google_customer_id,
        credentials=google_credentials(),
        start=start,
        settings={"manager_id": AGENCY.google_manager_id},
        endpoint=f"{url}/google_ads",
    )
    return await create_connection(runtime, tenant, new, actor="test")


async def connect_shopify(
    runtime: Runtime, tenant: TenantProfile, url: str, *, start: dt.date = START
) -> Connection:
    """Connect the client's shop."""
    new = NewConnection(
        client=CLIENT.shop,
        source="shopify",
        account_id=CLIENT.shop,
        credentials={"access_token": CLIENT.shopify_token},
        start=start,
        endpoint=f"{url}/shopify/shops/{{account}}",
    )
    return await create_connection(runtime, tenant, new, actor="test")
