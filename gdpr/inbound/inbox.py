"""The inbox: what came in is kept before it is answered, so that nothing is lost.

    message -> places (which client of which agency) -> sealed -> row, once -> answer
                                                                   |
                                          `gdpr/inbound/filing.py` makes a request of it

A message about an account that several agencies have is kept for each of them, in a transaction of
its own; sent again, it is kept where it is missing. A message about nobody whom we know is not
kept at all, and answered the same.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, ConnectionId, TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.rights import IntakeChannel
from gdpr.inbound.meta import MetaMessage
from gdpr.inbound.shopify import ShopifyMessage
from tenancy.session import Database, TenantSession
from tenancy.tables import MessageTopic, PrivacyMessage, PrivacyMessageState, Tenant
from tenancy.unscoped import ConnectionPlace, Doors
from tenancy.vault import Purpose, Vault

__all__ = ["Inbox", "NewMessage", "open_message", "status_hash"]

_LOG: Final = structlog.get_logger(__name__)

SHOPIFY: Final = "shopify"
META: Final = "meta_ads"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as it is kept.

    Attributes:
        message_id: The same when it is sent again.
        content: What it says of people; JSON.
        code: Shows its sender how it stands; empty: none was given.
    """

    channel: IntakeChannel
    message_id: str
    topic: MessageTopic
    content: Mapping[str, Any] = field(repr=False)
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Keeps messages."""

    database: Database
    doors: Doors
    vault: Vault
    clock: Clock
    ids: IdFactory

    async def take_shopify(self, message: ShopifyMessage) -> int:
        """Keep a webhook for every connection of its shop, also one that is paused or broken.

        Returns:
            Number of connections; 0: nobody has connected the shop.

        Raises:
            DatabaseUnavailableError: It is not kept everywhere; the platform sends it again.
        """
        places = await self.doors.connections_of_account(SHOPIFY, message.shop)
        customer = message.customer
        content = {
            "id": customer.id,
            "email": customer.email,
            "phone": customer.phone,
            "orders": list(message.orders),
            "reference": message.reference,
        }
        new = NewMessage(IntakeChannel.SHOPIFY, message.webhook_id, message.topic, content)
        return await self._keep_at(places, new)

    async def take_meta(self, message: MetaMessage, topic: MessageTopic, code: str) -> int:
        """Keep a signed request for every connection that the person consented to.

        Args:
            message: Whose; about a page it reaches nothing: no page is connected.
            topic: `DELETION` or `DEAUTHORISATION`.
            code: Of a deletion; else empty.

        Returns:
            Number of connections.

        Raises:
            DatabaseUnavailableError: As above.
        """
        places: list[ConnectionPlace] = []
        if message.person:
            places = await self.doors.connections_granted_by(META, message.person)
        content = {"id": message.person}
        new = NewMessage(IntakeChannel.META, message.digest, topic, content, code)
        return await self._keep_at(places, new)

    async def _keep_at(self, places: Sequence[ConnectionPlace], new: NewMessage) -> int:
        for place in places:
            async with self.database.session(place.tenant_id) as session:
                await self.keep(session, new, place.client_id, place.connection_id)
        _LOG.info(
            "privacy_message_kept",
            channel=new.channel.value,
            topic=new.topic.value,
            connections=len(places),
            agencies=len({place.tenant_id for place in places}),
        )
        return len(places)

    async def keep(
        self,
        session: TenantSession,
        new: NewMessage,
        client_id: ClientId,
        connection_id: ConnectionId | None,
    ) -> bool:
        """Keep a message in the session of an agency.

        Returns:
            False: it was there already.
        """
        now, row_id = self.clock(), self.ids()
        kept = await session.scalar(
            insert(PrivacyMessage)
            .values(
                tenant_id=session.tenant_id,
                id=row_id,
                channel=new.channel,
                message_id=new.message_id,
                topic=new.topic,
                client_id=client_id,
                connection_id=connection_id,
                sealed=await self._seal(session, row_id, new.content),
                status_hash=status_hash(new.code) if new.code else None,
                state=PrivacyMessageState.WAITING,
                request_ids=[],
                attempts=0,
                next_attempt_at=now,
                received_at=now,
            )
            .on_conflict_do_nothing()
            .returning(PrivacyMessage.id)
        )
        return kept is not None

    async def stand_of(self, code: str) -> list[tuple[TenantId, PrivacyMessage]]:
        """What was kept of the message whose sender was given that code."""
        hashed = status_hash(code)
        found: list[tuple[TenantId, PrivacyMessage]] = []
        for tenant_id in await self.doors.tenants_of_status(hashed):
            async with self.database.session(tenant_id) as session:
                query = select(PrivacyMessage).where(PrivacyMessage.status_hash == hashed)
                rows = await session.scalars(query.order_by(PrivacyMessage.id))
                found += [(tenant_id, row) for row in rows]
        return found

    async def _seal(
        self, session: TenantSession, row_id: uuid.UUID, content: Mapping[str, Any]
    ) -> bytes:
        tenant = await session.get_one(Tenant, session.tenant_id)
        key = await self.vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)
        return self.vault.seal_for(
            key,
            {"content": json.dumps(content)},
            tenant_id=session.tenant_id,
            purpose=Purpose.PRIVACY_MESSAGE,
            object_id=row_id,
        )


async def open_message(
    vault: Vault, session: TenantSession, message: PrivacyMessage
) -> dict[str, Any]:
    """What a message says.

    Raises:
        CredentialError: It does not open, or was forgotten.
    """
    tenant = await session.get_one(Tenant, session.tenant_id)
    key = await vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)
    opened = vault.open_for(
        key,
        message.sealed or b"",
        tenant_id=session.tenant_id,
        purpose=Purpose.PRIVACY_MESSAGE,
        object_id=message.id,
    )
    content: dict[str, Any] = json.loads(opened["content"].reveal())
    return content


def status_hash(code: str) -> bytes:
    """What is stored of a code."""
    return hashlib.sha256(b"privacy status\0" + code.encode()).digest()
