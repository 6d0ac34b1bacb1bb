"""The simulators, whose rows are unified as they come; and each engine in turn.

`make test` asks BigQuery only what no other test asks it; the slow suite asks it everything.
"""

import pytest

from tenancy.warehouse.port import Warehouse
from tests.fixtures.simulator import _simulator_server, simulator

__all__ = ["_simulator_server", "simulator", "warehouse"]


@pytest.fixture(params=["duckdb", pytest.param("bigquery", marks=pytest.mark.slow)])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Each engine in turn."""
    chosen: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return chosen
