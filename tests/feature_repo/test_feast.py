"""Feast's own API on our stores: registry, point in time, ttl, and nobody else's data."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pandas as pd
import pytest
from feast import FeatureService, FeatureStore
from feast.data_source import PushMode
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from sqlalchemy import NullPool, create_engine, make_url, text, update
from uuid_utils.compat import uuid7

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.entities import ENTITIES
from feature_repo.feature_services import SERVICES
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE, VIEWS
from feature_repo.online import OnlineFeatures
from feature_repo.open import open_features
from feature_repo.registry import FeatureRegistry, RegistryError
from feature_repo.stores.acting import ForeignEntityError, NoScopeError, acting
from feature_repo.stores.online_store import RefusedCallError, TenantRedisOnlineStore
from tenancy.jobs import JobEngine, JobsConfig
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import Base, FeatureRegistration
from tenancy.warehouse.open import open_warehouse
from tests.feature_repo.conftest import A, B, MovableClock, account
from tests.feature_repo.ledger import Ledger, ad, at
from tests.fixtures.database import TEMPLATE, copied_database

pytestmark = pytest.mark.anyio

T = TypeVar("T")
ADS = account(A, 1)
FEATURES = ["campaign_performance:spend_7d", "campaign_performance:currency"]


@pytest.fixture(scope="module")
def applied_template(database_template: str) -> Iterator[str]:
    """Name of a database whose registry holds the definitions: applying them takes seconds."""
    with copied_database(database_template, TEMPLATE) as url:
        asyncio.run(_apply(url))
        yield str(make_url(url).database)


async def _apply(url: str) -> None:
    database, redis = Database(DatabaseConfig(url)), RedisServer("unix:///nowhere")
    warehouse = open_warehouse("duckdb://")
    jobs = JobEngine(JobsConfig(url), executor_id="none")  # is never started
    features = open_features(
        database, url, redis, warehouse, jobs, lambda: at(30), uuid7, lambda: 0.0
    )
    assert await features.registry.ensure()
    await warehouse.close()
    await redis.close()
    await database.close()


@pytest.fixture
def database_url(database_template: str, applied_template: str) -> Iterator[str]:
    with copied_database(database_template, applied_template) as url:
        yield url


@pytest.fixture
def registry(
    database: Database,
    database_url: str,
    online: OnlineFeatures,
    computer: FeatureComputer,
    catalogues: Catalogues,
    clock: MovableClock,
) -> FeatureRegistry:
    return FeatureRegistry(database, database_url, online, computer, catalogues, clock)


@pytest.fixture
async def store(registry: FeatureRegistry) -> FeatureStore:
    return await registry.open_store()


async def _for(tenant_id: TenantId, work: Callable[[], T]) -> T:
    with acting(TenantScope(tenant_id)):
        return await asyncio.to_thread(work)


def _rows(*campaigns: str, tenant: TenantId = A) -> list[dict[str, Any]]:
    return [{"a_tenant_id": str(tenant), "campaign_key": ADS.campaign(one)} for one in campaigns]


def _asked(*pairs: tuple[str, Any], tenant: TenantId = A) -> pd.DataFrame:
    rows = _rows(*(campaign for campaign, _ in pairs), tenant=tenant)
    instants = [moment for _, moment in pairs]
    return pd.DataFrame(rows).assign(event_timestamp=pd.to_datetime(instants, utc=True))


async def _publish(
    ledger: Ledger, computer: FeatureComputer, online: OnlineFeatures, spend: str
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", spend)], (28, 28))
    owner = [str(ADS.connection_id)]
    table = await computer.current(TenantScope(A), CAMPAIGN_PERFORMANCE, owner, at(30))
    await online.write(A, CAMPAIGN_PERFORMANCE, table)


async def test_the_registry_holds_the_definitions(
    registry: FeatureRegistry, store: FeatureStore, database_url: str
) -> None:
    assert not await registry.ensure()
    assert {view.name for view in store.list_feature_views()} == set(VIEWS)
    assert {service.name for service in store.list_feature_services()} == set(SERVICES)
    names = {entity.name for entity in store.list_entities()}
    assert names - {"__dummy"} == {
        "agency",
        *(one.name for one in ENTITIES),
    }  # the dummy is Feast's
    features = {one.name: one for one in store.get_feature_view("campaign_performance").features}
    assert features["cpc_7d"].description == "Media cost per click."
    assert features["cpc_7d"].tags == {"unit": "money"}
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        owners = connection.execute(
            text(
                "SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE tablename = 'entities'"
            )
        ).all()
    assert [tuple(row) for row in owners] == [("feast", "bosco_features")]


async def test_the_registrys_role_sees_no_table_of_ours(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    tables = sorted(Base.metadata.tables)
    with engine.connect() as connection:
        readable = connection.execute(
            text(
                "SELECT name FROM unnest(CAST(:names AS text[])) AS name"
                " WHERE has_any_column_privilege('bosco_features', 'public.' || name, 'SELECT')"
            ),
            {"names": tables},
        ).all()
    assert readable == []


async def test_new_definitions_are_applied_and_old_ones_go(
    registry: FeatureRegistry, store: FeatureStore, database: Database
) -> None:
    view = await asyncio.to_thread(store.get_feature_view, "campaign_performance")
    old = FeatureService(name="weather_v1", features=[view[["spend_7d"]]])
    await asyncio.to_thread(store.apply, [old])
    async with database.platform_session() as session:  # as after an upgrade
        await session.execute(update(FeatureRegistration).values(fingerprint="of before"))
    assert await registry.ensure()
    assert not await registry.ensure()
    store = await registry.open_store()
    assert {service.name for service in store.list_feature_services()} == set(SERVICES)


async def test_a_registry_that_cannot_be_written_is_told(
    registry: FeatureRegistry, database: Database
) -> None:
    async with database.platform_session() as session:
        await session.execute(update(FeatureRegistration).values(fingerprint="of before"))
    powerless = make_url(registry.url).set(username="nobody")
    broken = replace(registry, url=powerless.render_as_string(hide_password=False))
    with pytest.raises(RegistryError) as told:
        await broken.ensure()
    assert told.value.message == "Feast cannot write its registry: OperationalError"
    assert told.value.hint == "the login of DATABASE_URL must be able to become bosco_features"
    assert await registry.ensure()  # nothing was noted


async def test_online_features_are_ours(
    store: FeatureStore, ledger: Ledger, computer: FeatureComputer, online: OnlineFeatures
) -> None:
    await _publish(ledger, computer, online, "20")
    answer = await _for(A, lambda: store.get_online_features(FEATURES, _rows("c1", "c2")).to_dict())
    assert answer["spend_7d"] == [20.0, None]
    assert answer["currency"] == ["EUR", None]


async def test_a_service_is_read_by_name(
    store: FeatureStore, ledger: Ledger, computer: FeatureComputer, online: OnlineFeatures
) -> None:
    await _publish(ledger, computer, online, "20")
    service = await asyncio.to_thread(store.get_feature_service, "campaign_pacing_v1")
    answer = await _for(A, lambda: store.get_online_features(service, _rows("c1")).to_dict())
    assert set(answer) == {*SERVICES["campaign_pacing_v1"].features, "a_tenant_id", "campaign_key"}


async def test_old_values_are_not_served(
    store: FeatureStore,
    ledger: Ledger,
    computer: FeatureComputer,
    online: OnlineFeatures,
    clock: MovableClock,
) -> None:
    await _publish(ledger, computer, online, "20")
    clock.now = at(34)
    answer = await _for(A, lambda: store.get_online_features(FEATURES, _rows("c1")).to_dict())
    assert answer["spend_7d"] == [None]


async def test_history_is_as_it_was_known(store: FeatureStore, ledger: Ledger) -> None:
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    await ledger.sync(ADS, "ads_daily", at(28), [ad(25, "c1", "99")], (25, 25))
    asked = _asked(("c1", at(29)), ("c1", at(27)), ("c9", at(27)), ("c1", at(20)))
    for known_only in (False, True):  # Feast's switch makes no difference: it is always on

        def ask(*, switch: bool = known_only) -> RetrievalJob:
            return store.get_historical_features(
                asked, FEATURES, filter_by_created_timestamp=switch
            )

        found = await asyncio.to_thread((await _for(A, ask)).to_arrow)
        assert found.column("spend_7d").to_pylist() == [99.0, 10.0, None, None]
        assert found.column("campaign_key").to_pylist() == list(asked["campaign_key"])
    job = await _for(
        A, lambda: store.get_historical_features(asked, FEATURES, full_feature_names=True)
    )
    frame = await asyncio.to_thread(job.to_df)
    assert list(frame["campaign_performance__currency"][:2]) == ["EUR", "EUR"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("SELECT 1", "features are asked for with a data frame of entities and instants"),
        (None, "features are asked for with a data frame of entities and instants"),
        (
            pd.DataFrame({"campaign_key": ["c"]}),
            "the data frame lacks a_tenant_id, event_timestamp",
        ),
    ],
)
async def test_entities_and_instants_come_as_a_frame(
    store: FeatureStore, frame: pd.DataFrame | str | None, message: str
) -> None:
    with pytest.raises(InvalidInputError) as told:
        await _for(A, lambda: store.get_historical_features(frame, FEATURES))
    assert told.value.message == message
    assert told.value.hint == "its columns are a_tenant_id, campaign_key, event_timestamp"


async def test_a_view_may_go_by_another_name(store: FeatureStore, ledger: Ledger) -> None:
    await ledger.sync(ADS, "ads_daily", at(26), [ad(25, "c1", "10")], (25, 25))
    view = await asyncio.to_thread(store.get_feature_view, "campaign_performance")
    service = FeatureService(name="ad_hoc", features=[view.with_name("then")[["spend_7d"]]])
    await asyncio.to_thread(store.apply, [service])
    job = await _for(
        A,
        lambda: store.get_historical_features(
            _asked(("c1", at(27))), service, full_feature_names=True
        ),
    )
    assert (await asyncio.to_thread(job.to_arrow)).column("then__spend_7d").to_pylist() == [10.0]


async def test_feasts_own_materialisation_writes_the_same(
    store: FeatureStore, ledger: Ledger, online: OnlineFeatures
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    scope = TenantScope(A, frozenset({ADS.client_id}))
    with acting(scope):
        await asyncio.to_thread(
            store.materialize, at(29), at(30), feature_views=["client_performance"]
        )
    [row] = await online.read(scope, CLIENT_PERFORMANCE, [str(ADS.client_id)])
    assert row is not None
    assert (row.client_id, row.micros) == (str(ADS.client_id), 1774872000000000)
    stored = dict(zip(CLIENT_PERFORMANCE.feature_names, row.values, strict=True))
    assert (stored["client_spend_7d"], stored["client_days_since_spend"]) == (20.0, 2)
    assert (stored["ads_currency"], stored["revenue_28d"], stored["orders_28d"]) == (
        "EUR",
        None,
        None,
    )


async def test_without_a_scope_nothing_is_read(store: FeatureStore) -> None:
    with pytest.raises(NoScopeError, match="without a tenant"):
        await asyncio.to_thread(store.get_online_features, FEATURES, _rows("c1"))
    with pytest.raises(NoScopeError, match="without a tenant"):
        await asyncio.to_thread(store.get_historical_features, _asked(("c1", at(29))), FEATURES)


async def test_on_the_event_loop_it_refuses_instead_of_waiting_for_ever(
    store: FeatureStore,
) -> None:
    with acting(TenantScope(A)), pytest.raises(NoScopeError, match="synchronous"):
        store.get_online_features(FEATURES, _rows("c1"))


async def test_keys_of_another_agency_are_refused(
    store: FeatureStore, ledger: Ledger, computer: FeatureComputer, online: OnlineFeatures
) -> None:
    await _publish(ledger, computer, online, "20")
    with pytest.raises(ForeignEntityError):
        await _for(B, lambda: store.get_online_features(FEATURES, _rows("c1")))
    with pytest.raises(ForeignEntityError):
        await _for(B, lambda: store.get_historical_features(_asked(("c1", at(30))), FEATURES))
    own = await _for(
        B, lambda: store.get_online_features(FEATURES, _rows("c1", tenant=B)).to_dict()
    )
    assert own["spend_7d"] == [None]
    job = await _for(
        B, lambda: store.get_historical_features(_asked(("c1", at(30)), tenant=B), FEATURES)
    )
    assert (await asyncio.to_thread(job.to_arrow)).column("spend_7d").to_pylist() == [None]


async def test_writing_for_another_agency_is_refused(store: FeatureStore) -> None:
    key = EntityKey(
        join_keys=["a_tenant_id", "campaign_key"],
        entity_values=[Value(string_val=str(A)), Value(string_val=ADS.campaign("c1"))],
    )
    row = (key, {"client_id": Value(string_val=str(ADS.client_id))}, at(30), None)
    view = await asyncio.to_thread(store.get_feature_view, "campaign_performance")
    with pytest.raises(ForeignEntityError):
        await _for(
            B,
            lambda: TenantRedisOnlineStore().online_write_batch(store.config, view, [row], None),
        )


async def test_one_entity_is_erased_and_nothing_by_pattern(
    store: FeatureStore, ledger: Ledger, computer: FeatureComputer, online: OnlineFeatures
) -> None:
    await _publish(ledger, computer, online, "20")
    view = await asyncio.to_thread(store.get_feature_view, "campaign_performance")
    ours = TenantRedisOnlineStore()
    refused: list[Callable[[], None]] = [
        lambda: ours.teardown(store.config, [view], []),
        lambda: ours.delete_table(store.config, view),
        lambda: ours.delete_entity_values(store.config, ["campaign_key"]),
    ]
    for call in refused:
        with pytest.raises(RefusedCallError, match="erase_entities takes the ids"):
            call()
    erase = ours.erase_entities
    some_clients = TenantScope(A, frozenset({ADS.client_id}))
    with acting(some_clients), pytest.raises(RefusedCallError, match="for the whole agency"):
        erase(store.config, view, [ADS.campaign("c1")])
    assert await _for(B, lambda: erase(store.config, view, [ADS.campaign("c1")])) == 0
    assert await _for(A, lambda: erase(store.config, view, [ADS.campaign("c1")])) == 1
    assert await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")]) == [None]


async def test_feasts_own_deletions_leave_everything(
    store: FeatureStore, ledger: Ledger, computer: FeatureComputer, online: OnlineFeatures
) -> None:
    await _publish(ledger, computer, online, "20")
    for call in (store.teardown, lambda: store.delete_project("bosco")):
        with pytest.raises(ValueError, match="protected project"):
            await _for(A, call)
    assert {view.name for view in store.list_feature_views()} == set(VIEWS)
    await asyncio.to_thread(store.delete_feature_view, "campaign_performance")
    [row] = await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")])
    assert row is not None


async def test_calls_that_would_open_a_client_of_feasts_own_are_refused(
    store: FeatureStore,
) -> None:
    with acting(TenantScope(A)), pytest.raises(RefusedCallError, match=r"feature_repo\.read"):
        await store.get_online_features_async(FEATURES, _rows("c1"))
    with pytest.raises(RefusedCallError, match="get_online_features"):
        await _for(A, lambda: store.precompute_feature_service("campaign_pacing_v1"))


def _pushed(**values: Any) -> pd.DataFrame:
    """A frame as Feast's push takes it; features that are not named are NULL."""
    instants = dict.fromkeys(("event_timestamp", "created_timestamp"), at(30))
    features = dict.fromkeys(CAMPAIGN_PERFORMANCE.feature_names) | values
    [row] = _rows("c1")
    return pd.DataFrame([{**row, "client_id": str(ADS.client_id), **features, **instants}])


async def test_what_is_pushed_is_served_to_its_agency_alone(
    store: FeatureStore, online: OnlineFeatures, ledger: Ledger, computer: FeatureComputer
) -> None:
    source, frame = "campaign_performance_push", _pushed(spend_7d=7.0, currency="EUR")
    with pytest.raises(NoScopeError):
        await asyncio.to_thread(store.push, source, frame)
    with pytest.raises(ForeignEntityError):
        await _for(B, lambda: store.push(source, frame))
    assert await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")]) == [None]
    await _for(A, lambda: store.push(source, frame))
    answer = await _for(A, lambda: store.get_online_features(FEATURES, _rows("c1")).to_dict())
    assert (answer["spend_7d"], answer["currency"]) == ([7.0], ["EUR"])
    await _publish(ledger, computer, online, "20")  # the next publication tells what is true
    answer = await _for(A, lambda: store.get_online_features(FEATURES, _rows("c1")).to_dict())
    assert answer["spend_7d"] == [20.0]


async def test_the_past_is_not_pushed(store: FeatureStore) -> None:
    source, frame = "campaign_performance_push", _pushed(spend_7d=7.0)
    with pytest.raises(RefusedCallError) as told:
        await _for(A, lambda: store.push(source, frame, to=PushMode.OFFLINE))
    assert told.value.hint == "push online, or bring rows in with bosco import"


async def test_a_client_outside_the_scope_is_not_written(store: FeatureStore) -> None:
    scope = TenantScope(A, frozenset({account(A, 1, client=2).client_id}))
    frame = _pushed(spend_7d=1.0)
    with acting(scope), pytest.raises(ForeignEntityError, match="a client outside the scope"):
        await asyncio.to_thread(store.write_to_online_store, "campaign_performance", frame)
