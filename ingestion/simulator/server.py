"""The simulator as one app, and as a server on a local port.

    SimulatorConfig -> platforms -> gates -> Starlette -> uvicorn in a thread -> url

Paths: `/google_ads/...`, `/shopify/...`, `/meta_ads/...`, `/ga4/...`, `/tiktok_ads/...`,
`/_control/...`. One platform alone has its own paths at the root, beside `/_control`.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from domain.errors import InternalError
from ingestion.simulator.clock import SimulatedClock, wall_clock
from ingestion.simulator.config import SimulatorConfig
from ingestion.simulator.contract import Platform
from ingestion.simulator.control import create_control
from ingestion.simulator.faults import FaultBook
from ingestion.simulator.ga4 import Ga4
from ingestion.simulator.gate import Gate, RequestLog
from ingestion.simulator.google_ads import GoogleAds
from ingestion.simulator.meta_ads import MetaAds
from ingestion.simulator.shopify import Shopify
from ingestion.simulator.tiktok_ads import TikTokAds

__all__ = [
    "SimulatorServer",
    "SimulatorStartError",
    "create_platform",
    "create_simulator",
]

_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 10.0


class SimulatorStartError(InternalError):
    """The simulator's server did not come up in time."""


def create_simulator(
    config: SimulatorConfig, *, wall: Callable[[], datetime] = wall_clock
) -> Starlette:
    """Build the app with all platforms and `/_control`."""
    clock = SimulatedClock(config.now, wall=wall)
    platforms: list[Platform] = [
        GoogleAds(config.google_ads, clock),
        Shopify(config.shopify, clock),
        MetaAds(config.meta_ads, clock),
        Ga4(config.ga4, clock),
        TikTokAds(config.tiktok_ads, clock),
    ]
    faults, log = FaultBook(), RequestLog()
    mounts = [
        Mount(f"/{platform.name}", app=Gate(platform, faults=faults, log=log))
        for platform in platforms
    ]
    control = create_control(platforms, clock=clock, faults=faults, log=log)
    return Starlette(routes=[*mounts, Mount("/_control", app=control)])


def create_platform(platform: Platform, clock: SimulatedClock) -> Starlette:
    """Build an app that serves one platform at the root, with its `/_control`."""
    faults, log = FaultBook(), RequestLog()
    control = create_control([platform], clock=clock, faults=faults, log=log)
    gate = Gate(platform, faults=faults, log=log)
    return Starlette(routes=[Mount("/_control", app=control), Mount("/", app=gate)])


class SimulatorServer:
    """Runs an app with uvicorn in a thread of this process; use it as a context manager.

    Attributes:
        url: `http://127.0.0.1:<port>`, without a trailing slash.
    """

    def __init__(self, app: Starlette, *, port: int = 0) -> None:
        self._socket = socket.create_server((_HOST, port))
        self.url = f"http://{_HOST}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            # A connection that a fault cuts is logged as an error by uvicorn; it is intended.
            uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False)
        )
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(_START_SECONDS * 100)):
            if self._server.started:
                return self
            waited.wait(0.01)
        raise SimulatorStartError(f"The simulator at {self.url} did not start.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Ask the server to end; `serve` returns soon after."""
        self._server.should_exit = True

    def serve(self) -> None:
        """Serve in the calling thread until interrupted."""
        self._run()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))
