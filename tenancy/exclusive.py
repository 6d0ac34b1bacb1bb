"""Work that only one process may do at a time.

    Exclusive(database, "loader") -> lock of this process -> advisory lock of a transaction -> work

The advisory lock ends with its transaction, so also with a killed process. Tasks of one process
queue up in memory first: only one of them at a time keeps a connection waiting.

Source: PostgreSQL documentation, "Advisory Locks".
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from tenancy.session import Database, TenantSession

__all__ = ["Exclusive", "hold_exclusively"]


class Exclusive:
    """A lock over all processes that share a database.

    Args:
        database: Keeps the lock.
        name: Of the work; another name is another lock.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._here = asyncio.Lock()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Wait for the work to be free, and keep it until the block ends.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with self._here, self._database.platform_session() as session:
            await hold_exclusively(session, self._name)
            yield


async def hold_exclusively(session: TenantSession, name: str) -> None:
    """Wait for the work to be free, and keep it until the transaction of the session ends.

    For work that has a transaction anyway; `Exclusive` opens one for the lock alone.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
