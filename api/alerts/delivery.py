"""Delivery: what has to be told reaches its channels, at least once.

    agencies with alerts -> compose -> claim -> AlertSender -> note, or try again later

A message is claimed, by a later time of its next attempt, before it is sent: nobody else sends it
meanwhile, and after a crash between sending and noting it is sent once more, with the same id. An
attempt that fails is repeated after 30 s, 1 min, 2 min ... until the message is given up.

Decision: ADR-0013.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select

from api.alerts.channels import open_target
from api.alerts.compose import compose
from api.alerts.outgoing import Outcome, Outgoing
from api.alerts.sender import AlertSender
from api.alerts.target import Target
from api.rounds import beside, repeat
from domain.errors import UserError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from tenancy.exclusive import Exclusive
from tenancy.session import Database, TenantSession
from tenancy.tables import AlertChannel, AlertMessage, MessageState
from tenancy.unscoped import Doors
from tenancy.vault import Vault

__all__ = ["AlertDelivery"]

_LOG: Final = structlog.get_logger(__name__)

_ROUND_SECONDS: Final = 15.0
_AGENCIES_AT_ONCE: Final = 4  # each holds a connection to PostgreSQL now and then
_CLAIM: Final = dt.timedelta(minutes=2)  # longer than an attempt takes
_FIRST_WAIT: Final = dt.timedelta(seconds=30)  # doubled after each attempt
_ATTEMPTS: Final = 6


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A message that nobody else sends now; without a target when its secrets do not open."""

    outgoing: Outgoing
    target: Target | None
    problem: str


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """Tells channels of alerts.

    Attributes:
        exclusive: One round at a time, over all processes.
        sender: Reaches the outside world.
    """

    database: Database
    doors: Doors
    vault: Vault
    exclusive: Exclusive
    sender: AlertSender
    clock: Clock
    ids: IdFactory

    @asynccontextmanager
    async def running(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:
        """Deliver while a block runs."""
        work = repeat(self.deliver_due, sleep, _ROUND_SECONDS, "alert_round_failed")
        async with beside(work):
            yield

    async def deliver_due(self) -> int:
        """One round over all agencies; one that fails is left for the next round.

        Returns:
            Number of messages sent.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        places = asyncio.Semaphore(_AGENCIES_AT_ONCE)

        async def deliver(tenant_id: TenantId) -> int:
            async with places:
                try:
                    return await self._deliver_to(tenant_id)
                except Exception:  # noqa: BLE001  # a bug that one agency meets stays with it
                    _LOG.exception("alerts_not_delivered", tenant_id=str(tenant_id))
                    return 0

        async with self.exclusive():
            agencies = await self.doors.agencies_with_alerts()
            return sum(await asyncio.gather(*map(deliver, agencies)))

    async def _deliver_to(self, tenant_id: TenantId) -> int:
        async with self.database.session(tenant_id) as session:
            await compose(session, now=self.clock(), ids=self.ids)
            claimed = await self._claim(session)
        sent = await asyncio.gather(*(self._attempt(tenant_id, message) for message in claimed))
        return sum(sent)

    async def _claim(self, session: TenantSession) -> list[_Claimed]:
        now = self.clock()
        rows = await session.execute(
            select(AlertMessage, AlertChannel)
            .join(
                AlertChannel,
                (AlertChannel.tenant_id == AlertMessage.tenant_id)
                & (AlertChannel.id == AlertMessage.channel_id),
            )
            .where(AlertMessage.state == MessageState.PENDING, AlertMessage.next_attempt_at <= now)
            .order_by(AlertMessage.composed_at, AlertMessage.id)
            .with_for_update(of=AlertMessage, skip_locked=True)
        )
        claimed = []
        for message, channel in rows:
            if channel.removed_at is not None:
                message.state, message.ended_at = MessageState.FAILED, now
                message.failure = "the channel was removed"
                continue
            message.attempts += 1
            message.next_attempt_at = now + _CLAIM
            claimed.append(await self._open(session, message, channel))
        return claimed

    async def _open(
        self, session: TenantSession, message: AlertMessage, channel: AlertChannel
    ) -> _Claimed:
        outgoing = Outgoing(message.id, message.composed_at, message.content)
        try:
            return _Claimed(outgoing, await open_target(self.vault, session, channel), "")
        except UserError as error:
            return _Claimed(outgoing, None, str(error))

    async def _attempt(self, tenant_id: TenantId, claimed: _Claimed) -> bool:
        if claimed.target is None:
            outcome = Outcome(is_sent=False, remark=claimed.problem)
        else:
            outcome = await self.sender.send(claimed.target, claimed.outgoing)
        async with self.database.session(tenant_id) as session:
            message = (
                await session.scalars(
                    select(AlertMessage)
                    .where(AlertMessage.id == claimed.outgoing.id)
                    .with_for_update()
                )
            ).one()
            _note(message, outcome, self.clock())
        if not outcome.is_sent:
            _LOG.warning(
                "alert_message_failed",
                message_id=str(claimed.outgoing.id),
                attempts=message.attempts,
                reason=outcome.remark,
            )
        return outcome.is_sent


def _note(message: AlertMessage, outcome: Outcome, now: dt.datetime) -> None:
    """Write down how an attempt went."""
    message.failure = outcome.remark or None
    if outcome.is_sent:
        message.state, message.ended_at = MessageState.SENT, now
    elif message.attempts >= _ATTEMPTS:
        message.state, message.ended_at = MessageState.FAILED, now
    else:
        message.next_attempt_at = now + _FIRST_WAIT * (1 << (message.attempts - 1))
