"""Public forms for people in the data: `bosco gdpr form-link`."""

from collections.abc import AsyncIterator

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent
from api.privacy.forms import PrivacyForms
from api.runtime import Runtime
from gdpr.inbound.inbox import Inbox
from tenancy.rate_limits import RateLimits

__all__ = ["link_form"]


async def link_form(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr form-link`: prints the address, once; or ends those that there are."""
    tenant = await find_agency(runtime, arguments["tenant"])
    forms = PrivacyForms(
        Inbox(runtime.database, runtime.doors, runtime.vault, runtime.clock, runtime.ids),
        RateLimits(runtime.redis, runtime.clock),
        runtime.random_bytes,
    )
    actor = arguments["actor"]
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        if arguments["revoke"]:
            ended = await forms.revoke_all(session, client, actor=actor)
            number = f"{ended} {'form' if ended == 1 else 'forms'}"
            told = [f"{number} of {client.slug} ended; what was sent goes on"]
        else:
            path = await forms.make(session, client, actor=actor)
            told = [
                f"form  {runtime.issuer}{path}",
                "the address is not shown again; put it into the client's privacy notice",
            ]
    for line in told:
        yield LineEvent(line)
