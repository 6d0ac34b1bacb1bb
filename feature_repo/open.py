"""Features of the platform, wired.

    database, Redis, warehouse, clock -> open_features -> reader, refresh, check, registry

Connects to nothing and imports no Feast.
"""

from dataclasses import dataclass

from domain.ports import Clock, QueryWarehouse
from feature_repo.catalogue import Catalogues, none_registered
from feature_repo.compute import FeatureComputer
from feature_repo.consistency import ConsistencyCheck
from feature_repo.materialise import FeatureRefresh
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from feature_repo.registry import FeatureRegistry
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
    """

    catalogues: Catalogues
    computer: FeatureComputer
    reader: FeatureReader
    refresh: FeatureRefresh
    check: ConsistencyCheck
    registry: FeatureRegistry


def open_features(
    database: Database, url: str, redis: RedisServer, warehouse: QueryWarehouse, clock: Clock
) -> Features:
    """Wire the features of a platform.

    Args:
        database: Control plane.
        url: Its URL; the login may become `bosco_features`.
        redis: Online store.
        warehouse: Has the facts.
        clock: The present UTC instant.
    """
    online, computer = OnlineFeatures(redis, clock), FeatureComputer(warehouse)
    catalogues = Catalogues(none_registered, clock)
    registry = FeatureRegistry(database, url, online, computer, catalogues, clock)
    return Features(
        catalogues=catalogues,
        computer=computer,
        reader=FeatureReader(online, catalogues),
        refresh=FeatureRefresh(database, catalogues, computer, online, clock, registry.ensure),
        check=ConsistencyCheck(online, computer),
        registry=registry,
    )
