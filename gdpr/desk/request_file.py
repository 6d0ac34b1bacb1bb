"""Everything that is known of one request, as an officer needs it to decide.

request -> row, history, letters, run, holds, people who fit, evidence -> RequestFile

Reads only. Whom it is about stands here as ids, kinds and counts: who opens an identifier does so
by `gdpr.requests`, on record.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from domain.ids import ClientId
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.request_machine import Move, possible_moves
from gdpr.desk.queue import QueueFilter, QueueLine, find_line, list_queue
from gdpr.erasure.outcome import ErasureOutcome, find_outcome
from gdpr.requests.docket import is_stuck
from gdpr.requests.legal_holds import find_holds
from gdpr.requests.lifting import Lifting, find_lifting
from gdpr.requests.matching import find_people
from tenancy.session import TenantSession
from tenancy.tables import (
    Certificate,
    IdentityCode,
    LegalHold,
    PersonExport,
    Recipient,
    RecipientNotice,
    RequestEvent,
    RequestLetter,
    RequestRun,
    Subject,
    SubjectIdentifier,
    SubjectRequest,
)

__all__ = ["KnownPerson", "RequestFile", "load_request_file", "names_of_person"]

_MOST_OTHERS: Final = 50


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person in the data whom the request may be about.

    Attributes:
        pseudonyms: By which the person can be chosen; those that are nobody else's first.
        identifiers: How many of each kind are known.
        matching: How many of what the requester gave are theirs.
        since: When the person was first seen.
        erased_at: None: they are in the data.
    """

    subject_id: uuid.UUID
    pseudonyms: Sequence[str]
    identifiers: dict[IdentifierKind, int]
    matching: int
    since: dt.datetime
    erased_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A request and what belongs to it.

    Attributes:
        moves: What can happen to it now, by anybody.
        given: How many identifiers the requester gave.
        people: The person; while nobody is chosen, all who fit.
        code: The latest that was sent to prove identity.
        holds: In force now, over this person or everybody of the client.
        erasure: How far a run is that has taken it; None: none has.
        notices: What others who were given the data were told, each with its recipient.
        certificate: The newest; None: there is none yet.
        lifting: What it keeps from being read, and how far the end is; None: nothing.
        export: The copy of the person's data that was made; None: there is none, or no more.
        others: Other requests of the same person.
    """

    line: QueueLine
    moves: tuple[Move, ...]
    given: int
    people: Sequence[KnownPerson]
    events: Sequence[RequestEvent]
    letters: Sequence[RequestLetter]
    run: RequestRun | None
    code: IdentityCode | None
    holds: Sequence[LegalHold]
    others: Sequence[QueueLine]
    erasure: ErasureOutcome | None
    notices: Sequence[tuple[str, RecipientNotice]]
    certificate: Certificate | None
    lifting: Lifting | None
    export: PersonExport | None

    @property
    def row(self) -> SubjectRequest:
        """The request."""
        return self.line.row


async def load_request_file(
    session: TenantSession,
    request_id: uuid.UUID,
    *,
    now: dt.datetime,
    seen: Collection[ClientId] | None = None,
) -> RequestFile:
    """Gather everything. About fifteen queries.

    Args:
        session: Of the agency.
        request_id: Which.
        now: UTC instant.
        seen: The only clients that may be seen; None: all, and the agency's own people.

    Raises:
        NotFoundError: There is no such request for whoever asks.
    """
    line = await find_line(session, request_id, now=now, seen=seen)
    row = line.row
    holds: Sequence[LegalHold] = ()
    if row.client_id is not None:
        holds = await find_holds(session, row.client_id, row.subject_id, now=now)
    others: list[QueueLine] = []
    if row.subject_id is not None:
        wanted = QueueFilter(seen=seen, subject=row.subject_id)
        others = await list_queue(session, wanted, now=now, limit=_MOST_OTHERS)
    return RequestFile(
        line=line,
        moves=possible_moves(row.state, is_stuck=await is_stuck(session, request_id)),
        given=len(row.pseudonyms),
        people=await _people(session, row),
        events=await _events(session, request_id),
        letters=await _letters(session, request_id),
        run=await session.get(RequestRun, (session.tenant_id, request_id)),
        code=await _code(session, request_id),
        holds=holds,
        others=[one for one in others if one.row.id != request_id],
        erasure=await find_outcome(session, request_id),
        notices=await _notices(session, request_id),
        certificate=await _certificate(session, request_id),
        lifting=await find_lifting(session, row),
        export=await _export(session, request_id, now),
    )


async def _people(session: TenantSession, row: SubjectRequest) -> list[KnownPerson]:
    found = [row.subject_id] if row.subject_id else await find_people(session, row.pseudonyms)
    people = []
    for subject_id in found:
        subject = await session.get_one(Subject, (session.tenant_id, subject_id))
        counts = await session.execute(
            select(
                SubjectIdentifier.kind,
                func.count(),
                func.count().filter(SubjectIdentifier.pseudonym.in_(row.pseudonyms)),
            )
            .where(SubjectIdentifier.subject_id == subject_id)
            .group_by(SubjectIdentifier.kind)
        )
        kinds = [(kind, number, matching) for kind, number, matching in counts]
        people.append(
            KnownPerson(
                subject_id=subject_id,
                pseudonyms=await names_of_person(session, subject_id),
                identifiers={kind: number for kind, number, _ in sorted(kinds, key=_by_kind)},
                matching=sum(matching for *_, matching in kinds),
                since=subject.created_at,
                erased_at=subject.erased_at,
            )
        )
    return people


async def names_of_person(session: TenantSession, subject_id: uuid.UUID) -> Sequence[str]:
    """Pseudonyms of a person; telephone numbers, which may be several people's, last."""
    query = select(SubjectIdentifier.pseudonym).where(SubjectIdentifier.subject_id == subject_id)
    is_phone = SubjectIdentifier.kind == IdentifierKind.PHONE
    return (await session.scalars(query.order_by(is_phone, SubjectIdentifier.pseudonym))).all()


def _by_kind(counted: tuple[IdentifierKind, int, int]) -> str:
    return counted[0].value


async def _events(session: TenantSession, request_id: uuid.UUID) -> Sequence[RequestEvent]:
    query = select(RequestEvent).where(RequestEvent.request_id == request_id)
    return (await session.scalars(query.order_by(RequestEvent.at, RequestEvent.id))).all()


async def _letters(session: TenantSession, request_id: uuid.UUID) -> Sequence[RequestLetter]:
    query = select(RequestLetter).where(RequestLetter.request_id == request_id)
    order = (RequestLetter.written_at, RequestLetter.id)
    return (await session.scalars(query.order_by(*order))).all()


async def _notices(
    session: TenantSession, request_id: uuid.UUID
) -> list[tuple[str, RecipientNotice]]:
    query = (
        select(Recipient.name, RecipientNotice)
        .join(
            Recipient,
            (Recipient.tenant_id == RecipientNotice.tenant_id)
            & (Recipient.id == RecipientNotice.recipient_id),
        )
        .where(RecipientNotice.request_id == request_id)
        .order_by(Recipient.name, RecipientNotice.id)
    )
    return [(name, notice) for name, notice in await session.execute(query)]


async def _certificate(session: TenantSession, request_id: uuid.UUID) -> Certificate | None:
    query = select(Certificate).where(Certificate.request_id == request_id)
    return (
        await session.scalars(query.order_by(Certificate.revision.desc()).limit(1))
    ).one_or_none()


async def _export(
    session: TenantSession, request_id: uuid.UUID, now: dt.datetime
) -> PersonExport | None:
    found = await session.get(PersonExport, (session.tenant_id, request_id))
    is_there = found is not None and found.sealed_key is not None and found.expires_at > now
    return found if is_there else None


async def _code(session: TenantSession, request_id: uuid.UUID) -> IdentityCode | None:
    query = select(IdentityCode).where(IdentityCode.request_id == request_id)
    order = (IdentityCode.sent_at.desc(), IdentityCode.id.desc())
    return (await session.scalars(query.order_by(*order).limit(1))).one_or_none()
