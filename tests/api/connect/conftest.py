"""The desk of these tests, and an agency at it."""

from collections.abc import AsyncIterator

import pytest

from tenancy.redis_server import RedisServer
from tests.api.connect.front_desk import Agency, FrontDesk, front_desk
from tests.fixtures.simulator import RunningSimulator, _simulator_server, simulator

__all__ = ["_simulator_server", "agency", "front", "simulator"]


@pytest.fixture
async def front(
    database_url: str, redis_server: RedisServer, simulator: RunningSimulator
) -> AsyncIterator[FrontDesk]:
    async with front_desk(database_url, redis_server, simulator) as opened:
        yield opened


@pytest.fixture
async def agency(front: FrontDesk) -> Agency:
    return await front.agency()
