"""Refunds of shop orders, one row each, on the day they were given."""

from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names, Role, Supersession
from domain.privacy.holds import ACCOUNT_SETTING, SHOP_ORDER, SHOP_ORDER_DETAIL

__all__ = ["REFUNDS"]

REFUNDS: Final = Fact(
    name="refunds",
    grain="one row per (connection, refund); reporting_date is the day of the refund",
    supersession=Supersession.KEY,
    key_holds=SHOP_ORDER,
    day_holds=SHOP_ORDER_DETAIL,
    columns=(
        Column(
            "refund_id",
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
            "refunded_at",
            ColumnType.TIMESTAMP,
            Role.ATTRIBUTE,
            "UTC instant of the refund.",
            required=True,
            erased=Erased.DAY,
            holds=SHOP_ORDER,
        ),
        Column(
            "channel",
            ColumnType.STRING,
            Role.DIMENSION,
            "Canonical channel of the order.",
            required=True,
            holds=SHOP_ORDER_DETAIL,
        ),
        Column(
            "country",
            ColumnType.STRING,
            Role.DIMENSION,
            "ISO 3166-1 alpha-2 of the order; NULL: none.",
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
            "refunded",
            ColumnType.NUMERIC,
            Role.MEASURE,
            "Amount given back, positive.",
            required=True,
            money=True,
            holds=SHOP_ORDER_DETAIL,
        ),
    ),
    outlives_person=True,
    happened_at="refunded_at",
)
