"""Sets of features that are used together, by what for."""

from dataclasses import dataclass
from typing import Final

from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE

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
    )
}
