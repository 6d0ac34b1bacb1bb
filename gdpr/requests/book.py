"""What officers see: the queue by deadline, and one request with all that is known of it.

RequestBook.list_requests -> RequestLine; RequestBook.show -> RequestView; statistics for the
regulator -> counts
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from domain.ids import ClientId, TenantId
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestOutcome,
    RequestState,
    Right,
)
from gdpr.requests.docket import open_docket, public_request_id
from gdpr.requests.letters import Letter, Letters
from gdpr.requests.matching import find_people, names_of
from gdpr.requests.services import RequestServices
from tenancy.session import TenantSession
from tenancy.tables import Client, RequestEvent, RequestRun, SubjectRequest

__all__ = ["RequestBook", "RequestHappening", "RequestLine", "RequestView"]


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request in a list.

    Attributes:
        client: Its short name; empty: the agency's own people.
        assist_by: By contract, towards the controller; None: the agency is the controller.
        paused_at: Since when the clock stands still.
    """

    id: uuid.UUID
    public_id: str
    client_id: ClientId | None
    client: str
    right: Right
    channel: IntakeChannel
    role: ProcessingRole
    state: RequestState
    identity: IdentityLevel
    outcome: RequestOutcome | None
    received_at: dt.datetime
    due_at: dt.datetime
    assist_by: dt.datetime | None
    extended_at: dt.datetime | None
    paused_at: dt.datetime | None
    closed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class RequestHappening:
    """Something that happened to a request."""

    at: dt.datetime
    kind: str
    actor: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request in full.

    Attributes:
        candidates: People who may be meant, each as its pseudonyms.
        pseudonyms: Of what the requester gave.
        waits_for: What has still to happen, for people.
        held_categories: Of data, that legal holds keep.
        is_held: A hold keeps all of it.
        possible: What can be done now, for people.
        failure: Code of the last failure; None: there was none.
        next_attempt_at: When it is carried out again.
    """

    line: RequestLine
    reason: str
    requested_by: str
    external_ref: str
    scope: Mapping[str, Any]
    pseudonyms: Sequence[str]
    subject_id: uuid.UUID | None
    candidates: Sequence[Sequence[str]]
    merged_into: str | None
    waits_for: Sequence[str]
    held_categories: Sequence[str]
    is_held: bool
    possible: Sequence[str]
    attempts: int
    failure: str | None
    next_attempt_at: dt.datetime | None
    history: Sequence[RequestHappening]
    letters: Sequence[Letter]


@dataclass(frozen=True, slots=True)
class RequestBook:
    """Reads; changes nothing."""

    services: RequestServices

    async def list_requests(
        self,
        tenant_id: TenantId,
        *,
        has_ended: bool = False,
        due_before: dt.datetime | None = None,
        client_id: ClientId | None = None,
        limit: int = 100,
    ) -> list[RequestLine]:
        """Requests, the nearest deadline first.

        Args:
            tenant_id: The agency.
            has_ended: Those that have ended too.
            due_before: Only what is due before this UTC instant; None: all.
            client_id: Only this client's; None: all.
            limit: At most so many.
        """
        query = _LINES.order_by(SubjectRequest.due_at, SubjectRequest.id).limit(limit)
        if not has_ended:
            query = query.where(SubjectRequest.closed_at.is_(None))
        if due_before is not None:
            query = query.where(SubjectRequest.due_at < due_before)
        if client_id is not None:
            query = query.where(SubjectRequest.client_id == client_id)
        async with self.services.database.session(tenant_id) as session:
            return [_line(row, slug) for row, slug in (await session.execute(query)).all()]

    async def show(self, tenant_id: TenantId, request_id: uuid.UUID) -> RequestView:
        """One request.

        Raises:
            NotFoundError: The agency has no such request.
            CredentialError: A letter was changed where it is stored (the operator).
        """
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            row = docket.row
            run = await session.get(RequestRun, (tenant_id, request_id))
            slug = (
                ""
                if row.client_id is None
                else (await session.get_one(Client, (tenant_id, row.client_id))).slug
            )
            return RequestView(
                line=_line(row, slug),
                reason=row.reason or "",
                requested_by=row.requested_by,
                external_ref=row.external_ref or "",
                scope=row.scope,
                pseudonyms=row.pseudonyms,
                subject_id=row.subject_id,
                candidates=await self._candidates(session, row),
                merged_into=None if row.merged_into is None else public_request_id(row.merged_into),
                waits_for=run.waits_for if run else (),
                held_categories=docket.held_categories,
                is_held=docket.case.is_held,
                possible=[move.value for move in docket.case.possible_moves],
                attempts=run.attempts if run else 0,
                failure=run.failure if run else None,
                next_attempt_at=run.next_attempt_at if run else None,
                history=await self._history(session, request_id),
                letters=await Letters(self.services).list_of(session, request_id),
            )

    async def count_by_state(
        self, tenant_id: TenantId, *, since: dt.datetime, until: dt.datetime
    ) -> dict[tuple[Right, RequestState], int]:
        """How many requests came in from `since` until before `until`, for the regulator."""
        query = (
            select(SubjectRequest.right, SubjectRequest.state, func.count())
            .where(SubjectRequest.received_at >= since, SubjectRequest.received_at < until)
            .group_by(SubjectRequest.right, SubjectRequest.state)
        )
        async with self.services.database.session(tenant_id) as session:
            return {(right, state): count for right, state, count in await session.execute(query)}

    async def _candidates(self, session: TenantSession, row: SubjectRequest) -> list[Sequence[str]]:
        if row.state is not RequestState.MATCHING:
            return []
        people = await find_people(session, row.pseudonyms)
        return [await names_of(session, one) for one in people]

    async def _history(
        self, session: TenantSession, request_id: uuid.UUID
    ) -> list[RequestHappening]:
        query = select(RequestEvent).where(RequestEvent.request_id == request_id)
        rows = await session.scalars(query.order_by(RequestEvent.at, RequestEvent.id))
        return [RequestHappening(one.at, one.kind, one.actor, one.details) for one in rows]


_LINES = select(SubjectRequest, func.coalesce(Client.slug, "")).outerjoin(
    Client,
    (Client.tenant_id == SubjectRequest.tenant_id) & (Client.id == SubjectRequest.client_id),
)


def _line(row: SubjectRequest, client: str) -> RequestLine:
    return RequestLine(
        id=row.id,
        public_id=public_request_id(row.id),
        client_id=row.client_id,
        client=client,
        right=row.right,
        channel=row.channel,
        role=row.role,
        state=row.state,
        identity=row.identity,
        outcome=row.outcome,
        received_at=row.received_at,
        due_at=row.due_at,
        assist_by=row.assist_by,
        extended_at=row.extended_at,
        paused_at=row.paused_at,
        closed_at=row.closed_at,
    )
