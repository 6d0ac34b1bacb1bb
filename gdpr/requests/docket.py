"""One request, opened for change in one transaction.

    open_docket: row (locked) + holds + twin -> Case -> RequestMachine -> Docket.record
        -> row, request_events and audit entry, all or none

Nothing else writes `subject_requests.state`: so every step of a request is in its history and in
the audit chain.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import public_id
from domain.privacy.deadlines import POLICIES
from domain.privacy.held_categories import HELD_CATEGORIES
from domain.privacy.request_machine import Case, RequestMachine
from domain.privacy.rights import RequestState
from gdpr.requests.colleagues import colleague_of
from gdpr.requests.dual_control import ask_for_approval
from gdpr.requests.everybody import connection_of
from gdpr.requests.legal_holds import find_holds
from gdpr.requests.services import RequestServices
from tenancy import audit
from tenancy.alerts import AlertKind, clear_alert
from tenancy.privacy.subjects import current
from tenancy.session import TenantSession
from tenancy.tables import (
    Client,
    ErasureRunRequest,
    RequestEvent,
    RequestRun,
    Subject,
    SubjectRequest,
    Tenant,
)

__all__ = [
    "REQUEST_PREFIX",
    "Details",
    "Docket",
    "alert_object",
    "alert_subject",
    "is_stuck",
    "machine_for",
    "note_event",
    "open_docket",
    "public_request_id",
]

REQUEST_PREFIX: Final = "req"
Details = Mapping[str, str | int | float | bool | list[str] | None]

_ALERTS: Final = (AlertKind.REQUEST_AT_RISK, AlertKind.HELP_AT_RISK, AlertKind.REQUEST_STUCK)
_NOT_CHOSEN: Final = (RequestState.RECEIVED, RequestState.MATCHING)
_PAST_IDENTITY: Final = (
    RequestState.APPROVING,
    RequestState.HELD,
    RequestState.READY,
    RequestState.RUNNING,
    RequestState.WAITING,
    RequestState.COUNTERSIGNING,
)


def public_request_id(request_id: uuid.UUID) -> str:
    """As people and letters name a request."""
    return public_id(REQUEST_PREFIX, request_id)


def alert_object(subject: str) -> uuid.UUID:
    """The request that an alert is about."""
    return uuid.UUID(subject.removeprefix("request:"))


def alert_subject(request_id: uuid.UUID) -> str:
    """What alerts of a request are about."""
    return f"request:{request_id}"


@dataclass(slots=True)
class Docket:
    """A locked request, what decides about it, and who decides.

    Attributes:
        twin: The request that this one is merged into, if it comes to that.
        held_categories: Of data, that holds keep although the request goes on.
    """

    services: RequestServices
    session: TenantSession
    row: SubjectRequest
    case: Case
    machine: RequestMachine
    twin: uuid.UUID | None
    held_categories: tuple[str, ...]

    async def record(
        self,
        case: Case,
        kind: str,
        actor: str,
        *,
        reason: str | None = None,
        details: Details | None = None,
    ) -> None:
        """Write down what has happened; where a second person has to agree, ask for that.

        Args:
            case: As it is now.
            kind: Past tense, for example `refused`.
            actor: Who did it.
            reason: Told to the person; not for the history.
            details: Ids, dates and counts.
        """
        now = self.services.clock()
        told = {"from": self.row.state.value, "to": case.state.value, **(details or {})}
        is_to_be_approved = case.state is RequestState.APPROVING is not self.row.state
        self._store(case, now, reason)
        self.note(kind, actor, told)
        self.case = case
        if is_to_be_approved:
            await ask_for_approval(self.services, self.session, self.row, actor)
        if case.state.is_final:
            for alert in _ALERTS:
                await clear_alert(self.session, alert, alert_subject(self.row.id), now=now)

    def note(self, kind: str, actor: str, details: Details) -> None:
        """Write down what has happened and changes nothing."""
        note_event(self.services, self.session, self.row.id, kind, actor, details)

    async def look_around(self) -> None:
        """See again what the subject's other requests and holds say; after it was chosen."""
        self.case, self.twin, self.held_categories = await _case_of(
            self.services, self.session, self.row
        )

    def _store(self, case: Case, now: dt.datetime, reason: str | None) -> None:
        row = self.row
        row.state, row.identity, row.due_at = case.state, case.identity, case.due_at
        row.extended_at, row.paused_at = case.extended_at, case.paused_at
        row.paused_seconds = int(case.paused.total_seconds())
        row.run_by, row.outcome = case.run_by or None, case.outcome
        row.approved_at = (row.approved_at or now) if case.is_approved else None
        row.reason = row.reason if reason is None else reason
        if not case.has_subject:
            row.subject_id = None
        if case.state is RequestState.MERGED:
            row.merged_into = self.twin
        if case.state.is_final:
            row.closed_at = now


def note_event(
    services: RequestServices,
    session: TenantSession,
    request_id: uuid.UUID,
    kind: str,
    actor: str,
    details: Details,
) -> None:
    """An event of a request, and its audit entry."""
    session.add(
        RequestEvent(
            id=services.ids(),
            request_id=request_id,
            at=services.clock(),
            kind=kind,
            actor=actor,
            details=dict(details),
        )
    )
    audit.record(
        session,
        clock=services.clock,
        ids=services.ids,
        actor=actor,
        action=f"subject_request.{kind}",
        object_kind="subject_request",
        object_id=str(request_id),
        details=details,
    )


async def open_docket(
    services: RequestServices, session: TenantSession, request_id: uuid.UUID
) -> Docket:
    """Lock a request until the session ends.

    Raises:
        NotFoundError: The agency has no such request.
    """
    query = select(SubjectRequest).where(SubjectRequest.id == request_id).with_for_update()
    row = (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFoundError("the agency has no such request", hint="bosco gdpr requests list")
    if row.subject_id is not None:  # two subjects may have turned out to be one person since
        row.subject_id = await current(session, row.subject_id) or row.subject_id
    machine = await machine_for(services, session, row)
    case, twin, held = await _case_of(services, session, row)
    return Docket(services, session, row, case, machine, twin, held)


async def is_stuck(session: TenantSession, request_id: uuid.UUID) -> bool:
    """Whether carrying a request out has failed before anything was done.

    No job is at work on it, and no run of erasure has it: that takes a request under the lock of
    its row.
    """
    run = await session.get(RequestRun, (session.tenant_id, request_id))
    if run is None or run.job_id or not run.failure:
        return False
    taken = select(ErasureRunRequest.id).where(ErasureRunRequest.request_id == request_id)
    return await session.scalar(taken.limit(1)) is None


async def machine_for(
    services: RequestServices, session: TenantSession, row: SubjectRequest
) -> RequestMachine:
    """The machine of the request's controller, under the figures it came in under."""
    if row.client_id is None:
        time_zone = (await session.get_one(Tenant, session.tenant_id)).time_zone
    else:
        key = (session.tenant_id, row.client_id)
        time_zone = (await session.get_one(Client, key)).time_zone
    return RequestMachine(services.rules, POLICIES[row.policy], services.calendar_of(time_zone))


async def _case_of(
    services: RequestServices, session: TenantSession, row: SubjectRequest
) -> tuple[Case, uuid.UUID | None, tuple[str, ...]]:
    twin = await _find_twin(session, row)
    is_held, is_everybody = False, connection_of(row) is not None
    categories: tuple[str, ...] = ()
    if row.client_id is not None and row.right in services.rules.held_rights:
        holds = await find_holds(
            session,
            row.client_id,
            row.subject_id,
            now=services.clock(),
            everybody=is_everybody,
        )
        is_held = any(hold.category not in HELD_CATEGORIES for hold in holds)
        named = {hold.category for hold in holds if hold.category}
        categories = tuple(sorted(named & HELD_CATEGORIES.keys()))
    case = Case(
        right=row.right,
        channel=row.channel,
        state=row.state,
        identity=row.identity,
        received_at=row.received_at,
        due_at=row.due_at,
        is_special=bool(row.scope.get("special_categories")),
        has_subject=row.subject_id is not None
        or colleague_of(row) is not None
        or (is_everybody and row.state not in _NOT_CHOSEN),
        has_twin=twin is not None,
        is_approved=row.approved_at is not None,
        is_held=is_held,
        is_everybody=is_everybody,
        extended_at=row.extended_at,
        paused_at=row.paused_at,
        paused=dt.timedelta(seconds=row.paused_seconds),
        run_by=row.run_by or "",
        outcome=row.outcome,
        is_stuck=row.state is RequestState.RUNNING and await is_stuck(session, row.id),
    )
    return case, twin, categories


async def _find_twin(session: TenantSession, row: SubjectRequest) -> uuid.UUID | None:
    """An open request for the same, of the same person, that is past identity."""
    if row.subject_id is None or row.state in _PAST_IDENTITY:
        return None
    # Two that pass identity at the same time come one after the other. Not the row's key: whoever
    # refers to the person has that in use.
    await session.execute(
        select(Subject.id).where(Subject.id == row.subject_id).with_for_update(key_share=True)
    )
    query = select(SubjectRequest.id).where(
        SubjectRequest.subject_id == row.subject_id,
        SubjectRequest.right == row.right,
        SubjectRequest.scope == row.scope,
        SubjectRequest.id != row.id,
        SubjectRequest.state.in_(_PAST_IDENTITY),
    )
    found: uuid.UUID | None = await session.scalar(query.order_by(SubjectRequest.received_at))
    return found
