"""Money: an amount and its currency, exact to nine decimals.

    "12.30" EUR -> Money -> "12.30"

Amounts are `Decimal` with at most nine digits after the point and 29 before it: the range of
BigQuery NUMERIC, which every store of Bosco uses (`DECIMAL(38, 9)` in DuckDB).

Source: ISO 4217 for currency codes; BigQuery data types, NUMERIC.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.errors import InvalidInputError

__all__ = ["SCALE", "Currency", "Money", "format_amount", "parse_currency"]

SCALE: Final = 9
_MINIMUM_DECIMALS: Final = 2
_CODE: Final = re.compile(r"[A-Z]{3}")

Currency = str


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency; two currencies never mix in arithmetic."""

    amount: Decimal
    currency: Currency


def parse_currency(text: str) -> Currency:
    """Check the form of an ISO 4217 code.

    Raises:
        InvalidInputError: Not three capital letters.
    """
    if not _CODE.fullmatch(text):
        raise InvalidInputError(
            f"{text!r} is not a currency code", hint="use ISO 4217, for example EUR"
        )
    return text


def format_amount(amount: Decimal) -> str:
    """Write an amount as a plain decimal string with at least two and at most nine decimals.

    `Decimal("1E+1")` is `"10.00"`, `Decimal("0.1230")` is `"0.123"`.
    """
    text = f"{amount:.{SCALE}f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(_MINIMUM_DECIMALS, '0')}"
