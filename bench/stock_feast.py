"""Feast as it comes, on the same Redis: the baseline of `bench.features`.

    a frame of features -> FeatureStore.write_to_online_store -> stock RedisOnlineStore

Its store speaks TCP only; here it is given the socket of the embedded server, nothing else changes.
The registry is a file, read once: no database is asked while the clock runs.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.feast_object import FeastObject
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RegistryConfig
from feast.types import Float64, Int64, PrimitiveFeastType, String
from feast.value_type import ValueType
from redis import Redis

from domain.facts.fact import ColumnType
from feature_repo.feature import FeatureView as Definition

__all__ = [
    "RawHmget",
    "RawMget",
    "SocketRedisOnlineStore",
    "SocketRedisOnlineStoreConfig",
    "open_stock_feast",
    "open_stock_history",
]

_PROJECT: Final = "bench"
_TYPES: dict[ColumnType, PrimitiveFeastType] = {
    ColumnType.FLOAT64: Float64,
    ColumnType.INT64: Int64,
    ColumnType.STRING: String,
}
_MEMBERS: dict[ColumnType, str] = {
    ColumnType.FLOAT64: "double_val",
    ColumnType.INT64: "int64_val",
    ColumnType.STRING: "string_val",
}


class SocketRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """`connection_string` is a `unix://` URL."""

    type: str = "bench.stock_feast.SocketRedisOnlineStore"  # type: ignore[assignment]


class SocketRedisOnlineStore(RedisOnlineStore):
    """`RedisOnlineStore` over a socket."""

    def _get_client(self, online_store_config: RedisOnlineStoreConfig) -> Any:
        if self._client is None:
            self._client = Redis.from_url(online_store_config.connection_string)
        return self._client


def open_stock_feast(
    folder: Path, redis_url: str, view: Definition, frame: pd.DataFrame
) -> FeatureStore:
    """A store that serves a frame with `event_timestamp`, the view's join key and its features."""
    config = RepoConfig(
        project=_PROJECT,
        provider="local",
        registry=RegistryConfig(path=str(folder / "registry.db"), cache_ttl_seconds=0),
        online_store=SocketRedisOnlineStoreConfig(connection_string=redis_url),
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    source = folder / "features.parquet"
    frame.to_parquet(source)
    store.apply(_objects(view, FileSource(path=str(source), timestamp_field="event_timestamp")))
    store.write_to_online_store(view.name, frame)
    return store


def _objects(view: Definition, source: FileSource) -> list[FeastObject]:
    key = view.entity.join_key
    entity = Entity(name=view.entity.name, join_keys=[key], value_type=ValueType.STRING)
    fields = [Field(name=one.name, dtype=_TYPES[one.type]) for one in view.features]
    stock = FeatureView(
        name=view.name,
        entities=[entity],
        schema=[Field(name=key, dtype=String), *fields],
        source=source,
        ttl=dt.timedelta(seconds=view.ttl_seconds),
    )
    return [entity, stock]


def open_stock_history(folder: Path, view: Definition, source: Path) -> FeatureStore:
    """A store over Parquet with both timestamps, on Feast's own DuckDB offline store."""
    folder.mkdir()
    config = RepoConfig(
        project=_PROJECT,
        provider="local",
        registry=RegistryConfig(path=str(folder / "history.db"), cache_ttl_seconds=0),
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    store.apply(
        _objects(
            view,
            FileSource(
                path=str(source),
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
    )
    return store


class RawHmget:
    """The fields that Feast reads of entities, by redis-py and hiredis alone: one pipeline."""

    def __init__(self, redis_url: str, view: Definition, entity_ids: Sequence[str]) -> None:
        self._client = Redis.from_url(redis_url)
        self._fields = [_mmh3(f"{view.name}:{name}") for name in view.feature_names]
        self._fields.append(f"_ts:{view.name}".encode())
        self._keys = [
            _redis_key(
                _PROJECT,
                EntityKey(join_keys=[view.entity.join_key], entity_values=[Value(string_val=one)]),
            )
            for one in entity_ids
        ]
        self._names = view.feature_names
        self._members = [_MEMBERS[feature.type] for feature in view.features]

    def fetch(self) -> list[list[bytes]]:
        """The bytes of each field; nothing is decoded."""
        pipeline: Any = self._client.pipeline(transaction=False)
        for key in self._keys:
            pipeline.hmget(key, self._fields)
        found: list[list[bytes]] = pipeline.execute()
        return found

    def decode(self) -> list[dict[str, Any]]:
        """The features by name: Feast's own protobuf read by its C library, types known before."""
        read = Value.FromString
        return [
            {
                name: getattr(read(data), member)
                for name, member, data in zip(self._names, self._members, row, strict=False)
            }
            for row in self.fetch()
        ]


class RawMget:
    """What we keep of entities, by redis-py and hiredis alone: one command, nothing is checked."""

    def __init__(self, redis_url: str, keys: Sequence[str]) -> None:
        self._client = Redis.from_url(redis_url)
        self._keys = keys

    def fetch(self) -> list[bytes]:
        """The bytes of each entity; nothing is decoded."""
        found: Any = self._client.mget(self._keys)
        return list(found)
