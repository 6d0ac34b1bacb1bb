"""The network address of whoever sent a request.

    socket -> a trusted proxy? -> X-Forwarded-For from the right, past trusted proxies -> address

Each proxy appends the address that it saw, so only the entries that trusted ones wrote can be
believed: the rightmost that is not itself a trusted proxy. What a client wrote stands left of it.

Source: MDN, X-Forwarded-For, "Selecting an IP address", read 2026-11.
"""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["Network", "client_address"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The address of the client, or of the last proxy that is not trusted.

    Args:
        scope: Of an HTTP request.
        trusted: Networks of the proxies in front of this server.

    Returns:
        An IP address; for a socket without one (a Unix socket), an empty text.
    """
    client = scope.get("client")
    address = "" if client is None else str(client[0])
    if not _is_trusted(address, trusted):
        return address
    told = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    for hop in reversed(told.split(",")):
        parsed = _parse(hop.strip())
        if parsed is None:
            break  # empty or no address: nothing left of it was written by a trusted proxy
        address = str(parsed)
        if not _is_trusted(address, trusted):
            break
    return address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _parse(text: str) -> _Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
