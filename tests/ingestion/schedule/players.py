"""Platforms that answer as told, and jobs that end when told: what the dispatcher acts on."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.errors import UserError
from ingestion.connector.job import DiscoveredAccount
from tenancy.jobs import JobQueue, JobStatus, SyncCapacity
from tenancy.tables import Connection

__all__ = ["FakeExtraction", "FakeJobs"]


@dataclass
class FakeExtraction:
    """Fake of `ingestion.extraction.Extraction`: answers the cheap question.

    Attributes:
        failing: By source: what is raised instead of an answer.
        asked: Source and account of each question.
    """

    apps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    failing: dict[str, UserError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def check_connection(self, connection: Connection) -> DiscoveredAccount:
        self.asked.append((connection.source, connection.account_id))
        if connection.source in self.failing:
            raise self.failing[connection.source]
        return DiscoveredAccount(connection.account_id, "", "", "", {})


@dataclass
class FakeHandle:
    """Fake of `tenancy.jobs.JobHandle`."""

    job_id: str
    jobs: "FakeJobs"

    async def status(self) -> JobStatus:
        return self.jobs.statuses[self.job_id]


@dataclass
class FakeJobs:
    """Fake of `tenancy.jobs.JobEngine`: keeps what was enqueued.

    Attributes:
        statuses: By job id.
        deadlines: Of each enqueued job, in the order of enqueueing.
        before_enqueue: Called first; may raise, as a crash would.
        before_list: The same, before a list is given.
    """

    capacity: SyncCapacity = field(default_factory=lambda: SyncCapacity(slots=2, tenant_slots=2))
    statuses: dict[str, JobStatus] = field(default_factory=dict)
    deadlines: dict[str, dt.datetime] = field(default_factory=dict)
    before_enqueue: Callable[[], None] = lambda: None
    before_list: Callable[[], None] = lambda: None

    async def enqueue(
        self, _name: str, _arguments: Mapping[str, Any], **options: Any
    ) -> FakeHandle:
        self.before_enqueue()
        assert options["queue"] is JobQueue.SYNC
        job_id = options["job_id"]
        self.statuses.setdefault(job_id, JobStatus.QUEUED)
        self.deadlines.setdefault(job_id, options["priority_deadline"])
        return FakeHandle(job_id, self)

    async def find(self, job_id: str) -> FakeHandle | None:
        return FakeHandle(job_id, self) if job_id in self.statuses else None

    async def list_unfinished(self, queue: JobQueue) -> dict[str, JobStatus]:
        self.before_list()
        assert queue is JobQueue.SYNC
        unfinished = {JobStatus.QUEUED, JobStatus.RUNNING}
        return {key: status for key, status in self.statuses.items() if status in unfinished}

    async def sync_capacity(self) -> SyncCapacity:
        return self.capacity
