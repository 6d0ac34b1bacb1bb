"""Delivery: every recipient is told of every request that is about it.

    agencies with notices that are due -> a lane for each recipient
    lane: claim the next one (intent, committed) -> RecipientNotifier -> noted -> the next one ...
                                                 |
                                   crash in between: told again, under the same key

A lane tells one recipient in order, and ends when that is not reached; nobody else waits for it. A
process has 32, and 8 for one agency, so that one agency's recipients cannot take all.

A notice is claimed by a later time of its next attempt, and its attempt is counted, before anything
leaves: no other process tells that recipient anything meanwhile, and one that comes back late notes
nothing. The id of the notice is the key by which a recipient knows a repetition; platforms that
have no such key are asked for what has the same effect when it is asked twice. Who accepts what it
was told, to do it later, gives a receipt, and is asked by it until it is done. Who is down, or does
not get done, is tried for two weeks; who refuses, or is down for two days, is told to the agency.
"""

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, exists, func, select

from domain.ids import TenantId
from domain.ports import Clock, IdFactory, RecipientNotifier
from domain.privacy.recipients import Answered, RecipientAnswer, Telling
from gdpr.recipients.outbox import open_identifiers, open_key
from gdpr.recipients.outcome import note_answer
from tenancy.session import Database, TenantSession
from tenancy.tables import NoticeState, Recipient, RecipientNotice
from tenancy.unscoped import Doors
from tenancy.vault import CredentialError, Purpose, Vault

__all__ = ["AT_ONCE", "Lane", "NoticeDelivery"]

AT_ONCE: Final = 32  # lanes of a process

_LOG: Final = structlog.get_logger(__name__)

_CLAIM: Final = dt.timedelta(minutes=2)  # longer than an attempt takes
_AT_ONCE_OF_ONE: Final = 8

Lane = Callable[[], Coroutine[Any, Any, int]]


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

    _lanes: set[tuple[TenantId, uuid.UUID]] = field(default_factory=set, init=False, repr=False)

    async def deliver_due(self) -> int:
        """One round over all agencies, until its lanes are done.

        Returns:
            Number of notices that recipients took, or confirmed.

        Raises:
            ExceptionGroup: A lane failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with asyncio.TaskGroup() as group:
            lanes = await self.open_lanes(lambda lane: group.create_task(lane()))
        return sum(lane.result() for lane in lanes)

    async def open_lanes(
        self, start: Callable[[Lane], asyncio.Task[int]]
    ) -> list[asyncio.Task[int]]:
        """Put a lane at each recipient that is due and has none, as far as there is room.

        Args:
            start: Lets a lane go on by itself; its result is the number of notices that the
                recipient took, or confirmed.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        opened: list[asyncio.Task[int]] = []
        for tenant_id in await self.doors.agencies_with_recipient_notices(self.clock()):
            if len(self._lanes) >= AT_ONCE:
                break
            taken = sum(agency == tenant_id for agency, _ in self._lanes)
            room = min(_AT_ONCE_OF_ONE - taken, AT_ONCE - len(self._lanes))
            for recipient_id in (await self._look(tenant_id))[: max(room, 0)]:
                self._lanes.add((tenant_id, recipient_id))
                opened.append(start(partial(self._lane, tenant_id, recipient_id)))
        return opened

    async def _look(self, tenant_id: TenantId) -> list[uuid.UUID]:
        """Recipients without a lane here that have to be told something, the oldest first."""
        async with self.database.session(tenant_id) as session:
            query = (
                select(RecipientNotice.recipient_id)
                .where(*_is_due(self.clock()))
                .group_by(RecipientNotice.recipient_id)
                .order_by(func.min(RecipientNotice.next_attempt_at), RecipientNotice.recipient_id)
            )
            due = (await session.scalars(query)).all()
        return [one for one in due if (tenant_id, one) not in self._lanes]

    async def _lane(self, tenant_id: TenantId, recipient_id: uuid.UUID) -> int:
        """Tell one after the other, until nothing is due or the recipient is not reached."""
        taken = 0
        try:
            while (claimed := await self._claim(tenant_id, recipient_id)) is not None:
                if claimed.telling is None:
                    answer = RecipientAnswer(Answered.REFUSED, reason=claimed.problem)
                else:
                    answer = await self.notifier.tell(claimed.telling)
                await self._note(tenant_id, claimed, answer)
                taken += answer.answered in {Answered.TOLD, Answered.CONFIRMED}
                if answer.answered is Answered.UNREACHED:
                    break
        finally:
            self._lanes.discard((tenant_id, recipient_id))
        return taken

    async def _claim(self, tenant_id: TenantId, recipient_id: uuid.UUID) -> _Claimed | None:
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            recipient = await _hold(session, recipient_id)
            if recipient is None or await _is_being_told(session, recipient_id, now):
                return None
            query = (
                select(RecipientNotice)
                .where(RecipientNotice.recipient_id == recipient_id, *_is_due(now))
                .order_by(RecipientNotice.next_attempt_at, RecipientNotice.id)
                .limit(1)
                .with_for_update()
            )
            notice = (await session.scalars(query)).one_or_none()
            if notice is None:
                return None
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
            await note_answer(session, notice, answer, now=self.clock(), ids=self.ids)
        _LOG.info(
            "recipient_told",
            notice_id=str(claimed.notice_id),
            answered=answer.answered.value,
            status=answer.status,
        )


def _is_due(now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        RecipientNotice.state.in_((NoticeState.WAITING, NoticeState.SENDING)),
        RecipientNotice.next_attempt_at <= now,
    )


async def _hold(session: TenantSession, recipient_id: uuid.UUID) -> Recipient | None:
    """A recipient that no other process claims something of now; new notices do not wait for it."""
    query = select(Recipient).where(Recipient.id == recipient_id)
    return (
        await session.scalars(query.with_for_update(skip_locked=True, key_share=True))
    ).one_or_none()


async def _is_being_told(session: TenantSession, recipient_id: uuid.UUID, now: dt.datetime) -> bool:
    """Whether another process is at it, or was a moment ago: the order is kept."""
    query = select(
        exists().where(
            RecipientNotice.recipient_id == recipient_id,
            RecipientNotice.state == NoticeState.SENDING,
            RecipientNotice.next_attempt_at > now,
        )
    )
    return bool(await session.scalar(query))
