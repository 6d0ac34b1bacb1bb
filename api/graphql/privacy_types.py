"""Requests of people about their data, as callers see them.

row -> QueueLine -> SubjectRequest
row and all that belongs to it -> RequestFile -> SubjectRequestFile

Whom a request is about stands here as ids and counts; no identifier is ever shown.
"""

import datetime as dt
from typing import Any

import orjson
import strawberry

from api.graphql.erasure_types import (
    ErasureEvidence,
    ErasureNotice,
    PrivacyCertificate,
    certificate_of,
    evidence_of,
    notice_of,
)
from api.graphql.scalars import Count
from domain.ids import public_id
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.request_machine import Move
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestOutcome,
    RequestState,
    Right,
)
from gdpr.desk.queue import QueueLine
from gdpr.desk.request_file import KnownPerson, RequestFile
from gdpr.desk.urgency import Urgency
from tenancy.tables import LegalHold as HoldRow
from tenancy.tables import LetterKind, RequestEvent, RequestLetter, RequestRun

__all__ = [
    "LegalHold",
    "SubjectRequest",
    "SubjectRequestFile",
    "file_of",
    "hold_of",
    "request_of",
]

strawberry.enum(Right, name="SubjectRight", description="What a person asks for.")
strawberry.enum(RequestState, name="SubjectRequestState", description="docs/gdpr.md has each.")
strawberry.enum(IntakeChannel, name="IntakeChannel", description="How a request came in.")
strawberry.enum(
    IdentityLevel,
    name="IdentityLevel",
    description="How surely the requester is the person; the least first.",
)
strawberry.enum(
    ProcessingRole,
    name="ProcessingRole",
    description="What the agency is to the data: PROCESSOR of a client, CONTROLLER of its own.",
)
strawberry.enum(
    RequestOutcome,
    name="SubjectRequestOutcome",
    description="PARTLY: a hold or an exception keeps a part.",
)
strawberry.enum(
    Urgency, name="SubjectRequestUrgency", description="How near the dates are; the nearest first."
)
strawberry.enum(Move, name="SubjectRequestMove", description="What can happen to a request.")
strawberry.enum(
    LetterKind,
    name="LetterKind",
    description="What a letter tells a person; NOTE, MESSAGE: no letter.",
)
strawberry.enum(IdentifierKind, name="IdentifierKind", description="What sort of identifier.")


@strawberry.type(description="What a person asked for, where it stands, and by when.")
class SubjectRequest:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID | None = strawberry.field(
        description="null: about people of the agency itself."
    )
    right: Right
    channel: IntakeChannel
    role: ProcessingRole
    state: RequestState
    identity: IdentityLevel
    urgency: Urgency
    deadline: str = strawberry.field(description="How near it is, in a few words.")
    days_left: int | None = strawberry.field(
        description="Whole days until dueAt, negative when it has passed; null: it has ended."
    )
    received_at: dt.datetime
    due_at: dt.datetime = strawberry.field(description="By law, towards the person.")
    assist_by: dt.datetime | None = strawberry.field(
        description="By contract, towards the client; null: the agency is the controller."
    )
    extended_at: dt.datetime | None
    paused_at: dt.datetime | None = strawberry.field(description="null: the clock runs.")
    subject_id: strawberry.ID | None = strawberry.field(description="null: nobody is chosen yet.")
    requested_by: str
    outcome: RequestOutcome | None
    reason: str | None = strawberry.field(description="Of a refusal, as the person is told.")
    merged_into: strawberry.ID | None
    closed_at: dt.datetime | None


@strawberry.type(description="How many identifiers of a kind are known.")
class IdentifierCount:
    """See the description."""

    kind: IdentifierKind
    count: Count


@strawberry.type(description="A person in the data whom a request may be about.")
class KnownSubject:
    """See the description."""

    id: strawberry.ID
    pseudonyms: list[str] = strawberry.field(description="Any of them names the person.")
    identifiers: list[IdentifierCount]
    matching: Count = strawberry.field(description="Of what the requester gave.")
    since: dt.datetime
    erased_at: dt.datetime | None


@strawberry.type(name="SubjectRequestEvent", description="What happened to a request.")
class Event:
    """See the description."""

    at: dt.datetime
    kind: str
    actor: str
    details: str = strawberry.field(description="Ids, dates and counts, as a JSON object.")


@strawberry.type(
    name="SubjectRequestLetter", description="A letter to the person, what they wrote, or a note."
)
class Letter:
    """See the description."""

    id: strawberry.ID
    kind: LetterKind
    language: str
    written_at: dt.datetime
    sent_at: dt.datetime | None = strawberry.field(
        description="By mail; null: an officer hands it over."
    )
    handed_at: dt.datetime | None


@strawberry.type(name="SubjectRequestRun", description="How far carrying it out is.")
class Run:
    """See the description."""

    attempts: int
    failure: str | None = strawberry.field(description="Code of the latest failure.")
    next_attempt_at: dt.datetime | None
    waits_for: list[str]
    held_categories: list[str]


@strawberry.type(description="Data that may not be erased for now.")
class LegalHold:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    subject_id: strawberry.ID | None = strawberry.field(
        description="null: everybody in the data of the client."
    )
    category: str | None = strawberry.field(description="null: all data.")
    basis: str
    owner: str
    created_by: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    released_at: dt.datetime | None


@strawberry.type(description="A request and what belongs to it.")
class SubjectRequestFile:
    """See the description."""

    request: SubjectRequest
    moves: list[Move] = strawberry.field(description="What can happen to it now.")
    given: Count = strawberry.field(description="Identifiers that the requester gave.")
    people: list[KnownSubject] = strawberry.field(
        description="The person; while nobody is chosen, all who fit."
    )
    events: list[Event] = strawberry.field(description="The first event first.")
    letters: list[Letter]
    run: Run | None
    holds: list[LegalHold] = strawberry.field(description="In force now, that bear on it.")
    others: list[SubjectRequest] = strawberry.field(
        description="Other requests of the same person."
    )
    erasure: ErasureEvidence | None = strawberry.field(description="null: no run has taken it.")
    notices: list[ErasureNotice] = strawberry.field(
        description="To others who were given the data."
    )
    certificate: PrivacyCertificate | None = strawberry.field(description="The newest.")


def request_of(line: QueueLine) -> SubjectRequest:
    """A request as callers see it."""
    row = line.row
    return SubjectRequest(
        id=_id("req", row.id),
        client_id=_id_or_none("cli", row.client_id),
        right=row.right,
        channel=row.channel,
        role=row.role,
        state=row.state,
        identity=row.identity,
        urgency=line.urgency,
        deadline=line.words,
        days_left=line.days_left,
        received_at=row.received_at,
        due_at=row.due_at,
        assist_by=row.assist_by,
        extended_at=row.extended_at,
        paused_at=row.paused_at,
        subject_id=_id_or_none("sub", row.subject_id),
        requested_by=row.requested_by,
        outcome=row.outcome,
        reason=row.reason,
        merged_into=_id_or_none("req", row.merged_into),
        closed_at=row.closed_at,
    )


def file_of(file: RequestFile) -> SubjectRequestFile:
    """A request and what belongs to it, as callers see them."""
    return SubjectRequestFile(
        request=request_of(file.line),
        moves=list(file.moves),
        given=Count(file.given),
        people=[_person(one) for one in file.people],
        events=[_event(one) for one in file.events],
        letters=[_letter(one) for one in file.letters],
        run=None if file.run is None else _run(file.run),
        holds=[hold_of(one) for one in file.holds],
        others=[request_of(one) for one in file.others],
        erasure=None if file.erasure is None else evidence_of(file.erasure),
        notices=[notice_of(name, row) for name, row in file.notices],
        certificate=None if file.certificate is None else certificate_of(file.certificate),
    )


def hold_of(row: HoldRow) -> LegalHold:
    """A legal hold as callers see it."""
    return LegalHold(
        id=_id("hold", row.id),
        client_id=_id("cli", row.client_id),
        subject_id=_id_or_none("sub", row.subject_id),
        category=row.category,
        basis=row.basis,
        owner=row.owner,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        released_at=row.released_at,
    )


def _person(one: KnownPerson) -> KnownSubject:
    return KnownSubject(
        id=_id("sub", one.subject_id),
        pseudonyms=list(one.pseudonyms),
        identifiers=[
            IdentifierCount(kind=kind, count=Count(number))
            for kind, number in one.identifiers.items()
        ],
        matching=Count(one.matching),
        since=one.since,
        erased_at=one.erased_at,
    )


def _event(row: RequestEvent) -> Event:
    return Event(
        at=row.at, kind=row.kind, actor=row.actor, details=orjson.dumps(row.details).decode()
    )


def _letter(row: RequestLetter) -> Letter:
    return Letter(
        id=_id("let", row.id),
        kind=row.kind,
        language=row.language,
        written_at=row.written_at,
        sent_at=row.sent_at,
        handed_at=row.handed_at,
    )


def _run(row: RequestRun) -> Run:
    return Run(
        attempts=row.attempts,
        failure=row.failure,
        next_attempt_at=row.next_attempt_at,
        waits_for=row.waits_for,
        held_categories=row.held_categories,
    )


def _id(prefix: str, value: Any) -> strawberry.ID:
    return strawberry.ID(public_id(prefix, value))


def _id_or_none(prefix: str, value: Any) -> strawberry.ID | None:
    return None if value is None else _id(prefix, value)
