"""Fixtures shared by all tests; each lives in its own module under `tests/fixtures`."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does."""
    return "asyncio"
