"""Feast's Redis online store, on our keys.

    FeatureStore.get_online_features -> online_read -> OnlineFeatures -> Redis

Stock Feast puts the project last in a key and finds keys by pattern: deleting one project deletes
those whose name ends alike. It serves values past their ttl, and cannot erase one entity. Here the
tenant is first, the age is checked, what is erased is named, and the paths that delete by pattern
refuse to run. The client is `tenancy.redis_server`'s: the base class opens none, so whatever it
would do on its own (asynchronous calls, precomputed vectors) refuses as well.

Source: Feast 0.67 `feast/infra/online_stores/redis.py`. Decision: ADR-0014.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from feast import Entity, FeatureView, RepoConfig
from feast.infra.online_stores.online_store import OnlineStore
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.infra.supported_async_methods import SupportedAsyncMethods
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value as FeastValue
from feast.utils import make_tzaware
from pydantic import ConfigDict

from domain.errors import InternalError, Terminal
from domain.facts.fact import ColumnType
from feature_repo.compute import instant_of, micros_of
from feature_repo.entities import TENANT_KEY
from feature_repo.feature import Feature
from feature_repo.feature import FeatureView as Definition
from feature_repo.packing import StoredValues, Value
from feature_repo.statements import CLIENT_ID, ENTITY, MOMENT
from feature_repo.stores.acting import Bridge, acting_scope, own_client, own_tenant
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["RefusedCallError", "TenantRedisOnlineStore", "TenantRedisOnlineStoreConfig"]

_FIELDS = {
    ColumnType.FLOAT64: "double_val",
    ColumnType.INT64: "int64_val",
    ColumnType.STRING: "string_val",
}
_Row = tuple[dt.datetime | None, dict[str, FeastValue] | None]


class RefusedCallError(InternalError, Terminal):
    """A call of Feast that would reach other agencies, or Redis past our keys (our bug)."""

    code = "REFUSED_FEAST_CALL"


class TenantRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """How Feast finds the store; Feast derives the store's name from this one.

    Attributes:
        bridge: What the store reads and writes through.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    type: str = "feature_repo.stores.online_store.TenantRedisOnlineStore"  # type: ignore[assignment]
    bridge: Bridge


class TenantRedisOnlineStore(RedisOnlineStore):
    """`RedisOnlineStore` with the tenant first in every key."""

    # The base class reads all views through a client of its own; `online_read` is one round trip.
    _read_features_per_fv = OnlineStore._read_features_per_fv  # noqa: SLF001  # Feast's own hook

    @property
    def async_supported(self) -> SupportedAsyncMethods:
        """None: asynchronous code reads through `feature_repo.read`."""
        return SupportedAsyncMethods()

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[_Row]:
        """See `OnlineStore.online_read`; one round trip for all keys.

        Raises:
            NoScopeError: No scope is set.
            ForeignEntityError: A key names another agency.
        """
        bridge, scope = _bridge(config), acting_scope()
        view = bridge.catalogue().view(table.name)
        entity_ids = [self._entity_id(key, view) for key in entity_keys]
        found = bridge.run(bridge.online.read(scope, view, entity_ids))
        wanted = set(requested_features or (CLIENT_ID, *view.feature_names))
        return [_feast_row(view, stored, wanted) for stored in found]

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, FeastValue], dt.datetime, dt.datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """See `OnlineStore.online_write_batch`; an entity must be of a client of the scope.

        Raises:
            NoScopeError: No scope is set.
            ForeignEntityError: A row names another agency, or a client outside the scope.
        """
        bridge, scope = _bridge(config), acting_scope()
        view = bridge.catalogue().view(table.name)
        rows = [
            {
                ENTITY: self._entity_id(key, view),
                MOMENT: micros_of(make_tzaware(instant)),
                CLIENT_ID: own_client(scope, values[CLIENT_ID].string_val),
                **{name: _plain(values.get(name)) for name in view.feature_names},
            }
            for key, values, instant, _ in data
        ]
        schema = pa.schema(
            [(ENTITY, pa.string()), (MOMENT, pa.int64()), (CLIENT_ID, pa.string())]
            + [(feature.name, ARROW_TYPES[feature.type]) for feature in view.features]
        )
        written = bridge.run(
            bridge.online.write(scope.tenant_id, view, pa.Table.from_pylist(rows, schema))
        )
        if progress is not None:
            progress(written)

    def erase_entities(self, config: RepoConfig, table: FeatureView, entity_ids: list[str]) -> int:
        """Forget everything about entities of the scope's agency.

        Returns:
            How many values there were: one for each view of an entity.

        Raises:
            NoScopeError: No scope is set.
            RefusedCallError: The scope sees some clients only.
        """
        bridge, scope = _bridge(config), acting_scope()
        if scope.clients is not None:
            raise RefusedCallError(
                "a scope of some clients cannot erase", hint="erase for the whole agency"
            )
        catalogue = bridge.catalogue()
        entity = catalogue.view(table.name).entity
        return bridge.run(
            bridge.online.erase_entities(scope.tenant_id, catalogue, entity, entity_ids)
        )

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,
    ) -> None:
        """Nothing to do: values of definitions that are gone are not served, and expire."""

    def teardown(
        self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Refused.

        Raises:
            RefusedCallError: Always.
        """
        raise _refused_deletion("teardown")

    def delete_entity_values(self, config: RepoConfig, join_keys: list[str]) -> None:
        """Refused; see `erase_entities`.

        Raises:
            RefusedCallError: Always.
        """
        raise _refused_deletion("delete_entity_values")

    def delete_table(self, config: RepoConfig, table: FeatureView) -> None:
        """Refused.

        Raises:
            RefusedCallError: Always.
        """
        raise _refused_deletion("delete_table")

    def _get_client(self, online_store_config: RedisOnlineStoreConfig) -> Any:
        raise _refused_client()

    async def _get_client_async(self, online_store_config: RedisOnlineStoreConfig) -> Any:
        raise _refused_client()

    @staticmethod
    def _entity_id(key: EntityKey, view: Definition) -> str:
        parts: dict[str, str] = {
            name: value.string_val
            for name, value in zip(key.join_keys, key.entity_values, strict=True)
        }
        own_tenant(acting_scope(), parts[TENANT_KEY])
        return parts[view.entity.join_key]


def _bridge(config: RepoConfig) -> Bridge:
    bridge: Bridge = config.online_store.bridge
    return bridge


def _feast_row(view: Definition, stored: StoredValues | None, wanted: set[str]) -> _Row:
    if stored is None:
        return None, None
    values = {CLIENT_ID: FeastValue(string_val=stored.client_id)} if CLIENT_ID in wanted else {}
    for feature, value in zip(view.features, stored.values, strict=True):
        if feature.name in wanted:
            values[feature.name] = _feast_value(feature, value)
    return instant_of(stored.micros), values


def _feast_value(feature: Feature, value: Value) -> FeastValue:
    written = FeastValue()
    if value is not None:
        setattr(written, _FIELDS[feature.type], value)
    return written


def _plain(value: FeastValue | None) -> Value:
    field = None if value is None else value.WhichOneof("val")
    plain: Value = None if field is None else getattr(value, field)
    return plain


def _refused_deletion(what: str) -> RefusedCallError:
    return RefusedCallError(
        f"the online store has no {what}", hint="erase_entities takes the ids to forget"
    )


def _refused_client() -> RefusedCallError:
    return RefusedCallError(
        "Feast has no Redis client of its own here",
        hint="use get_online_features, or feature_repo.read from asynchronous code",
    )
