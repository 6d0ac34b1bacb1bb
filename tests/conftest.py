"""Fixtures shared by all tests; each lives in its own module under `tests/fixtures`."""

import pytest

from tests.fixtures.database import database, database_template, database_url, two_tenants
from tests.fixtures.redis import dead_redis, redis_server
from tests.fixtures.servers import postgres_url, redis_url, server_urls

__all__ = [
    "anyio_backend",
    "database",
    "database_template",
    "database_url",
    "dead_redis",
    "postgres_url",
    "redis_server",
    "redis_url",
    "server_urls",
    "two_tenants",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does."""
    return "asyncio"
