"""Refunds of shop orders, one row each, on the day they were given."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names, Role, Supersession

__all__ = ["REFUNDS"]

REFUNDS: Final = Fact(
    name="refunds",
    grain="one row per (connection, refund); reporting_date is the day of the refund",
    supersession=Supersession.KEY,
    columns=(
        Column(
            "refund_id",
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
            "refunded_at",
            ColumnType.TIMESTAMP,
            Role.ATTRIBUTE,
            "UTC instant of the refund.",
            required=True,
            personal="user.behavior.purchase_history",
            erased=Erased.DAY,
        ),
        Column(
            "channel",
            ColumnType.STRING,
            Role.DIMENSION,
            "Canonical channel of the order.",
            required=True,
        ),
        Column(
            "country",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 3166-1 alpha-2 of the order; NULL: none.",
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
            "refunded",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Amount given back, positive.",
            required=True,
            money=True,
        ),
    ),
    outlives_person=True,
)
