"""Money: plain decimal strings and currency codes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.money import format_amount, parse_currency


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("1E+1", "10.00"),
        ("12.3", "12.30"),
        ("-0.1230", "-0.123"),
        ("0.000000001", "0.000000001"),
        ("99999999999999999999999999999.999999999", "99999999999999999999999999999.999999999"),
    ],
)
def test_writes_plain_decimals(amount: str, text: str) -> None:
    assert format_amount(Decimal(amount)) == text


@given(
    st.decimals(
        places=9, allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15
    )
)
def test_loses_nothing(amount: Decimal) -> None:
    assert Decimal(format_amount(amount)) == amount


def test_accepts_an_iso_code() -> None:
    assert parse_currency("EUR") == "EUR"


@pytest.mark.parametrize("text", ["", "eur", "EURO", "€", "EU1"])
def test_refuses_other_words(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a currency code"):
        parse_currency(text)
