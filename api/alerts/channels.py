"""Channels as they are stored: whom they want to hear of, and their secrets, sealed.

Target -> seal_target -> alert_channels -> open_target -> Target
"""

import uuid
from typing import Any
from zoneinfo import ZoneInfo

from api.alerts.bulletin import Addressee
from api.alerts.notices import is_worse
from api.alerts.target import Target, restore, stored
from tenancy.session import TenantSession
from tenancy.tables import AlertChannel, RaisedAlert, Tenant
from tenancy.vault import Purpose, TenantKey, Vault

__all__ = ["load_addressee", "open_target", "seal_target", "wants"]


def wants(channel: AlertChannel, alert: RaisedAlert) -> bool:
    """Whether the channel asks for alerts like this one.

    A channel that is limited to clients does not hear of the agency as a whole.
    """
    return (
        not is_worse(channel.lowest_severity, alert.severity)
        and (channel.alert_kinds is None or alert.kind.value in channel.alert_kinds)
        and (channel.client_ids is None or alert.client_id in channel.client_ids)
    )


async def load_addressee(session: TenantSession) -> Addressee:
    """The session's agency."""
    tenant = await session.get_one(Tenant, session.tenant_id)
    return Addressee(tenant.id, tenant.slug, tenant.name, ZoneInfo(tenant.time_zone))


async def seal_target(
    vault: Vault, session: TenantSession, channel_id: uuid.UUID, target: Target
) -> tuple[dict[str, Any], bytes]:
    """Settings and sealed secrets of a channel of the session's agency."""
    settings, secrets = stored(target)
    key = await _open_key(vault, session)
    sealed = vault.seal_for(
        key,
        secrets,
        tenant_id=session.tenant_id,
        purpose=Purpose.ALERT_CHANNEL,
        object_id=channel_id,
    )
    return settings, sealed


async def open_target(vault: Vault, session: TenantSession, channel: AlertChannel) -> Target:
    """Where a channel of the session's agency leads.

    Raises:
        CredentialError: Its secrets do not open; it has to be added again.
    """
    key = await _open_key(vault, session)
    secrets = vault.open_for(
        key,
        channel.secrets or b"",
        tenant_id=session.tenant_id,
        purpose=Purpose.ALERT_CHANNEL,
        object_id=channel.id,
    )
    return restore(channel.kind, channel.settings, secrets)


async def _open_key(vault: Vault, session: TenantSession) -> TenantKey:
    tenant = await session.get_one(Tenant, session.tenant_id)
    return await vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)
