"""Features catch up after a publication.

    publication -> views whose facts changed -> compute as of now -> Redis -> what was done, noted

Of each view, only the account or the client that was published is computed anew, all its entities
at once. Doing it again changes nothing but the instant; two at once wait for each other, so an
older instant never overwrites a newer one. Entities that are gone are forgotten. Feast's registry
comes last: nothing here needs it, so its failure keeps no features back.

Decision: ADR-0014.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, ConnectionId, RunId, TenantId
from domain.ports import Clock, Publication, TenantScope
from feature_repo.catalogue import Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.feature import FeatureView
from feature_repo.feature_views import fingerprint
from feature_repo.online import OnlineFeatures
from feature_repo.settled import settled_instant
from tenancy.exclusive import hold_exclusively
from tenancy.session import Database
from tenancy.tables import Connection, FeatureMaterialisation

__all__ = ["FeatureRefresh", "Refreshed"]

_NAME: Final = "features"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one refresh of one view did.

    Attributes:
        view: Its name.
        owner_id: The account or client whose entities were computed.
        as_of: Only what was known by then has counted.
        entities: How many.
        took_milliseconds: From the question to the stored answer.
    """

    view: str
    owner_id: uuid.UUID
    as_of: dt.datetime
    entities: int
    took_milliseconds: int


@dataclass(frozen=True, slots=True)
class FeatureRefresh:
    """`domain.ports.PublicationListener`: keeps online features as new as the facts.

    Attributes:
        catalogues: Which views each agency has.
        register: Makes Feast's registry hold the present definitions.
    """

    database: Database
    catalogues: Catalogues
    computer: FeatureComputer
    online: OnlineFeatures
    clock: Clock
    register: Callable[[], Awaitable[bool]]

    @property
    def name(self) -> str:
        """Names the durable step."""
        return _NAME

    async def published(self, publication: Publication) -> None:
        """Compute the features of what was published.

        Raises:
            WarehouseError: The warehouse failed.
            RedisUnavailableError: Redis does not answer or is full.
            DatabaseUnavailableError: PostgreSQL does not answer.
            RegistryError: Feast cannot write its registry; the features are there.
        """
        catalogue = await self.catalogues.fresh(publication.tenant_id)
        for view in catalogue.views.values():
            if set(view.facts) & set(publication.days):
                owner_id = _owner(view, publication.client_id, publication.connection_id)
                await self._refresh(
                    publication.tenant_id, publication.client_id, view, owner_id, publication.run_id
                )
        await self.register()

    async def refresh_client(self, tenant_id: TenantId, client_id: ClientId) -> list[Refreshed]:
        """Compute everything about a client, whatever was published.

        Follows what changes the past as well, such as an erasure: what was served before cannot be
        computed again, and this is noted.

        Raises:
            WarehouseError: The warehouse failed.
            RedisUnavailableError: Redis does not answer or is full.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        catalogue = await self.catalogues.fresh(tenant_id)
        return await self._refresh_views(tenant_id, client_id, catalogue.views.values())

    async def refresh_view(
        self, tenant_id: TenantId, client_id: ClientId, name: str
    ) -> list[Refreshed]:
        """Compute one view about a client, whatever was published.

        Raises:
            NotFoundError: The agency has no such view.
            WarehouseError: The warehouse failed.
            RedisUnavailableError: Redis does not answer or is full.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        catalogue = await self.catalogues.fresh(tenant_id)
        return await self._refresh_views(tenant_id, client_id, [catalogue.view(name)])

    async def _refresh_views(
        self, tenant_id: TenantId, client_id: ClientId, views: Iterable[FeatureView]
    ) -> list[Refreshed]:
        query = select(Connection.id).where(Connection.client_id == client_id)
        async with self.database.session(tenant_id) as session:
            connections = (await session.scalars(query.order_by(Connection.id))).all()
        return [
            await self._refresh(tenant_id, client_id, view, owner_id, is_whole=True)
            for view in views
            for owner_id in _owners(view, client_id, connections)
        ]

    async def _refresh(
        self,
        tenant_id: TenantId,
        client_id: ClientId,
        view: FeatureView,
        owner_id: uuid.UUID,
        run_id: RunId | None = None,
        *,
        is_whole: bool = False,
    ) -> Refreshed:
        owner = str(owner_id)
        async with self.database.session(tenant_id) as session:
            await hold_exclusively(session, f"features {view.name} {owner}")
            begun = self.clock()  # read inside: who comes later is later
            as_of = await settled_instant(session, view.entity, owner_id, now=begun, run_id=run_id)
            scope = TenantScope(tenant_id, frozenset({client_id}))
            table = await self.computer.current(scope, view, [owner], as_of)
            entities = await self.online.replace(tenant_id, view, owner, table)
            took = (self.clock() - begun) // dt.timedelta(milliseconds=1)
            note = insert(FeatureMaterialisation).values(
                tenant_id=tenant_id,
                view=view.name,
                owner_id=owner_id,
                client_id=client_id,
                fingerprint=fingerprint(view),
                as_of=as_of,
                entities=entities,
                took_milliseconds=took,
                whole_since=as_of if is_whole else None,
            )
            changed = ["client_id", "fingerprint", "as_of", "entities", "took_milliseconds"]
            changed += ["whole_since"] if is_whole else []
            await session.execute(
                note.on_conflict_do_update(
                    index_elements=["tenant_id", "view", "owner_id"],
                    set_={name: note.excluded[name] for name in changed},
                )
            )
        return Refreshed(view.name, owner_id, as_of, entities, took)


def _owner(view: FeatureView, client_id: ClientId, connection_id: ConnectionId) -> uuid.UUID:
    return client_id if view.entity.is_of_client else connection_id


def _owners(
    view: FeatureView, client_id: ClientId, connections: Collection[ConnectionId]
) -> Collection[uuid.UUID]:
    return [client_id] if view.entity.is_of_client else connections
