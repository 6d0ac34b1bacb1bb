"""What becomes of a notice by what its recipient answered, and who hears of it.

notice, answer -> note_answer -> ended | to be told or asked again later; an alert raised or cleared
"""

import datetime as dt
from typing import Final

from domain.ids import ClientId
from domain.ports import IdFactory
from domain.privacy.recipients import Answered, RecipientAnswer
from gdpr.recipients.desk import alert_subject
from gdpr.recipients.schedule import GIVEN_UP_AFTER, TOLD_AFTER, next_look, next_wait
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import NoticeState, Recipient, RecipientNotice

__all__ = ["note_answer"]

_ENDS: Final = {
    Answered.TOLD: NoticeState.SENT,
    Answered.CONFIRMED: NoticeState.ACKNOWLEDGED,
    Answered.NOTHING_TO_TELL: NoticeState.ACKNOWLEDGED,
    Answered.REFUSED: NoticeState.REFUSED,
}


async def note_answer(
    session: TenantSession,
    notice: RecipientNotice,
    answer: RecipientAnswer,
    *,
    now: dt.datetime,
    ids: IdFactory,
) -> None:
    """Note how a recipient took what it was told, and tell the agency when somebody has to act.

    Args:
        session: Stores it when it commits.
        notice: That was claimed; locked.
        answer: To this attempt.
        now: UTC instant.
        ids: Give alerts their ids.
    """
    _end(notice, answer, now)
    await _tell_agency(session, notice, now, ids)


def _end(notice: RecipientNotice, answer: RecipientAnswer, now: dt.datetime) -> None:
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


async def _tell_agency(
    session: TenantSession, notice: RecipientNotice, now: dt.datetime, ids: IdFactory
) -> None:
    subject = alert_subject(notice.id)
    is_late = now - _pending_since(notice) >= TOLD_AFTER
    if notice.state in {NoticeState.REFUSED, NoticeState.FAILED} or (
        notice.state is NoticeState.WAITING and is_late
    ):
        recipient = await session.get_one(Recipient, (session.tenant_id, notice.recipient_id))
        alert = _alert(notice, recipient.name, recipient.client_id)
        await raise_alert(session, alert, now=now, ids=ids)
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
