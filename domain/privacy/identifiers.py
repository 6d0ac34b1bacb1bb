"""What names a person, in one way of writing each.

    as somebody wrote it -> normalised -> keyed pseudonym (`tenancy.privacy.pseudonyms`)

Two spellings of one identifier become one text, so that they become one pseudonym. What a mailbox
provider makes of dots or `+tags` is its own rule and is left alone: two addresses that only one
provider thinks equal may belong to two people elsewhere.

Sources: RFC 5321 section 2.3.11 (letters' case of a mailbox), Unicode Standard Annex 15 (NFKC),
ITU-T E.164.
"""

import enum
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import phonenumbers

from domain.errors import InvalidInputError
from domain.ids import ConnectionId

__all__ = [
    "Identifier",
    "IdentifierKind",
    "email",
    "normalised_email",
    "order",
    "phone",
    "platform_id",
]

_LONGEST: Final = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
_EMAIL: Final = re.compile(r"[^@\s<>\"(),:;\[\]\\]+@(?:[^@\s<>\"(),:;\[\]\\.]+\.)+[^@\s.]{2,}")
_DIGITS: Final = re.compile(r"\d")
_FEWEST_DIGITS: Final = 4


class IdentifierKind(enum.Enum):
    """What sort of identifier.

    `PLATFORM`: a platform's id of a person, unique in its connection. `ORDER`: a platform's id of
    an order, unique in its connection; it names no person, but what a person did.
    """

    EMAIL = "email"
    PHONE = "phone"
    PLATFORM = "platform"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier, normalised. Make it by the functions below.

    Attributes:
        kind: What sort.
        value: Normalised text; personal data in the clear: not for logs, arguments of jobs or URLs.
        connection_id: Of `PLATFORM` and `ORDER`; else None.
    """

    kind: IdentifierKind
    value: str
    connection_id: ConnectionId | None = None

    def __repr__(self) -> str:
        return f"Identifier({self.kind.value})"


def normalised_email(text: str) -> str:
    """How an address is stored and looked for: NFKC, no surrounding space, letters folded."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def email(text: str) -> Identifier:
    """An address, normalised.

    Raises:
        InvalidInputError: It is no address (whoever wrote it can mend it). The message does not
            repeat it.
    """
    value = normalised_email(text)
    if len(value) > _LONGEST or not _EMAIL.fullmatch(value) or not value.isprintable():
        raise InvalidInputError(
            "that is not an e-mail address", hint="write it like ada@northwind.example"
        )
    return Identifier(IdentifierKind.EMAIL, value)


def phone(text: str, *, country: str = "") -> Identifier:
    """A number in E.164 where its country is told, by itself or by `country`; else its digits.

    Args:
        text: As somebody wrote it.
        country: ISO 3166-1 alpha-2 of where a number without country code is dialled; may be empty.

    Raises:
        InvalidInputError: Fewer than four digits. The message does not repeat the text.
    """
    digits = "".join(str(unicodedata.digit(found)) for found in _DIGITS.findall(text))
    if len(digits) < _FEWEST_DIGITS:
        raise InvalidInputError(
            "that is not a telephone number", hint="write it like +49 30 901820"
        )
    try:
        parsed = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException:
        return Identifier(IdentifierKind.PHONE, digits)
    return Identifier(
        IdentifierKind.PHONE,
        phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
    )


def platform_id(text: str, connection_id: ConnectionId) -> Identifier:
    """A platform's id of a person, as the facts of that connection carry it.

    Raises:
        InvalidInputError: Empty.
    """
    return Identifier(IdentifierKind.PLATFORM, _plain(text), connection_id)


def order(text: str, connection_id: ConnectionId) -> Identifier:
    """A platform's id of an order, as the facts of that connection carry it.

    Raises:
        InvalidInputError: Empty.
    """
    return Identifier(IdentifierKind.ORDER, _plain(text), connection_id)


def _plain(text: str) -> str:
    value = text.strip()
    if not value:
        raise InvalidInputError("the platform's id is empty")
    return value
