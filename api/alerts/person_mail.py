"""Mail to people outside the agency, by the mail server of the agency's own alert channels.

Messenger.send_mail -> oldest e-mail channel in use -> same server and sender, another recipient
    -> AlertSender

Decision: ADR-0026.
"""

import html
from dataclasses import dataclass, replace
from typing import Final

import structlog
from sqlalchemy import select

from api.alerts.channels import open_target
from api.alerts.outgoing import Outgoing
from api.alerts.sender import AlertSender
from api.alerts.target import EmailTarget
from domain.errors import UserError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from tenancy.session import Database
from tenancy.tables import AlertChannel, ChannelKind
from tenancy.vault import Vault

__all__ = ["PersonMail"]

_LOG: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PersonMail:
    """See `domain.ports.Messenger`."""

    database: Database
    vault: Vault
    sender: AlertSender
    clock: Clock
    ids: IdFactory

    async def send_mail(self, tenant_id: TenantId, to: str, subject: str, text: str) -> bool:
        """Send one message; False: the agency has no mail server, or it refused."""
        target = await self._server_of(tenant_id)
        if target is None:
            return False
        content = {"subject": subject, "text": text, "html": f"<pre>{html.escape(text)}</pre>\n"}
        outcome = await self.sender.send(
            replace(target, recipients=(to,)), Outgoing(self.ids(), self.clock(), content)
        )
        if not outcome.is_sent:  # the server's words may name the person: they are not for the log
            _LOG.warning("letter_not_sent", tenant_id=str(tenant_id))
        return outcome.is_sent

    async def _server_of(self, tenant_id: TenantId) -> EmailTarget | None:
        query = select(AlertChannel).where(
            AlertChannel.kind == ChannelKind.EMAIL, AlertChannel.removed_at.is_(None)
        )
        async with self.database.session(tenant_id) as session:
            oldest = query.order_by(AlertChannel.created_at, AlertChannel.id).limit(1)
            channel = (await session.scalars(oldest)).one_or_none()
            if channel is None:
                return None
            try:
                target = await open_target(self.vault, session, channel)
            except UserError:  # its secrets do not open: the desk hands letters over meanwhile
                return None
        return target if isinstance(target, EmailTarget) else None
