"""The table of features. Everything else is derived from it.

a row here -> SQL, stored value, GraphQL field, column of `bosco features show`, Feast field

Add a feature by adding a row: the fingerprint changes, old values are no longer served, and the
next publication computes new ones.
"""

import hashlib
from typing import Final

from domain.privacy.holds import AGGREGATE_FIGURES
from feature_repo.entities import AD, CAMPAIGN, CHANNEL, CLIENT, PRODUCT, SEGMENT
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

__all__ = [
    "AD_PERFORMANCE",
    "CAMPAIGN_PERFORMANCE",
    "CHANNEL_PERFORMANCE",
    "CLIENT_PERFORMANCE",
    "PRODUCT_SALES",
    "SEGMENT_SALES",
    "VIEWS",
    "fingerprint",
]

_WEEK: Final = Window(1, 7)
_WEEK_BEFORE: Final = Window(8, 14)
_MONTH: Final = Window(1, 28)

# Two nights may fail before features are gone.
_TTL_SECONDS: Final = 3 * 86_400

_ADS: Final = "ads_daily"
_BY_AD: Final = "ads_ad_daily"
_LINES: Final = "order_lines"
_WEB: Final = "web_daily"


def _totals(name: str, what: str, unit: Unit, fact: str, column: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{name}_{days}d", f"{what}, last {days} days.", unit, Total(fact, column, window))
        for days, window in ((7, _WEEK), (28, _MONTH))
    )


def _counted(name: str, what: str, fact: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{name}_{days}d", f"{what}, last {days} days.", Unit.COUNT, Count(fact, window))
        for days, window in ((7, _WEEK), (28, _MONTH))
    )


def _moving(name: str, what: str, fact: str, column: str) -> tuple[Feature, ...]:
    """An amount, and how it moves."""
    return (
        *_totals(name, what, Unit.MONEY, fact, column),
        Feature(
            f"{name}_previous_7d",
            f"{what}, days 8 to 14 before.",
            Unit.MONEY,
            Total(fact, column, _WEEK_BEFORE),
        ),
        Feature(
            f"{name}_trend_7d",
            f"Relative change of {what[0].lower()}{what[1:]}, last 7 days against the 7 before "
            "(0.1: a tenth more).",
            Unit.RATIO,
            Change(f"{name}_previous_7d", f"{name}_7d"),
        ),
    )


def _spend(prefix: str, fact: str = _ADS) -> tuple[Feature, ...]:
    """Spend, and how it moves; the same for all that spends."""
    return (
        *_moving(f"{prefix}spend", "Media cost", fact, "spend"),
        Feature(
            f"{prefix}days_since_spend",
            "Days since the last one with media cost, at most 28; 1 is yesterday.",
            Unit.DAYS,
            DaysSince(fact, "spend"),
        ),
        Feature(
            f"{prefix}days_reported_28d",
            "Days of the last 28 with a row from the platform.",
            Unit.DAYS,
            DaysReported(fact, _MONTH),
        ),
    )


def _delivery(prefix: str, fact: str = _ADS) -> tuple[Feature, ...]:
    """What the platform showed, and what it claims; the same for campaigns and ads."""
    return (
        *_totals(f"{prefix}impressions", "Times shown", Unit.COUNT, fact, "impressions"),
        *_totals(f"{prefix}clicks", "Clicks", Unit.COUNT, fact, "clicks"),
        *_totals(
            f"{prefix}conversions",
            "Conversions that the platform claims",
            Unit.NUMBER,
            fact,
            "conversions",
        ),
        *_totals(
            f"{prefix}attributed_revenue",
            "Value that the platform claims",
            Unit.MONEY,
            fact,
            "attributed_revenue",
        ),
        Feature(
            f"{prefix}cpc_7d",
            "Media cost per click.",
            Unit.MONEY,
            Quotient(f"{prefix}spend_7d", f"{prefix}clicks_7d"),
        ),
        Feature(
            f"{prefix}ctr_7d",
            "Clicks per impression.",
            Unit.RATIO,
            Quotient(f"{prefix}clicks_7d", f"{prefix}impressions_7d"),
        ),
        Feature(
            f"{prefix}cpm_7d",
            "Media cost per thousand impressions.",
            Unit.MONEY,
            Quotient(f"{prefix}spend_7d", f"{prefix}impressions_7d", times=1000),
        ),
        Feature(
            f"{prefix}attributed_roas_28d",
            "Claimed value per unit of media cost, last 28 days.",
            Unit.RATIO,
            Quotient(f"{prefix}attributed_revenue_28d", f"{prefix}spend_28d"),
        ),
    )


CAMPAIGN_PERFORMANCE: Final = FeatureView(
    name="campaign_performance",
    description="Delivery, cost and claimed results of a campaign.",
    entity=CAMPAIGN,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("currency", "Currency of the account, ISO 4217.", Unit.CODE, Currency(_ADS)),
        *_spend(""),
        *_delivery(""),
    ),
)

AD_PERFORMANCE: Final = FeatureView(
    name="ad_performance",
    description="Delivery, cost and claimed results of an ad.",
    entity=AD,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("ad_currency", "Currency of the account, ISO 4217.", Unit.CODE, Currency(_BY_AD)),
        *_spend("ad_", _BY_AD),
        *_delivery("ad_", _BY_AD),
    ),
)

CLIENT_PERFORMANCE: Final = FeatureView(
    name="client_performance",
    description="Media cost of a client, visits of its sites, and what its shop sold.",
    entity=CLIENT,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("ads_currency", "Currency of all ad accounts.", Unit.CODE, Currency(_ADS)),
        Feature("shop_currency", "Currency of all orders.", Unit.CODE, Currency("orders")),
        Feature("refund_currency", "Currency of all refunds.", Unit.CODE, Currency("refunds")),
        *_spend("client_"),
        *_totals("revenue", "Total price of orders", Unit.MONEY, "orders", "revenue"),
        *_counted("orders", "Orders", "orders"),
        *_totals("refunds", "Money given back", Unit.MONEY, "refunds", "refunded"),
        *_counted("new_customers", "Customers created in the shop", "customers"),
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
        *_totals("sessions", "Visits", Unit.COUNT, _WEB, "sessions"),
        Feature(
            "engaged_sessions_28d",
            "Visits that lasted, converted or saw two pages, last 28 days.",
            Unit.COUNT,
            Total(_WEB, "engaged_sessions", _MONTH),
        ),
        Feature(
            "engagement_rate_28d",
            "Engaged visits per visit, last 28 days.",
            Unit.RATIO,
            Quotient("engaged_sessions_28d", "sessions_28d"),
        ),
        Feature(
            "orders_per_session_28d",
            "Shop orders per visit, last 28 days.",
            Unit.RATIO,
            Quotient("orders_28d", "sessions_28d"),
        ),
    ),
)

PRODUCT_SALES: Final = FeatureView(
    name="product_sales",
    description="What a shop sold of a product.",
    entity=PRODUCT,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("product_currency", "Currency of the shop.", Unit.CODE, Currency(_LINES)),
        *_moving("product_revenue", "Price of what was sold", _LINES, "line_revenue"),
        *_totals("product_units", "Pieces sold", Unit.COUNT, _LINES, "units"),
        *_counted("product_order_lines", "Lines of orders", _LINES),
        Feature(
            "product_days_since_sale",
            "Days since the last one with a sale, at most 28; 1 is yesterday.",
            Unit.DAYS,
            DaysSince(_LINES, "units"),
        ),
        Feature(
            "product_price_28d",
            "Price per piece, last 28 days.",
            Unit.MONEY,
            Quotient("product_revenue_28d", "product_units_28d"),
        ),
    ),
)

CHANNEL_PERFORMANCE: Final = FeatureView(
    name="channel_performance",
    description="Media cost, visits and sales of a client by channel.",
    entity=CHANNEL,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("channel_ads_currency", "Currency of ad accounts.", Unit.CODE, Currency(_ADS)),
        Feature("channel_shop_currency", "Currency of orders.", Unit.CODE, Currency("orders")),
        *_spend("channel_"),
        *_totals("channel_clicks", "Clicks", Unit.COUNT, _ADS, "clicks"),
        *_totals("channel_sessions", "Visits", Unit.COUNT, _WEB, "sessions"),
        *_totals("channel_revenue", "Total price of orders", Unit.MONEY, "orders", "revenue"),
        *_counted("channel_orders", "Orders whose last visit came by it", "orders"),
        Feature(
            "channel_roas_28d",
            "Shop revenue per unit of media cost, last 28 days; where both are in one currency.",
            Unit.RATIO,
            Quotient("channel_revenue_28d", "channel_spend_28d"),
        ),
        Feature(
            "channel_orders_per_session_28d",
            "Shop orders per visit, last 28 days.",
            Unit.RATIO,
            Quotient("channel_orders_28d", "channel_sessions_28d"),
        ),
    ),
)

SEGMENT_SALES: Final = FeatureView(
    name="segment_sales",
    description="What a client's customers in one country bought.",
    entity=SEGMENT,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("segment_currency", "Currency of orders.", Unit.CODE, Currency("orders")),
        *_moving("segment_revenue", "Total price of orders", "orders", "revenue"),
        *_counted("segment_orders", "Orders", "orders"),
        Feature(
            "segment_average_order_value_28d",
            "Revenue per order, last 28 days.",
            Unit.MONEY,
            Quotient("segment_revenue_28d", "segment_orders_28d"),
        ),
    ),
)

VIEWS: Final[dict[str, FeatureView]] = {
    view.name: view
    for view in (
        CAMPAIGN_PERFORMANCE,
        AD_PERFORMANCE,
        PRODUCT_SALES,
        CLIENT_PERFORMANCE,
        CHANNEL_PERFORMANCE,
        SEGMENT_SALES,
    )
}


def fingerprint(*views: FeatureView) -> str:
    """Names the meaning of views' values: it changes when a definition does. 16 hex digits."""
    words = "\x1f".join(word for view in views for word in view.words())
    return hashlib.sha256(words.encode()).hexdigest()[:16]
