"""Shop customers, one row each."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Names, Role, Supersession

__all__ = ["CUSTOMERS"]

CUSTOMERS: Final = Fact(
    name="customers",
    grain="one row per (connection, customer); reporting_date is the day the customer was created",
    supersession=Supersession.KEY,
    columns=(
        Column(
            "customer_id",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "Provider's id.",
            required=True,
            personal="user.unique_id",
            names=Names.PERSON,
        ),
        Column(
            "created_at",
            ColumnType.TIMESTAMP,
            Role.ATTRIBUTE,
            "UTC instant of creation.",
            required=True,
            personal="user.account",
        ),
        Column(
            "country",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 3166-1 alpha-2 of the default address; NULL: none.",
            personal="user.contact.address.country",
        ),
        Column(
            "time_zone",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "IANA zone of reporting_date.",
            required=True,
        ),
        Column(
            "orders_to_date",
            ColumnType.INT64,
            Role.MEASURE,
            "Orders placed up to the sync.",
            personal="user.behavior.purchase_history",
        ),
    ),
)
