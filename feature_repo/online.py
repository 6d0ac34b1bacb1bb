"""Online features: written after a publication, read by ids.

    computed table -> pack -> Redis, one value per view of an entity
    ids -> one command -> unpack, age and client checked -> rows in the order asked

The age is that of the facts, checked at each read; Redis forgets a value a while after it was
written, which may be later. An app that may see some clients only gets the rows of these; what it
may not see and what does not exist look the same.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa

from domain.ids import TenantId
from domain.ports import Clock, TenantScope
from feature_repo.catalogue import Catalogue
from feature_repo.compute import micros_of
from feature_repo.entities import Entity
from feature_repo.feature import FeatureView
from feature_repo.packing import Packing, StoredValues
from feature_repo.statements import CLIENT_ID, ENTITY, MOMENT
from tenancy.feature_values import TenantFeatures
from tenancy.redis_server import RedisServer

__all__ = ["OnlineFeatures"]

_KEPT: Final = 1_024  # packings, of all agencies


class OnlineFeatures:
    """Features in Redis."""

    def __init__(self, redis: RedisServer, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def read(
        self, scope: TenantScope, view: FeatureView, entity_ids: Sequence[str]
    ) -> list[StoredValues | None]:
        """Read a view of entities. One command.

        Returns:
            In the order asked; None: unknown, too old, or of a client outside the scope.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        found = await self._of(scope.tenant_id).read(view.name, entity_ids)
        oldest = self._oldest_micros(view)
        unpack = _packing(view).unpack
        rows = [unpack(data, oldest) for data in found]
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
        pack = _packing(view).pack
        columns = [table.column(name).to_pylist() for name in view.feature_names]
        rows = zip(*columns, strict=True)
        heads = (table.column(name).to_pylist() for name in (ENTITY, MOMENT, CLIENT_ID))
        values = {
            entity: pack(StoredValues(micros, client, row))
            for entity, micros, client, row in zip(*heads, rows, strict=True)
        }
        await self._of(tenant_id).write(view.name, values, view.ttl_seconds)
        return len(values)

    async def replace(
        self, tenant_id: TenantId, view: FeatureView, owner: str, table: pa.Table
    ) -> int:
        """Store all that an account or client has now; what it had besides is forgotten.

        Returns:
            How many entities were written.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        features = self._of(tenant_id)
        written = await self.write(tenant_id, view, table)
        entities = table.column(ENTITY).to_pylist()
        gone = set(await self.list_entities(tenant_id, view, [owner])).difference(entities)
        await features.erase(view.name, gone)
        await features.set_ids(view.name, owner, entities, view.ttl_seconds)
        return written

    async def list_entities(
        self,
        tenant_id: TenantId,
        view: FeatureView,
        owners: Sequence[str],
        *,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[str]:
        """Ids of the entities of some accounts or clients as of their last refresh.

        Args:
            tenant_id: Whose.
            view: In which view.
            owners: Accounts or clients.
            offset: How many are left out first.
            limit: How many follow at most; None: all.

        Returns:
            By owner in the order given, then by id. Two round trips, whatever the number of owners.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        features = self._of(tenant_id)
        counts = await features.count_ids(view.name, owners)
        spans = list(_spans(owners, counts, offset, limit))
        return [one for ids in await features.list_ids(view.name, spans) for one in ids]

    async def erase_entities(
        self, tenant_id: TenantId, catalogue: Catalogue, entity: Entity, entity_ids: Sequence[str]
    ) -> int:
        """Forget every view of entities; the keys are computed, nothing is searched.

        Args:
            tenant_id: Whose.
            catalogue: The agency's: its views are forgotten.
            entity: Kind of all of them.
            entity_ids: Which.

        Returns:
            How many values there were: one for each view of an entity.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        features = self._of(tenant_id)
        by_owner: dict[str, list[str]] = {}
        for entity_id in entity_ids:
            by_owner.setdefault(entity.owner_of(entity_id), []).append(entity_id)
        erased = 0
        for view in (one for one in catalogue.views.values() if one.entity is entity):
            for owner, ids in by_owner.items():
                await features.remove_ids(view.name, owner, ids)
            erased += await features.erase(view.name, entity_ids)
        return erased

    def _oldest_micros(self, view: FeatureView) -> int:
        """The oldest instant that is still served."""
        return micros_of(self._clock() - dt.timedelta(seconds=view.ttl_seconds))

    def _of(self, tenant_id: TenantId) -> TenantFeatures:
        return TenantFeatures(self._redis, tenant_id)


@lru_cache(maxsize=_KEPT)
def _packing(view: FeatureView) -> Packing:
    return Packing(view)


def _spans(
    owners: Sequence[str], counts: Sequence[int], offset: int, limit: int | None
) -> Iterator[tuple[str, int, int]]:
    """The places, within each owner's list, of a page over all lists in a row."""
    end = sum(counts) if limit is None else offset + limit
    start = 0
    for owner, count in zip(owners, counts, strict=True):
        first, last = max(offset - start, 0), min(end - start, count) - 1
        if first <= last:
            yield owner, first, last
        start += count
