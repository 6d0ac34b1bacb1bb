"""Feast's offline store, on the guarded warehouse.

    FeatureStore.get_historical_features(entity_df) -> pairs of entity and instant -> one statement
    FeatureStore.materialize -> every entity of the scope's clients as of the end of the interval

Stock Feast lets rows into the past that became known later unless it is asked not to; here only
what was known at the instant of a row ever counts. The statement is that of the online features,
so training and serving cannot drift apart. It works on DuckDB and BigQuery alike.

Source: Feast 0.67 `feast/infra/offline_stores/offline_store.py`. Decision: ADR-0014.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from feast import RepoConfig
from feast.data_source import DataSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import (
    OfflineStore,
    RetrievalJob,
    RetrievalMetadata,
)
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
from feast.repo_config import FeastConfigBaseModel
from feast.value_type import ValueType
from pydantic import ConfigDict

from domain.errors import InvalidInputError
from domain.facts.fact import ColumnType
from feature_repo.catalogue import PLATFORM, FeatureSet
from feature_repo.compute import instant_of
from feature_repo.entities import TENANT_KEY
from feature_repo.statements import CLIENT_ID, ENTITY
from feature_repo.stores.acting import Bridge, acting_scope, own_tenant
from feature_repo.stores.online_store import RefusedCallError

__all__ = ["CREATED_AT", "EVENT_AT", "FactsSource", "WarehouseOfflineStore"]

EVENT_AT: Final = "event_timestamp"
CREATED_AT: Final = "created_timestamp"


class WarehouseOfflineStoreConfig(FeastConfigBaseModel):
    """How Feast finds the store; Feast derives the store's name from this one.

    Attributes:
        bridge: What the store reads through.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    type: str = "feature_repo.stores.offline_store.WarehouseOfflineStore"
    bridge: Bridge


class FactsSource(DataSource):
    """Where a view's features come from: the canonical facts, by the view's own statement."""

    def __init__(self, view: str) -> None:
        super().__init__(
            name=f"{view}_facts",
            timestamp_field=EVENT_AT,
            created_timestamp_column=CREATED_AT,
            tags={"view": view},
        )

    @staticmethod
    def from_proto(data_source: DataSourceProto) -> "FactsSource":
        """Read what `to_proto` wrote."""
        return FactsSource(data_source.tags["view"])

    def _to_proto_impl(self) -> DataSourceProto:
        return DataSourceProto(
            name=self.name,
            type=DataSourceProto.CUSTOM_SOURCE,
            data_source_class_type=f"{type(self).__module__}.{type(self).__name__}",
            timestamp_field=self.timestamp_field,
            created_timestamp_column=self.created_timestamp_column,
            tags=self.tags,
        )

    def source_type(self) -> DataSourceProto.SourceType.ValueType:
        """One of ours."""
        return DataSourceProto.CUSTOM_SOURCE

    def validate(self, config: RepoConfig) -> None:
        """Nothing to do: `feature_repo.definition_rules` has checked the view."""

    @staticmethod
    def source_datatype_to_feast_value_type() -> Callable[[str], ValueType]:
        """Types are declared with the view, none is guessed."""
        return lambda _: ValueType.UNKNOWN

    def get_table_column_names_and_types(self, config: RepoConfig) -> Iterable[tuple[str, str]]:
        """What a pushed data frame has."""
        view = PLATFORM.view(self.tags["view"])
        keys = (TENANT_KEY, view.entity.join_key, CLIENT_ID)
        yield from ((name, ColumnType.STRING.value) for name in keys)
        yield from ((feature.name, feature.type.value) for feature in view.features)
        yield from ((name, ColumnType.TIMESTAMP.value) for name in (EVENT_AT, CREATED_AT))


class _Job(RetrievalJob):
    """An answer that is computed when it is asked for."""

    def __init__(
        self,
        compute: Callable[[], pa.Table],
        *,
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._compute = compute
        self._full_feature_names = full_feature_names
        self._metadata = metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._compute()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    @property
    def full_feature_names(self) -> bool:
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return []

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata


class WarehouseOfflineStore(OfflineStore):
    """`OfflineStore` on the facts."""

    supports_filter_by_created_timestamp = True  # and never does without

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        **_options: Any,
    ) -> RetrievalJob:
        """See `OfflineStore.get_historical_features`; only what was known at each row's instant.

        Raises:
            InvalidInputError: `entity_df` is no data frame, or lacks a column (caller).
            NoScopeError: No scope is set.
            ForeignEntityError: A row names another agency.
        """
        scope = acting_scope()
        bridge: Bridge = config.offline_store.bridge
        catalogue = bridge.catalogue()
        named = [
            (view.projection.name_alias or view.name, catalogue.view(view.name))
            for view in feature_views
        ]
        asked = _read_frame(entity_df, {view.entity.join_key for _, view in named})
        for tenant in asked.column(TENANT_KEY).unique().to_pylist():
            own_tenant(scope, tenant)

        def compute() -> pa.Table:
            answer, when = asked, list(map(instant_of, _micros(asked)))
            for name, view in named:
                wanted = FeatureSet(view, _names(name, feature_refs))
                whose = asked.column(view.entity.join_key).to_pylist()
                found = bridge.run(bridge.computer.in_order(scope, wanted, whose, when))
                for feature in wanted.features:
                    shown = f"{name}__{feature}" if full_feature_names else feature
                    answer = answer.append_column(shown, found.column(feature))
            return answer

        keys = [name for name in asked.column_names if name != EVENT_AT]
        instants = asked.column(EVENT_AT).to_pylist()
        metadata = RetrievalMetadata(
            features=feature_refs,
            keys=keys,
            min_event_timestamp=min(instants, default=None),
            max_event_timestamp=max(instants, default=None),
        )
        return _Job(compute, full_feature_names=full_feature_names, metadata=metadata)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig,
        feature_view: FeatureView,
        table: pa.Table,
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Refused: what was true in the past is what platforms told.

        Raises:
            RefusedCallError: Always.
        """
        raise RefusedCallError(
            "facts are not written by way of features",
            hint="push online, or bring rows in with bosco import",
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: dt.datetime,
        end_date: dt.datetime,
    ) -> RetrievalJob:
        """See `pull_all_from_table_or_query`: an entity has one row at an instant."""
        return WarehouseOfflineStore.pull_all_from_table_or_query(
            config,
            data_source,
            join_key_columns,
            feature_name_columns,
            timestamp_field,
            created_timestamp_column,
            start_date,
            end_date,
        )

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: dt.datetime | None = None,
        end_date: dt.datetime | None = None,
    ) -> RetrievalJob:
        """Every entity of the scope's clients as of `end_date`; `start_date` has no meaning here.

        Raises:
            NoScopeError: No scope is set.
            InvalidInputError: The scope names no clients, or there is no `end_date` (caller).
        """
        scope = acting_scope()
        bridge: Bridge = config.offline_store.bridge
        view = bridge.catalogue().view(data_source.tags["view"])
        if end_date is None or scope.clients is None or view.entity.owner_column != CLIENT_ID:
            raise InvalidInputError(
                "whole agencies and accounts are refreshed after each publication",
                hint="bosco features refresh does it now",
            )
        owners = [str(client) for client in scope.clients]

        def compute() -> pa.Table:
            found = bridge.run(bridge.computer.current(scope, view, owners, end_date))
            instants = pa.array([end_date] * found.num_rows, pa.timestamp("us", tz="UTC"))
            columns = {
                TENANT_KEY: pa.array([str(scope.tenant_id)] * found.num_rows, pa.string()),
                view.entity.join_key: found.column(ENTITY),
                **{name: found.column(name) for name in feature_name_columns},
                timestamp_field: instants,
            }
            if created_timestamp_column:
                columns[created_timestamp_column] = instants
            wanted = [*join_key_columns, *feature_name_columns, timestamp_field]
            wanted += [created_timestamp_column] if created_timestamp_column else []
            return pa.table({name: columns[name] for name in wanted})

        return _Job(compute)


def _read_frame(frame: "pd.DataFrame | str | None", join_keys: set[str]) -> pa.Table:
    needed = (TENANT_KEY, *sorted(join_keys), EVENT_AT)
    hint = f"its columns are {', '.join(needed)}"
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInputError(
            "features are asked for with a data frame of entities and instants", hint=hint
        )
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InvalidInputError(f"the data frame lacks {', '.join(missing)}", hint=hint)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    # Finer than a microsecond is cut: what became known within it is of the past already.
    instants = table.column(EVENT_AT).cast(pa.timestamp("us", tz="UTC"), safe=False)
    return table.set_column(table.column_names.index(EVENT_AT), EVENT_AT, instants)


def _names(view: str, refs: list[str]) -> tuple[str, ...]:
    return tuple(name for asked, _, name in (ref.partition(":") for ref in refs) if asked == view)


def _micros(asked: pa.Table) -> list[int]:
    micros: list[int] = asked.column(EVENT_AT).cast(pa.int64()).to_pylist()
    return micros
