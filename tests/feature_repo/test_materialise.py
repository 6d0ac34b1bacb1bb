"""After a publication, online values are those of the facts: written, noted, and checked."""

import datetime as dt
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from domain.ids import RunId, SyncId
from domain.ports import Publication, TenantScope
from domain.time_window import DateRange
from feature_repo.catalogue import Catalogues
from feature_repo.compute import FeatureComputer, instant_of
from feature_repo.consistency import ConsistencyCheck, ConsistencyReport, Mismatch
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE, VIEWS, fingerprint
from feature_repo.materialise import FeatureRefresh
from feature_repo.online import OnlineFeatures
from feature_repo.registry import RegistryError
from tenancy.session import Database
from tenancy.tables import (
    FeatureMaterialisation,
    RunState,
    Sync,
    SyncRun,
    SyncState,
)
from tests.feature_repo.agency_rows import add_agency
from tests.feature_repo.conftest import A, B, MovableClock, account
from tests.feature_repo.ledger import Account, Ledger, ad, at, day, order

pytestmark = pytest.mark.anyio

RUN = RunId(uuid.UUID(int=1))
ADS, MORE_ADS = account(A, 1), account(A, 2)
SHOP = account(A, 3, source="shopify", stream="orders")


async def _land(
    database: Database,
    of: Account,
    known_at: dt.datetime,
    state: SyncState,
    released_at: dt.datetime | None = None,
) -> None:
    """A sync of the run of `_publication`."""
    async with database.session(of.tenant_id) as session:
        session.add(SyncRun(id=RUN, requested_by="test", state=RunState.RUNNING, started_at=at(29)))
        await session.flush()
        session.add(
            Sync(
                id=SyncId(uuid.UUID(int=2)),
                run_id=RUN,
                client_id=of.client_id,
                connection_id=of.connection_id,
                source=of.source,
                stream=of.stream,
                fact="ads_daily",
                api_version="v1",
                version=1,
                known_at=known_at,
                state=state,
                released_at=released_at,
            )
        )


async def _no_registry() -> bool:
    return False


@pytest.fixture
async def refresh(
    database: Database,
    catalogues: Catalogues,
    computer: FeatureComputer,
    online: OnlineFeatures,
    clock: MovableClock,
) -> FeatureRefresh:
    await add_agency(database, A, [ADS, MORE_ADS, SHOP])
    return FeatureRefresh(database, catalogues, computer, online, clock, _no_registry)


def _publication(of: Account, *facts: str) -> Publication:
    days = {fact: DateRange(day(1), day(29)) for fact in facts}
    return Publication(of.tenant_id, of.client_id, of.connection_id, RUN, days)


async def _noted(database: Database) -> dict[tuple[str, uuid.UUID], tuple[dt.datetime, int]]:
    async with database.session(A) as session:
        rows = (await session.scalars(select(FeatureMaterialisation))).all()
    assert all(row.fingerprint == fingerprint(VIEWS[row.view]) for row in rows)
    return {(row.view, row.owner_id): (row.as_of, row.entities) for row in rows}


async def test_a_publication_refreshes_what_it_touched(
    refresh: FeatureRefresh, ledger: Ledger, online: OnlineFeatures, database: Database
) -> None:
    for of in (ADS, MORE_ADS):
        await ledger.sync(
            of, "ads_daily", at(29), [ad(28, "c1", "20"), ad(28, "c2", "5")], (28, 28)
        )
    await refresh.published(_publication(ADS, "ads_daily"))
    assert await _noted(database) == {
        ("campaign_performance", ADS.connection_id): (at(30), 2),
        ("client_performance", ADS.client_id): (at(30), 1),
        ("channel_performance", ADS.client_id): (at(30), 1),
    }
    ids = [ADS.campaign("c1"), MORE_ADS.campaign("c1")]
    found = await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, ids)
    assert [row is None for row in found] == [False, True]
    [client] = await online.read(TenantScope(A), CLIENT_PERFORMANCE, [str(ADS.client_id)])
    assert client is not None
    place = CLIENT_PERFORMANCE.feature_names.index("client_spend_7d")
    assert client.values[place] == 50.0


async def test_facts_that_no_feature_reads_refresh_nothing(
    refresh: FeatureRefresh, database: Database
) -> None:
    await refresh.published(_publication(ADS, "ads_country_daily", "web_property_daily"))
    assert await _noted(database) == {}


async def test_a_shop_refreshes_its_client_alone(
    refresh: FeatureRefresh, ledger: Ledger, database: Database
) -> None:
    await ledger.sync(SHOP, "orders", at(29), [order(28, "o1", "20")])
    await refresh.published(_publication(SHOP, "orders"))
    assert await _noted(database) == {
        ("client_performance", SHOP.client_id): (at(30), 1),
        ("channel_performance", SHOP.client_id): (at(30), 1),
        ("segment_sales", SHOP.client_id): (at(30), 0),
    }


async def test_again_changes_the_instant_alone_and_later_facts_count(
    refresh: FeatureRefresh,
    ledger: Ledger,
    online: OnlineFeatures,
    database: Database,
    clock: MovableClock,
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20"), ad(28, "c2", "5")], (28, 28))
    scope, c1, c2 = TenantScope(A), ADS.campaign("c1"), ADS.campaign("c2")
    await refresh.published(_publication(ADS, "ads_daily"))
    [first] = await online.read(scope, CAMPAIGN_PERFORMANCE, [c1])
    clock.now = at(30, 13)
    await refresh.published(_publication(ADS, "ads_daily"))
    [again] = await online.read(scope, CAMPAIGN_PERFORMANCE, [c1])
    assert first is not None
    assert again is not None
    assert (again.values, again.micros - first.micros) == (first.values, 3600 * 10**6)
    await ledger.sync(ADS, "ads_daily", at(30, 14), [ad(28, "c1", "21")], (28, 28))
    clock.now = at(30, 15)
    await refresh.published(_publication(ADS, "ads_daily"))
    found = await online.read(scope, CAMPAIGN_PERFORMANCE, [c1, c2])
    place = CAMPAIGN_PERFORMANCE.feature_names.index("spend_7d")
    assert [None if row is None else row.values[place] for row in found] == [21.0, None]
    assert (await _noted(database))["campaign_performance", ADS.connection_id] == (at(30, 15), 1)


async def test_a_client_is_refreshed_on_demand(refresh: FeatureRefresh, ledger: Ledger) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    done = await refresh.refresh_client(A, ADS.client_id)
    assert {one.as_of for one in done} == {at(30)}
    accounts, client = [one.connection_id for one in (ADS, MORE_ADS, SHOP)], ADS.client_id
    assert [(one.view, one.owner_id, one.entities) for one in done] == [
        *zip(["campaign_performance"] * 3, accounts, (1, 0, 0), strict=True),
        *zip(["ad_performance"] * 3, accounts, (0, 0, 0), strict=True),
        *zip(["product_sales"] * 3, accounts, (0, 0, 0), strict=True),
        ("client_performance", client, 1),
        ("channel_performance", client, 1),
        ("segment_sales", client, 0),
    ]


async def test_a_publication_of_one_agency_touches_no_other(
    refresh: FeatureRefresh, ledger: Ledger, online: OnlineFeatures
) -> None:
    foreign = account(B, 1)
    await ledger.sync(foreign, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    forged = Account(A, ADS.client_id, foreign.connection_id)
    await refresh.published(_publication(forged, "ads_daily"))
    for tenant_id in (A, B):
        found = await online.read(
            TenantScope(tenant_id), CAMPAIGN_PERFORMANCE, [foreign.campaign("c1")]
        )
        assert found == [None]


async def test_online_is_offline_as_of_the_same_instant(
    refresh: FeatureRefresh,
    ledger: Ledger,
    online: OnlineFeatures,
    computer: FeatureComputer,
) -> None:
    entities = 1_000
    rows = [
        ad(n, f"c{c}", f"{c}.{n:02}", clicks=c + n, impressions=100 * c)
        for c in range(entities)
        for n in (5, 20, 27, 28)
    ]
    await ledger.sync(ADS, "ads_daily", at(29), rows, (1, 29))
    await refresh.published(_publication(ADS, "ads_daily"))
    # What becomes known afterwards is not in the values, and must not be in the proof.
    restated = [ad(28, f"c{c}", "1") for c in range(entities)]
    await ledger.sync(ADS, "ads_daily", at(30, 13), restated, (28, 28))
    ids = [ADS.campaign(f"c{c}") for c in range(entities)]
    check = ConsistencyCheck(online, computer)
    report = await check.run(TenantScope(A), CAMPAIGN_PERFORMANCE, [*ids, "unknown:1"])
    assert report == ConsistencyReport(
        "campaign_performance", entities + 1, 1, entities * len(CAMPAIGN_PERFORMANCE.features), ()
    )


async def test_a_changed_value_is_told(
    ledger: Ledger, online: OnlineFeatures, computer: FeatureComputer
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    table = await computer.current(
        TenantScope(A), CAMPAIGN_PERFORMANCE, [str(ADS.connection_id)], at(30)
    )
    place = table.column_names.index("spend_7d")
    forged = table.set_column(place, "spend_7d", [[20.5]])
    await online.write(A, CAMPAIGN_PERFORMANCE, forged)
    c1 = ADS.campaign("c1")
    report = await ConsistencyCheck(online, computer).run(
        TenantScope(A), CAMPAIGN_PERFORMANCE, [c1]
    )
    assert report.mismatches == (Mismatch(c1, "spend_7d", 20.5, 20.0),)


async def test_a_registry_that_fails_keeps_no_features_back(
    refresh: FeatureRefresh, ledger: Ledger, online: OnlineFeatures
) -> None:
    async def fail() -> bool:
        raise RegistryError("Feast cannot write its registry")

    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    with pytest.raises(RegistryError):
        await replace(refresh, register=fail).published(_publication(ADS, "ads_daily"))
    [row] = await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")])
    assert row is not None


async def test_what_has_landed_and_is_not_loaded_holds_the_instant_back(
    refresh: FeatureRefresh, ledger: Ledger, online: OnlineFeatures, computer: FeatureComputer
) -> None:
    """Else the values would lack what the same question finds a moment later."""
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await _land(refresh.database, MORE_ADS, at(29, 18), SyncState.LANDED)
    await refresh.published(_publication(ADS, "ads_daily"))
    await ledger.sync(MORE_ADS, "ads_daily", at(29, 18), [ad(28, "c1", "7")], (28, 28))
    scope, client = TenantScope(A), [str(ADS.client_id)]
    [row] = await online.read(scope, CLIENT_PERFORMANCE, client)
    assert row is not None
    assert instant_of(row.micros) == at(29, 18) - dt.timedelta(microseconds=1)
    report = await ConsistencyCheck(online, computer).run(scope, CLIENT_PERFORMANCE, client)
    assert (report.values, report.mismatches) == (len(CLIENT_PERFORMANCE.features), ())
    # Another account's sync holds back the client, not the campaigns of this account.
    [campaign] = await online.read(scope, CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")])
    assert campaign is not None
    assert instant_of(campaign.micros) == at(30)


async def test_what_was_held_for_days_does_not_take_features_back(
    refresh: FeatureRefresh, ledger: Ledger, online: OnlineFeatures
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await _land(refresh.database, ADS, at(20), SyncState.LANDED, released_at=at(30, 11))
    await refresh.published(_publication(ADS, "ads_daily"))
    [row] = await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")])
    assert row is not None
    assert instant_of(row.micros) == at(30, 11) - dt.timedelta(microseconds=1)


async def test_what_a_faster_clock_published_counts(
    refresh: FeatureRefresh, ledger: Ledger, online: OnlineFeatures
) -> None:
    ahead = at(30) + dt.timedelta(seconds=3)
    await ledger.sync(ADS, "ads_daily", ahead, [ad(28, "c1", "20")], (28, 28))
    await _land(refresh.database, ADS, ahead, SyncState.PUBLISHED)
    await refresh.published(_publication(ADS, "ads_daily"))
    [row] = await online.read(TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c1")])
    assert row is not None
    assert instant_of(row.micros) == ahead


async def test_notes_of_one_agency_are_hidden_from_another(
    refresh: FeatureRefresh, ledger: Ledger, database: Database
) -> None:
    await ledger.sync(ADS, "ads_daily", at(29), [ad(28, "c1", "20")], (28, 28))
    await refresh.published(_publication(ADS, "ads_daily"))
    async with database.session(B) as session:
        count = await session.scalar(text("SELECT count(*) FROM feature_materialisations"))
    assert count == 0
