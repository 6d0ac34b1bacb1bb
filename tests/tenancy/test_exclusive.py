"""One at a time, over tasks and processes; freed by any end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tenancy.exclusive import Exclusive
from tenancy.session import Database, DatabaseConfig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it."""
    opened = Database(DatabaseConfig(database_url))
    yield opened
    await opened.close()


class Room:
    """Notes how many are in it."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def visit(self, lock: Exclusive) -> None:
        async with lock():
            self.now += 1
            self.most = max(self.most, self.now)
            for _ in range(5):
                await asyncio.sleep(0)
            self.now -= 1


async def test_tasks_take_turns_on_one_connection(database: Database) -> None:
    room, lock = Room(), Exclusive(database, "work")
    async with asyncio.timeout(5):  # the fixture's pool has one connection
        await asyncio.gather(*(room.visit(lock) for _ in range(5)))
    assert room.most == 1


async def test_processes_take_turns(database: Database, elsewhere: Database) -> None:
    room = Room()
    locks = [Exclusive(database, "work"), Exclusive(elsewhere, "work")]
    await asyncio.gather(*(room.visit(lock) for lock in locks for _ in range(3)))
    assert room.most == 1


async def test_another_name_is_another_lock(database: Database, elsewhere: Database) -> None:
    async with asyncio.timeout(5), Exclusive(database, "one")(), Exclusive(elsewhere, "two")():
        pass


async def test_a_failure_frees_the_lock(database: Database, elsewhere: Database) -> None:
    async def fail() -> None:
        async with Exclusive(database, "work")():
            raise ValueError("broken work")

    with pytest.raises(ValueError, match=r"^broken work$"):
        await fail()
    async with asyncio.timeout(5), Exclusive(elsewhere, "work")():
        pass


async def test_a_cancelled_task_frees_the_lock(database: Database, elsewhere: Database) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with Exclusive(database, "work")():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), Exclusive(elsewhere, "work")():
        pass
