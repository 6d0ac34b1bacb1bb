import pytest

from tenancy.session import Database
from tests.feature_repo.conftest import facts, ledger
from tests.feature_repo.ledger import Ledger
from tests.fixtures.database import FilledTenant
from tests.ml.spending.world import World

__all__ = ["facts", "ledger"]


@pytest.fixture
def world(
    database: Database, ledger: Ledger, two_tenants: tuple[FilledTenant, FilledTenant]
) -> World:
    return World(database, ledger, *two_tenants)
