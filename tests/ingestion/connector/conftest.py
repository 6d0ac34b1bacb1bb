"""The provider simulators, for the tests that run against them."""

from tests.fixtures.simulator import _simulator_server, simulator

__all__ = ["_simulator_server", "simulator"]
