"""A worker process of the night: it extracts and lands in virtual time until it is killed.

python -m tests.night.worker FOLDER DATABASE_URL REDIS_URL PLATFORMS_URL EXECUTOR_ID SLOTS
"""

import asyncio
import sys
from pathlib import Path

from tenancy.jobs import JobQueue
from tests.night.plane import Ground, open_plane
from tests.night.virtual_time import join_time


async def work(ground: Ground, executor_id: str, slots: int) -> None:
    """Take sync jobs for ever."""
    async with (
        join_time(ground.folder) as time,
        open_plane(
            ground,
            time.clock,
            time.sleep,
            (JobQueue.SYNC,),
            executor_id=executor_id,
            slots=slots,
        ) as plane,
    ):
        await plane.jobs.start()
        (ground.folder / f"{executor_id}.ready").touch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    folder, *urls = sys.argv[1:5]
    asyncio.run(work(Ground(Path(folder), *urls), sys.argv[5], int(sys.argv[6])))
