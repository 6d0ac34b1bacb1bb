"""Consent by command: `bosco gdpr consent record|show|prove` and `notice add`.

file of words, a line each -> signals read -> ConsentDesk -> receipts
file that names a person -> how they stood to each purpose -> the words that say so
receipts -> signed, a line each
"""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from api.commands.gdpr_person import read_person
from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import ClientId, parse_id, public_id
from domain.privacy.identifiers import Identifier
from domain.privacy.purposes import SUPPRESSIBLE, Purpose
from domain.privacy.signals.consent_mode import read_consent_mode
from domain.privacy.signals.gpc import read_gpc
from domain.privacy.signals.platform_flag import read_platform_flag
from domain.privacy.signals.signal import Signal
from domain.privacy.signals.tcf import signal_of
from gdpr.consent.desk import MOST_WORDS
from gdpr.consent.proof import ConsentStanding
from gdpr.consent.words import ConsentWord
from tenancy import audit
from tenancy.session import TenantSession

__all__ = ["add_notice", "prove_consent", "record_consent", "show_consent"]

_NAMING: Final = ("email", "phone", "customer")
_SIGNALS: Final = ("consentMode", "gpc", "tcString", "flag")
_KNOWN: Final = frozenset((*_NAMING, *_SIGNALS, "at", "notice"))
_INSTANT: Final = "2026-03-01T12:00:00Z"


async def record_consent(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr consent record`: what people said; all of it, or nothing."""
    tenant = await find_agency(runtime, arguments["tenant"])
    given = arguments["words"]
    if len(given) > MOST_WORDS:
        raise InvalidInputError(
            f"record between 1 and {MOST_WORDS:,} words at a time, not {len(given):,}",
            hint=f"split the file: split -l {MOST_WORDS}",
        )
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        words = [
            await _word(session, client.id, one, line) for line, one in enumerate(given, start=1)
        ]
        done = await runtime.edge.consent.record(session, words, actor=arguments["actor"])
    rows = tuple(
        (str(line), "nothing kept: erased, or it says nothing")
        if one.receipt_id is None
        else (str(line), public_id("rcp", one.receipt_id))
        for line, one in enumerate(done, start=1)
    )
    yield TableEvent(f"words of people to {client.slug}", ("line", "receipt"), rows)
    kept = sum(one.receipt_id is not None for one in done)
    yield LineEvent(f"recorded {kept:,} of {len(done):,}; what was denied is not read any more")


async def show_consent(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr consent show`: how somebody stood to each purpose; looking is on record."""
    tenant = await find_agency(runtime, arguments["tenant"])
    at = _instant(arguments["at"], "--at") if arguments["at"] else runtime.clock()
    known_by = _instant(arguments["known_by"], "--known-by") if arguments["known_by"] else None
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        named = await _named(session, arguments["person"])
        standing = await runtime.edge.consent_proof.standing(
            session, client.id, named, at, known_by=known_by
        )
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
            action="consent.read",
            object_kind="client",
            object_id=str(client.id),
            details={},
        )
    states = tuple(
        (one.purpose.value, "nothing said" if one.state is None else one.state.value)
        for one in standing
    )
    yield TableEvent(f"at {_shown(at)} UTC", ("purpose", "state"), states)
    words = tuple(row for one in standing for row in _rows(one))
    if words:
        columns = ("purpose", "source", "state", "said (UTC)", "recorded (UTC)", "receipt")
        yield TableEvent("words that counted", columns, words)
        yield LineEvent(f"prove them: bosco gdpr consent prove {tenant.slug} RECEIPT")


async def prove_consent(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr consent prove`: signed receipts, a line each, in the order asked for."""
    tenant = await find_agency(runtime, arguments["tenant"])
    wanted = {name: parse_id("rcp", name) for name in arguments["receipts"]}
    async with runtime.database.session(tenant.tenant_id) as session:
        signed = await runtime.edge.consent_proof.receipts(session, list(wanted.values()))
    for name, receipt_id in wanted.items():
        if receipt_id not in signed:
            raise NotFoundError(
                f"the agency has no receipt {name}",
                hint=f"bosco gdpr consent show {tenant.slug} tells a person's receipts",
            )
    for receipt_id in wanted.values():
        yield LineEvent(signed[receipt_id])


async def add_notice(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr consent notice add`: what people are told from now on."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        digest = await runtime.edge.consent.add_notice(
            session,
            client.id,
            arguments["version"],
            arguments["language"],
            arguments["text"],
            actor=arguments["actor"],
        )
    yield LineEvent(f"notice {arguments['version']} of {client.slug} is kept, SHA-256 {digest}")


async def _word(
    session: TenantSession, client_id: ClientId, given: Mapping[str, Any], line: int
) -> ConsentWord:
    try:
        if unknown := sorted(given.keys() - _KNOWN):
            raise InvalidInputError(
                f"{unknown[0]!r} is unknown", hint=f"one of {', '.join(sorted(_KNOWN))}"
            )
        person = {name: _text(given[name], name) for name in _NAMING if name in given}
        return ConsentWord(
            client_id=client_id,
            identifiers=await _named(session, person),
            signal=_signal(given),
            effective_at=_instant(_text(given.get("at"), "at"), "at"),
            notice_version=_text(given.get("notice", ""), "notice"),
        )
    except UserError as error:
        raise InvalidInputError(f"line {line}: {error.message}", hint=error.hint) from None


async def _named(session: TenantSession, person: Mapping[str, str]) -> tuple[Identifier, ...]:
    if not person or not person.keys() <= set(_NAMING):
        raise InvalidInputError("nobody is named", hint=f"give {', '.join(_NAMING)}, nothing else")
    return await read_person(session, person)


def _signal(given: Mapping[str, Any]) -> Signal:
    told = [name for name in _SIGNALS if name in given]
    if len(told) != 1:
        raise InvalidInputError("give exactly one signal", hint=", ".join(_SIGNALS))
    value = given[told[0]]
    match told[0], value:
        case "consentMode", dict():
            return read_consent_mode({kind: _text(state, kind) for kind, state in value.items()})
        case "gpc", str():
            return read_gpc(value)
        case "tcString", {"text": str(text), "vendor": int(vendor), **rest} if not rest:
            return signal_of(text, vendor)
        case "flag", {
            "source": str(source),
            "state": str(state),
            "purposes": list(purposes),
            **rest,
        } if not rest:
            return read_platform_flag(source, state, [_purpose(one) for one in purposes])
    raise InvalidInputError(f"{told[0]} cannot be read", hint=_SHAPES[told[0]])


_SHAPES: Final = {
    "consentMode": '"consentMode": {"analytics_storage": "denied"}',
    "gpc": '"gpc": "1"',
    "tcString": '"tcString": {"text": "CP...", "vendor": 755}',
    "flag": '"flag": {"source": "klaviyo", "state": "UNSUBSCRIBED", "purposes": ["advertising"]}',
}


def _purpose(text: object) -> Purpose:
    for one in SUPPRESSIBLE:
        if one.value == text:
            return one
    names = ", ".join(sorted(one.value for one in SUPPRESSIBLE))
    raise InvalidInputError("the flag is about an unknown purpose", hint=f"one of {names}")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is missing, or no text")
    return value


def _instant(text: str, name: str) -> dt.datetime:
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{name} is no instant", hint=_INSTANT) from None
    if instant.tzinfo is None:
        raise InvalidInputError(f"{name} needs its time zone", hint=_INSTANT)
    return instant.astimezone(dt.UTC)


def _rows(standing: ConsentStanding) -> list[tuple[str, ...]]:
    return [
        (
            standing.purpose.value,
            word.source,
            word.state.value,
            _shown(word.effective_at),
            _shown(word.recorded_at),
            public_id("rcp", word.receipt_id),
        )
        for word in standing.events
    ]


def _shown(instant: dt.datetime) -> str:
    return f"{instant.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"
