"""All scenarios, played once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.fixtures.database import TEMPLATE, copied_database
from tests.ingestion.plane import Plane
from tests.ingestion.quality.controls import CONTROLS
from tests.ingestion.quality.faults import FAULTS
from tests.ingestion.quality.stage import Played, Stage

__all__ = ["played", "stage"]


@pytest.fixture(scope="module")
async def stage(
    database_template: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """A stage of this module alone."""
    path: Path = tmp_path_factory.mktemp("quality") / "warehouse.duckdb"
    warehouse = DuckDbWarehouse(str(path), memory_limit_mb=512)
    redis = RedisServer(redis_url)
    with copied_database(database_template, TEMPLATE) as url:
        database = Database(DatabaseConfig(url))
        yield Stage(Plane(database, redis, warehouse))
        await database.close()
    await redis.close()
    await warehouse.close()


@pytest.fixture(scope="module")
async def played(stage: Stage) -> dict[str, Played]:
    """How each fault and control ended, side by side in one platform."""
    return await stage.play({**FAULTS, **CONTROLS})
