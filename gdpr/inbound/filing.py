"""Filing: every message of the inbox becomes a request, once.

    agencies with messages -> claim -> connection cut off, where it says so -> desk -> filed

A message is claimed, by a later time of its next attempt, before the desk gets it; request and end
of the message are one transaction. What fails is tried again, after ever longer waits; the third
failure is told to the agency. A message of which nothing can be made is set aside and told at once.

Decision: ADR-0029.
"""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy import select, update

from domain.errors import BoscoError
from domain.ids import ConnectionId, TenantId
from domain.ports import Clock, IdFactory
from gdpr.inbound.inbox import open_message
from gdpr.inbound.intakes import intake_of
from gdpr.inbound.refusal import InboundRefusedError
from gdpr.requests.desk import ReceivedRequest
from gdpr.requests.intake import Intake
from tenancy import audit
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Connection,
    ConnectionState,
    MessageTopic,
    PrivacyMessage,
    PrivacyMessageState,
)
from tenancy.unscoped import Doors
from tenancy.vault import CredentialError, Vault

__all__ = ["Filing", "TakesRequests"]

_LOG: Final = structlog.get_logger(__name__)

_FIRST_WAIT: Final = dt.timedelta(minutes=1)  # doubled with each attempt
_LONGEST_WAIT: Final = dt.timedelta(hours=1)
_TOLD_FROM: Final = 3
_CUTS_OFF: Final = frozenset(
    {MessageTopic.SHOP_REDACT, MessageTopic.DELETION, MessageTopic.DEAUTHORISATION}
)


class TakesRequests(Protocol):
    """The desk, as far as this module knows it."""

    async def receive_in(self, session: TenantSession, intake: Intake) -> ReceivedRequest:
        """Store a request when the session commits."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A message that nobody else files now; without an intake it asks for nothing."""

    message_id: uuid.UUID
    intake: Intake | None


@dataclass(frozen=True, slots=True)
class Filing:
    """Makes requests of messages; several processes share the work."""

    database: Database
    doors: Doors
    vault: Vault
    desk: TakesRequests
    clock: Clock
    ids: IdFactory

    async def file_due(self) -> int:
        """One round over all agencies.

        Returns:
            Number of messages that were filed.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        filed = 0
        for tenant_id in await self.doors.agencies_with_privacy_messages(self.clock()):
            async for claimed in self._claims(tenant_id):
                filed += await self._file(tenant_id, claimed)
        return filed

    async def _claims(self, tenant_id: TenantId) -> AsyncIterator[_Claimed]:
        while True:
            async with self.database.session(tenant_id) as session:
                message = await self._next(session)
                if message is None:
                    return
                claimed = await self._read(session, message)
            if claimed is not None:
                yield claimed

    async def _next(self, session: TenantSession) -> PrivacyMessage | None:
        now = self.clock()
        query = (
            select(PrivacyMessage)
            .where(
                PrivacyMessage.state == PrivacyMessageState.WAITING,
                PrivacyMessage.next_attempt_at <= now,
            )
            .order_by(PrivacyMessage.next_attempt_at, PrivacyMessage.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        message = (await session.scalars(query)).one_or_none()
        if message is not None:
            message.next_attempt_at = now + _wait(message.attempts)
            message.attempts += 1
        return message

    async def _read(self, session: TenantSession, message: PrivacyMessage) -> _Claimed | None:
        if message.topic in _CUTS_OFF and message.connection_id is not None:
            await self._cut_off(session, message, message.connection_id)
        try:
            content = await open_message(self.vault, session, message)
            intake = intake_of(message, content, await _connections(session, message))
        except (InboundRefusedError, CredentialError) as error:
            message.state, message.failure = PrivacyMessageState.UNREADABLE, error.message
            message.sealed, message.ended_at = None, self.clock()
            await self._tell(session, message)
            return None
        return _Claimed(message.id, intake)

    async def _cut_off(
        self, session: TenantSession, message: PrivacyMessage, connection_id: ConnectionId
    ) -> None:
        """The platform has ended our access: what opened it is forgotten."""
        changed = await session.scalar(
            update(Connection)
            .where(
                Connection.id == connection_id,
                Connection.credentials.is_not(None) | Connection.granted_by.is_not(None),
                # Who has connected it again since has given us new access.
                Connection.connected_at.is_(None)
                | (Connection.connected_at <= message.received_at),
            )
            .values(
                state=ConnectionState.BROKEN,
                credentials=None,
                credentials_version=Connection.credentials_version + 1,
                credentials_expire_at=None,
                granted_by=None,
            )
            .returning(Connection.id)
        )
        if changed is not None:
            audit.record(
                session,
                clock=self.clock,
                ids=self.ids,
                actor=f"job:{message.channel.value}",
                action="connection.cut_off",
                object_kind="connection",
                object_id=str(connection_id),
                details={"because": message.topic.value},
            )

    async def _file(self, tenant_id: TenantId, claimed: _Claimed) -> bool:
        try:
            async with self.database.session(tenant_id) as session:
                message = await session.get_one(PrivacyMessage, (tenant_id, claimed.message_id))
                if claimed.intake is not None:
                    received = await self.desk.receive_in(session, claimed.intake)
                    message.request_ids = [received.request_id]
                message.state, message.failure = PrivacyMessageState.FILED, None
                message.sealed, message.ended_at = None, self.clock()
                kind, now = AlertKind.PRIVACY_MESSAGE_STUCK, self.clock()
                await clear_alert(session, kind, _subject(message), now=now)
        except BoscoError as error:
            await self._note_failure(tenant_id, claimed, error)
            return False
        return True

    async def _note_failure(
        self, tenant_id: TenantId, claimed: _Claimed, error: BoscoError
    ) -> None:
        _LOG.warning(
            "privacy_message_not_filed", message_id=str(claimed.message_id), code=error.code
        )
        async with self.database.session(tenant_id) as session:
            message = await session.get_one(PrivacyMessage, (tenant_id, claimed.message_id))
            message.failure = error.code  # a message might repeat what was sent
            if message.attempts >= _TOLD_FROM:
                await self._tell(session, message)

    async def _tell(self, session: TenantSession, message: PrivacyMessage) -> None:
        alert = Alert(
            kind=AlertKind.PRIVACY_MESSAGE_STUCK,
            severity=AlertSeverity.CRITICAL,
            subject=_subject(message),
            client_id=message.client_id,
            title="a message about people's rights could not be filed",
            text=f"{message.topic.value}, received {message.received_at:%Y-%m-%d %H:%M} UTC: "
            f"{message.failure}",
            hint="file it by hand: bosco gdpr requests import",
        )
        await raise_alert(session, alert, now=self.clock(), ids=self.ids)


async def _connections(session: TenantSession, message: PrivacyMessage) -> tuple[ConnectionId, ...]:
    query = select(Connection.id).where(Connection.client_id == message.client_id)
    return tuple(await session.scalars(query.order_by(Connection.id)))


def _wait(attempts: int) -> dt.timedelta:
    return min(_FIRST_WAIT * (1 << min(attempts, 10)), _LONGEST_WAIT)


def _subject(message: PrivacyMessage) -> str:
    return f"privacy_message:{message.id}"
