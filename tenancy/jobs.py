"""Durable jobs: work that goes on where it stopped, also in another process.

    enqueue(name, ids) -> queue in PostgreSQL -> a worker runs the workflow, step by step
        -> each finished step is kept -> process dies -> its lease frees -> another one resumes

The engine is DBOS behind a small interface: nothing else imports it. Workflows run on the event
loop that called `start`. Its tables are no tenant data: arguments and results of jobs and steps are
ids and counts in plain JSON. DBOS recovers the jobs of other processes only with a paid service;
here the leases of `tenancy.job_lease` tell who is dead and the public resume call does the rest.

Sources: docs.dbos.dev/python (queues, workflow management), DBOS 3.4.0.
"""

import asyncio
import datetime as dt
import enum
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
import structlog
from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    PortableWorkflowError,
    WorkflowHandleAsync,
)
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import InternalError, Terminal
from domain.ids import TenantId
from domain.ports import Steps
from tenancy.job_lease import ExecutorLease
from tenancy.rls import JOBS_ROLE

__all__ = [
    "ExecutorTakenError",
    "JobCancelledError",
    "JobEngine",
    "JobFailedError",
    "JobHandle",
    "JobQueue",
    "JobStatus",
    "JobsConfig",
    "MissingTenantError",
    "NotPlainJsonError",
    "SyncCapacity",
    "Workflow",
]

T = TypeVar("T")

# Arguments and result are plain JSON (checked at run time): ids and counts.
Workflow = Callable[[Steps, dict[str, Any]], Awaitable[Any]]

_LOG: Final = structlog.get_logger(__name__)
_SCHEMA: Final = "dbos"
_LAST: Final = 2**31 - 1  # priorities are 32-bit and 0 comes first


class JobQueue(enum.Enum):
    """Where jobs wait.

    `SYNC`: fair over tenants, nearest deadline first. `LOAD`: one job at a time, everywhere.
    `FOLLOW`: what follows a publication. `PRIVACY`: requests of people, nearest deadline first.
    `ERASING`: those for erasure, which do nothing but wait for their run. `ERASURE`: one run at a
    time, everywhere.
    """

    SYNC = "sync"
    LOAD = "load"
    FOLLOW = "follow"
    PRIVACY = "privacy"
    ERASING = "erasing"
    ERASURE = "erasure"


class JobStatus(enum.Enum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATUSES: Final = {
    "DELAYED": JobStatus.QUEUED,
    "ENQUEUED": JobStatus.QUEUED,
    "PENDING": JobStatus.RUNNING,
    "SUCCESS": JobStatus.SUCCEEDED,
    "ERROR": JobStatus.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELLED,
}


_UNFINISHED: Final = ("DELAYED", "ENQUEUED", "PENDING")


class JobFailedError(InternalError, Terminal):
    """A job ended with an error.

    Attributes:
        error_class: Name of the exception's class.
        error_message: What it said.
    """

    code = "JOB_FAILED"

    def __init__(self, job_id: str, error_class: str, error_message: str) -> None:
        super().__init__(f"job {job_id} failed: {error_class}: {error_message}")
        self.error_class = error_class
        self.error_message = error_message


class JobCancelledError(InternalError, Terminal):
    """A job was cancelled before it ended."""

    code = "JOB_CANCELLED"


class ExecutorTakenError(InternalError, Terminal):
    """Another process runs under this executor id (our bug: ids are new for every start)."""

    code = "EXECUTOR_TAKEN"


class MissingTenantError(InternalError, Terminal):
    """A job of a queue that is fair over tenants has none (our bug)."""

    code = "MISSING_TENANT"


class NotPlainJsonError(InternalError, Terminal):
    """An argument or result of a job or step would not survive being stored (our bug)."""

    code = "NOT_PLAIN_JSON"


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """How this process takes part in the work.

    Attributes:
        url: `postgresql+psycopg://...`; its login may become `bosco_jobs`.
        queues: This process runs jobs of these only; it may enqueue to all.
        sync_concurrency: Sync jobs at once in this process; the same number in all processes, for
            the engine keeps it with the queue.
        tenant_concurrency: Of these, most of one tenant; the same number in all processes.
        follow_concurrency: Jobs that follow publications at once in this process.
        privacy_concurrency: Requests of people at once in this process.
        erasing_concurrency: Requests at once in this process that wait for a run: so many can be in
            one, however many processes there are.
        poll_seconds: How often a queue is looked at.
        watch_seconds: How often the lease is checked and dead executors are looked for.
        version: Jobs are only run by processes of the same version.
        pool_size: Connections kept for the engine's own tables.
    """

    url: str
    queues: tuple[JobQueue, ...] = tuple(JobQueue)
    sync_concurrency: int = 4
    tenant_concurrency: int = 2
    follow_concurrency: int = 2
    privacy_concurrency: int = 2
    erasing_concurrency: int = 200
    poll_seconds: float = 0.25
    watch_seconds: float = 5.0
    version: str = "1"
    pool_size: int = 5


@dataclass(frozen=True, slots=True)
class SyncCapacity:
    """What all live processes together do of the sync queue at once.

    Attributes:
        slots: Jobs.
        tenant_slots: Jobs of one tenant.
    """

    slots: int
    tenant_slots: int


class JobHandle:
    """A job that was enqueued."""

    def __init__(self, handle: WorkflowHandleAsync[Any], poll_seconds: float) -> None:
        self._handle = handle
        self._poll_seconds = poll_seconds

    @property
    def job_id(self) -> str:
        """Names the job for ever; enqueueing it again gives the same job."""
        return self._handle.workflow_id

    async def result(self) -> Any:
        """Wait for the end.

        Returns:
            What the workflow returned: plain JSON.

        Raises:
            JobFailedError: The workflow raised; class and message tell what.
            JobCancelledError: It was cancelled.
        """
        try:
            return await self._handle.get_result(polling_interval_sec=self._poll_seconds)
        except PortableWorkflowError as error:
            raise JobFailedError(self.job_id, error.name, error.message) from None
        except dbos_error.DBOSAwaitedWorkflowMaxRecoveryAttemptsExceeded as error:
            raise JobFailedError(self.job_id, type(error).__name__, error.message) from None
        except dbos_error.DBOSAwaitedWorkflowCancelledError:
            raise JobCancelledError(f"job {self.job_id} was cancelled") from None

    async def status(self) -> JobStatus:
        """Where the job is now. One query."""
        status = await self._handle.get_status()
        return _STATUSES[status.status]

    async def cancel(self) -> None:
        """Stop the job before its next step; no effect when it has ended."""
        await DBOS.cancel_workflow_async(self.job_id)


class JobEngine:
    """Runs workflows durably. One engine at a time in a process."""

    def __init__(self, config: JobsConfig, *, executor_id: str) -> None:
        """Connects to nothing yet.

        Args:
            config: Where, and how much at once.
            executor_id: New for every start of a process (a UUID).
        """
        self._config = config
        self._executor_id = executor_id
        self._workflows: dict[str, Workflow] = {}
        slots = config.sync_concurrency if JobQueue.SYNC in config.queues else 0
        self._lease = ExecutorLease(config.url, executor_id, slots=slots)
        self._running: set[asyncio.Task[Any]] = set()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def executor_id(self) -> str:
        """Names this start of the process in the job tables."""
        return self._executor_id

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known by a name that never changes; before `start`."""
        self._workflows[name] = workflow

    async def start(self) -> None:
        """Take the lease, run what is queued, and take over the jobs of dead executors.

        The event loop stands still for the second that the engine needs to come up.

        Raises:
            ExecutorTakenError: Another process has this executor id.
            psycopg.OperationalError: PostgreSQL does not answer.
        """
        if not await self._lease.hold():
            raise ExecutorTakenError(f"executor {self._executor_id} is running already")
        _route_logs()
        for name, workflow in self._workflows.items():
            DBOS.workflow(name=name)(self._adapt(workflow))
        DBOS(config=self._dbos_config())
        DBOS.listen_queues([queue.value for queue in self._config.queues])
        DBOS.launch()
        await self._register_queues()
        await self.recover_dead()
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop taking jobs and interrupt the running ones; another executor resumes them."""
        if self._watcher is not None:
            await _cancel({self._watcher})
        await _cancel(self._running)
        # In a thread of its own: the engine's threads may be waiting for this event loop.
        with ThreadPoolExecutor(1) as thread:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(thread, lambda: DBOS.destroy(destroy_registry=True))
        await _cancel(self._running)  # what a queue started while it was being stopped
        # The engine made its own pool, now shut, the default of the loop.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        await self._lease.release()

    async def enqueue(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        queue: JobQueue,
        job_id: str,
        priority_deadline: dt.datetime | None = None,
        tenant_id: TenantId | None = None,
    ) -> JobHandle:
        """Queue a job, once: the same `job_id` again gives the job that there is.

        Args:
            name: As registered.
            arguments: Ids as text and counts; never personal data or secrets.
            queue: Where it waits. `SYNC` needs a tenant.
            job_id: Names the job for ever.
            priority_deadline: Nearer deadlines run first (within a tenant); None: after them.
            tenant_id: Whose turn it takes on `SYNC`; unused elsewhere.

        Raises:
            NotPlainJsonError: An argument is not plain JSON (our bug).
            MissingTenantError: A sync job without a tenant (our bug).
        """
        _require_json(dict(arguments), f"arguments of job {name}")
        options: EnqueueOptions = {
            "workflow_name": name,
            "queue_name": queue.value,
            "workflow_id": job_id,
            "priority": _LAST if priority_deadline is None else _priority(priority_deadline),
        }
        if queue is JobQueue.SYNC:
            if tenant_id is None:
                raise MissingTenantError(f"job {name} takes turns by tenant but has none")
            options["queue_partition_key"] = str(tenant_id)
        handle = await DBOS.enqueue_workflow_with_options_async(options, dict(arguments))
        return JobHandle(handle, self._config.poll_seconds)

    async def find(self, job_id: str) -> JobHandle | None:
        """The job of that id, or None."""
        if await DBOS.get_workflow_status_async(job_id) is None:
            return None
        handle: WorkflowHandleAsync[Any] = await DBOS.retrieve_workflow_async(job_id)
        return JobHandle(handle, self._config.poll_seconds)

    async def list_unfinished(self, queue: JobQueue) -> dict[str, JobStatus]:
        """Where the jobs of a queue are that wait or run, by id. One query."""
        jobs = await DBOS.list_workflows_async(
            queue_name=queue.value, status=list(_UNFINISHED), load_input=False, load_output=False
        )
        return {job.workflow_id: _STATUSES[job.status] for job in jobs}

    async def sync_capacity(self) -> SyncCapacity:
        """What the live processes can do at once; a killed one counts no more at once.

        Raises:
            psycopg.OperationalError: PostgreSQL has just gone away.
        """
        live = await self._lease.count_executors()
        return SyncCapacity(live.slots, live.count * self._config.tenant_concurrency)

    async def recover_dead(self) -> int:
        """Queue again what executors without a lease were running; finished steps are kept.

        Returns:
            Number of jobs.
        """
        pending = await DBOS.list_workflows_async(status="PENDING", load_input=False)
        suspects = {job.executor_id for job in pending if job.executor_id} - {self._executor_id}
        resumed = 0
        for executor_id in sorted(suspects):
            async with self._lease.inherit(executor_id) as is_heir:
                if is_heir:
                    resumed += await _resume_all(executor_id)
        if resumed:
            _LOG.info("jobs_recovered", jobs=resumed, executors=len(suspects))
        return resumed

    def _adapt(self, workflow: Workflow) -> Callable[[dict[str, Any]], Awaitable[Any]]:
        async def run(arguments: dict[str, Any]) -> Any:
            task = asyncio.current_task()
            if task is not None:
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            result = await workflow(_DurableSteps(), arguments)
            _require_json(result, "result of the job")
            return result

        return run

    async def _register_queues(self) -> None:
        await DBOS.register_queue_async(
            JobQueue.SYNC.value,
            worker_concurrency=self._config.sync_concurrency,
            partition_worker_concurrency=self._config.tenant_concurrency,
            polling_interval_sec=self._config.poll_seconds,
            on_conflict="always_update",
        )
        for queue in (JobQueue.LOAD, JobQueue.ERASURE):
            await DBOS.register_queue_async(
                queue.value,
                global_concurrency=1,
                polling_interval_sec=self._config.poll_seconds,
                on_conflict="always_update",
            )
        for queue, at_once in (
            (JobQueue.FOLLOW, self._config.follow_concurrency),
            (JobQueue.PRIVACY, self._config.privacy_concurrency),
            (JobQueue.ERASING, self._config.erasing_concurrency),
        ):
            await DBOS.register_queue_async(
                queue.value,
                worker_concurrency=at_once,
                polling_interval_sec=self._config.poll_seconds,
                on_conflict="always_update",
            )

    async def _watch(self) -> None:
        """Keep the lease through a restart of PostgreSQL, and look for the dead."""
        while True:
            await asyncio.sleep(self._config.watch_seconds)
            try:
                if await self._lease.hold():
                    await self.recover_dead()
            except (psycopg.OperationalError, SQLAlchemyError, dbos_error.DBOSException) as error:
                _LOG.warning("job_watch_failed", reason=type(error).__name__)

    def _dbos_config(self) -> DBOSConfig:
        # A process that froze inside a transaction must not keep its locks for ever.
        options = f"-c role={JOBS_ROLE} -c idle_in_transaction_session_timeout=60s"
        return {
            "name": "bosco",
            "system_database_url": self._config.url,
            "db_engine_kwargs": {
                "pool_size": self._config.pool_size,
                "max_overflow": 2 * self._config.pool_size,
                "connect_args": {"options": options},
            },
            "dbos_system_schema": _SCHEMA,
            "executor_id": self._executor_id,
            "application_version": self._config.version,
            "serializer": DBOSPortableJSONSerializer(),  # pickles would run code from the database
            "enable_otlp": False,
            "log_level": "WARNING",
        }


class _DurableSteps:
    """`domain.ports.Steps` of one running workflow."""

    async def run(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        async def run_once() -> T:
            result = await step()
            _require_json(result, f"result of step {name}")
            return result

        return await DBOS.run_step_async({"name": name}, run_once)


class _StructlogHandler(logging.Handler):
    """The engine's own log, as events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        _LOG.log(record.levelno, "job_engine", text=record.getMessage())


def _route_logs() -> None:
    logger = logging.getLogger("dbos")
    logger.handlers = [_StructlogHandler(logging.WARNING)]
    logger.propagate = False


async def _resume_all(executor_id: str) -> int:
    """Queue the dead executor's jobs again, each where it was; the caller holds its lease."""
    jobs = await DBOS.list_workflows_async(
        status="PENDING", executor_id=executor_id, load_input=False
    )
    by_queue: defaultdict[str | None, list[str]] = defaultdict(list)
    for job in jobs:
        by_queue[job.queue_name].append(job.workflow_id)
    for queue_name, job_ids in by_queue.items():
        await DBOS.resume_workflows_async(job_ids, queue_name=queue_name)
    return len(jobs)


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended, however they end."""
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)


def _priority(deadline: dt.datetime) -> int:
    return min(max(int(deadline.timestamp()), 1), _LAST)


def _require_json(value: object, what: str) -> None:
    """Refuse what JSON would change: tuples, dates, decimals, numbers as keys."""
    if value is None or isinstance(value, str | int | float):
        return
    if type(value) is list:
        for item in value:
            _require_json(item, what)
        return
    if type(value) is dict and all(isinstance(key, str) for key in value):
        for item in value.values():
            _require_json(item, what)
        return
    raise NotPlainJsonError(
        f"{what}: {type(value).__name__} is not plain JSON",
        hint="pass ids as text and counts as numbers",
    )
