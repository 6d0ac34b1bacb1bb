"""The simulators, whose rows are unified as they come."""

from tests.fixtures.simulator import _simulator_server, simulator

__all__ = ["_simulator_server", "simulator"]
