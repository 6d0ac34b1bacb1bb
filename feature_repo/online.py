"""Online features: written after a publication, read by ids.

    computed table -> pack -> Redis, one hash per entity
    ids -> one round trip -> unpack, age and client checked -> rows in the order asked

The age is checked at each read: Redis expires a whole entity, a view of it may be older. An app
that may see some clients only gets the rows of these; what it may not see and what does not exist
look the same.
"""

import datetime as dt
from collections.abc import Sequence
from functools import cache

import orjson
import pyarrow as pa

from domain.ids import TenantId
from domain.ports import Clock, TenantScope
from feature_repo.compute import micros_of
from feature_repo.feature import FeatureView
from feature_repo.feature_views import VIEWS
from feature_repo.packing import Packing, StoredValues
from feature_repo.statements import CLIENT_ID, ENTITY, MOMENT
from tenancy.feature_hashes import TenantFeatures
from tenancy.redis_server import RedisServer

__all__ = ["OnlineFeatures"]


class OnlineFeatures:
    """Features in Redis."""

    def __init__(self, redis: RedisServer, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def read(
        self, scope: TenantScope, view: FeatureView, entity_ids: Sequence[str]
    ) -> list[StoredValues | None]:
        """Read a view of entities. One round trip.

        Returns:
            In the order asked; None: unknown, too old, or of a client outside the scope.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        if not entity_ids:
            return []
        found = await self._of(scope.tenant_id).read(view.entity.name, entity_ids, [view.name])
        oldest = self.oldest_micros(view)
        unpack = _packing(view.name).unpack
        rows = [unpack(data[0], oldest) for data in found]
        if scope.clients is None:
            return rows
        visible = {str(client) for client in scope.clients}
        return [row if row is not None and row.client_id in visible else None for row in rows]

    async def write(self, tenant_id: TenantId, view: FeatureView, table: pa.Table) -> int:
        """Store what `FeatureComputer` computed.

        Args:
            tenant_id: Whose entities they are.
            view: Of which features.
            table: Columns `entity`, `moment`, `client_id` and the features.

        Returns:
            How many entities were written.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        pack = _packing(view.name).pack
        columns = [table.column(name).to_pylist() for name in view.feature_names]
        rows = zip(*columns, strict=True)
        heads = (table.column(name).to_pylist() for name in (ENTITY, MOMENT, CLIENT_ID))
        values = {
            entity: pack(StoredValues(micros, client, row))
            for entity, micros, client, row in zip(*heads, rows, strict=True)
        }
        await self._of(tenant_id).write(view.entity.name, view.name, values, view.ttl_seconds)
        return len(values)

    async def list_entities(self, tenant_id: TenantId, view: FeatureView, owner: str) -> list[str]:
        """Ids of an account's or client's entities as of its last refresh, sorted.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        data = await self._of(tenant_id).read_index(view.entity.name, owner)
        entities: list[str] = [] if data is None else orjson.loads(data)
        return entities

    async def replace_entities(
        self, tenant_id: TenantId, view: FeatureView, owner: str, entity_ids: Sequence[str]
    ) -> None:
        """Note which entities an account or client has now; those that are gone are forgotten.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        features = self._of(tenant_id)
        data = await features.read_index(view.entity.name, owner)
        gone = set() if data is None else set(orjson.loads(data)) - set(entity_ids)
        await features.erase(view.entity.name, sorted(gone))
        listed = orjson.dumps(sorted(entity_ids))
        await features.write_index(view.entity.name, owner, listed, view.ttl_seconds)

    async def erase_entities(
        self, tenant_id: TenantId, view: FeatureView, entity_ids: Sequence[str]
    ) -> int:
        """Forget everything about entities; the keys are computed, nothing is searched.

        Returns:
            How many of them were stored.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        return await self._of(tenant_id).erase(view.entity.name, entity_ids)

    def oldest_micros(self, view: FeatureView) -> int:
        """The oldest instant that is still served."""
        return micros_of(self._clock() - dt.timedelta(seconds=view.ttl_seconds))

    def _of(self, tenant_id: TenantId) -> TenantFeatures:
        return TenantFeatures(self._redis, tenant_id)


@cache
def _packing(view: str) -> Packing:
    return Packing(VIEWS[view])
