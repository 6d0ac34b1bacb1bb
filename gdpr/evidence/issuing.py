"""Certificates of what the erasure engine does: one as soon as a run is over, then a revision each.

    request whose run has ended -> its row, the run's outcome, recipients' answers, backups
        -> ErasureEvidence -> CertificateDesk.issue: nothing new, or a revision
    a round -> open requests of all agencies | now and then -> all agencies, for those that closed

Who asks twice gets one certificate, so nobody has to say what has changed: a rescan, an answer of a
recipient and the end of a request are all found by looking. Where officers found that the data
knows nobody of whom a request tells, no run was made: that is certified when the second one has
signed, with a plan of no steps.

Sources: GDPR articles 5(2), 17 and 19.
Decision: ADR-0030.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import func, select

from domain.errors import BoscoError
from domain.ids import TenantId, public_id
from domain.privacy.evidence import (
    ErasureEvidence,
    RecipientAnswer,
    RecipientNotice,
    Residual,
    ResidualKind,
)
from domain.privacy.rights import RequestOutcome, RequestState, Right
from gdpr.erasure.outcome import ErasureOutcome, find_outcome
from gdpr.erasure.plan import Plan
from gdpr.evidence.desk import CertificateDesk
from gdpr.recipients.outbox import ToldRecipient, told_recipients
from tenancy.exclusive import Exclusive
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Certificate,
    ErasureRunRequest,
    ModelErasure,
    NoticeState,
    RequestEvent,
    SubjectIdentifier,
    SubjectRequest,
)
from tenancy.unscoped import Doors

__all__ = ["BACKED_UP", "Issuing", "find_evidence"]

_LOG: Final = structlog.get_logger(__name__)
_ACTOR: Final = "job:certificates"
_COUNTERSIGNED: Final = "countersigned"

BACKED_UP: Final = ("postgres", "warehouse", "landing")
_RESTORED: Final = "what is restored from one is erased again before it is used"
_ANSWERS: Final = {
    NoticeState.ACKNOWLEDGED: RecipientAnswer.ACKNOWLEDGED,
    NoticeState.REFUSED: RecipientAnswer.REFUSED,
}

# Of a request that no run took.
_NOBODY: Final = ErasureOutcome(uuid.UUID(int=0), Plan(()).hash, None, (), (), (), ())

Settle = Callable[[TenantId, uuid.UUID, RequestOutcome], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Issuing:
    """Keeps certificates up to date.

    Attributes:
        exclusive: One round at a time, over all processes.
        backups: How long backups are kept; nothing: there are none.
    """

    database: Database
    doors: Doors
    desk: CertificateDesk
    exclusive: Exclusive
    backups: dt.timedelta

    async def issue(self, tenant_id: TenantId, request_id: uuid.UUID) -> Certificate | None:
        """State what is known of an erasure now.

        Returns:
            The newest revision; None: see `find_evidence`.

        Raises:
            UnfitEvidenceError: What is known must not become a certificate (our bug).
            MasterKeyError: The signing key does not open (the operator).
        """
        async with self.database.session(tenant_id) as session:
            evidence = await find_evidence(session, request_id, self.backups)
            if evidence is None:
                return None
            return await self.desk.issue(session, evidence, actor=_ACTOR)

    async def go_round(self) -> int:
        """One round over agencies with open requests.

        Returns:
            Number of requests whose certificate was looked at.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with self.exclusive():
            return await self._go_to(await self.doors.agencies_with_requests())

    async def catch_up(self) -> int:
        """The same over all agencies: what closed since the last round has its last revision."""
        async with self.exclusive():
            return await self._go_to(one.tenant_id for one in await self.doors.list_tenants())

    def settling(self, settle: Settle) -> Settle:
        """What settles a request, and states its end at once; a round does so if that fails."""

        async def settled(tenant_id: TenantId, request_id: uuid.UUID, end: RequestOutcome) -> None:
            await settle(tenant_id, request_id, end)
            await self._try(tenant_id, request_id)

        return settled

    async def _go_to(self, agencies: Iterable[TenantId]) -> int:
        count = 0
        for tenant_id in agencies:
            async with self.database.session(tenant_id) as session:
                due = await _due(session)
            for request_id in due:
                await self._try(tenant_id, request_id)
            count += len(due)
        return count

    async def _try(self, tenant_id: TenantId, request_id: uuid.UUID) -> None:
        try:
            await self.issue(tenant_id, request_id)
        except BoscoError:
            _LOG.exception("certificate_not_issued", request_id=str(request_id))


async def find_evidence(
    session: TenantSession, request_id: uuid.UUID, backups: dt.timedelta
) -> ErasureEvidence | None:
    """What is known of an erasure now; None: nothing, or there is no such request.

    Args:
        session: Of the agency.
        request_id: Of the request.
        backups: How long backups are kept.
    """
    row = await session.get(SubjectRequest, (session.tenant_id, request_id))
    if row is None or row.right is not Right.ERASURE:
        return None
    is_closed = row.state is RequestState.COMPLETED
    outcome = await find_outcome(session, request_id)
    if outcome is None and is_closed and row.outcome is RequestOutcome.NOTHING_FOUND:
        outcome = _NOBODY
    elif outcome is None or outcome.finished_at is None:
        return None
    told = await told_recipients(session, request_id)
    return ErasureEvidence(
        request_id=request_id,
        request=public_id("req", request_id),
        agency=public_id("ten", session.tenant_id),
        subject=await _pseudonym(session, row),
        right=row.right,
        received_at=row.received_at,
        due_at=row.due_at,
        closed_at=row.closed_at if is_closed else None,
        outcome=row.outcome if is_closed else None,
        countersigned_by=await _countersigner(session, row) if is_closed else "",
        plan_hash=outcome.plan_hash,
        treatments=outcome.treatments,
        counts=outcome.counts,
        recipients=tuple(map(_notice, told)),
        residuals=(*outcome.residuals, *_in_backups(outcome, backups)),
        rescans=outcome.rescans,
        policy=row.policy,
        models=outcome.models,
    )


async def _due(session: TenantSession) -> list[uuid.UUID]:
    """Requests of which something is known, and whose last revision there is not yet.

    One that is closed has another one when models were made anew since.
    """
    last = select(Certificate.id).where(
        Certificate.request_id == SubjectRequest.id, Certificate.closed_at.is_not(None)
    )
    retrained = (
        select(ModelErasure.run_id)
        .join(ErasureRunRequest, ErasureRunRequest.run_id == ModelErasure.run_id)
        .where(ErasureRunRequest.request_id == SubjectRequest.id)
        .where(
            ModelErasure.retrained_at
            > select(func.max(Certificate.issued_at))
            .where(Certificate.request_id == SubjectRequest.id)
            .scalar_subquery()
        )
    )
    ended = select(ErasureRunRequest.id).where(
        ErasureRunRequest.request_id == SubjectRequest.id,
        ErasureRunRequest.finished_at.is_not(None),
    )
    is_nobody = (SubjectRequest.state == RequestState.COMPLETED) & (
        SubjectRequest.outcome == RequestOutcome.NOTHING_FOUND
    )
    query = select(SubjectRequest.id).where(
        SubjectRequest.right == Right.ERASURE,
        ended.exists() | is_nobody,
        ~last.exists() | retrained.exists(),
    )
    return list(await session.scalars(query.order_by(SubjectRequest.id)))


async def _pseudonym(session: TenantSession, row: SubjectRequest) -> str:
    """One of the person's, if possible one that the request itself gave; always the same one."""
    query = select(SubjectIdentifier.pseudonym).where(
        SubjectIdentifier.subject_id == row.subject_id
    )
    theirs = (await session.scalars(query.order_by(SubjectIdentifier.pseudonym))).all()
    given = [one for one in row.pseudonyms if one in theirs]
    return next(iter((*given, *theirs, *row.pseudonyms)), "")


async def _countersigner(session: TenantSession, row: SubjectRequest) -> str:
    """Who confirmed that nothing was found; empty: nobody had to."""
    if row.outcome is not RequestOutcome.NOTHING_FOUND:
        return ""
    query = select(RequestEvent.actor).where(
        RequestEvent.request_id == row.id, RequestEvent.kind == _COUNTERSIGNED
    )
    actor = await session.scalar(query.order_by(RequestEvent.at.desc()).limit(1)) or ""
    return actor.replace("@", " at ")  # the name of a login may look like an address


def _notice(told: ToldRecipient) -> RecipientNotice:
    answer = _ANSWERS.get(told.state, RecipientAnswer.WAITING)
    is_answered = answer is not RecipientAnswer.WAITING
    # Officers choose the name; nothing keeps them from choosing a mailbox.
    name = told.kind if "@" in told.name else told.name
    since = told.since if is_answered else None
    return RecipientNotice(name, answer, since, told.next_try_at, told.receipt)


def _in_backups(outcome: ErasureOutcome, backups: dt.timedelta) -> tuple[Residual, ...]:
    if not backups or outcome.finished_at is None:
        return ()
    end = outcome.finished_at + backups
    return tuple(Residual(one, ResidualKind.BACKUPS, end, _RESTORED) for one in BACKED_UP)
