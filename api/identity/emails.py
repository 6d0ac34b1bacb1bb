"""E-mail addresses of users, written in the one way in which people are compared.

Source: RFC 5321 section 2.3.11 (only the host of a mailbox may tell its letters' case apart, and
none that people use does); Unicode Standard Annex 15 (NFKC).
"""

from domain.errors import InvalidInputError
from domain.privacy.identifiers import email

__all__ = ["check_email"]


def check_email(text: str) -> str:
    """The address as it is stored.

    Raises:
        InvalidInputError: It is none (whoever wrote it can mend it).
    """
    try:
        return email(text).value
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{text.strip()!r} is not an e-mail address", hint=error.hint
        ) from None
