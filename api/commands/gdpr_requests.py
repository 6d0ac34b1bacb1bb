"""Requests of people, shown and taken in: `bosco gdpr requests list|show|new|letter`."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from api.commands.gdpr_person import read_person
from api.commands.lookup import find_agency, find_client, parse_day
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.ids import parse_id
from domain.privacy.rights import IntakeChannel, Right
from gdpr.requests.book import RequestLine, RequestView
from gdpr.requests.docket import REQUEST_PREFIX
from gdpr.requests.intake import Intake
from gdpr.requests.letters import LETTER_PREFIX

__all__ = ["list_requests", "new_request", "show_letter", "show_request"]

_COLUMNS: Final = ("id", "due (UTC)", "right", "state", "client", "identity", "came by")


async def list_requests(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests list`: the nearest deadline first."""
    tenant = await find_agency(runtime, arguments["tenant"])
    client_id = None
    if arguments["client"]:
        async with runtime.database.session(tenant.tenant_id) as session:
            client_id = (await find_client(session, arguments["client"])).id
    days = arguments["due_within"]
    lines = await runtime.requests.book.list_requests(
        tenant.tenant_id,
        has_ended=arguments["all"],
        due_before=None if days is None else runtime.clock() + dt.timedelta(days=days),
        client_id=client_id,
        limit=arguments["limit"],
    )
    rows = tuple(_row(line, runtime.clock()) for line in lines)
    yield TableEvent(f"requests of people to {tenant.slug}", _COLUMNS, rows)
    if rows:
        yield LineEvent(f"one in full: bosco gdpr requests show {tenant.slug} REQUEST")


async def show_request(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests show`: one with its story."""
    tenant = await find_agency(runtime, arguments["tenant"])
    view = await runtime.requests.book.show(
        tenant.tenant_id, parse_id(REQUEST_PREFIX, arguments["request"])
    )
    yield TableEvent("request", _COLUMNS, (_row(view.line, runtime.clock()),))
    for line in _told(view):
        yield LineEvent(line)
    if view.candidates:
        names = tuple((number, ", ".join(one)) for number, one in enumerate(view.candidates, 1))
        yield TableEvent("who may be meant", ("", "pseudonyms"), names)
    story = tuple(
        (f"{one.at:%Y-%m-%d %H:%M}", one.kind, one.actor, _words(one.details))
        for one in view.history
    )
    yield TableEvent("what happened", ("at (UTC)", "what", "by", "details"), story)
    letters = tuple(
        (one.public_id, one.kind.value, _day(one.written_at), _day(one.sent_at or one.handed_at))
        for one in view.letters
    )
    if letters:
        yield TableEvent("letters", ("id", "kind", "written", "sent or handed over"), letters)
    yield LineEvent(f"possible now: {', '.join(view.possible) or 'nothing: it has ended'}")


async def new_request(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests new`: what came by letter or telephone."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"]) if arguments["client"] else None
        who = await read_person(session, arguments["person"])
    time_zone = tenant.time_zone if client is None else client.time_zone
    intake = Intake(
        client_id=None if client is None else client.id,
        right=Right(arguments["right"]),
        channel=IntakeChannel.DESK,
        identifiers=who,
        received_at=_received(arguments["received"], time_zone, runtime.clock()),
        requested_by=arguments["actor"],
        language=arguments["language"],
    )
    received = await runtime.requests.desk.receive(tenant.tenant_id, intake)
    known = "" if received.is_new else ", which was there already"
    yield LineEvent(f"{received.public_id} is {received.state.value}{known}")


async def show_letter(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests letter`: its text; with `--handed-over` it waits no more."""
    tenant = await find_agency(runtime, arguments["tenant"])
    letter_id = parse_id(LETTER_PREFIX, arguments["letter"])
    if arguments["handed"]:
        await runtime.requests.letters.hand_over(
            tenant.tenant_id, letter_id, actor=arguments["actor"]
        )
    letter = await runtime.requests.letters.read(tenant.tenant_id, letter_id)
    for line in (letter.subject, "", *letter.text.splitlines()):
        yield LineEvent(line)


def _received(day: str | None, time_zone: str, now: dt.datetime) -> dt.datetime:
    """Noon of that day there, or now."""
    if day is None:
        return now
    noon = dt.datetime.combine(parse_day(day, "--received"), dt.time(12), ZoneInfo(time_zone))
    return min(noon.astimezone(dt.UTC), now)


def _row(line: RequestLine, now: dt.datetime) -> tuple[str, ...]:
    due = f"{line.due_at:%Y-%m-%d %H:%M}"
    if line.closed_at is not None:
        due = f"ended {line.closed_at:%Y-%m-%d}"
    elif line.paused_at is not None:
        due = "clock stands still"
    elif line.due_at <= now:
        due += " overdue"
    return (
        line.public_id,
        due,
        line.right.value,
        line.state.value,
        line.client,
        line.identity.value,
        line.channel.value,
    )


def _told(view: RequestView) -> list[str]:
    line = view.line
    told = [f"received {line.received_at:%Y-%m-%d %H:%M} UTC, by {view.requested_by}"]
    if line.assist_by is not None:
        told.append(f"the controller is to have our help by {line.assist_by:%Y-%m-%d %H:%M} UTC")
    if line.outcome is not None:
        told.append(f"outcome: {line.outcome.value}")
    told += [f"waits for {one}" for one in view.waits_for]
    if view.is_held:
        told.append("a legal hold keeps the data")
    if view.merged_into is not None:
        told.append(f"merged into {view.merged_into}")
    if view.failure is not None:
        told.append(f"failed: {view.failure} (attempt {view.attempts})")
    return told


def _words(details: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in details.items())


def _day(instant: dt.datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"
