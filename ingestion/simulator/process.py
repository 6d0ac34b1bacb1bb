"""The demo world in a process of its own: as far from the product as the real platforms are.

    python -m ingestion.simulator --demo --until-input-ends  ->  {"url": ...}  ->  url

It shares no interpreter with what calls it, so both have a processor to themselves. The kernel
closes its input however the owner ends, and it ends with it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ingestion.simulator.server import SimulatorStartError

__all__ = ["simulated_platforms"]

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_COMMAND: Final = ("-m", "ingestion.simulator", "--demo", "--until-input-ends")
_START_SECONDS: Final = 60.0


@asynccontextmanager
async def simulated_platforms() -> AsyncIterator[str]:
    """Serve the demo world for as long as the context is open.

    Yields:
        `http://127.0.0.1:<port>`, without a trailing slash.

    Raises:
        SimulatorStartError: It did not come up.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_CHECKOUT,
        start_new_session=True,  # Ctrl-C is for the owner, which ends this in its turn
    )
    if process.stdin is None or process.stdout is None:
        raise TypeError(process)
    try:
        yield await _url(process.stdout)
    finally:
        process.stdin.close()
        await process.wait()


async def _url(output: asyncio.StreamReader) -> str:
    try:
        line = await asyncio.wait_for(output.readline(), _START_SECONDS)
        url: str = json.loads(line)["url"]
    except (TimeoutError, ValueError, KeyError) as error:
        raise SimulatorStartError("the simulated platforms did not start") from error
    return url
