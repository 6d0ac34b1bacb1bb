"""The table of features. Everything else is derived from it.

a row here -> SQL, stored value, GraphQL field, column of `bosco features show`, Feast field

Add a feature by adding a row: the fingerprint changes, old values are no longer served, and the
next publication computes new ones.
"""

import hashlib
from typing import Final

from feature_repo.entities import CAMPAIGN, CLIENT
from feature_repo.feature import (
    Change,
    Count,
    Currency,
    DaysReported,
    DaysSince,
    Feature,
    FeatureView,
    Quotient,
    Total,
    Unit,
    Window,
)

__all__ = ["CAMPAIGN_PERFORMANCE", "CLIENT_PERFORMANCE", "VIEWS", "fingerprint"]

_WEEK: Final = Window(1, 7)
_WEEK_BEFORE: Final = Window(8, 14)
_MONTH: Final = Window(1, 28)

# Two nights may fail before features are gone.
_TTL_SECONDS: Final = 3 * 86_400

_ADS: Final = "ads_daily"


def _ads(name: str, column: str, what: str, unit: Unit) -> tuple[Feature, ...]:
    return (
        Feature(f"{name}_7d", f"{what}, last 7 days.", unit, Total(_ADS, column, _WEEK)),
        Feature(f"{name}_28d", f"{what}, last 28 days.", unit, Total(_ADS, column, _MONTH)),
    )


def _spend(prefix: str) -> tuple[Feature, ...]:
    """Spend, and how it moves; the same for campaigns and clients."""
    return (
        *_ads(f"{prefix}spend", "spend", "Media cost", Unit.MONEY),
        Feature(
            f"{prefix}spend_previous_7d",
            "Media cost, days 8 to 14 before.",
            Unit.MONEY,
            Total(_ADS, "spend", _WEEK_BEFORE),
        ),
        Feature(
            f"{prefix}spend_trend_7d",
            "Relative change of media cost, last 7 days against the 7 before (0.1: a tenth more).",
            Unit.RATIO,
            Change(f"{prefix}spend_previous_7d", f"{prefix}spend_7d"),
        ),
        Feature(
            f"{prefix}days_since_spend",
            "Days since the last one with media cost, at most 28; 1 is yesterday.",
            Unit.DAYS,
            DaysSince(_ADS, "spend"),
        ),
        Feature(
            f"{prefix}days_reported_28d",
            "Days of the last 28 with a row from the platform.",
            Unit.DAYS,
            DaysReported(_ADS, _MONTH),
        ),
    )


def _sold(name: str, fact: str, column: str, what: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{name}_{days}d", f"{what}, last {days} days.", Unit.MONEY, Total(fact, column, w))
        for days, w in ((7, _WEEK), (28, _MONTH))
    )


def _counted(name: str, fact: str, what: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{name}_{days}d", f"{what}, last {days} days.", Unit.COUNT, Count(fact, window))
        for days, window in ((7, _WEEK), (28, _MONTH))
    )


CAMPAIGN_PERFORMANCE: Final = FeatureView(
    name="campaign_performance",
    description="Delivery, cost and claimed results of a campaign.",
    entity=CAMPAIGN,
    ttl_seconds=_TTL_SECONDS,
    features=(
        Feature("currency", "Currency of the account, ISO 4217.", Unit.CODE, Currency(_ADS)),
        *_spend(""),
        *_ads("impressions", "impressions", "Times shown", Unit.COUNT),
        *_ads("clicks", "clicks", "Clicks", Unit.COUNT),
        *_ads("conversions", "conversions", "Conversions that the platform claims", Unit.NUMBER),
        *_ads(
            "attributed_revenue", "attributed_revenue", "Value that the platform claims", Unit.MONEY
        ),
        Feature("cpc_7d", "Media cost per click.", Unit.MONEY, Quotient("spend_7d", "clicks_7d")),
        Feature(
            "ctr_7d", "Clicks per impression.", Unit.RATIO, Quotient("clicks_7d", "impressions_7d")
        ),
        Feature(
            "cpm_7d",
            "Media cost per thousand impressions.",
            Unit.MONEY,
            Quotient("spend_7d", "impressions_7d", times=1000),
        ),
        Feature(
            "attributed_roas_28d",
            "Claimed value per unit of media cost, last 28 days.",
            Unit.RATIO,
            Quotient("attributed_revenue_28d", "spend_28d"),
        ),
    ),
)

CLIENT_PERFORMANCE: Final = FeatureView(
    name="client_performance",
    description="Media cost of a client over all platforms, and what its shop sold.",
    entity=CLIENT,
    ttl_seconds=_TTL_SECONDS,
    features=(
        Feature("ads_currency", "Currency of all ad accounts.", Unit.CODE, Currency(_ADS)),
        Feature("shop_currency", "Currency of all shops.", Unit.CODE, Currency("orders")),
        *_spend("client_"),
        *_sold("revenue", "orders", "revenue", "Total price of orders"),
        *_counted("orders", "orders", "Orders"),
        *_sold("refunds", "refunds", "refunded", "Money given back"),
        *_counted("new_customers", "customers", "Customers created in the shop"),
        Feature(
            "refund_rate_28d",
            "Refunds per unit of revenue, last 28 days.",
            Unit.RATIO,
            Quotient("refunds_28d", "revenue_28d"),
        ),
        Feature(
            "average_order_value_28d",
            "Revenue per order, last 28 days.",
            Unit.MONEY,
            Quotient("revenue_28d", "orders_28d"),
        ),
        Feature(
            "roas_7d",
            "Shop revenue per unit of media cost, last 7 days; where both are in one currency.",
            Unit.RATIO,
            Quotient("revenue_7d", "client_spend_7d"),
        ),
        Feature(
            "roas_28d",
            "Shop revenue per unit of media cost, last 28 days; where both are in one currency.",
            Unit.RATIO,
            Quotient("revenue_28d", "client_spend_28d"),
        ),
    ),
)

VIEWS: Final[dict[str, FeatureView]] = {
    view.name: view for view in (CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE)
}


def fingerprint(*views: FeatureView) -> str:
    """Names the meaning of views' values: it changes when a definition does. 16 hex digits."""
    words = "\x1f".join(word for view in views for word in view.words())
    return hashlib.sha256(words.encode()).hexdigest()[:16]
