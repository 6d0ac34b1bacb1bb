"""One running platform for the tests of this folder, and the commands that users give it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.bootstrap import open_runtime
from api.settings import load_settings
from ingestion.simulator.server import SimulatorServer, create_simulator
from tests.e2e.platform import FakeClock, Platform
from tests.e2e.world import NOW, small_world
from tests.fixtures.simulator import RunningSimulator

__all__ = ["Trouble", "open_folder", "platform", "trouble"]


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder for state: root runs PostgreSQL as another user, who cannot enter pytest's own."""
    with tempfile.TemporaryDirectory(prefix="bosco-e2e-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
async def platform(open_folder: Path) -> AsyncIterator[Platform]:
    """The whole platform on embedded servers; no wait for a provider takes longer than 10 ms."""
    clock = FakeClock(NOW)
    settings = load_settings({"BOSCO_STATE_DIR": str(open_folder / "state")})
    async with open_runtime(
        settings, clock=clock, sleep=lambda seconds: asyncio.sleep(min(seconds, 0.01))
    ) as runtime:
        yield Platform(runtime, clock)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The simulated platforms, and what can be wrong with them."""

    simulator: RunningSimulator
    clock: FakeClock

    @property
    def url(self) -> str:
        return self.simulator.url

    def advance(self, days: int) -> None:
        """Let time pass for the platforms and for the product."""
        self.clock.advance(days=days)
        self.simulator.move_clock(self.clock.now)


@pytest.fixture(scope="module")
def _standing_simulator() -> Iterator[RunningSimulator]:
    config = small_world()
    with (
        SimulatorServer(create_simulator(config, wall=lambda: NOW)) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        yield RunningSimulator(server.url, config, http)


@pytest.fixture
def trouble(_standing_simulator: RunningSimulator, platform: Platform) -> Trouble:
    """The simulated platforms without faults, at the instant of the small world."""
    _standing_simulator.http.post("/_control/reset").raise_for_status()
    platform.clock.now = NOW
    return Trouble(_standing_simulator, platform.clock)
