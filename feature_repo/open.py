"""Features of the platform, wired.

    database, Redis, warehouse, clock -> open_features -> reader, refresh, check, registry
    these, job engine -> open_monitoring -> what watches them

Connects to nothing and imports no Feast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from domain.ports import Clock, IdFactory, QueryWarehouse
from feature_repo.catalogue import Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.consistency import ConsistencyCheck
from feature_repo.materialise import FeatureRefresh
from feature_repo.monitoring.daily import FeatureMonitoring, ListAgencies
from feature_repo.monitoring.judge import Judging
from feature_repo.monitoring.measure import Measuring
from feature_repo.monitoring.read_log import ReadLog
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from feature_repo.registration.backfill import Backfills
from feature_repo.registration.book import FeatureBook, load_own_views
from feature_repo.registration.own_facts import OwnFacts
from feature_repo.registration.plan import Planner
from feature_repo.registry import FeatureRegistry
from tenancy.jobs import JobEngine
from tenancy.redis_server import RedisServer
from tenancy.session import Database

__all__ = ["Features", "open_features", "open_monitoring"]


@dataclass(frozen=True, slots=True)
class Features:
    """What there is to do with features.

    Attributes:
        catalogues: Which each agency has.
        computer: Computes them out of the facts.
        reader: Reads them online.
        reads: A few of these, to be computed again.
        refresh: Follows publications.
        check: Compares what is served with the facts.
        registry: Opens Feast's own API.
        book: What agencies registered themselves.
        backfills: First values of what they register.
    """

    catalogues: Catalogues
    computer: FeatureComputer
    reader: FeatureReader
    reads: ReadLog
    refresh: FeatureRefresh
    check: ConsistencyCheck
    registry: FeatureRegistry
    book: FeatureBook
    backfills: Backfills


def open_features(
    database: Database,
    url: str,
    redis: RedisServer,
    warehouse: QueryWarehouse,
    jobs: JobEngine,
    clock: Clock,
    ids: IdFactory,
    random: Callable[[], float],
) -> Features:
    """Wire the features of a platform.

    Args:
        database: Control plane.
        url: Its URL; the login may become `bosco_features`.
        redis: Online store.
        warehouse: Has the facts.
        jobs: Runs backfills, once they are registered there.
        clock: The present UTC instant.
        ids: For rows of the control plane.
        random: A number from 0 to less than 1: which reads are kept.
    """
    online, computer = OnlineFeatures(redis, clock), FeatureComputer(warehouse)
    catalogues = Catalogues(partial(load_own_views, database, clock), clock)
    reads = ReadLog(database, clock, ids, random)
    registry = FeatureRegistry(database, url, online, computer, catalogues, clock)
    refresh = FeatureRefresh(database, catalogues, computer, online, clock, registry.ensure)
    planner = Planner(database, OwnFacts(warehouse, computer), clock, FeatureComputer)
    book = FeatureBook(database, catalogues, planner, clock, ids)
    return Features(
        catalogues=catalogues,
        computer=computer,
        reader=FeatureReader(online, catalogues, reads),
        reads=reads,
        refresh=refresh,
        check=ConsistencyCheck(online, computer),
        registry=registry,
        book=book,
        backfills=Backfills(jobs, refresh, book),
    )


def open_monitoring(
    features: Features,
    database: Database,
    jobs: JobEngine,
    agencies: ListAgencies,
    clock: Clock,
    ids: IdFactory,
) -> FeatureMonitoring:
    """Wire the monitoring; its job is not known to the engine yet.

    Args:
        features: Watched.
        database: Control plane.
        jobs: Does the daily job.
        agencies: Lists all agencies with their time zones.
        clock: The present UTC instant.
        ids: For rows of the control plane.
    """
    refresh = features.refresh
    return FeatureMonitoring(
        database=database,
        jobs=jobs,
        catalogues=features.catalogues,
        measuring=Measuring(database, refresh.online, refresh.computer, features.check, clock),
        judging=Judging(database, clock, ids),
        agencies=agencies,
        clock=clock,
    )
