"""Delivery: every recipient is told of every request that is about it.

    agencies with notices that are due -> claim (intent, committed) -> RecipientNotifier -> noted
                                              |
                                crash in between: told again, under the same key

A notice is claimed by a later time of its next attempt, and its attempt is counted, before anything
leaves: no other process tells it meanwhile, and one that comes back late notes nothing. The id of
the notice is the key by which a recipient knows a repetition; platforms that have no such key are
asked for what has the same effect when it is asked twice. Who accepts what it was told, to do it
later, gives a receipt, and is asked by it until it is done. Who is down, or does not get done, is
tried for two weeks; who refuses, or is down for two days, is told to the agency.
"""

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select

from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory, RecipientNotifier
from domain.privacy.recipients import Answered, RecipientAnswer, Telling
from gdpr.recipients.desk import alert_subject
from gdpr.recipients.outbox import open_identifiers, open_key
from gdpr.recipients.schedule import GIVEN_UP_AFTER, TOLD_AFTER, next_look, next_wait
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import NoticeState, Recipient, RecipientNotice
from tenancy.unscoped import Doors
from tenancy.vault import CredentialError, Purpose, Vault

__all__ = ["NoticeDelivery"]

_LOG: Final = structlog.get_logger(__name__)

_CLAIM: Final = dt.timedelta(minutes=2)  # longer than an attempt takes
_AT_ONCE: Final = 8
_ENDS: Final = {
    Answered.TOLD: NoticeState.SENT,
    Answered.CONFIRMED: NoticeState.ACKNOWLEDGED,
    Answered.NOTHING_TO_TELL: NoticeState.ACKNOWLEDGED,
    Answered.REFUSED: NoticeState.REFUSED,
}


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A notice that nobody else tells now; without a telling when its secrets do not open."""

    notice_id: uuid.UUID
    attempt: int
    telling: Telling | None
    problem: str


@dataclass(frozen=True, slots=True)
class NoticeDelivery:
    """Tells recipients; several processes share the work.

    Attributes:
        notifier: Reaches the outside world.
    """

    database: Database
    doors: Doors
    vault: Vault
    notifier: RecipientNotifier
    clock: Clock
    ids: IdFactory

    async def deliver_due(self) -> int:
        """One round over all agencies.

        Returns:
            Number of notices that recipients took.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        places = asyncio.Semaphore(_AT_ONCE)
        agencies = await self.doors.agencies_with_recipient_notices(self.clock())

        async def deliver(tenant_id: TenantId) -> int:
            async with places:
                return await self._deliver_to(tenant_id)

        return sum(await asyncio.gather(*map(deliver, agencies)))

    async def _deliver_to(self, tenant_id: TenantId) -> int:
        taken = 0
        while (claimed := await self._claim(tenant_id)) is not None:
            if claimed.telling is None:
                answer = RecipientAnswer(Answered.REFUSED, reason=claimed.problem)
            else:
                answer = await self.notifier.tell(claimed.telling)
            await self._note(tenant_id, claimed, answer)
            taken += answer.answered in {Answered.TOLD, Answered.CONFIRMED}
        return taken

    async def _claim(self, tenant_id: TenantId) -> _Claimed | None:
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            query = (
                select(RecipientNotice, Recipient)
                .join(
                    Recipient,
                    (Recipient.tenant_id == RecipientNotice.tenant_id)
                    & (Recipient.id == RecipientNotice.recipient_id),
                )
                .where(
                    RecipientNotice.state.in_((NoticeState.WAITING, NoticeState.SENDING)),
                    RecipientNotice.next_attempt_at <= now,
                )
                .order_by(RecipientNotice.next_attempt_at, RecipientNotice.id)
                .limit(1)
                .with_for_update(of=RecipientNotice, skip_locked=True)
            )
            row = (await session.execute(query)).one_or_none()
            if row is None:
                return None
            notice, recipient = row
            notice.state, notice.attempts = NoticeState.SENDING, notice.attempts + 1
            notice.next_attempt_at = now + _CLAIM
            try:
                telling, problem = await self._telling(session, notice, recipient), ""
            except CredentialError as error:
                telling, problem = None, error.message
        return _Claimed(notice.id, notice.attempts, telling, problem)

    async def _telling(
        self, session: TenantSession, notice: RecipientNotice, recipient: Recipient
    ) -> Telling:
        opened = self.vault.open_for(
            await open_key(session, self.vault),
            recipient.secrets or b"",
            tenant_id=session.tenant_id,
            purpose=Purpose.RECIPIENT,
            object_id=recipient.id,
        )
        return Telling(
            key=notice.id,
            kind=recipient.kind,
            settings=recipient.settings,
            secrets={name: secret.reveal() for name, secret in opened.items()},
            right=notice.right,
            identifiers=await open_identifiers(session, self.vault, notice),
            made_at=notice.created_at,
            receipt=notice.receipt or "",
        )

    async def _note(self, tenant_id: TenantId, claimed: _Claimed, answer: RecipientAnswer) -> None:
        async with self.database.session(tenant_id) as session:
            query = select(RecipientNotice).where(
                RecipientNotice.id == claimed.notice_id,
                RecipientNotice.state == NoticeState.SENDING,
                RecipientNotice.attempts == claimed.attempt,  # else it was claimed again meanwhile
            )
            notice = (await session.scalars(query.with_for_update())).one_or_none()
            if notice is None:
                return
            self._end(notice, answer)
            await self._tell_agency(session, notice)
        _LOG.info(
            "recipient_told",
            notice_id=str(claimed.notice_id),
            answered=answer.answered.value,
            status=answer.status,
        )

    def _end(self, notice: RecipientNotice, answer: RecipientAnswer) -> None:
        now = self.clock()
        if answer.answered is Answered.ACCEPTED and notice.receipt is None:
            notice.sent_at = now
        notice.last_status, notice.failure = answer.status, answer.reason or None
        notice.receipt = answer.receipt or None
        state = _ENDS.get(answer.answered)
        if state is None and now - _pending_since(notice) >= GIVEN_UP_AFTER:
            state = NoticeState.FAILED
        if state is None:
            notice.state = NoticeState.WAITING
            if answer.answered is Answered.ACCEPTED:
                wait = next_look(now - _pending_since(notice))
            else:
                wait = next_wait(notice.attempts, answer.retry_after, now)
            notice.next_attempt_at = now + wait
            return
        notice.state = state
        if state in {NoticeState.SENT, NoticeState.ACKNOWLEDGED}:
            notice.sent_at = now
        if state is not NoticeState.SENT:
            notice.ended_at = now
        if state is NoticeState.ACKNOWLEDGED:
            notice.sealed = None

    async def _tell_agency(self, session: TenantSession, notice: RecipientNotice) -> None:
        now, subject = self.clock(), alert_subject(notice.id)
        is_late = now - _pending_since(notice) >= TOLD_AFTER
        if notice.state in {NoticeState.REFUSED, NoticeState.FAILED} or (
            notice.state is NoticeState.WAITING and is_late
        ):
            recipient = await session.get_one(Recipient, (session.tenant_id, notice.recipient_id))
            alert = _alert(notice, recipient.name, recipient.client_id)
            await raise_alert(session, alert, now=now, ids=self.ids)
        elif notice.state is not NoticeState.WAITING or notice.receipt:
            await clear_alert(session, AlertKind.RECIPIENT_NOT_TOLD, subject, now=now)


def _pending_since(notice: RecipientNotice) -> dt.datetime:
    """Since when a recipient has to be told, or, when it has accepted that, to get it done."""
    return notice.sent_at if notice.receipt and notice.sent_at else notice.created_at


def _alert(notice: RecipientNotice, name: str, client_id: ClientId) -> Alert:
    is_over = notice.state is not NoticeState.WAITING
    return Alert(
        kind=AlertKind.RECIPIENT_NOT_TOLD,
        severity=AlertSeverity.CRITICAL if is_over else AlertSeverity.WARNING,
        subject=alert_subject(notice.id),
        client_id=client_id,
        title="a recipient was not told of a person's request",
        text=f"{name}: {notice.failure}",
        hint="mend it, then bosco gdpr recipients retry; or tell it by hand and acknowledge",
    )
