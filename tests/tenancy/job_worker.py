"""A worker process of its own, for tests that kill it.

    python -m tests.tenancy.job_worker URL EXECUTOR_ID LOG [JOB_ID]

Each step adds its name to LOG; the second of three then waits for ever unless LOG.go exists.
With JOB_ID it enqueues the job first. It ends when the job has ended.
"""

import asyncio
import sys
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from domain.ids import TenantId
from domain.ports import Steps
from tenancy.jobs import JobEngine, JobQueue, JobsConfig, Workflow

TENANT = TenantId(uuid.UUID(int=1))


def three_steps(log: Path) -> Workflow:
    async def workflow(steps: Steps, arguments: dict[str, Any]) -> Any:
        async def note(name: str) -> str:
            with log.open("a") as file:
                file.write(f"{name}\n")
            if name == "two" and not log.with_suffix(".go").exists():
                await asyncio.Event().wait()
            return f"{name} {arguments['word']}"

        return [await steps.run(name, partial(note, name)) for name in NAMES]

    return workflow


NAMES = ("one", "two", "three")


def open_engine(url: str, executor_id: str, log: Path) -> JobEngine:
    engine = JobEngine(JobsConfig(url, poll_seconds=0.05), executor_id=executor_id)
    engine.register("three_steps", three_steps(log))
    return engine


async def main(url: str, executor_id: str, log: str, job_id: str) -> None:
    engine = open_engine(url, executor_id, Path(log))
    await engine.start()
    job = await engine.enqueue(
        "three_steps", {"word": "done"}, queue=JobQueue.SYNC, job_id=job_id, tenant_id=TENANT
    )
    await job.result()
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
