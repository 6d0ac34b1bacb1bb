"""Features of the platform, wired.

    database, Redis, warehouse, clock -> open_features -> reader, refresh, check, registry

Connects to nothing and imports no Feast.
"""

from dataclasses import dataclass
from functools import partial

from domain.ports import Clock, IdFactory, QueryWarehouse
from feature_repo.catalogue import Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.consistency import ConsistencyCheck
from feature_repo.materialise import FeatureRefresh
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

__all__ = ["Features", "open_features"]


@dataclass(frozen=True, slots=True)
class Features:
    """What there is to do with features.

    Attributes:
        catalogues: Which each agency has.
        computer: Computes them out of the facts.
        reader: Reads them online.
        refresh: Follows publications.
        check: Compares what is served with the facts.
        registry: Opens Feast's own API.
        book: What agencies registered themselves.
        backfills: First values of what they register.
    """

    catalogues: Catalogues
    computer: FeatureComputer
    reader: FeatureReader
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
) -> Features:
    """Wire the features of a platform.

    Args:
        database: Control plane.
        url: Its URL; the login may become `bosco_features`.
        redis: Online store.
        warehouse: Has the facts.
        jobs: Runs backfills, once they are registered there.
        clock: The present UTC instant.
        ids: For audit entries.
    """
    online, computer = OnlineFeatures(redis, clock), FeatureComputer(warehouse)
    catalogues = Catalogues(partial(load_own_views, database, clock), clock)
    registry = FeatureRegistry(database, url, online, computer, catalogues, clock)
    refresh = FeatureRefresh(database, catalogues, computer, online, clock, registry.ensure)
    planner = Planner(database, OwnFacts(warehouse, computer), clock, FeatureComputer)
    book = FeatureBook(database, catalogues, planner, clock, ids)
    return Features(
        catalogues=catalogues,
        computer=computer,
        reader=FeatureReader(online, catalogues),
        refresh=refresh,
        check=ConsistencyCheck(online, computer),
        registry=registry,
        book=book,
        backfills=Backfills(jobs, refresh, book),
    )
