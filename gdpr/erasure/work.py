"""What every step of a run works with."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.ids import ClientId, ConnectionId, TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.identifiers import Identifier
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.targets import TargetList
from tenancy.audited_tenants import AuditedTenants
from tenancy.exclusive import Exclusive
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, TenantSession
from tenancy.tables import SubjectRequest
from tenancy.vault import Vault
from tenancy.warehouse.port import SearchableWarehouse

__all__ = [
    "ForgetExports",
    "OpenClaim",
    "Recipients",
    "RefreshFeatures",
    "Run",
    "RunRequest",
    "Stores",
]

# What a requester gave of themselves.
OpenClaim = Callable[[TenantSession, Vault, SubjectRequest], Awaitable[tuple[Identifier, ...]]]
# Compute the features of a client anew; how many entities it has.
RefreshFeatures = Callable[[TenantId, ClientId], Awaitable[int]]

# Let nobody open the copies any more that a person was given of their data; how many there were.
ForgetExports = Callable[[TenantSession, uuid.UUID], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request that a run carries out.

    Attributes:
        subject_id: The person; None: the platform alone knows them.
        everybody_of: All people and orders of this connection; None: one person.
    """

    request_id: uuid.UUID
    client_id: ClientId
    subject_id: uuid.UUID | None
    everybody_of: ConnectionId | None = None


class Recipients(Protocol):
    """Tells those who were given data of a person to erase it (GDPR 17(2), 19)."""

    async def notify(
        self,
        session: TenantSession,
        run_id: uuid.UUID,
        request: RunRequest,
        identifiers: Sequence[Identifier],
    ) -> int:
        """Take a notice over, in the caller's transaction; it may be called again after a crash.

        Returns:
            How many recipients will be told.
        """


@dataclass(frozen=True, slots=True)
class Stores:
    """Where people may be.

    Attributes:
        loading: The loader's lock: while a step has it, nothing is loaded.
        erasables: Tables about people: raw ones, facts, current views.
        open_claim: Opens what a requester gave.
        refresh_features: Of a client.
        forget_exports: Of a person.
        recipients: Who else was given data.
    """

    database: Database
    warehouse: SearchableWarehouse
    landing: LandingStore
    redis: RedisServer
    vault: Vault
    loading: Exclusive
    clock: Clock
    ids: IdFactory
    erasables: Sequence[Erasable]
    open_claim: OpenClaim
    refresh_features: RefreshFeatures
    forget_exports: ForgetExports
    recipients: Sequence[Recipients] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Who is erased in one go.

    Attributes:
        requests: By agency; none of a replay.
        is_replay: Whoever has a tombstone is looked for, not those of requests.
        held: Categories of data that legal holds keep of all of them.
        round: How often the steps have begun anew; operations of another round are others.
    """

    run_id: uuid.UUID
    requests: Mapping[TenantId, tuple[RunRequest, ...]]
    is_replay: bool = False
    round: int = 0
    held: frozenset[str] = frozenset()

    @property
    def tenants(self) -> AuditedTenants:
        """Whose rows are touched."""
        return AuditedTenants(frozenset(self.requests), "erase")

    def targets(self, stores: Stores) -> TargetList:
        """Whom the run looks for in the warehouse."""
        return TargetList(stores.warehouse, self.run_id, self.tenants)
