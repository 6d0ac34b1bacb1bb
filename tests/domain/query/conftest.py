"""Snapshots of SQL: `pytest tests/domain/query --overwrite-snapshots` writes them anew."""

import pytest

__all__ = ["overwrite_snapshots", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite-snapshots", action="store_true", help="write recorded SQL anew")


@pytest.fixture
def overwrite_snapshots(request: pytest.FixtureRequest) -> bool:
    """Whether snapshots are written anew instead of compared."""
    return bool(request.config.getoption("--overwrite-snapshots", default=False))
