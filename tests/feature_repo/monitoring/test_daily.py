"""A day of an agency: measured, judged, told; again and after a death it comes to the same."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import pytest
from sqlalchemy import func, select, update

from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogue, Catalogues, none_registered
from feature_repo.compute import FeatureComputer
from feature_repo.consistency import ConsistencyCheck
from feature_repo.feature import FeatureView
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, fingerprint
from feature_repo.materialise import FeatureRefresh
from feature_repo.monitoring.daily import MONITOR_JOB, FeatureMonitoring
from feature_repo.monitoring.health import ViewHealth, load_health
from feature_repo.monitoring.judge import Judging
from feature_repo.monitoring.measure import Measuring
from feature_repo.monitoring.read_log import ReadLog
from feature_repo.monitoring.wording import (
    describe_drift,
    describe_feature,
    describe_freshness,
    describe_mismatches,
)
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from tenancy.jobs import JobEngine, JobQueue
from tenancy.session import Database
from tenancy.tables import (
    AlertKind,
    Connection,
    ConnectionState,
    FeatureDay,
    FeatureRead,
    FeatureVerdict,
    FeatureViewDay,
    RaisedAlert,
)
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.agency_rows import add_agency
from tests.feature_repo.conftest import A, B, MovableClock, account
from tests.feature_repo.ledger import Ledger, ad, at, day

pytestmark = pytest.mark.anyio

ADS, FOREIGN = account(A, 1), account(B, 1)
CAMPAIGNS = [f"c{number:02}" for number in range(60)]
SPEND = {campaign: Decimal(10 + number) for number, campaign in enumerate(CAMPAIGNS)}
TODAY = dt.date(2026, 3, 30)
USUAL, UNUSUAL, TOO_FEW = FeatureVerdict.USUAL, FeatureVerdict.UNUSUAL, FeatureVerdict.TOO_FEW


@dataclass(frozen=True, slots=True)
class Watched:
    """An agency whose features are watched."""

    database: Database
    ledger: Ledger
    online: OnlineFeatures
    refresh: FeatureRefresh
    reader: FeatureReader
    log: ReadLog
    jobs: FakeJobs
    monitoring: FeatureMonitoring
    clock: MovableClock

    async def spend(
        self, first: int, last: int, times: int = 1, known: dt.datetime | None = None
    ) -> None:
        """Every campaign spends the same each day, known the next morning, or at `known`."""
        rows = [
            ad(number, campaign, str(times * amount))
            for number in range(first, last + 1)
            for campaign, amount in SPEND.items()
        ]
        await self.ledger.sync(ADS, "ads_daily", known or at(last + 1, 6), rows, (first, last))

    async def health(self, tenant_id: TenantId = A) -> ViewHealth:
        """What was found of campaigns."""
        async with self.database.session(tenant_id) as session:
            found = await load_health(session, CAMPAIGN_PERFORMANCE)
        assert found is not None
        return found

    async def feature(self, name: str) -> FeatureDay:
        """What was found last of a feature of campaigns."""
        health = await self.health()
        return next(one.last for one in health.features if one.name == name)

    async def alerts(self) -> dict[AlertKind, str]:
        """Texts of the open alerts about campaigns, by kind."""
        query = select(RaisedAlert).where(
            RaisedAlert.cleared_at.is_(None),
            RaisedAlert.subject == "features:campaign_performance",
        )
        async with self.database.session(A) as session:
            return {one.kind: one.details for one in await session.scalars(query)}


class Campaigns(Catalogue):
    """One view: each more is another statement to be guarded, in each test."""

    @property
    def views(self) -> Mapping[str, FeatureView]:
        return {CAMPAIGN_PERFORMANCE.name: CAMPAIGN_PERFORMANCE}


class FewViews(Catalogues):
    """Every agency has that catalogue."""

    async def fresh(self, tenant_id: TenantId) -> Catalogue:
        del tenant_id
        return Campaigns()


async def _no_registry() -> bool:
    return False


@pytest.fixture
async def watched(
    database: Database,
    ledger: Ledger,
    computer: FeatureComputer,
    online: OnlineFeatures,
    clock: MovableClock,
) -> Watched:
    catalogues = FewViews(none_registered, clock)
    await add_agency(database, A, [ADS])
    await add_agency(database, B, [FOREIGN])
    jobs = FakeJobs()

    async def agencies() -> Sequence[tuple[TenantId, str]]:
        return [(A, "Europe/Berlin"), (B, "America/New_York")]

    log = ReadLog(database, clock, uuid.uuid4, lambda: 0.0)
    monitoring = FeatureMonitoring(
        database=database,
        jobs=cast("JobEngine", jobs),
        catalogues=catalogues,
        measuring=Measuring(database, online, computer, ConsistencyCheck(online, computer), clock),
        judging=Judging(database, clock, uuid.uuid4),
        agencies=agencies,
        clock=clock,
    )
    monitoring.register()
    return Watched(
        database=database,
        ledger=ledger,
        online=online,
        refresh=FeatureRefresh(database, catalogues, computer, online, clock, _no_registry),
        reader=FeatureReader(online, catalogues, log),
        log=log,
        jobs=jobs,
        monitoring=monitoring,
        clock=clock,
    )


async def test_a_quiet_day_is_told_in_figures_and_raises_nothing(watched: Watched) -> None:
    await watched.spend(-5, 1)
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, TODAY)
    health = await watched.health()
    assert (health.last.entities, health.last.missing, health.last.late) == (60, 0, 0)
    assert health.last.reference_at == at(2)
    assert describe_freshness(health.last) == "fresh: at most 0 h old (26 h promised)"
    assert [one.name for one in health.features] == list(CAMPAIGN_PERFORMANCE.feature_names)
    spend = await watched.feature("spend_7d")
    assert (spend.count, spend.nulls, spend.reference) == (60, 0, 60)
    assert (spend.minimum, spend.maximum, spend.mean) == (70, 483, 276.5)
    assert (spend.psi, spend.distance, spend.p_value) == (0, 0, 1)
    assert describe_drift(spend) == "stable (PSI 0.00)"
    currency = await watched.feature("currency")
    assert currency.histogram == {"counts": {"EUR": 60}, "others": 0}
    clicks = await watched.feature("clicks_7d")
    assert (clicks.nulls, clicks.drift_verdict, clicks.quantiles) == (60, TOO_FEW, [])
    assert await watched.alerts() == {}


async def test_spend_that_doubled_has_drifted(watched: Watched) -> None:
    await watched.spend(-5, 1)
    await watched.spend(23, 29, times=2)
    await watched.refresh.refresh_client(A, ADS.client_id)
    assert await watched.monitoring.monitor(A, TODAY) == 1
    spend = await watched.feature("spend_7d")
    # Of 70, 77, ..., 483 and of twice these, the widest gap is at 483: 35 of the sixty lie above.
    assert spend.distance == pytest.approx(35 / 60)
    assert spend.drift_verdict is UNUSUAL
    assert (await watched.feature("days_since_spend")).drift_verdict is USUAL
    text = (await watched.alerts())[AlertKind.FEATURES_DRIFTED]
    assert re.fullmatch(
        r"campaign_performance: spend_28d drifted \(PSI [\d.]+\); spend_7d drifted \(PSI [\d.]+\)",
        text,
    )


@pytest.mark.slow
async def test_what_became_known_later_is_no_part_of_the_reference(watched: Watched) -> None:
    await watched.spend(1, 29)  # all of it landed today
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, TODAY)
    spend = await watched.feature("spend_7d")
    assert (spend.count, spend.reference, spend.psi) == (60, 0, None)
    assert describe_drift(spend) == "too few values to say"


async def test_unknown_and_odd_values_are_told_against_the_agencys_own_days(
    watched: Watched,
) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, TODAY)
    async with watched.database.session(A) as session:
        for row in await session.scalars(select(FeatureDay)):
            columns = {column.name: getattr(row, column.name) for column in row.__table__.columns}
            session.add_all(
                FeatureDay(**columns | {"day": TODAY - dt.timedelta(number)})
                for number in range(1, 7)
            )
    broken = [ad(29, one, str(SPEND[one] * 10**6)) for one in CAMPAIGNS[:3]]
    broken += [ad(29, one, str(SPEND[one])) for one in CAMPAIGNS[3:12]]
    broken += [ad(29, one, None) for one in CAMPAIGNS[12:]]
    await watched.ledger.sync(ADS, "ads_daily", at(30, 7), broken, (23, 29))
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, day(31))
    spend = await watched.feature("spend_7d")
    assert (spend.nulls_verdict, spend.range_verdict) == (UNUSUAL, UNUSUAL)
    assert describe_feature(spend) == [
        "80% unknown (usual: at most 5%)",
        "13 to 1.2e+07 (usual: 0 to 2,415)",
    ]
    assert "spend_7d 80% unknown" in (await watched.alerts())[AlertKind.FEATURES_UNUSUAL]


async def test_late_features_are_told_until_they_are_fresh(watched: Watched) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    watched.clock.now = at(31, 14)
    await watched.monitoring.monitor(A, day(31))
    text = "late: 60 of 60 older than 26 h, the oldest 26 h"
    assert (await watched.alerts())[AlertKind.FEATURES_LATE] == f"campaign_performance: {text}"
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, day(31))
    assert await watched.alerts() == {}


@pytest.mark.slow
async def test_who_paused_an_account_hears_nothing_of_its_age(watched: Watched) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    async with watched.database.session(A) as session:
        await session.execute(update(Connection).values(state=ConnectionState.PAUSED))
    watched.clock.now = at(32)
    await watched.monitoring.monitor(A, day(32))
    health = await watched.health()
    assert describe_freshness(health.last) == "nothing has been computed yet"
    assert await watched.alerts() == {}


@pytest.mark.slow
async def test_lost_writes_are_missing(watched: Watched) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    lost = [ADS.campaign("c00"), ADS.campaign("c01")]
    await watched.online._of(A).erase("campaign_performance", lost)  # noqa: SLF001  # as an eviction
    await watched.monitoring.monitor(A, TODAY)
    assert (await watched.health()).last.missing == 2


async def _read(watched: Watched, times: int = 1) -> None:
    for _ in range(times):
        await watched.reader.read(TenantScope(A), "campaign_pacing_v1", [ADS.campaign("c07")])
    await watched.log.flush()


async def test_reads_are_computed_again_once(watched: Watched) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    await _read(watched, 3)
    watched.clock.now = at(30, 13)
    await watched.spend(
        23, 29, times=3, known=at(30, 13)
    )  # later facts change nothing of what was served
    await watched.monitoring.monitor(A, TODAY)
    await watched.monitoring.monitor(A, TODAY)
    last, values = (await watched.health()).last, 3 * len(CAMPAIGN_PERFORMANCE.features)
    assert (last.reads, last.compared, last.mismatches) == (3, values, 0)
    assert describe_mismatches(last) == (
        f"equal: 0 of {values} values of 3 reads differ (0.00%; at most 0.1% may)"
    )
    async with watched.database.session(A) as session:
        assert await session.scalar(select(func.count()).select_from(FeatureRead)) == 0


async def test_values_that_differ_are_told_with_an_example(watched: Watched) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    [stored] = await watched.online.read(
        TenantScope(A), CAMPAIGN_PERFORMANCE, [ADS.campaign("c07")]
    )
    assert stored is not None
    values = list(stored.values)
    values[CAMPAIGN_PERFORMANCE.feature_names.index("spend_7d")] = 1.5
    async with watched.database.session(A) as session:
        read = FeatureRead(
            id=uuid.uuid4(),
            view="campaign_performance",
            fingerprint=fingerprint(CAMPAIGN_PERFORMANCE),
            entity_id=ADS.campaign("c07"),
            client_id=ADS.client_id,
            as_of=at(30),
            served=values,
            noted_at=at(30),
        )
        session.add(read)
    await watched.monitoring.monitor(A, TODAY)
    last = (await watched.health()).last
    assert (last.reads, last.mismatches) == (1, 1)
    assert last.examples == [[ADS.campaign("c07"), "spend_7d", 1.5, 119.0]]
    assert AlertKind.FEATURES_DIFFER in await watched.alerts()


async def test_a_past_that_was_changed_is_not_held_against_what_was_served(
    watched: Watched,
) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    await _read(watched)
    # Facts are erased, and the client is computed anew as a whole: as of the old instant there is
    # less now than there was.
    async with watched.database.session(A) as session:
        await session.execute(update(FeatureRead).values(served=[None] * 25))
    watched.clock.now = at(30, 13)
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, TODAY)
    last = (await watched.health()).last
    assert (last.reads, last.unjudged_reads, last.mismatches) == (0, 1, 0)


async def test_a_job_is_due_once_after_the_morning_of_each_agency(watched: Watched) -> None:
    watched.clock.now = dt.datetime(2026, 3, 30, 6, 59, tzinfo=dt.UTC)  # 08:59 in Berlin
    assert await watched.monitoring.go_round() == 0
    watched.clock.now = dt.datetime(2026, 3, 30, 7, 0, tzinfo=dt.UTC)
    assert await watched.monitoring.go_round() == 1
    [job] = watched.jobs.jobs.values()
    assert (job.name, job.queue) == (MONITOR_JOB, JobQueue.FOLLOW)
    assert job.arguments == {"tenant_id": str(A), "day": "2026-03-30"}
    assert await watched.monitoring.go_round() == 1
    assert len(watched.jobs.jobs) == 1  # the same
    assert await watched.jobs.work() == 1
    assert watched.jobs.steps.names == ["measure campaign_performance", "judge"]
    assert await watched.monitoring.go_round() == 0
    watched.clock.now = dt.datetime(2026, 3, 30, 13, 0, tzinfo=dt.UTC)  # 09:00 in New York
    assert await watched.monitoring.go_round() == 1


@pytest.mark.slow
async def test_a_job_that_failed_is_tried_again_an_hour_later(watched: Watched) -> None:
    await watched.monitoring.go_round()
    await watched.jobs.work()

    async with watched.database.session(A) as session:  # as if it had died before the end
        await session.execute(update(FeatureViewDay).values(judged_at=None))
    first = set(watched.jobs.jobs)
    watched.clock.now += dt.timedelta(hours=1)
    assert await watched.monitoring.go_round() >= 1
    assert len(set(watched.jobs.jobs) - first) >= 1
    await watched.jobs.work()
    async with watched.database.session(A) as session:
        rows = (await session.scalars(select(FeatureViewDay))).all()
    assert [(one.day, one.judged_at is None) for one in rows] == [(TODAY, False)]


@pytest.mark.slow
async def test_one_agency_sees_nothing_of_another(watched: Watched) -> None:
    await watched.spend(23, 29)
    await watched.refresh.refresh_client(A, ADS.client_id)
    await watched.monitoring.monitor(A, TODAY)
    await watched.monitoring.monitor(B, TODAY)
    health = await watched.health(B)
    assert (health.last.entities, {one.last.count for one in health.features}) == (0, {0})
