"""Four eyes: a second person agrees before somebody is erased.

    request reaches APPROVING -> approval asked for -> another officer decides, here or on the page
    of approvals -> it is used for this request alone

Whoever took the request in, chose the person or vouched for them is not the second person.
"""

import uuid
from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from domain.privacy.request_machine import SecondPersonError
from gdpr.requests.everybody import connection_of
from gdpr.requests.services import RequestServices
from tenancy.approvals import LIFETIME, Approvals, Deed, State
from tenancy.session import TenantSession
from tenancy.tables import Approval, ApprovalDecision, RequestEvent, SubjectRequest

__all__ = ["FULFIL", "ask_for_approval", "find_decider", "has_hand", "use_approval"]

FULFIL: Final = "subject_request.fulfil"
_HANDS: Final = ("received", "searched", "chosen", "vouched")


async def ask_for_approval(
    services: RequestServices, session: TenantSession, row: SubjectRequest, actor: str
) -> uuid.UUID:
    """Ask for a second person; the answer may take until the request is due."""
    lifetime = max(row.due_at - services.clock(), LIFETIME)
    return await _approvals(services).request(
        session, _deed(row), requested_by=actor, lifetime=lifetime
    )


async def use_approval(
    services: RequestServices, session: TenantSession, row: SubjectRequest, actor: str
) -> None:
    """Agree as the second person, or use the agreement that another one gave.

    Raises:
        SecondPersonError: The officer had a hand in it already.
        ConflictError: It was refused, or the officer asked for it.
    """
    await _check_hands(session, row, actor)
    approvals, approval_id = _approvals(services), await _latest(session, row)
    found = None if approval_id is None else await approvals.find(session, approval_id)
    if approval_id is None or found is None or found.state in (State.EXPIRED, State.USED):
        asker = row.requested_by if found is None else found.requested_by
        approval_id = await ask_for_approval(services, session, row, asker)
    if found is None or found.state is not State.APPROVED:
        await approvals.decide(session, approval_id, ApprovalDecision.APPROVED, decided_by=actor)
    await approvals.use(session, approval_id, _deed(row), used_by=actor)


def has_hand(events: Iterable[RequestEvent], actor: str) -> bool:
    """Whether somebody took a request in, chose the person or vouched for them.

    Args:
        events: All of the request.
        actor: As the history names them.
    """
    return any(event.actor == actor and event.kind in _HANDS for event in events)


async def find_decider(
    services: RequestServices, session: TenantSession, row: SubjectRequest
) -> str | None:
    """Who agreed on the page of approvals; None: nobody yet."""
    approval_id = await _latest(session, row)
    found = None if approval_id is None else await _approvals(services).find(session, approval_id)
    return found.decided_by if found is not None and found.state is State.APPROVED else None


async def _check_hands(session: TenantSession, row: SubjectRequest, actor: str) -> None:
    query = select(RequestEvent).where(RequestEvent.request_id == row.id)
    if has_hand((await session.scalars(query)).all(), actor):
        raise SecondPersonError(
            "you had a hand in this request yourself", hint="another officer has to agree"
        )


async def _latest(session: TenantSession, row: SubjectRequest) -> uuid.UUID | None:
    query = select(Approval.id).where(Approval.action == FULFIL, Approval.object_id == str(row.id))
    latest = query.order_by(Approval.requested_at.desc(), Approval.id.desc()).limit(1)
    found: uuid.UUID | None = await session.scalar(latest)
    return found


def _deed(row: SubjectRequest) -> Deed:
    connection_id = connection_of(row)
    whom = str(row.subject_id) if connection_id is None else f"everybody of {connection_id}"
    payload = {"right": row.right.value, "subject": whom}
    return Deed(FULFIL, "subject_request", str(row.id), payload)


def _approvals(services: RequestServices) -> Approvals:
    return Approvals(services.clock, services.ids)
