"""Feast as it comes, on the same Redis: the baseline of `bench.features`.

    a frame of features -> FeatureStore.write_to_online_store -> stock RedisOnlineStore

Its store speaks TCP only; here it is given the socket of the embedded server, nothing else changes.
The registry is a file, read once: no database is asked while the clock runs.
"""

import datetime as dt
from collections.abc import Callable, Sequence
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
    "SocketRedisOnlineStore",
    "SocketRedisOnlineStoreConfig",
    "open_stock_feast",
    "raw_pipeline",
]

_PROJECT: Final = "bench"
_TYPES: dict[ColumnType, PrimitiveFeastType] = {
    ColumnType.FLOAT64: Float64,
    ColumnType.INT64: Int64,
    ColumnType.STRING: String,
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


def raw_pipeline(redis_url: str, view: Definition, entity_ids: Sequence[str]) -> Callable[[], Any]:
    """Fetches the fields that Feast reads of entities, by redis-py alone; decodes nothing."""
    client = Redis.from_url(redis_url)
    fields = [_mmh3(f"{view.name}:{name}") for name in view.feature_names]
    fields.append(f"_ts:{view.name}".encode())
    keys = [
        _redis_key(
            _PROJECT,
            EntityKey(join_keys=[view.entity.join_key], entity_values=[Value(string_val=one)]),
        )
        for one in entity_ids
    ]

    def fetch() -> Any:
        pipeline: Any = client.pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(key, fields)
        return pipeline.execute()

    return fetch
