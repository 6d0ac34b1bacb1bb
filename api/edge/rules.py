"""The rules of the edge: how much, how long, how many, and whom to believe.

settings + defaults -> EdgeRules -> the middleware of `api/app.py`, the server of `api/http.py`
"""

from dataclasses import dataclass, field
from typing import Final

from api.edge.client_address import Network
from tenancy.rate_limits import RateLimit

__all__ = ["CALLS_PER_MINUTE", "FAILED_ATTEMPTS", "EdgeRules", "RequestLimits"]

CALLS_PER_MINUTE: Final = 600  # of an app whose agency has not said
FAILED_ATTEMPTS: Final = RateLimit("failed_attempts", 60, 60, guards_secrets=True)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one client may take of this process.

    Attributes:
        url_bytes: Of path and query together.
        header_bytes: Of all names and values; an access token may be 8 KiB.
        header_count: Lines.
        body_bytes: Of routes that do not measure it themselves.
        header_seconds: From the first byte of a request, or the connection's start, to its body.
        body_seconds: From there to the body's last byte.
        write_seconds: How long a client may read nothing of a long answer.
        keep_alive_seconds: How long a connection may be idle between requests.
        shutdown_seconds: How long requests may still run after the server was told to stop.
        requests: At once.
        connections: At once, idle ones too.
    """

    url_bytes: int = 8_192
    header_bytes: int = 32_768
    header_count: int = 100
    body_bytes: int = 65_536
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    write_seconds: float = 30.0
    keep_alive_seconds: int = 15
    shutdown_seconds: int = 20
    requests: int = 256
    connections: int = 2_048


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """How the edge treats requests.

    Attributes:
        issuer: Our address as clients see it, without a slash at the end.
        is_production: Browsers are told to come by https only, if `issuer` does.
        trusted_proxies: Whose word about the client's address counts.
        calls_per_minute: Of an app whose agency has not said.
        failed_attempts: Of one address at the token endpoint and those beside it.
    """

    issuer: str
    is_production: bool
    trusted_proxies: tuple[Network, ...] = ()
    limits: RequestLimits = field(default_factory=RequestLimits)
    calls_per_minute: int = CALLS_PER_MINUTE
    failed_attempts: RateLimit = FAILED_ATTEMPTS
