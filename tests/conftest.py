"""Fixtures shared by all tests; each lives in its own module under `tests/fixtures`."""

import gc

import pytest
import structlog

from tests.fixtures.database import database, database_template, database_url, two_tenants
from tests.fixtures.redis import dead_redis, redis_server
from tests.fixtures.servers import postgres_url, redis_url, server_urls
from tests.fixtures.warehouse import (
    bigquery_analyzer,
    bigquery_emulator,
    bigquery_warehouse,
    duckdb_warehouse,
    real_bigquery_warehouse,
    statements,
    warehouse,
)

__all__ = [
    "anyio_backend",
    "bigquery_analyzer",
    "bigquery_emulator",
    "bigquery_warehouse",
    "database",
    "database_template",
    "database_url",
    "dead_redis",
    "duckdb_warehouse",
    "postgres_url",
    "real_bigquery_warehouse",
    "redis_server",
    "redis_url",
    "server_urls",
    "statements",
    "two_tenants",
    "warehouse",
]


# The usual renderer prints every value around an exception: a minute, for a whole application.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does."""
    return "asyncio"


def pytest_collection_finish() -> None:
    """Keep what was collected out of every later collection of garbage: it stays to the end."""
    gc.collect()
    gc.freeze()
