"""The table of features. Everything else is derived from it.

a row here -> SQL, stored value, GraphQL field, column of `bosco features show`, Feast field

Add a feature by adding a row: the fingerprint changes, old values are no longer served, and the
next publication computes new ones.
"""

import hashlib
from typing import Final

from domain.privacy.holds import AGGREGATE_FIGURES
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


def _spend(prefix: str) -> tuple[Feature, ...]:
    """Spend, and how it moves; the same for campaigns and clients."""
    return (
        *_totals(f"{prefix}spend", "Media cost", Unit.MONEY, _ADS, "spend"),
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


CAMPAIGN_PERFORMANCE: Final = FeatureView(
    name="campaign_performance",
    description="Delivery, cost and claimed results of a campaign.",
    entity=CAMPAIGN,
    ttl_seconds=_TTL_SECONDS,
    holds=AGGREGATE_FIGURES,
    features=(
        Feature("currency", "Currency of the account, ISO 4217.", Unit.CODE, Currency(_ADS)),
        *_spend(""),
        *_totals("impressions", "Times shown", Unit.COUNT, _ADS, "impressions"),
        *_totals("clicks", "Clicks", Unit.COUNT, _ADS, "clicks"),
        *_totals(
            "conversions",
            "Conversions that the platform claims",
            Unit.NUMBER,
            _ADS,
            "conversions",
        ),
        *_totals(
            "attributed_revenue",
            "Value that the platform claims",
            Unit.MONEY,
            _ADS,
            "attributed_revenue",
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

VIEWS: Final[dict[str, FeatureView]] = {
    view.name: view for view in (CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE)
}


def fingerprint(*views: FeatureView) -> str:
    """Names the meaning of views' values: it changes when a definition does. 16 hex digits."""
    words = "\x1f".join(word for view in views for word in view.words())
    return hashlib.sha256(words.encode()).hexdigest()[:16]
