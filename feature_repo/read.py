"""Reading features online, for dashboards, integrations and models.

    scope + view or service + entity ids -> one command to Redis -> rows in the order asked

A row says as of which instant its values are. What is unknown, too old, of another agency or of a
client outside the scope has no row, and all four look the same.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogue, Catalogues, FeatureSet
from feature_repo.compute import instant_of
from feature_repo.feature import FeatureView
from feature_repo.monitoring.read_log import ReadLog
from feature_repo.online import OnlineFeatures
from feature_repo.packing import StoredValues, Value
from feature_repo.statements import ENTITY
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["AS_OF", "FeatureReader", "FeatureRow"]

AS_OF: Final = "as_of"  # column of a table beside the entity and the features


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """Features of one entity.

    Attributes:
        entity_id: As it was asked.
        as_of: Only what was known by this UTC instant has counted.
        client_id: Client that the entity belongs to, UUID text.
        values: By feature, in the order of the set.
    """

    entity_id: str
    as_of: dt.datetime
    client_id: str
    values: Mapping[str, Value]


class FeatureReader:
    """Reads features of one caller's scope."""

    def __init__(
        self, online: OnlineFeatures, catalogues: Catalogues, log: ReadLog | None = None
    ) -> None:
        """Connects to nothing.

        Args:
            online: Where features are.
            catalogues: Which there are.
            log: Keeps a few of the reads, to compute them again; None: none are kept.
        """
        self._online = online
        self._catalogues = catalogues
        self._log = log

    async def catalogue(self, tenant_id: TenantId) -> Catalogue:
        """Which views and services there are to be read."""
        return await self._catalogues.of(tenant_id)

    async def read(
        self, scope: TenantScope, name: str, entity_ids: Sequence[str]
    ) -> list[FeatureRow | None]:
        """Read features of entities. One command to Redis.

        Args:
            scope: Whose they may be.
            name: Of a view or a service.
            entity_ids: As in `feature_repo.entities`.

        Returns:
            In the order asked; None: nothing to be served.

        Raises:
            NotFoundError: There is no view or service of that name (caller).
            RedisUnavailableError: Redis does not answer.
        """
        wanted = await self._catalogues.feature_set(scope.tenant_id, name)
        found = await self._read(scope, wanted.view, entity_ids)
        places = _places(wanted)
        return [
            None if stored is None else _row(entity_id, stored, wanted.features, places)
            for entity_id, stored in zip(entity_ids, found, strict=True)
        ]

    async def read_table(
        self, scope: TenantScope, name: str, entity_ids: Sequence[str]
    ) -> pa.Table:
        """Read features of entities as columns: what a model takes. One command to Redis.

        Returns:
            Columns `entity`, `as_of` and the features; one row per id in the order asked. `as_of`
            and every feature are NULL where there is nothing to be served.

        Raises:
            NotFoundError: There is no view or service of that name (caller).
            RedisUnavailableError: Redis does not answer.
        """
        wanted = await self._catalogues.feature_set(scope.tenant_id, name)
        found = await self._read(scope, wanted.view, entity_ids)
        micros = [None if stored is None else stored.micros for stored in found]
        arrays = [
            pa.array(entity_ids, pa.string()),
            pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        ]
        types = {feature.name: ARROW_TYPES[feature.type] for feature in wanted.view.features}
        for feature, place in zip(wanted.features, _places(wanted), strict=True):
            values = [None if stored is None else stored.values[place] for stored in found]
            arrays.append(pa.array(values, types[feature]))
        return pa.table(arrays, names=[ENTITY, AS_OF, *wanted.features])

    async def _read(
        self, scope: TenantScope, view: FeatureView, entity_ids: Sequence[str]
    ) -> list[StoredValues | None]:
        found = await self._online.read(scope, view, entity_ids)
        if self._log is not None:
            self._log.note(scope.tenant_id, view, entity_ids, found)
        return found

    async def list_entities(
        self,
        scope: TenantScope,
        view: FeatureView,
        owners: Sequence[str],
        *,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[str]:
        """Ids of the entities of some accounts or clients of the agency.

        See `OnlineFeatures.list_entities`. Whose the accounts are is the caller's to know; what
        `read` then serves of these ids is the scope's alone.
        """
        return await self._online.list_entities(
            scope.tenant_id, view, owners, offset=offset, limit=limit
        )


def _places(wanted: FeatureSet) -> list[int]:
    place = {name: number for number, name in enumerate(wanted.view.feature_names)}
    return [place[name] for name in wanted.features]


def _row(
    entity_id: str, stored: StoredValues, names: Sequence[str], places: Sequence[int]
) -> FeatureRow:
    values = dict(zip(names, map(stored.values.__getitem__, places), strict=True))
    return FeatureRow(entity_id, instant_of(stored.micros), stored.client_id, values)
