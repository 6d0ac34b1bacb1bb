"""Addresses that an application may register: where people are sent back, where pages come from.

Sources: RFC 6749 section 3.1.2; RFC 8252 sections 7.1 to 7.3; RFC 9700 section 2.1; RFC 6454.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidInputError

__all__ = ["check_origin", "check_redirect_uri"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")  # a domain, reversed
_LETTERS: Final = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=\\-]|%[0-9A-Fa-f]{2})+")
_MAXIMUM_LENGTH: Final = 2_000
_HINT: Final = (
    "write https://host/path, http://127.0.0.1/path for a program on a desk, or "
    "com.example.app:/path for one on a phone"
)


def check_redirect_uri(uri: str) -> None:
    """Refuse an address that a code must not be sent to.

    Raises:
        InvalidInputError: Says what is wrong (whoever registers the application).
    """
    parts = _split(uri)
    if len(uri) > _MAXIMUM_LENGTH or not _LETTERS.fullmatch(uri):
        raise _refused(uri, "it is too long, or holds letters that no address has")
    if "#" in uri:
        raise _refused(uri, "it has a fragment")
    if "*" in uri:
        raise _refused(uri, "it has a wildcard; addresses are compared letter by letter")
    if "@" in parts.netloc or "\\" in uri:
        raise _refused(uri, "it names a user, or hides its host")
    if not _is_allowed(parts):
        raise _refused(uri, "it is neither https, nor this machine, nor a scheme of its own")


def check_origin(origin: str) -> None:
    """Refuse what no browser sends as the origin of a page that may call us.

    Raises:
        InvalidInputError: Says what is wrong (whoever registers the application).
    """
    parts = _split(origin)
    is_local = parts.scheme == "http" and parts.hostname in {*_LOOPBACK, "localhost"}
    is_bare = origin == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
    if not is_bare or not parts.hostname or not (parts.scheme == "https" or is_local):
        raise InvalidInputError(
            f"{origin!r} is not the origin of a page",
            hint="write https://host, with a port if it is not 443, and nothing behind it",
        )
    if origin != origin.lower() or "*" in origin:
        raise InvalidInputError(
            f"{origin!r} is not how a browser writes an origin", hint="write it in small letters"
        )


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise _refused(address, str(error)) from error
    return parts


def _is_allowed(parts: SplitResult) -> bool:
    if parts.scheme == "https":
        return bool(parts.hostname)
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK
    return bool(_PRIVATE_SCHEME.fullmatch(parts.scheme)) and not parts.netloc and bool(parts.path)


def _refused(address: str, reason: str) -> InvalidInputError:
    return InvalidInputError(f"{address!r} cannot be a redirect address: {reason}", hint=_HINT)
