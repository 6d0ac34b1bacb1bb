"""Shop orders, one row each."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names, Role, Supersession

__all__ = ["ORDERS", "ORDER_STATUSES"]

ORDER_STATUSES: Final = ("open", "paid", "partially_refunded", "refunded", "cancelled", "other")

ORDERS: Final = Fact(
    name="orders",
    grain="one row per (connection, order); reporting_date is the day the order was placed",
    supersession=Supersession.KEY,
    columns=(
        Column(
            "order_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id.",
            required=True,
            personal="user.behavior.purchase_history",
            names=Names.ORDER,
            erased=Erased.SURROGATE,
        ),
        Column(
            "customer_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id; NULL: guest.",
            personal="user.unique_id",
            names=Names.PERSON,
            erased=Erased.CLEARED,
        ),
        Column(
            "ordered_at",
            ColumnType.TIMESTAMP,
            Role.ATTRIBUTE,
            "UTC instant of the order.",
            required=True,
            personal="user.behavior.purchase_history",
            erased=Erased.DAY,
        ),
        Column(
            "channel",
            ColumnType.STRING,
            Role.DIMENSION,
            "Canonical channel of the last visit before the order.",
            required=True,
        ),
        Column(
            "order_status", ColumnType.STRING, Role.DIMENSION, "Canonical status.", required=True
        ),
        Column(
            "country",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 3166-1 alpha-2 of the shipping, else billing address; NULL: none.",
        ),
        Column(
            "currency",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 4217 code of the shop.",
            required=True,
        ),
        Column(
            "time_zone",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "IANA zone of reporting_date.",
            required=True,
        ),
        Column(
            "revenue",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Total price when placed: after discounts, with tax and shipping, before refunds.",
            required=True,
            money=True,
        ),
        Column("discounts", ColumnType.NUMERIC, Role.MEASURE, "Discounts given.", money=True),
        Column("tax", ColumnType.NUMERIC, Role.MEASURE, "Tax in revenue.", money=True),
        Column("shipping", ColumnType.NUMERIC, Role.MEASURE, "Shipping in revenue.", money=True),
    ),
    books_sales=True,
    outlives_person=True,
)
