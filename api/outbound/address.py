"""Addresses that an agency names, read: https, no login, nothing hidden.

Where a host name leads is checked when something is sent, since that may change.
"""

from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidInputError

__all__ = ["read_url", "split_url"]

_NOWHERE = SplitResult("", "", "", "", "")


def read_url(text: str, *, named: str, example: str, is_production: bool) -> SplitResult:
    """The parts of a URL that messages can be sent to.

    Args:
        text: As it was given.
        named: What it is called in what is said of it.
        example: Of one that works.
        is_production: Refuses plain http.

    Raises:
        InvalidInputError: It cannot be used; says why, without the URL: it may hold a secret.
    """
    url = split_url(text)
    schemes = {"https"} if is_production else {"https", "http"}
    if url.scheme not in schemes or not url.hostname:
        raise InvalidInputError(f"{named} is no https:// URL", hint=f"write one like {example}")
    if url.username is not None or "#" in text:
        raise InvalidInputError(
            f"{named} holds a login or a fragment", hint=f"leave them out, as in {example}"
        )
    return url


def split_url(text: str) -> SplitResult:
    """The parts of a URL; of none when it is malformed."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return _NOWHERE
    return parts if text.isprintable() and " " not in text else _NOWHERE
