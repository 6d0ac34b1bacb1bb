"""Which job executors are alive: each holds an advisory lock for as long as its process lives.

    start -> own connection -> lock(executor id) ... process dies -> PostgreSQL frees the lock
    another process -> lock(dead id) taken? -> it alone may take over the dead one's jobs
    lock shared by all(number of slots) -> pg_locks -> how many live executors have how many slots

The operating system and PostgreSQL do the watching: no heartbeat rows, no clocks to compare.

Sources: PostgreSQL 18 sections 13.3.5 (session-level advisory locks) and 53.13 (pg_locks: of a lock
with two keys the first is in `classid`, the second in `objid`, and `objsubid` is 2).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy import make_url

from tenancy.rls import JOBS_ROLE

__all__ = ["ExecutorLease", "Executors"]

_SLOTS_KEY: Final = 0x510752  # nobody else of ours uses locks with two keys
_TELL_SLOTS: Final = f"SELECT pg_advisory_lock_shared({_SLOTS_KEY}, %s)"
_COUNT: Final = f"""
SELECT count(*), coalesce(sum(objid::bigint), 0)::bigint FROM pg_locks
WHERE locktype = 'advisory' AND classid = {_SLOTS_KEY} AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_UNLOCK: Final = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


@dataclass(frozen=True, slots=True)
class Executors:
    """The live executors that take sync jobs.

    Attributes:
        count: How many.
        slots: Jobs that all of them together run at once.
    """

    count: int
    slots: int


class ExecutorLease:
    """Proof that one executor lives, on a connection of its own."""

    def __init__(self, url: str, executor_id: str, *, slots: int = 0) -> None:
        """Connects to nothing yet.

        Args:
            url: Of the job tables' database.
            executor_id: Whose lease it is.
            slots: Sync jobs that it runs at once; 0: it takes none.
        """
        self._conninfo = (
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        )
        self._executor_id = executor_id
        self._slots = slots
        self._connection: psycopg.AsyncConnection | None = None
        self._turn = asyncio.Lock()

    async def hold(self) -> bool:
        """Take the lease, or take it again after PostgreSQL went away.

        Returns:
            False while another process is taking over this executor's jobs; ask again later.

        Raises:
            psycopg.OperationalError: PostgreSQL does not answer.
        """
        async with self._turn:
            if self._connection is not None and await self._answers(self._connection):
                return True
            await self._disconnect()
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, options=f"-c role={JOBS_ROLE}"
            )
            if await self._ask(self._connection, _LOCK, self._executor_id):
                if self._slots:
                    await self._connection.execute(_TELL_SLOTS.encode(), (self._slots,))
                return True
            await self._disconnect()
            return False

    @asynccontextmanager
    async def inherit(self, executor_id: str) -> AsyncIterator[bool]:
        """Be the only heir of another executor within the block; False: it is alive.

        Raises:
            psycopg.OperationalError: PostgreSQL does not answer.
        """
        async with self._turn:
            connection = self._connection
            if connection is None or not await self._ask(connection, _LOCK, executor_id):
                yield False
                return
            try:
                yield True
            finally:
                await self._ask(connection, _UNLOCK, executor_id)

    async def count_executors(self) -> Executors:
        """The live executors with slots; none while PostgreSQL is away.

        Raises:
            psycopg.OperationalError: PostgreSQL has just gone away.
        """
        async with self._turn:
            if self._connection is None:
                return Executors(0, 0)
            cursor = await self._connection.execute(_COUNT.encode())
            row = await cursor.fetchone()
            return Executors(*row) if row is not None else Executors(0, 0)

    async def release(self) -> None:
        """Give the lease up: this executor runs nothing any more."""
        async with self._turn:
            await self._disconnect()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        self._connection = None

    @staticmethod
    async def _answers(connection: psycopg.AsyncConnection) -> bool:
        try:
            await connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @staticmethod
    async def _ask(connection: psycopg.AsyncConnection, question: str, executor_id: str) -> bool:
        cursor = await connection.execute(question.encode(), (executor_id,))
        row = await cursor.fetchone()
        return row is not None and row[0] is True
