"""Copies of people's data: `bosco gdpr link`."""

from collections.abc import AsyncIterator

from api.commands.gdpr_certificates import read_request_id
from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent
from api.runtime import Runtime

__all__ = ["make_link"]


async def make_link(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr link`: the link is shown once, and kept nowhere.

    Raises:
        NotFoundError: The agency has no export for such a request, or it is over.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        link = await runtime.exports.make_link(
            session, read_request_id(arguments["request"]), actor=arguments["actor"]
        )
    yield LineEvent(f"{runtime.issuer}/privacy/export/{link.token}")
    yield LineEvent(
        f"it works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC; send it to the person alone"
    )
