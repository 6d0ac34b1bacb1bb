"""Jobs: run once, go on after a crash, surface their errors."""

import asyncio
import datetime as dt
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from domain.errors import NotFoundError
from domain.ids import TenantId
from domain.ports import Steps
from tenancy.jobs import (
    ExecutorTakenError,
    JobCancelledError,
    JobEngine,
    JobFailedError,
    JobQueue,
    JobsConfig,
    JobStatus,
    MissingTenantError,
    NotPlainJsonError,
    SyncCapacity,
)
from tests.fixtures.database import TEMPLATE, administrate, copied_database, in_database
from tests.tenancy.job_worker import open_engine

pytestmark = pytest.mark.anyio

ALICE, BOB = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
EPOCH = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Board:
    """What workflows did, and the gate that some wait at."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.running = 0
        self.most = 0


@pytest.fixture
async def board() -> Board:
    return Board()


@pytest.fixture(scope="session")
def jobs_template(database_template: str) -> str:
    """A template that an engine has prepared: its tables and queues are there."""
    administrate(database_template, f"CREATE DATABASE {TEMPLATE}_jobs TEMPLATE {TEMPLATE}")

    async def prepare() -> None:
        url = in_database(database_template, f"{TEMPLATE}_jobs")
        engine = JobEngine(JobsConfig(url), executor_id="template")
        await engine.start()
        await engine.close()

    asyncio.run(prepare())
    return database_template


@pytest.fixture
def database_url(jobs_template: str) -> Iterator[str]:
    """As in `tests.fixtures.database`, copied from `jobs_template`."""
    with copied_database(jobs_template, f"{TEMPLATE}_jobs") as url:
        yield url


@pytest.fixture
async def engine(database_url: str, board: Board) -> AsyncIterator[JobEngine]:
    opened = new_engine(database_url, board)
    await opened.start()
    yield opened
    board.gate.set()
    await opened.close()


async def return_tuple(steps: Steps, _: dict[str, Any]) -> Any:
    async def step() -> tuple[int, int]:
        return (1, 2)

    await steps.run("pair", step)


def new_engine(url: str, board: Board, **settings: Any) -> JobEngine:
    config = JobsConfig(url, poll_seconds=0.02, watch_seconds=0.05, **settings)
    engine = JobEngine(config, executor_id=str(uuid.uuid4()))

    async def double(steps: Steps, arguments: dict[str, Any]) -> Any:
        async def step() -> int:
            board.notes.append("doubled")
            return 2 * int(arguments["n"])

        return {"doubled": await steps.run("double", step)}

    async def note_and_wait(word: str) -> str:
        board.notes.append(word)
        board.running += 1
        board.most = max(board.most, board.running)
        board.entered.set()
        await board.gate.wait()
        board.running -= 1
        return word

    async def wait(steps: Steps, arguments: dict[str, Any]) -> Any:
        return await steps.run("wait", partial(note_and_wait, arguments["word"]))

    async def fail(steps: Steps, arguments: dict[str, Any]) -> Any:
        async def step() -> None:
            message = "no such client"
            raise NotFoundError(message, hint=arguments["hint"])

        await steps.run("fail", step)

    async def order(steps: Steps, arguments: dict[str, Any]) -> Any:
        job = await engine.enqueue("double", arguments, queue=JobQueue.FOLLOW, job_id="inner")
        answer = await job.result()
        await steps.run("wait", partial(note_and_wait, arguments["word"]))
        return answer

    for workflow in (double, wait, fail, return_tuple, order):
        engine.register(workflow.__name__, workflow)
    return engine


async def load(engine: JobEngine, name: str, job_id: str = "job", **arguments: Any) -> Any:
    return await engine.enqueue(name, arguments, queue=JobQueue.LOAD, job_id=job_id)


async def test_job_gives_its_result(engine: JobEngine) -> None:
    job = await load(engine, "double", n=21)
    assert await job.result() == {"doubled": 42}
    assert await job.status() is JobStatus.SUCCEEDED


async def test_job_of_the_same_id_runs_once(engine: JobEngine, board: Board) -> None:
    first = await load(engine, "double", n=21)
    again = await load(engine, "double", n=50)
    assert [await first.result(), await again.result()] == [{"doubled": 42}] * 2
    later = await load(engine, "double", n=50)
    assert await later.result() == {"doubled": 42}
    assert board.notes == ["doubled"]


async def test_job_is_found_by_its_id(engine: JobEngine) -> None:
    assert await engine.find("job") is None
    await load(engine, "double", n=1)
    found = await engine.find("job")
    assert found is not None
    assert found.job_id == "job"
    assert await found.result() == {"doubled": 2}


async def test_failed_job_surfaces_class_and_message(engine: JobEngine) -> None:
    job = await load(engine, "fail", hint="list them")
    with pytest.raises(JobFailedError) as error:
        await job.result()
    assert error.value.error_class == "NotFoundError"
    assert error.value.error_message == "no such client (list them)"
    assert error.value.message == "job job failed: NotFoundError: no such client (list them)"
    assert await job.status() is JobStatus.FAILED


async def test_cancelled_job_says_so(engine: JobEngine, board: Board) -> None:
    job = await load(engine, "wait", word="w")
    await board.entered.wait()
    assert await job.status() is JobStatus.RUNNING
    await job.cancel()
    with pytest.raises(JobCancelledError) as error:
        await job.result()
    assert error.value.message == "job job was cancelled"
    assert await job.status() is JobStatus.CANCELLED


async def test_what_json_would_change_is_refused(engine: JobEngine) -> None:
    for wrong in (EPOCH, (1, 2), {1: "a"}, [{"a": uuid.UUID(int=1)}], {1, 2}):
        with pytest.raises(NotPlainJsonError, match=r"^arguments of job double: .* is not plain"):
            await load(engine, "double", n=wrong)
    job = await load(engine, "return_tuple", job_id="tuple")
    with pytest.raises(JobFailedError, match="result of step pair: tuple is not plain JSON"):
        await job.result()


async def test_load_jobs_run_one_at_a_time(engine: JobEngine, board: Board) -> None:
    jobs = [await load(engine, "wait", job_id=f"job{n}", word=str(n)) for n in range(3)]
    await board.entered.wait()
    board.gate.set()
    assert [await job.result() for job in jobs] == ["0", "1", "2"]
    assert board.most == 1


async def test_one_tenant_does_not_take_all_places(database_url: str, board: Board) -> None:
    engine = new_engine(database_url, board, sync_concurrency=3, tenant_concurrency=2)
    await engine.start()
    jobs = [await enqueue_sync(engine, ALICE, f"alice{n}") for n in range(4)]
    jobs.append(await enqueue_sync(engine, BOB, "bob"))
    while board.running < 3:
        await asyncio.wait_for(board.entered.wait(), 10)
        board.entered.clear()
    assert sorted(note[:3] for note in board.notes) == ["ali", "ali", "bob"]
    board.gate.set()
    assert len({await job.result() for job in jobs}) == 5
    await engine.close()


async def test_nearest_deadline_runs_first(database_url: str, board: Board) -> None:
    engine = new_engine(database_url, board, sync_concurrency=1, tenant_concurrency=1)
    await engine.start()
    first = await enqueue_sync(engine, ALICE, "first")
    await board.entered.wait()
    deadlines = {
        "none": None,
        "later": EPOCH + dt.timedelta(seconds=2),
        "sooner": EPOCH + dt.timedelta(seconds=1),
    }
    jobs = [await enqueue_sync(engine, ALICE, word, when) for word, when in deadlines.items()]
    board.gate.set()
    for job in (first, *jobs):
        await job.result()
    assert board.notes == ["first", "sooner", "later", "none"]
    await engine.close()


async def enqueue_sync(
    engine: JobEngine, tenant_id: TenantId, word: str, deadline: dt.datetime | None = None
) -> Any:
    return await engine.enqueue(
        "wait",
        {"word": word},
        queue=JobQueue.SYNC,
        job_id=word,
        priority_deadline=deadline,
        tenant_id=tenant_id,
    )


async def test_sync_job_without_tenant_is_refused(engine: JobEngine) -> None:
    with pytest.raises(MissingTenantError) as error:
        await engine.enqueue("wait", {"word": "w"}, queue=JobQueue.SYNC, job_id="w")
    assert error.value.message == "job wait takes turns by tenant but has none"


async def test_interrupted_job_goes_on_in_the_next_engine(database_url: str, board: Board) -> None:
    first = new_engine(database_url, board)
    await first.start()
    await load(first, "wait", word="w")
    await board.entered.wait()
    await first.close()
    board.gate.set()
    second = new_engine(database_url, board)
    await second.start()
    job = await second.find("job")
    assert job is not None
    assert await job.result() == "w"
    assert board.notes == ["w", "w"]
    # The engine borrowed the loop's threads; they work again.
    await second.close()
    assert await asyncio.to_thread(lambda: 5) == 5


async def test_executor_id_is_used_once(database_url: str, engine: JobEngine) -> None:
    twin = JobEngine(JobsConfig(database_url), executor_id=engine.executor_id)
    with pytest.raises(ExecutorTakenError, match=f"executor {engine.executor_id} is running"):
        await twin.start()


async def test_lease_is_taken_again_after_its_connection_broke(
    database_url: str, engine: JobEngine
) -> None:
    admin = create_engine(database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        (before,) = lease_holders(connection, engine)
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": before})
        await until(lambda: lease_holders(connection, engine) not in ([], [before]))
    assert await (await load(engine, "double", n=1)).result() == {"doubled": 2}


def lease_holders(connection: Connection, engine: JobEngine) -> list[int]:
    query = text(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
        " AND (classid::bigint << 32 | objid::bigint) = hashtextextended(:id, 0)"
    )
    return list(connection.scalars(query, {"id": engine.executor_id}))


async def until(condition: Callable[[], bool]) -> None:
    """Look until it holds: what happens in another process sets no event here."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # as said
            await asyncio.sleep(0.02)


@pytest.fixture
def worker(database_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.tenancy.job_worker"]
    arguments = [database_url, "first", str(tmp_path / "log"), "job"]
    process = subprocess.Popen([*command, *arguments])  # noqa: S603  # our own module
    yield process
    process.kill()
    process.wait()


async def test_killed_worker_s_job_is_finished_by_another(
    database_url: str, tmp_path: Path, worker: subprocess.Popen[bytes]
) -> None:
    log = tmp_path / "log"
    await until(lambda: log.exists() and log.read_text() == "one\ntwo\n")
    engine = open_engine(database_url, "second", log)
    await engine.start()
    assert await engine.recover_dead() == 0  # the first one lives
    assert await engine.sync_capacity() == SyncCapacity(slots=8, tenant_slots=4)
    assert await engine.list_unfinished(JobQueue.SYNC) == {"job": JobStatus.RUNNING}
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    log.with_suffix(".go").touch()
    recovered = 0
    async with asyncio.timeout(20):
        while not recovered:  # PostgreSQL notices the death in a moment
            recovered = await engine.recover_dead()
    assert recovered == 1
    assert await engine.sync_capacity() == SyncCapacity(slots=4, tenant_slots=2)
    job = await engine.find("job")
    assert job is not None
    assert await job.result() == ["one done", "two done", "three done"]
    assert await engine.list_unfinished(JobQueue.SYNC) == {}
    await engine.close()
    assert await engine.sync_capacity() == SyncCapacity(slots=0, tenant_slots=0)
    assert log.read_text().split() == ["one", "two", "two", "three"]


async def test_engine_s_tables_belong_to_its_own_role(database_url: str, engine: JobEngine) -> None:
    await (await load(engine, "double", n=1)).result()
    admin = create_engine(database_url, poolclass=NullPool)
    with admin.connect() as connection:
        owners = connection.scalars(
            text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'dbos'")
        )
        assert list(owners) == ["bosco_jobs"]
        serializations = connection.scalars(
            text("SELECT DISTINCT serialization FROM dbos.workflow_status")
        )
        assert list(serializations) == ["portable_json"]


async def test_a_job_waits_for_another_once(database_url: str, board: Board) -> None:
    first = new_engine(database_url, board)
    await first.start()
    await load(first, "order", n=21, word="waiting")
    await asyncio.wait_for(board.entered.wait(), 30)
    await first.close()  # the inner job has ended, the outer one has not
    board.gate.set()
    second = new_engine(database_url, board)
    await second.start()
    try:
        job = await second.find("job")
        assert job is not None
        assert await job.result() == {"doubled": 42}
    finally:
        await second.close()
    assert board.notes == ["doubled", "waiting", "waiting"]


async def test_a_process_takes_jobs_of_its_queues_only(database_url: str, board: Board) -> None:
    engine = new_engine(database_url, board, queues=(JobQueue.SYNC,))
    await engine.start()
    try:
        left = await load(engine, "double", "left", n=1)
        taken = await engine.enqueue(
            "double",
            {"n": 2},
            queue=JobQueue.SYNC,
            job_id="taken",
            tenant_id=TenantId(uuid.UUID(int=1)),
        )
        assert await taken.result() == {"doubled": 4}
        assert await left.status() is JobStatus.QUEUED
        assert await engine.list_unfinished(JobQueue.LOAD) == {"left": JobStatus.QUEUED}
    finally:
        await engine.close()
    owner = new_engine(database_url, board)
    await owner.start()
    try:
        found = await owner.find("left")
        assert found is not None
        assert await found.result() == {"doubled": 2}
    finally:
        await owner.close()
