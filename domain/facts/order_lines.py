"""What was in the orders, one row per line."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names, Role, Supersession

__all__ = ["ORDER_LINES"]

ORDER_LINES: Final = Fact(
    name="order_lines",
    grain="one row per (connection, order line); reporting_date is the day the order was placed",
    supersession=Supersession.KEY,
    columns=(
        Column(
            "order_line_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id.",
            required=True,
            personal="user.behavior.purchase_history",
            erased=Erased.SURROGATE,
        ),
        Column(
            "order_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id of the order.",
            required=True,
            personal="user.behavior.purchase_history",
            names=Names.ORDER,
            erased=Erased.SURROGATE,
        ),
        Column(
            "product_id",
            ColumnType.STRING,
            Role.DIMENSION,
            "Provider's id; NULL: the product is gone, or the line never had one.",
        ),
        Column("product_name", ColumnType.STRING, Role.ATTRIBUTE, "Name when it was ordered."),
        Column("variant_id", ColumnType.STRING, Role.ATTRIBUTE, "Provider's id; NULL: none."),
        Column("sku", ColumnType.STRING, Role.DIMENSION, "The shop's own article number."),
        Column(
            "channel",
            ColumnType.STRING,
            Role.DIMENSION,
            "Canonical channel of the last visit before the order.",
            required=True,
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
            "units",
            ColumnType.INT64,
            Role.MEASURE,
            "Pieces ordered, before refunds.",
        ),
        Column(
            "line_revenue",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Price of the line after its discounts, without shipping, as the shop shows it.",
            required=True,
            money=True,
        ),
    ),
    books_sales=True,
    outlives_person=True,
)
