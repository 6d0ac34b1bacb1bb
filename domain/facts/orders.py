"""Shop orders, one row each."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names, Role, Supersession
from domain.privacy.holds import ACCOUNT_SETTING, SHOP_CUSTOMER_ID, SHOP_ORDER, SHOP_ORDER_DETAIL

__all__ = ["ORDERS", "ORDER_STATUSES"]

ORDER_STATUSES: Final = ("open", "paid", "partially_refunded", "refunded", "cancelled", "other")

ORDERS: Final = Fact(
    name="orders",
    grain="one row per (connection, order); reporting_date is the day the order was placed",
    supersession=Supersession.KEY,
    key_holds=SHOP_ORDER,
    day_holds=SHOP_ORDER_DETAIL,
    columns=(
        Column(
            "order_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id.",
            required=True,
            names=Names.ORDER,
            erased=Erased.SURROGATE,
            holds=SHOP_ORDER,
        ),
        Column(
            "customer_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id; NULL: guest.",
            names=Names.PERSON,
            erased=Erased.CLEARED,
            holds=SHOP_CUSTOMER_ID,
        ),
        Column(
            "ordered_at",
            ColumnType.TIMESTAMP,
            Role.ATTRIBUTE,
            "UTC instant of the order.",
            required=True,
            erased=Erased.DAY,
            holds=SHOP_ORDER,
        ),
        Column(
            "channel",
            ColumnType.STRING,
            Role.DIMENSION,
            "Canonical channel of the last visit before the order.",
            required=True,
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "order_status",
            ColumnType.STRING,
            Role.DIMENSION,
            "Canonical status.",
            required=True,
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "country",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 3166-1 alpha-2 of the shipping, else billing address; NULL: none.",
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "currency",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 4217 code of the shop.",
            required=True,
            holds=ACCOUNT_SETTING,
        ),
        Column(
            "time_zone",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "IANA zone of reporting_date.",
            required=True,
            holds=ACCOUNT_SETTING,
        ),
        Column(
            "revenue",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Total price when placed: after discounts, with tax and shipping, before refunds.",
            required=True,
            money=True,
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "discounts",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Discounts given.",
            money=True,
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "tax",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Tax in revenue.",
            money=True,
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "shipping",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Shipping in revenue.",
            money=True,
            holds=SHOP_ORDER_DETAIL,
        ),
    ),
    books_sales=True,
    outlives_person=True,
    happened_at="ordered_at",
)
