"""One value at a time: the slow and exact way, and the rules in one place.

    provider's value -> convert -> Python value of the column's type, or ValueRefusedError

The columnar way (`ingestion.connector.columns`) takes whole columns and comes here only when a
column does not convert at once. Only documented forms are taken: no trimming, no guessing of
separators.

Sources: RFC 3339 and ISO 8601 for dates; ISO 4217 for minor units.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from domain.money import SCALE
from ingestion.connector.job import Account
from ingestion.connector.spec import Field, FieldType

__all__ = ["UnreadNumber", "ValueRefusedError", "add_up", "convert", "minor_digits", "shown"]

_STEP: Final = Decimal(1).scaleb(-SCALE)
_EXACT: Final = Context(prec=90)  # more digits than any number that passes
_LIMIT: Final = Decimal(10) ** 29
_INT64: Final = 2**63
_SHOWN: Final = 60
_MICRO_DIGITS: Final = 6
_MILLIS: Final = 1000
_ISO_DATE_LENGTH: Final = 10
_MAX_NUMBER_LENGTH: Final = 80

# ISO 4217: currencies that do not have two minor digits.
_MINOR_DIGITS: Final = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"),
            *("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


class ValueRefusedError(ValueError):
    """A value is not of its field's type.

    Attributes:
        reason: Stable code.
        message: For people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def minor_digits(currency: str) -> int:
    """Digits after the point that the currency's smallest coin has."""
    return _MINOR_DIGITS.get(currency, 2)


def shown(value: Any) -> str:
    """A value for a message: JSON, cut to 60 characters."""
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    text = str(value) if is_plain else orjson.dumps(value, default=str).decode()
    text = text.encode("utf-8", "replace").decode()
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def convert(field: Field, value: Any, account: Account) -> Any:
    """Read one value.

    Args:
        field: Whose value it is.
        value: As decoded from JSON, or a text from a file; not None.
        account: For minor units and local days.

    Returns:
        str, int, Decimal (nine decimals), float, date, aware datetime in UTC or bool.

    Raises:
        ValueRefusedError: Not a documented form of the type.
    """
    return _CONVERTERS[field.type](field, value, account)


def _string(field: Field, value: Any, _: Account) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueRefusedError("wrong_type", f"{shown(value)} is not text")
    if not _is_unicode(value):
        raise ValueRefusedError("bad_encoding", f"{shown(value)} has bytes that are no text")
    return value.removeprefix(field.strip) if field.strip else value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class UnreadNumber:
    """A text that does not have the separators that its file declares."""

    text: str


def _number(value: Any) -> Decimal:
    """A finite number of any form: JSON number or decimal text."""
    if isinstance(value, UnreadNumber):
        raise ValueRefusedError(
            "not_a_number", f"{shown(value.text)} is not a number with the declared separators"
        )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueRefusedError("wrong_type", f"{shown(value)} is not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueRefusedError("not_finite", f"{value} is not a finite number")
    text = repr(value) if isinstance(value, float) else str(value)
    if len(text) > _MAX_NUMBER_LENGTH or not text.isascii() or text != text.strip() or "_" in text:
        raise ValueRefusedError("not_a_number", f"{shown(value)} is not a number")
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueRefusedError("not_a_number", _number_hint(text)) from error
    if not number.is_finite():
        raise ValueRefusedError("not_finite", f"{shown(value)} is not a finite number")
    if number and number.adjusted() > SCALE + 20:
        raise ValueRefusedError("out_of_range", f"{shown(value)} has more than 29 digits")
    return number


def add_up(parts: Iterable[Any]) -> Any:
    """The sum of the numbers that are there, as text; `"0"` when none is.

    A part that is no number stands for the whole: typing says what is wrong with it.
    """
    total = Decimal(0)
    for part in parts:
        if part is not None:
            try:
                total = _EXACT.add(total, _number(part))
            except ValueRefusedError:
                return part
    return f"{total:f}"


def _number_hint(text: str) -> str:
    if text[:1].isdigit() and any(sign in text for sign in ",' "):
        return f"{shown(text)} is not a number; declare its separators (decimal, thousands)"
    return f"{shown(text)} is not a number"


def _int(field: Field, value: Any, _: Account) -> int:
    number = _number(value)
    whole = number.to_integral_value(ROUND_HALF_EVEN)
    if whole != number and not field.round:
        raise ValueRefusedError("not_whole", f"{shown(value)} is not a whole number")
    if not -_INT64 <= whole < _INT64:
        raise ValueRefusedError("out_of_range", f"{shown(value)} does not fit 64 bits")
    return int(whole)


def _scaled(number: Decimal) -> Decimal:
    if abs(number) >= _LIMIT:
        raise ValueRefusedError(
            "out_of_range", f"{number} has more than 29 digits before the point"
        )
    return number.quantize(_STEP, ROUND_HALF_EVEN, _EXACT)


def _decimal(_field: Field, value: Any, _: Account) -> Decimal:
    return _scaled(_number(value))


def _money(field: Field, value: Any, account: Account) -> Decimal:
    number = _number(value)
    if field.unit == "micros":
        number = number.scaleb(-_MICRO_DIGITS, _EXACT)
    elif field.unit == "minor":
        number = number.scaleb(-minor_digits(account.currency), _EXACT)
    return _scaled(number)


def _float(_field: Field, value: Any, _: Account) -> float:
    return float(_number(value))


def _date(field: Field, value: Any, _: Account) -> dt.date:
    if not isinstance(value, str):
        raise ValueRefusedError("wrong_type", f"{shown(value)} is not a date")
    refused = ValueRefusedError(
        "not_a_date", f"{shown(value)} is not a date like {field.format or 'YYYY-MM-DD'}"
    )
    if not field.format and len(value) != _ISO_DATE_LENGTH:
        raise refused
    try:
        return dt.datetime.strptime(value, field.format or "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError as error:
        raise refused from error


def _timestamp(field: Field, value: Any, _: Account) -> dt.datetime:
    if field.format.startswith("epoch_"):
        return _epoch(field, value)
    if not isinstance(value, str):
        raise ValueRefusedError("wrong_type", f"{shown(value)} is not an instant")
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueRefusedError(
            "not_an_instant", f"{shown(value)} is not an instant like 2026-03-01T09:30:00Z"
        ) from error
    if moment.tzinfo is None:
        raise ValueRefusedError("no_time_zone", f"{shown(value)} has no time zone")
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueRefusedError("out_of_range", f"{shown(value)} is out of range") from error


def _epoch(field: Field, value: Any) -> dt.datetime:
    seconds = _number(value)
    if field.format == "epoch_millis":
        seconds /= _MILLIS
    try:
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(
            microseconds=int(seconds * 1_000_000)
        )
    except OverflowError as error:
        raise ValueRefusedError("out_of_range", f"{shown(value)} is out of range") from error


def _local_date(field: Field, value: Any, account: Account) -> dt.date:
    return _timestamp(field, value, account).astimezone(ZoneInfo(account.time_zone)).date()


def _bool(_field: Field, value: Any, _: Account) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueRefusedError("not_a_bool", f"{shown(value)} is neither true nor false")


def _json(_field: Field, value: Any, _: Account) -> str:
    return orjson.dumps(value).decode()


_CONVERTERS: Final[dict[FieldType, Callable[[Field, Any, Account], Any]]] = {
    FieldType.STRING: _string,
    FieldType.INT: _int,
    FieldType.DECIMAL: _decimal,
    FieldType.MONEY: _money,
    FieldType.FLOAT: _float,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.LOCAL_DATE: _local_date,
    FieldType.BOOL: _bool,
    FieldType.JSON: _json,
}
