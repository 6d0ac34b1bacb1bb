"""A worker process that only spends: tenants that call as often as their budgets let them.

    python -m tests.night.spender FOLDER REDIS_URL UNTIL TENANT:APP ...

It runs in the virtual time that is served at FOLDER; each call goes to the provider that listens
there. After UNTIL (epoch seconds) it sleeps until it is killed.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ingestion.connector.budget import Budgets, Waiter
from ingestion.connector.source_file import read_source
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tests.night.virtual_time import join_time

LATENCY_SECONDS: Final = 0.2
FOREVER_SECONDS: Final = 10.0**7


async def spend(folder: Path, redis_url: str, until: float, tenants: Mapping[str, str]) -> None:
    """Call in the name of tenants, each with its app and an account of its own."""
    server = RedisServer(redis_url, timeout_seconds=30)
    async with join_time(folder) as time:
        budget = RedisCallBudget(server, clock=time.clock)
        source = read_source((folder / "ads.yaml").read_text(), "ads.yaml")

        async def work(tenant: str, app: str) -> None:
            scopes = {"app": app, "account": tenant, "credentials": tenant}
            budgets = Budgets(source, scopes, budget, time.clock)
            waiter = Waiter(time.sleep, lambda *_: None, 3600.0, source.label)
            reader, writer = await asyncio.open_unix_connection(str(folder / "provider.sock"))
            while time.clock().timestamp() < until:
                await budgets.acquire(waiter)
                writer.write(f"{tenant} {app}\n".encode())
                await reader.readline()
                await time.sleep(LATENCY_SECONDS)
            await time.sleep(FOREVER_SECONDS)

        await asyncio.gather(*(work(tenant, app) for tenant, app in tenants.items()))


if __name__ == "__main__":
    _tenants = dict(word.split(":") for word in sys.argv[4:])
    asyncio.run(spend(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), _tenants))
