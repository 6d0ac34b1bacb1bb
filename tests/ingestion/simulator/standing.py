"""One platform alone on a port, with a clock that stands still until it is moved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.contract import Platform
from ingestion.simulator.server import SimulatorServer, create_platform


@dataclass
class Standing:
    """A running platform; `http` asks it, `pass_time` moves its clock."""

    http: httpx.Client
    _now: list[datetime]

    def pass_time(self, **parts: float) -> None:
        self._now[0] += timedelta(**parts)


@contextmanager
def standing(make: Callable[[SimulatedClock], Platform], now: datetime) -> Iterator[Standing]:
    """Serve the platform that `make` makes, at the instant `now`."""
    present = [now]
    clock = SimulatedClock(wall=lambda: present[0])
    with (
        SimulatorServer(create_platform(make(clock), clock)) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        yield Standing(http, present)
