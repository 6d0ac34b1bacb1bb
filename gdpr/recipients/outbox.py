"""The outbox of recipients: who has to be told of a request, and how far that is.

    erasure plan -> tell_recipients(session, request, identifiers) -> one notice per recipient
        -> `gdpr/recipients/delivery.py` -> acknowledged | refused | failed
    open_recipients: what a request still waits for; told_recipients: the list of article 19

Notices are written in the transaction of the step that asks for them, before the person's
identifiers are shredded; each is sealed by itself, and forgotten when its recipient has confirmed.
A recipient that the person's identifiers say nothing to gets no notice.

Sources: GDPR articles 17(2) and 19.
"""

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ConnectionId
from domain.ports import IdFactory
from domain.privacy.identifiers import Identifier, IdentifierKind
from gdpr.recipients.kinds import KINDS
from tenancy.session import TenantSession
from tenancy.tables import NoticeState, Recipient, RecipientNotice, SubjectRequest, Tenant
from tenancy.vault import Purpose, TenantKey, Vault

__all__ = [
    "ToldRecipient",
    "open_identifiers",
    "open_key",
    "open_recipients",
    "tell_recipients",
    "told_recipients",
]

_FIELD: Final = "identifiers"
_TOLD_AGAIN: Final = frozenset({NoticeState.WAITING, NoticeState.SENDING})


@dataclass(frozen=True, slots=True)
class ToldRecipient:
    """A recipient, as the person may hear of it.

    Attributes:
        since: UTC instant of the present state.
        next_try_at: UTC instant; None: it is neither told nor asked again by itself.
        receipt: The recipient's own id of what it was told; empty: it gave none.
    """

    notice_id: uuid.UUID
    name: str
    kind: str
    state: NoticeState
    since: dt.datetime
    reason: str
    next_try_at: dt.datetime | None
    receipt: str = ""


async def tell_recipients(
    session: TenantSession,
    request_id: uuid.UUID,
    identifiers: Sequence[Identifier],
    *,
    vault: Vault,
    now: dt.datetime,
    ids: IdFactory,
) -> list[uuid.UUID]:
    """Write a notice for each recipient of the client's data; done again, nothing is added.

    Args:
        session: Of the agency; stores them when it commits.
        request_id: What the person asked for.
        identifiers: All of the person's, in the clear.
        vault: Seals them.
        now: UTC instant.
        ids: Give notices their ids, which are what recipients tell repetitions by.

    Returns:
        Ids of all notices of the request, by recipient.
    """
    request = await session.get_one(SubjectRequest, (session.tenant_id, request_id))
    recipients = await session.scalars(
        select(Recipient)
        .where(Recipient.client_id == request.client_id, Recipient.removed_at.is_(None))
        .order_by(Recipient.id)
    )
    key = await open_key(session, vault)
    for recipient in recipients.all():
        known = _known_to(recipient, identifiers)
        if not known or request.right not in KINDS[recipient.kind].rights:
            continue
        notice_id = ids()
        await session.execute(
            insert(RecipientNotice)
            .values(
                tenant_id=session.tenant_id,
                id=notice_id,
                recipient_id=recipient.id,
                request_id=request_id,
                right=request.right,
                sealed=_seal(vault, key, session, notice_id, known),
                state=NoticeState.WAITING,
                attempts=0,
                next_attempt_at=now,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )
    query = select(RecipientNotice.id).where(RecipientNotice.request_id == request_id)
    return list(await session.scalars(query.order_by(RecipientNotice.recipient_id)))


async def open_recipients(session: TenantSession, request_id: uuid.UUID) -> list[ToldRecipient]:
    """Those that have not confirmed; a request is not complete before there are none."""
    told = await told_recipients(session, request_id)
    return [one for one in told if one.state.is_open]


async def told_recipients(session: TenantSession, request_id: uuid.UUID) -> list[ToldRecipient]:
    """Everybody who was or will be told of a request: the list of article 19, by name."""
    rows = await session.execute(
        select(RecipientNotice, Recipient)
        .join(
            Recipient,
            (Recipient.tenant_id == RecipientNotice.tenant_id)
            & (Recipient.id == RecipientNotice.recipient_id),
        )
        .where(RecipientNotice.request_id == request_id)
        .order_by(Recipient.name, Recipient.id)
    )
    return [
        ToldRecipient(
            notice_id=notice.id,
            name=recipient.name,
            kind=recipient.kind.value,
            state=notice.state,
            since=notice.ended_at or notice.sent_at or notice.created_at,
            reason=notice.failure or "",
            next_try_at=notice.next_attempt_at if notice.state in _TOLD_AGAIN else None,
            receipt=notice.receipt or "",
        )
        for notice, recipient in rows
    ]


async def open_key(session: TenantSession, vault: Vault) -> TenantKey:
    """The agency's key."""
    tenant = await session.get_one(Tenant, session.tenant_id)
    return await vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)


async def open_identifiers(
    session: TenantSession, vault: Vault, notice: RecipientNotice
) -> tuple[Identifier, ...]:
    """Whom a notice is about.

    Raises:
        CredentialError: It does not open, or is forgotten.
    """
    opened = vault.open_for(
        await open_key(session, vault),
        notice.sealed or b"",
        tenant_id=session.tenant_id,
        purpose=Purpose.RECIPIENT_NOTICE,
        object_id=notice.id,
    )
    return tuple(
        Identifier(
            IdentifierKind(kind),
            value,
            ConnectionId(uuid.UUID(connection)) if connection else None,
        )
        for kind, value, connection in json.loads(opened[_FIELD].reveal())
    )


def _known_to(recipient: Recipient, identifiers: Sequence[Identifier]) -> list[Identifier]:
    """Not more than a recipient needs: of platforms' ids those that are its own."""
    knows = KINDS[recipient.kind].knows
    return [
        one
        for one in identifiers
        if one.kind in knows
        and (
            one.kind is not IdentifierKind.PLATFORM or one.connection_id == recipient.connection_id
        )
    ]


def _seal(
    vault: Vault,
    key: TenantKey,
    session: TenantSession,
    notice_id: uuid.UUID,
    identifiers: Sequence[Identifier],
) -> bytes:
    written = [
        [one.kind.value, one.value, "" if one.connection_id is None else str(one.connection_id)]
        for one in identifiers
    ]
    return vault.seal_for(
        key,
        {_FIELD: json.dumps(written)},
        tenant_id=session.tenant_id,
        purpose=Purpose.RECIPIENT_NOTICE,
        object_id=notice_id,
    )
