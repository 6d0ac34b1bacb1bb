"""What officers do about requests of people: `bosco gdpr requests VERB`."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

from api.commands.lookup import find_agency, find_client, parse_day
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.ids import TenantId, parse_id, public_id
from domain.privacy.rights import RequestState
from gdpr.requests.docket import REQUEST_PREFIX
from gdpr.requests.holds import HOLD_PREFIX, NewHold
from gdpr.requests.identity import Proof
from gdpr.requests.lifting import NOTICE

__all__ = [
    "approve",
    "ask_identity",
    "choose",
    "countersign",
    "extend",
    "grant",
    "lift",
    "list_holds",
    "look_again",
    "nobody",
    "note",
    "put_hold",
    "refuse",
    "release_hold",
    "retry",
    "search",
    "tell_lifting",
    "vouch",
    "withdraw",
]


async def search(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests search`."""
    request, actor = await _request(runtime, arguments), arguments["actor"]
    yield _now(arguments, await runtime.requests.decisions.search(*request, actor=actor))


async def choose(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests choose`."""
    request, name = await _request(runtime, arguments), arguments["pseudonym"]
    state = await runtime.requests.decisions.choose_subject(
        *request, name, actor=arguments["actor"]
    )
    yield _now(arguments, state)


async def nobody(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests nobody`."""
    request, actor = await _request(runtime, arguments), arguments["actor"]
    yield _now(arguments, await runtime.requests.decisions.declare_nobody(*request, actor=actor))
    yield LineEvent("another officer has to countersign that")


async def ask_identity(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests ask-identity`."""
    request = await _request(runtime, arguments)
    asked = await runtime.requests.identity.ask(*request, actor=arguments["actor"])
    if asked.is_code_sent:
        yield LineEvent("a code is on its way to the address that the data carries")
    else:
        yield LineEvent("no code could be sent: ask by other means, then vouch")
    if asked.stands_since is None:
        yield LineEvent("it was asked too late for the clock to stand still")
    else:
        yield LineEvent(f"the clock stands still since {asked.stands_since:%Y-%m-%d %H:%M} UTC")


async def vouch(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests vouch`."""
    request, proof = await _request(runtime, arguments), Proof(arguments["proof"])
    state = await runtime.requests.identity.vouch(*request, proof, actor=arguments["actor"])
    yield _now(arguments, state)


async def approve(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests approve`."""
    request, actor = await _request(runtime, arguments), arguments["actor"]
    yield _now(arguments, await runtime.requests.decisions.approve(*request, actor=actor))


async def extend(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests extend`."""
    request, reason = await _request(runtime, arguments), arguments["reason"]
    state = await runtime.requests.decisions.extend(*request, reason, actor=arguments["actor"])
    yield _now(arguments, state)


async def refuse(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests refuse`."""
    request, reason = await _request(runtime, arguments), arguments["reason"]
    state = await runtime.requests.decisions.refuse(
        *request, reason, actor=arguments["actor"], remedy=arguments["remedy"]
    )
    yield _now(arguments, state)


async def grant(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests grant`."""
    request, reason = await _request(runtime, arguments), arguments["reason"]
    state = await runtime.requests.rulings.grant(*request, reason, actor=arguments["actor"])
    yield _now(arguments, state)


async def tell_lifting(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests tell-lifting`."""
    request, reason = await _request(runtime, arguments), arguments["reason"]
    letter = await runtime.requests.lifting.tell(*request, reason, actor=arguments["actor"])
    how = "the platform tells the person" if letter is None else "the letter is written"
    yield LineEvent(f"{how}; lift the restriction {NOTICE.days} days after the person was told")


async def lift(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests lift`."""
    request, reason = await _request(runtime, arguments), arguments["reason"] or ""
    count = await runtime.requests.lifting.lift(*request, reason, actor=arguments["actor"])
    yield LineEvent(f"the person is read again for {count} purpose{'' if count == 1 else 's'}")


async def withdraw(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests withdraw`."""
    request, actor = await _request(runtime, arguments), arguments["actor"]
    yield _now(arguments, await runtime.requests.decisions.withdraw(*request, actor=actor))


async def countersign(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests countersign`."""
    request, actor = await _request(runtime, arguments), arguments["actor"]
    yield _now(arguments, await runtime.requests.decisions.countersign(*request, actor=actor))


async def look_again(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests countersign --look-again`."""
    request, actor = await _request(runtime, arguments), arguments["actor"]
    yield _now(arguments, await runtime.requests.decisions.look_again(*request, actor=actor))


async def retry(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests retry`."""
    request = await _request(runtime, arguments)
    await runtime.requests.jobs.retry(*request, actor=arguments["actor"])
    yield LineEvent(f"{arguments['request']} is carried out again at once")


async def note(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests note`."""
    request, text = await _request(runtime, arguments), arguments["text"]
    await runtime.requests.decisions.note(*request, text, actor=arguments["actor"])
    yield LineEvent("noted")


async def put_hold(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests hold`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
    until = arguments["until"]
    expires_at = (
        None
        if until is None
        else dt.datetime.combine(
            parse_day(until, "--until"), dt.time(), ZoneInfo(client.time_zone)
        ).astimezone(dt.UTC)
    )
    hold = NewHold(
        client_id=client.id,
        basis=arguments["basis"],
        owner=arguments["owner"],
        pseudonym=arguments["person"],
        category=arguments["category"],
        expires_at=expires_at,
    )
    hold_id = await runtime.requests.holds.put(tenant.tenant_id, hold, actor=arguments["actor"])
    yield LineEvent(f"{public_id(HOLD_PREFIX, hold_id)} is in force")


async def list_holds(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests holds`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    holds = await runtime.requests.holds.list_in_force(tenant.tenant_id)
    rows = tuple(
        (
            public_id(HOLD_PREFIX, hold.id),
            "one person" if hold.subject_id else "everybody",
            hold.category or "all",
            hold.basis,
            hold.owner,
            f"{hold.expires_at:%Y-%m-%d %H:%M}" if hold.expires_at else "released",
        )
        for hold in holds
    )
    columns = ("id", "of", "data", "basis", "owner", "until (UTC)")
    yield TableEvent(f"legal holds of {tenant.slug}", columns, rows)


async def release_hold(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests release`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    freed = await runtime.requests.holds.release(
        tenant.tenant_id, parse_id(HOLD_PREFIX, arguments["hold"]), actor=arguments["actor"]
    )
    yield LineEvent(f"{arguments['hold']} is released; requests that go on: {freed}")


async def _request(runtime: Runtime, arguments: Arguments) -> tuple[TenantId, uuid.UUID]:
    tenant = await find_agency(runtime, arguments["tenant"])
    return tenant.tenant_id, parse_id(REQUEST_PREFIX, arguments["request"])


def _now(arguments: Arguments, state: RequestState) -> LineEvent:
    return LineEvent(f"{arguments['request']} is {state.value}")
