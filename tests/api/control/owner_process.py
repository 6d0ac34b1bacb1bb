"""An owner to be killed: owns the runtime, says so on stdout, and serves until then."""

import asyncio
import sys

from api.control.front_door import own_runtime
from api.settings import load_settings
from tests.api.control.host import World


async def main() -> None:
    settings = load_settings({"BOSCO_STATE_DIR": sys.argv[1]})
    async with own_runtime(settings, World("serve").host()):
        print("ready", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
