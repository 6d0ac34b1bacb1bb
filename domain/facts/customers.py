"""Shop customers, one row each."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Names, Role, Supersession
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    SHOP_COUNTRY,
    SHOP_CUSTOMER,
    SHOP_CUSTOMER_ID,
    SHOP_ORDER,
)

__all__ = ["CUSTOMERS"]

CUSTOMERS: Final = Fact(
    name="customers",
    grain="one row per (connection, customer); reporting_date is the day the customer was created",
    supersession=Supersession.KEY,
    key_holds=SHOP_CUSTOMER_ID,
    day_holds=SHOP_CUSTOMER,
    columns=(
        Column(
            "customer_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id.",
            required=True,
            names=Names.PERSON,
            holds=SHOP_CUSTOMER_ID,
        ),
        Column(
            "created_at",
            ColumnType.TIMESTAMP,
            Role.ATTRIBUTE,
            "UTC instant of creation.",
            required=True,
            holds=SHOP_CUSTOMER,
        ),
        Column(
            "country",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 3166-1 alpha-2 of the default address; NULL: none.",
            holds=SHOP_COUNTRY,
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
            "orders_to_date",
            ColumnType.INT64,
            Role.MEASURE,
            "Orders placed up to the sync.",
            holds=SHOP_ORDER,
        ),
    ),
    # What a row tells (orders to date) is of the instant at which it was told.
    happened_at="known_at",
)
