"""Copies of people's data: `bosco gdpr link`."""

from collections.abc import AsyncIterator

from api.commands.gdpr_certificates import read_request_id
from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent
from api.runtime import Runtime
from gdpr.access.link_letter import LinkLetters

__all__ = ["make_link"]


async def make_link(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr link`: the link is shown once, or told to the person by letter.

    Raises:
        NotFoundError: The agency has no export for such a request, or it is over.
        ConflictError: It is not told by letter.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    if arguments["letter"]:
        services = runtime.requests.letters.services
        letter = await LinkLetters(services, runtime.exports, runtime.issuer).write(
            tenant.tenant_id, read_request_id(arguments["request"]), actor=arguments["actor"]
        )
        yield LineEvent(f"letter {letter} tells the person the link")
        yield LineEvent(
            "it is sent to an address that the data carries; where that is not possible, hand it"
            f" over: bosco gdpr requests letter {tenant.slug} {letter}"
        )
        return
    async with runtime.database.session(tenant.tenant_id) as session:
        link = await runtime.exports.make_link(
            session, read_request_id(arguments["request"]), actor=arguments["actor"]
        )
    yield LineEvent(f"{runtime.issuer}/privacy/export/{link.token}")
    yield LineEvent(
        f"it works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC; send it to the person alone"
    )
