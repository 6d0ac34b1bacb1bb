"""Keys that sign access tokens and certificates: `bosco keys`."""

from collections.abc import AsyncIterator

import structlog

from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.oauth.signing_keys import RELOAD_EVERY
from api.runtime import Runtime
from gdpr.evidence.keys import ALGORITHM as CERTIFICATES
from tenancy.tables import SigningKey

__all__ = ["list_keys", "revoke_key"]

_LOG = structlog.get_logger(__name__)


async def list_keys(runtime: Runtime, _: Arguments) -> AsyncIterator[Event]:
    """`bosco keys list`."""
    rows = tuple(
        (key.kid, key.algorithm, f"{key.created_at:%Y-%m-%d %H:%M}", _state(key))
        for key in await runtime.signing_keys.list_keys()
    )
    yield TableEvent("signing keys", ("key", "algorithm", "made", "state"), rows)


async def revoke_key(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco keys revoke`."""
    revoked = await runtime.signing_keys.revoke(arguments["key"])
    _LOG.warning("signing_key_revoked", key=arguments["key"], actor=arguments["actor"])
    if revoked.algorithm == CERTIFICATES:
        yield LineEvent(
            f"{revoked.kid} is revoked: certificates that it signed prove nothing; hand out the "
            "list of bosco gdpr keys anew"
        )
        return
    minutes = int(RELOAD_EVERY.total_seconds() // 60)
    yield LineEvent(
        f"{arguments['key']} is revoked: its tokens are refused within {minutes} minutes, and "
        "apps ask for new ones"
    )


def _state(key: SigningKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    signed = "certificates" if key.algorithm == CERTIFICATES else "tokens"
    return f"verifies old {signed}" if key.retired_at is not None else "in force"
