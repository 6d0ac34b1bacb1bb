"""What a simulated Shopify knows: shops, their tokens, and its limits."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from ingestion.simulator.consents import OAuthApp

__all__ = ["Shop", "ShopifyConfig"]


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop.

    Attributes:
        handle: Name before `.myshopify.com`.
        name: Display name.
        currency: ISO 4217 code of `shopMoney`.
        time_zone: IANA name of the shop's calendar.
        country: ISO 3166 code of the home market.
        access_token: Token of the one app that is installed.
        scopes: Access scopes of that app.
        state: `frozen` answers 402, `forbidden` 403, `locked` 423.
    """

    handle: str
    name: str
    currency: str
    time_zone: str
    country: str
    access_token: str
    scopes: tuple[str, ...] = (
        "read_all_orders",
        "read_customers",
        "read_orders",
        "read_products",
    )
    state: Literal["open", "frozen", "forbidden", "locked"] = "open"


@dataclass(frozen=True, slots=True)
class ShopifyConfig:
    """The platform's shops and limits.

    Attributes:
        seed: Seed of the world.
        shops: All shops.
        supported_versions: API versions, oldest first; older ones fall forward to the oldest.
        first_day: First day with orders.
        orders_a_day: Least and most orders of a shop on a day.
        reseller_lines: Least and most lines of an order of a reseller; about 3 in 1,000 orders are.
        bucket_size: Points a bucket holds; one bucket per app and shop.
        restore_rate: Points restored per second: 100 on the standard plan, 1,000 on Plus.
        max_query_cost: Most points of one query.
        apps: That owners of shops may install.
    """

    seed: int
    shops: tuple[Shop, ...]
    supported_versions: tuple[str, ...] = ("2026-01", "2026-04", "2026-07", "2026-10")
    first_day: date = date(2024, 11, 1)
    orders_a_day: tuple[int, int] = (20, 60)
    reseller_lines: tuple[int, int] = (30, 400)
    bucket_size: int = 2_000
    restore_rate: int = 100
    max_query_cost: int = 1_000
    apps: tuple[OAuthApp, ...] = ()
