"""The simulator that the sources are read from."""

from tests.fixtures.simulator import _simulator_server, simulator

__all__ = ["_simulator_server", "simulator"]
