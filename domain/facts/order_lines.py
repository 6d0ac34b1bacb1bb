"""What was in the orders, one row per line."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names, Role, Supersession
from domain.privacy.holds import ACCOUNT_SETTING, SHOP_ORDER, SHOP_ORDER_DETAIL

__all__ = ["ORDER_LINES"]

ORDER_LINES: Final = Fact(
    name="order_lines",
    grain="one row per (connection, order line); reporting_date is the day the order was placed",
    supersession=Supersession.KEY,
    key_holds=SHOP_ORDER,
    day_holds=SHOP_ORDER_DETAIL,
    columns=(
        Column(
            "order_line_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id.",
            required=True,
            erased=Erased.SURROGATE,
            holds=SHOP_ORDER,
        ),
        Column(
            "order_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id of the order.",
            required=True,
            names=Names.ORDER,
            erased=Erased.SURROGATE,
            holds=SHOP_ORDER,
        ),
        Column(
            "product_id",
            ColumnType.STRING,
            Role.DIMENSION,
            "Provider's id; NULL: the product is gone, or the line never had one.",
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "product_name",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Name when it was ordered.",
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "variant_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id; NULL: none.",
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "sku",
            ColumnType.STRING,
            Role.DIMENSION,
            "The shop's own article number.",
            holds=SHOP_ORDER_DETAIL,
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
            "units",
            ColumnType.INT64,
            Role.MEASURE,
            "Pieces ordered, before refunds.",
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "line_revenue",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Price of the line after its discounts, without shipping, as the shop shows it.",
            required=True,
            money=True,
            holds=SHOP_ORDER_DETAIL,
        ),
    ),
    books_sales=True,
    outlives_person=True,
)
