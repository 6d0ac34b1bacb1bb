"""Endpoints as they are stored: their secrets sealed, and which of them sign now.

secrets -> seal_secrets -> webhook_endpoints -> open_secrets -> Secret, one or two
"""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import Select, select

from domain.errors import NotFoundError
from domain.ids import ClientId, parse_id, public_id
from tenancy.session import TenantSession
from tenancy.tables import Tenant, WebhookEndpoint
from tenancy.vault import Purpose, Secret, TenantKey, Vault

__all__ = [
    "endpoints_for",
    "find_endpoint",
    "open_secrets",
    "parse_endpoint_id",
    "public_endpoint_id",
    "seal_secrets",
]

_PREFIX: Final = "whk"
_CURRENT: Final = "current"
_OLD: Final = "old"


def public_endpoint_id(endpoint: WebhookEndpoint) -> str:
    """The endpoint's id for the outside."""
    return public_id(_PREFIX, endpoint.id)


def parse_endpoint_id(public: str) -> uuid.UUID:
    """Read an id written by `public_endpoint_id`.

    Raises:
        InvalidInputError: That is no id of an endpoint.
    """
    return parse_id(_PREFIX, public)


def endpoints_for(clients: Collection[ClientId] | None) -> Select[WebhookEndpoint]:
    """Endpoints that exist, the oldest first.

    Args:
        clients: Only those that hear of no other client than these; None: all.
    """
    query = select(WebhookEndpoint).where(WebhookEndpoint.removed_at.is_(None))
    if clients is not None:
        query = query.where(WebhookEndpoint.client_ids.contained_by(list(clients)))
    return query.order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)


async def find_endpoint(
    session: TenantSession, public: str, clients: Collection[ClientId] | None = None
) -> WebhookEndpoint:
    """The endpoint of that public id, kept from others until the transaction ends.

    Raises:
        InvalidInputError: That is no id of an endpoint.
        NotFoundError: The agency has none, or it hears of a client that is not among `clients`.
    """
    query = endpoints_for(clients).where(WebhookEndpoint.id == parse_endpoint_id(public))
    endpoint = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
    if endpoint is None:
        raise NotFoundError(
            f"{public!r} is not a webhook endpoint of this agency",
            hint="bosco webhooks list, and webhookEndpoints in GraphQL, show what there is",
        )
    return endpoint


async def seal_secrets(
    vault: Vault,
    session: TenantSession,
    endpoint: WebhookEndpoint,
    current: Secret,
    old: Secret | None = None,
) -> bytes:
    """Secrets of an endpoint of the session's agency, sealed for it alone."""
    secrets = {_CURRENT: current.reveal()}
    if old is not None:
        secrets[_OLD] = old.reveal()
    return vault.seal_for(
        await _open_key(vault, session),
        secrets,
        tenant_id=session.tenant_id,
        purpose=Purpose.WEBHOOK,
        object_id=endpoint.id,
    )


async def open_secrets(
    vault: Vault, session: TenantSession, endpoint: WebhookEndpoint, *, now: dt.datetime
) -> tuple[Secret, ...]:
    """What signs for an endpoint of the session's agency; the current secret first.

    Raises:
        CredentialError: They do not open; the endpoint has to be added again.
    """
    secrets = vault.open_for(
        await _open_key(vault, session),
        endpoint.secrets or b"",
        tenant_id=session.tenant_id,
        purpose=Purpose.WEBHOOK,
        object_id=endpoint.id,
    )
    until = endpoint.old_secret_until
    if _OLD in secrets and until is not None and now < until:
        return secrets[_CURRENT], secrets[_OLD]
    return (secrets[_CURRENT],)


async def _open_key(vault: Vault, session: TenantSession) -> TenantKey:
    tenant = await session.get_one(Tenant, session.tenant_id)
    return await vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)
