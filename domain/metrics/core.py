"""The metrics that every agency has.

    facts -> CORE_METRICS -> catalogue

Revenue follows the shops' own "total sales": every order counts on the day it was placed, with tax
and shipping, after discounts, cancelled ones too; what is given back counts as a refund on the day
it is given. `net_revenue` is the one minus the other. Source: Shopify Help Center, "Sales reports"
(total sales, returns).

What a platform credits itself with (conversions, attributed revenue, key events, purchase revenue)
stands beside what the shop sold and is never added to it, nor to another platform's. Decision:
ADR-0010.
"""

from typing import Final

from domain.metrics.definition import Aggregation, DerivedMetric, Metric, SimpleMetric, Unit

__all__ = ["CORE_METRICS"]

_SUM: Final = Aggregation.SUM
_COUNT: Final = Aggregation.COUNT


def _simple(  # one row of the table below
    name: str, description: str, source: str, unit: Unit, aggregation: Aggregation = _SUM
) -> SimpleMetric:
    fact, column = source.split(".")
    return SimpleMetric(name, _label(name), description, fact, column, aggregation, unit)


def _derived(name: str, label: str, expression: str, description: str) -> DerivedMetric:
    return DerivedMetric(name, label, description, expression)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


CORE_METRICS: Final[tuple[Metric, ...]] = (
    _simple("spend", "Media cost as the ad platforms report it.", "ads_daily.spend", Unit.MONEY),
    _simple("impressions", "Times ads were shown.", "ads_daily.impressions", Unit.COUNT),
    _simple("clicks", "Clicks on ads.", "ads_daily.clicks", Unit.COUNT),
    _simple(
        "conversions",
        "Conversions as the ad platforms attribute them; fractional.",
        "ads_daily.conversions",
        Unit.NUMBER,
    ),
    _simple(
        "attributed_revenue",
        "Conversion value as the ad platforms attribute it; platforms may claim the same sale.",
        "ads_daily.attributed_revenue",
        Unit.MONEY,
    ),
    _simple(
        "revenue",
        "Total price of orders on the day they were placed: after discounts, with tax and "
        "shipping, before refunds, cancelled orders included (exclude them by order_status).",
        "orders.revenue",
        Unit.MONEY,
    ),
    _simple(
        "orders",
        "Orders on the day they were placed, cancelled ones included.",
        "orders.order_id",
        Unit.COUNT,
        _COUNT,
    ),
    _simple("discounts", "Discounts given on orders.", "orders.discounts", Unit.MONEY),
    _simple(
        "refunds",
        "Money given back, on the day of the refund.",
        "refunds.refunded",
        Unit.MONEY,
    ),
    _simple(
        "new_customers",
        "Customers created in the shop, on the day of their creation.",
        "customers.customer_id",
        Unit.COUNT,
        _COUNT,
    ),
    _simple("units_sold", "Pieces ordered, less those taken out.", "order_lines.units", Unit.COUNT),
    _simple(
        "item_revenue",
        "Price of the ordered lines after their discounts, without shipping, as the shop shows it, "
        "on the day of the order.",
        "order_lines.line_revenue",
        Unit.MONEY,
    ),
    _simple("sessions", "Visits, as web analytics counts them.", "web_daily.sessions", Unit.COUNT),
    _simple(
        "engaged_sessions",
        "Visits that lasted, converted or saw two pages.",
        "web_daily.engaged_sessions",
        Unit.COUNT,
    ),
    _simple(
        "new_users",
        "First visits of a device or signed-in person.",
        "web_daily.new_users",
        Unit.COUNT,
    ),
    _simple("page_views", "Pages or screens seen.", "web_daily.page_views", Unit.COUNT),
    _simple(
        "key_events",
        "Events that the web property marks as key, credited by its own model; fractional.",
        "web_daily.key_events",
        Unit.NUMBER,
    ),
    _simple(
        "purchase_revenue",
        "Purchases that web analytics saw, credited by its own model.",
        "web_daily.purchase_revenue",
        Unit.MONEY,
    ),
    _derived("net_revenue", "Net revenue", "revenue - refunds", "Revenue less refunds."),
    _derived(
        "average_order_value", "Average order value", "revenue / orders", "Revenue per order."
    ),
    _derived("roas", "ROAS", "revenue / spend", "Shop revenue per unit of media cost."),
    _derived(
        "attributed_roas",
        "Attributed ROAS",
        "attributed_revenue / spend",
        "Revenue that the ad platforms attribute to themselves per unit of media cost.",
    ),
    _derived("cpc", "CPC", "spend / clicks", "Media cost per click."),
    _derived("cpm", "CPM", "spend / impressions * 1000", "Media cost per thousand impressions."),
    _derived("ctr", "CTR", "clicks / impressions", "Clicks per impression, a fraction."),
    _derived(
        "conversion_rate",
        "Conversion rate",
        "conversions / clicks",
        "Attributed conversions per click, a fraction.",
    ),
    _derived(
        "cost_per_conversion",
        "Cost per conversion",
        "spend / conversions",
        "Media cost per attributed conversion.",
    ),
    _derived("cost_per_order", "Cost per order", "spend / orders", "Media cost per shop order."),
    _derived(
        "engagement_rate",
        "Engagement rate",
        "engaged_sessions / sessions",
        "Engaged visits per visit, a fraction.",
    ),
    _derived(
        "key_events_per_session",
        "Key events per session",
        "key_events / sessions",
        "Key events per visit; a visit may have several.",
    ),
    _derived(
        "orders_per_session",
        "Orders per session",
        "orders / sessions",
        "Shop orders per visit that web analytics saw, a fraction.",
    ),
)
