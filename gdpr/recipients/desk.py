"""What officers do about recipients: declare them, take them off, say that one has confirmed.

words -> RecipientDesk -> recipient or notice, audit entry
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain.errors import ConflictError, NotFoundError
from domain.ids import ClientId, ConnectionId, TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.recipients import RecipientKind
from gdpr.recipients.kinds import check_input
from gdpr.recipients.outbox import open_key
from tenancy import audit
from tenancy.alerts import AlertKind, clear_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import NoticeState, Recipient, RecipientNotice
from tenancy.vault import Purpose, Vault

__all__ = ["NewRecipient", "RecipientDesk", "alert_subject"]

_ONCE: Final = "uq_recipients__current_name"


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """A recipient as somebody declares it.

    Attributes:
        connection_id: Whose ids of people it knows; None: of no connection.
    """

    client_id: ClientId
    kind: RecipientKind
    name: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    connection_id: ConnectionId | None = None


@dataclass(frozen=True, slots=True)
class RecipientDesk:
    """Changes recipients, one transaction each; every change is audited."""

    database: Database
    vault: Vault
    clock: Clock
    ids: IdFactory

    async def add(self, tenant_id: TenantId, new: NewRecipient, *, actor: str) -> uuid.UUID:
        """Declare a recipient; it is told of requests that are carried out from now on.

        Raises:
            InvalidInputError: It cannot be told like this.
            ConflictError: The client has a recipient of that name.
        """
        check_input(new.kind, new.settings, new.secrets)
        recipient_id = self.ids()
        try:
            async with self.database.session(tenant_id) as session:
                sealed = self.vault.seal_for(
                    await open_key(session, self.vault),
                    new.secrets,
                    tenant_id=tenant_id,
                    purpose=Purpose.RECIPIENT,
                    object_id=recipient_id,
                )
                session.add(
                    Recipient(
                        id=recipient_id,
                        client_id=new.client_id,
                        kind=new.kind,
                        name=new.name,
                        settings=dict(new.settings),
                        connection_id=new.connection_id,
                        secrets=sealed,
                        created_at=self.clock(),
                    )
                )
                self._record(session, actor, "recipient.added", recipient_id, new.kind.value)
        except IntegrityError as error:
            if _ONCE not in str(error.orig):
                raise
            raise ConflictError(
                f"the client has a recipient {new.name!r} already", hint="choose another name"
            ) from error
        return recipient_id

    async def remove(
        self, session: TenantSession, client_id: ClientId, name: str, *, actor: str
    ) -> None:
        """Take a recipient off; its secrets are forgotten, what it was told of stays on record.

        Raises:
            NotFoundError: The client has none of that name.
        """
        query = select(Recipient).where(
            Recipient.client_id == client_id,
            Recipient.name == name,
            Recipient.removed_at.is_(None),
        )
        recipient = (await session.scalars(query.with_for_update())).one_or_none()
        if recipient is None:
            raise NotFoundError(
                f"the client has no recipient {name!r}", hint="bosco gdpr recipients list"
            )
        recipient.removed_at, recipient.secrets = self.clock(), None
        self._record(session, actor, "recipient.removed", recipient.id, recipient.kind.value)

    async def acknowledge(
        self, session: TenantSession, notice_id: uuid.UUID, *, actor: str
    ) -> None:
        """A recipient has told somebody here that it has done it; the notice is forgotten.

        Raises:
            NotFoundError: There is no such notice.
            ConflictError: It was confirmed before.
        """
        notice = await self._notice(session, notice_id)
        if notice.state is NoticeState.ACKNOWLEDGED:
            raise ConflictError("the recipient has confirmed that already")
        notice.state, notice.ended_at = NoticeState.ACKNOWLEDGED, self.clock()
        notice.sealed, notice.confirmed_by = None, actor
        subject = alert_subject(notice_id)
        await clear_alert(session, AlertKind.RECIPIENT_NOT_TOLD, subject, now=self.clock())
        self._record(session, actor, "recipient_notice.acknowledged", notice_id, "by hand")

    async def retry(self, session: TenantSession, notice_id: uuid.UUID, *, actor: str) -> None:
        """Tell a recipient again that refused, or was down for too long.

        Raises:
            NotFoundError: There is no such notice.
            ConflictError: It is on its way, or was confirmed.
        """
        notice = await self._notice(session, notice_id)
        if notice.state not in {NoticeState.REFUSED, NoticeState.FAILED}:
            raise ConflictError("the notice is on its way, or was confirmed")
        notice.state, notice.ended_at, notice.receipt = NoticeState.WAITING, None, None
        notice.next_attempt_at = self.clock()  # attempts count on: late answers name theirs
        self._record(session, actor, "recipient_notice.retried", notice_id, "by hand")

    async def _notice(self, session: TenantSession, notice_id: uuid.UUID) -> RecipientNotice:
        query = select(RecipientNotice).where(RecipientNotice.id == notice_id)
        notice = (await session.scalars(query.with_for_update())).one_or_none()
        if notice is None:
            raise NotFoundError(
                "there is no such notice to a recipient", hint="bosco gdpr recipients list"
            )
        return notice

    def _record(
        self, session: TenantSession, actor: str, action: str, object_id: uuid.UUID, how: str
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=action,
            object_kind=action.partition(".")[0],
            object_id=str(object_id),
            details={"how": how},
        )


def alert_subject(notice_id: uuid.UUID) -> str:
    """What alerts about a notice are about."""
    return f"recipient_notice:{notice_id}"
