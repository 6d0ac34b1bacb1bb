"""Words of consent as GraphQL takes them in.

ConsentWordInput -> identifiers + exactly one signal -> gdpr.consent.words.ConsentWord
"""

import datetime as dt
from collections.abc import Sequence

import strawberry

from domain.errors import InvalidInputError
from domain.ids import ClientId, ConnectionId, parse_id
from domain.privacy.identifiers import Identifier, email, phone, platform_id
from domain.privacy.purposes import Purpose
from domain.privacy.signals.consent_mode import read_consent_mode
from domain.privacy.signals.gpc import read_gpc
from domain.privacy.signals.platform_flag import read_platform_flag
from domain.privacy.signals.signal import Signal
from domain.privacy.signals.tcf import signal_of
from gdpr.consent.words import ConsentWord

__all__ = ["ConsentWordInput", "PersonInput", "identifiers_of", "word_of"]

strawberry.enum(
    Purpose,
    name="PrivacyPurpose",
    description="What data about a person is used for. STORAGE needs no consent.",
)


@strawberry.input(description="What a platform calls a person.")
class PlatformIdInput:
    """See the description."""

    connection: strawberry.ID
    id: str


@strawberry.input(description="What names a person; at least one. The ledger keeps pseudonyms.")
class PersonInput:
    """See the description."""

    email: str | None = None
    phone: str | None = strawberry.field(default=None, description="With its country's code.")
    platform_ids: list[PlatformIdInput] = strawberry.field(default_factory=list)


@strawberry.input(description="One of Google's consent types.")
class ConsentTypeInput:
    """See the description."""

    type: str = strawberry.field(description="For example analytics_storage.")
    state: str = strawberry.field(description="granted or denied.")


@strawberry.input(description="What a TC string says for one vendor.")
class TcStringInput:
    """See the description."""

    text: str
    vendor: int = strawberry.field(description="Its id in the Global Vendor List.")


@strawberry.input(description="A platform's flag, or an answer in words.")
class ConsentFlagInput:
    """See the description."""

    source: str = strawberry.field(description="For example shopify or klaviyo.")
    state: str = strawberry.field(description="As the platform writes it: SUBSCRIBED, denied, ...")
    purposes: list[Purpose]


@strawberry.input(description="What one person said. Give exactly one signal.")
class ConsentWordInput:
    """See the description."""

    client: strawberry.ID
    person: PersonInput
    at: dt.datetime = strawberry.field(description="When they said it.")
    notice: str = strawberry.field(default="", description="Version of what they had been told.")
    consent_mode: list[ConsentTypeInput] | None = None
    gpc: str | None = strawberry.field(default=None, description="Value of the header Sec-GPC.")
    tc_string: TcStringInput | None = None
    flag: ConsentFlagInput | None = None


def word_of(given: ConsentWordInput) -> ConsentWord:
    """Read one.

    Raises:
        InvalidInputError: Nobody is named, there is not exactly one signal, or it cannot be read.
    """
    if given.at.tzinfo is None:
        raise InvalidInputError("an instant needs its time zone", hint="2026-03-01T12:00:00Z")
    return ConsentWord(
        client_id=ClientId(parse_id("cli", given.client)),
        identifiers=identifiers_of(given.person),
        signal=_signal(given),
        effective_at=given.at.astimezone(dt.UTC),
        notice_version=given.notice,
    )


def identifiers_of(person: PersonInput) -> tuple[Identifier, ...]:
    """What names a person, normalised.

    Raises:
        InvalidInputError: Nothing does, or it cannot be read. The message does not repeat it.
    """
    found: list[Identifier] = [
        platform_id(one.id, ConnectionId(parse_id("con", one.connection)))
        for one in person.platform_ids
    ]
    if person.email is not None:
        found.append(email(person.email))
    if person.phone is not None:
        found.append(phone(person.phone))
    if not found:
        raise InvalidInputError("nobody is named", hint="give email, phone or platformIds")
    return tuple(found)


def _signal(given: ConsentWordInput) -> Signal:
    found: Sequence[Signal | None] = (
        None
        if given.consent_mode is None
        else read_consent_mode({one.type: one.state for one in given.consent_mode}),
        None if given.gpc is None else read_gpc(given.gpc),
        None
        if given.tc_string is None
        else signal_of(given.tc_string.text, given.tc_string.vendor),
        None
        if given.flag is None
        else read_platform_flag(given.flag.source, given.flag.state, given.flag.purposes),
    )
    told = [signal for signal in found if signal is not None]
    if len(told) != 1:
        raise InvalidInputError(
            "give exactly one signal", hint="consentMode, gpc, tcString or flag"
        )
    return told[0]
