"""A job engine that runs a job when it is told to, and can lose one."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from domain.ids import TenantId
from tenancy.jobs import JobQueue, JobStatus, Workflow

__all__ = ["FakeJobs"]

T = TypeVar("T")


@dataclass(slots=True)
class FakeJob:
    """Fake of `tenancy.jobs.JobHandle`."""

    job_id: str
    name: str
    arguments: dict[str, Any]
    queue: JobQueue
    deadline: dt.datetime | None
    state: JobStatus = JobStatus.QUEUED

    async def status(self) -> JobStatus:
        return self.state


@dataclass(slots=True)
class PlainSteps:
    """Fake of `domain.ports.Steps`: runs them, and writes down their names."""

    names: list[str] = field(default_factory=list)

    async def run(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        self.names.append(name)
        return await step()


@dataclass(slots=True)
class FakeJobs:
    """Fake of `tenancy.jobs.JobEngine`.

    Attributes:
        loses: The next job that is queued is never seen again, as when a process is killed.
    """

    workflows: dict[str, Workflow] = field(default_factory=dict)
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    steps: PlainSteps = field(default_factory=PlainSteps)
    loses: bool = False

    def register(self, name: str, workflow: Workflow) -> None:
        self.workflows[name] = workflow

    async def enqueue(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        queue: JobQueue,
        job_id: str,
        priority_deadline: dt.datetime | None = None,
        tenant_id: TenantId | None = None,
    ) -> FakeJob:
        assert tenant_id is None  # this queue takes no turns
        job = FakeJob(job_id, name, dict(arguments), queue, priority_deadline)
        if self.loses:
            self.loses = False
            return job
        return self.jobs.setdefault(job_id, job)

    async def find(self, job_id: str) -> FakeJob | None:
        return self.jobs.get(job_id)

    async def work(self) -> int:
        """Run what is queued; how many jobs."""
        queued = [job for job in self.jobs.values() if job.state is JobStatus.QUEUED]
        for job in queued:
            try:
                await self.workflows[job.name](self.steps, job.arguments)
            except Exception:  # noqa: BLE001  # as the engine does
                job.state = JobStatus.FAILED
            else:
                job.state = JobStatus.SUCCEEDED
        return len(queued)
