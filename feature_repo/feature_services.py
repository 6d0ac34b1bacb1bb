"""Sets of features that are used together, by what for."""

from dataclasses import dataclass
from typing import Final

from feature_repo.feature_views import (
    AD_PERFORMANCE,
    CAMPAIGN_PERFORMANCE,
    CHANNEL_PERFORMANCE,
    CLIENT_PERFORMANCE,
    PRODUCT_SALES,
    SEGMENT_SALES,
)

__all__ = ["SERVICES", "FeatureService"]


@dataclass(frozen=True, slots=True)
class FeatureService:
    """What a model or an integration reads.

    Attributes:
        name: Snake case; ends in the version of the set, which never changes.
        description: One sentence for people.
        view: Of which features.
        features: Names, in the order in which they are handed out.
    """

    name: str
    description: str
    view: str
    features: tuple[str, ...]


SERVICES: Final[dict[str, FeatureService]] = {
    service.name: service
    for service in (
        FeatureService(
            "campaign_pacing_v1",
            "How fast a campaign spends, and whether that changes.",
            CAMPAIGN_PERFORMANCE.name,
            (
                "currency",
                "spend_7d",
                "spend_28d",
                "spend_trend_7d",
                "days_since_spend",
                "days_reported_28d",
            ),
        ),
        FeatureService(
            "campaign_response_v1",
            "What a campaign's money brought, as the platform claims it.",
            CAMPAIGN_PERFORMANCE.name,
            (
                "currency",
                "spend_28d",
                "clicks_28d",
                "conversions_28d",
                "attributed_revenue_28d",
                "cpc_7d",
                "ctr_7d",
                "cpm_7d",
                "attributed_roas_28d",
            ),
        ),
        FeatureService(
            "client_sales_v1",
            "What a client's shop sold, and at what media cost.",
            CLIENT_PERFORMANCE.name,
            (
                "ads_currency",
                "shop_currency",
                "client_spend_28d",
                "client_spend_trend_7d",
                "revenue_28d",
                "orders_28d",
                "new_customers_28d",
                "refund_rate_28d",
                "roas_28d",
            ),
        ),
        FeatureService(
            "client_funnel_v1",
            "How many of a client's visitors stay, and how many buy.",
            CLIENT_PERFORMANCE.name,
            (
                "shop_currency",
                "sessions_7d",
                "sessions_28d",
                "engagement_rate_28d",
                "orders_28d",
                "orders_per_session_28d",
                "average_order_value_28d",
            ),
        ),
        FeatureService(
            "ad_response_v1",
            "What an ad's money brought, as the platform claims it.",
            AD_PERFORMANCE.name,
            (
                "ad_currency",
                "ad_spend_7d",
                "ad_spend_28d",
                "ad_spend_trend_7d",
                "ad_days_since_spend",
                "ad_clicks_28d",
                "ad_conversions_28d",
                "ad_cpc_7d",
                "ad_ctr_7d",
                "ad_attributed_roas_28d",
            ),
        ),
        FeatureService(
            "product_sales_v1",
            "What a shop sold of a product, and whether that changes.",
            PRODUCT_SALES.name,
            (
                "product_currency",
                "product_revenue_28d",
                "product_revenue_trend_7d",
                "product_units_7d",
                "product_units_28d",
                "product_days_since_sale",
                "product_price_28d",
            ),
        ),
        FeatureService(
            "channel_performance_v1",
            "What a client spends on a channel, and what comes by it.",
            CHANNEL_PERFORMANCE.name,
            (
                "channel_ads_currency",
                "channel_shop_currency",
                "channel_spend_28d",
                "channel_spend_trend_7d",
                "channel_sessions_28d",
                "channel_orders_28d",
                "channel_revenue_28d",
                "channel_roas_28d",
                "channel_orders_per_session_28d",
            ),
        ),
        FeatureService(
            "segment_sales_v1",
            "What a client's customers in one country bought.",
            SEGMENT_SALES.name,
            (
                "segment_currency",
                "segment_orders_28d",
                "segment_revenue_28d",
                "segment_revenue_trend_7d",
                "segment_average_order_value_28d",
            ),
        ),
    )
}
