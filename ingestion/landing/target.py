"""What lands, and what landing needs."""

from dataclasses import dataclass

from domain.ids import ClientId, ConnectionId, SyncId, TenantId
from domain.ports import Clock, IdFactory
from ingestion.connector.spec import StreamSpec
from tenancy.landing_store import LandingStore
from tenancy.session import Database
from tenancy.vault import Vault

__all__ = ["LandingServices", "LandingTarget"]


@dataclass(frozen=True, slots=True)
class LandingServices:
    """What landing needs of the platform."""

    database: Database
    store: LandingStore
    clock: Clock
    ids: IdFactory
    vault: Vault


@dataclass(frozen=True, slots=True)
class LandingTarget:
    """The sync that lands, and its account.

    Attributes:
        api_version: Of the provider's API, or of the file's map.
    """

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    sync_id: SyncId
    stream: StreamSpec
    api_version: str
    currency: str
    time_zone: str
