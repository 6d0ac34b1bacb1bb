"""E-mail addresses of people: one way to write each, so that two of them are compared as texts.

Source: RFC 5321 section 2.3.11 (only the host of a mailbox may tell its letters' case apart, and
none that people use does); Unicode Standard Annex 15 (NFKC).
"""

import re
import unicodedata
from typing import Final

from domain.errors import InvalidInputError

__all__ = ["check_email", "normalised_email"]

_LONGEST: Final = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
_SHAPE: Final = re.compile(r"[^@\s<>\"(),:;\[\]\\]+@(?:[^@\s<>\"(),:;\[\]\\.]+\.)+[^@\s.]{2,}")


def normalised_email(text: str) -> str:
    """How an address is stored and looked for."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def check_email(text: str) -> str:
    """The address as it is stored.

    Raises:
        InvalidInputError: It is none (whoever wrote it can mend it).
    """
    email = normalised_email(text)
    if len(email) > _LONGEST or not _SHAPE.fullmatch(email) or not email.isprintable():
        raise InvalidInputError(
            f"{text.strip()!r} is not an e-mail address", hint="write it like ada@northwind.example"
        )
    return email
