"""Sessions on the control plane: one tenant, one transaction.

    Database.session(tenant) -> pooled connection, role bosco_app -> BEGIN -> set app.tenant_id,
        local to the transaction -> work -> COMMIT (error, cancellation: ROLLBACK) -> RESET ALL

The login of the URL may own the tables; the connections of this pool start as `bosco_app`, which
row-level security binds. The tenant lives in a setting of the transaction: it ends with it, and a
session without one sees no rows. Statements that would change role or settings are refused here,
because inside a transaction they would outlive the code that ran them.

Sources: SQLAlchemy 2.1 "Reset On Return" and "Session Lifecycle Events"; PostgreSQL set_config.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from domain.errors import InternalError, Transient
from domain.ids import TenantId
from migrations.upgrade import find_version, head
from tenancy.rls import APP_ROLE, DOOR_ROLE, TENANT_SETTING, find_gaps
from tenancy.tables import Base, TenantOwned

__all__ = [
    "Database",
    "DatabaseConfig",
    "DatabaseUnavailableError",
    "TenantChangeError",
    "TenantSession",
]

_Held = tuple[SessionTransaction | None, Base]  # the SAVEPOINT that a row was added in, if any

_SET_TENANT: Final = text("SELECT set_config(:setting, :tenant, true)").execution_options(
    bosco_sets_tenant=True
)

# Words that change the role or a setting; ours carries the execution option above.
_FORBIDDEN: Final = re.compile(
    r"\bset_config\b|\bapp\.\w+|(?:^|;)\s*(?:set|reset|discard)\b", re.IGNORECASE
)


class TenantChangeError(InternalError):
    """Code tried to leave the tenant of its transaction (our bug)."""

    code = "TENANT_CHANGE"


class DatabaseUnavailableError(InternalError, Transient):
    """PostgreSQL does not answer (the operator can mend it)."""

    code = "DATABASE_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """Where the control plane is.

    Attributes:
        url: `postgresql+psycopg://...`; its login may become the roles of `tenancy.rls`.
        pool_size: Connections kept for tenants' work.
        overflow: More of them under load.
        door_pool_size: Connections kept for the named doors.
        wait_seconds: Longest wait for a free connection.
    """

    url: str
    pool_size: int = 5
    overflow: int = 10
    door_pool_size: int = 2
    wait_seconds: float = 10.0


class _GuardedSession(Session):
    """The inner, synchronous session that the hooks below listen to."""


class TenantSession(AsyncSession):
    """A session bound to one tenant for all its life."""

    sync_session_class = _GuardedSession

    @property
    def tenant_id(self) -> TenantId:
        """Whose rows this session sees.

        Raises:
            TenantChangeError: The session has no tenant.
        """
        tenant_id: TenantId | None = self.info.get("tenant_id")
        if tenant_id is None:
            raise TenantChangeError(
                "this session has no tenant", hint="open it with Database.session"
            )
        return tenant_id

    def add_at_commit(self, row: Base) -> None:
        """Store a row when the transaction commits, after all else: its locks are held shortest.

        A row that was added inside a SAVEPOINT goes with it when it is rolled back.
        """
        held: list[_Held] = self.info.setdefault("held", [])
        held.append((self.sync_session.get_nested_transaction(), row))


class Database:
    """The control plane, seen by one tenant at a time. Connects on first use."""

    def __init__(self, config: DatabaseConfig) -> None:
        self._app = _open_engine(config, APP_ROLE, config.pool_size, config.overflow)
        self._door = _open_engine(config, DOOR_ROLE, config.door_pool_size, 0, read_only=True)

    @asynccontextmanager
    async def session(self, tenant_id: TenantId) -> AsyncIterator[TenantSession]:
        """One transaction that sees one tenant; committed at the end, rolled back on any error.

        Raises:
            TenantChangeError: The work tried to change the role or the tenant, or to store a row of
                another tenant.
            DatabaseUnavailableError: No connection to PostgreSQL.
        """
        async with self._transaction(self._app, tenant_id) as session:
            yield session

    @asynccontextmanager
    async def platform_session(self) -> AsyncIterator[TenantSession]:
        """One transaction without a tenant: sees the platform's tables, and no tenant's rows."""
        async with self._transaction(self._app, None) as session:
            yield session

    @asynccontextmanager
    async def unscoped_session(self) -> AsyncIterator[TenantSession]:
        """One read-only transaction as `bosco_door`. Only `tenancy.unscoped` opens it."""
        async with self._transaction(self._door, None) as session:
            yield session

    async def check(self) -> tuple[str, ...]:
        """What is wrong with the database, one sentence each; empty when all is well.

        Raises:
            DatabaseUnavailableError: No connection to PostgreSQL.
        """
        problems: list[str] = []
        for engine, role in ((self._app, APP_ROLE), (self._door, DOOR_ROLE)):
            async with _reachable(), engine.connect() as connection:
                problems += await connection.run_sync(_check_role, role)
        async with _reachable(), self._app.connect() as connection:
            problems += await connection.run_sync(_check_version)
            problems += await connection.run_sync(find_gaps)
        return tuple(problems)

    async def close(self) -> None:
        """Close every connection."""
        await self._app.dispose()
        await self._door.dispose()

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine, tenant_id: TenantId | None
    ) -> AsyncIterator[TenantSession]:
        session = TenantSession(engine, expire_on_commit=False, info={"tenant_id": tenant_id})
        async with session, session.begin():
            async with _reachable():
                _ = await session.connection()
            yield session


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise DatabaseUnavailableError(
            "PostgreSQL gives no connection",
            hint="check DATABASE_URL, that the server runs, and how many connections it allows",
        ) from error


def _open_engine(
    config: DatabaseConfig, role: str, pool_size: int, overflow: int, *, read_only: bool = False
) -> AsyncEngine:
    url = make_url(config.url)
    options = f"-c role={role}"
    if read_only:
        options += " -c default_transaction_read_only=on"
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=overflow,
        pool_timeout=config.wait_seconds,
        pool_reset_on_return=None,  # `_reset` does more
        hide_parameters=True,  # values of rows have no place in errors and logs
        connect_args={"options": options},
    )
    event.listen(engine.sync_engine, "before_cursor_execute", _refuse_settings)
    event.listen(engine.sync_engine, "set_connection_execution_options", _refuse_autocommit)
    event.listen(engine.sync_engine, "reset", _reset)
    return engine


@event.listens_for(_GuardedSession, "after_begin")
def _enter_tenant(session: Session, _: SessionTransaction, connection: Connection) -> None:
    """Set the tenant of the transaction; a SAVEPOINT sets the same one again."""
    tenant_id: TenantId | None = session.info["tenant_id"]
    if tenant_id is not None:
        connection.execute(_SET_TENANT, {"setting": TENANT_SETTING, "tenant": str(tenant_id)})


@event.listens_for(_GuardedSession, "before_commit")
def _add_held_rows(session: Session) -> None:
    """Give the rows held back to the transaction that ends now; releasing a SAVEPOINT is no end."""
    if session.in_nested_transaction() or not session.info.get("held"):
        return
    session.flush()
    session.add_all(row for _, row in session.info.pop("held"))


@event.listens_for(_GuardedSession, "after_soft_rollback")
def _drop_held_rows(session: Session, undone: SessionTransaction) -> None:
    held: list[_Held] = session.info.get("held", [])
    held[:] = [(savepoint, row) for savepoint, row in held if not _is_within(savepoint, undone)]


def _is_within(savepoint: SessionTransaction | None, undone: SessionTransaction) -> bool:
    if not undone.nested:
        return True
    while savepoint is not None and savepoint is not undone:
        savepoint = savepoint.parent
    return savepoint is undone


@event.listens_for(_GuardedSession, "before_flush")
def _stamp_tenant(session: Session, _: UOWTransaction, __: object) -> None:
    """Give new rows the session's tenant; refuse rows of another one."""
    tenant_id: TenantId | None = session.info["tenant_id"]
    for row in session.new:
        if not isinstance(row, TenantOwned):
            continue
        given = vars(row).get("tenant_id", tenant_id)
        if given is None or given != tenant_id:
            raise TenantChangeError(
                f"a row of {type(row).__name__} belongs to another tenant than its session",
                hint="leave tenant_id out: the session fills it in",
            )
        row.tenant_id = tenant_id


def _refuse_settings(
    _connection: Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    context: Any,
    _executemany: bool,  # noqa: FBT001  # the signature of SQLAlchemy's event
) -> None:
    if _FORBIDDEN.search(statement) and "bosco_sets_tenant" not in context.execution_options:
        raise TenantChangeError(
            "a statement tries to change the role or a setting of the transaction",
            hint="open a session for the tenant that the work is for",
        )


def _refuse_autocommit(_: Connection, options: dict[str, Any]) -> None:
    if options.get("isolation_level") == "AUTOCOMMIT":
        raise TenantChangeError(
            "AUTOCOMMIT would drop the tenant after every statement",
            hint="work inside the transaction of Database.session",
        )


def _reset(connection: DBAPIConnection, _: ConnectionPoolEntry, state: PoolResetState) -> None:
    """Leave the connection as it was opened: no transaction, no setting of its borrower."""
    if state.terminate_only:
        return
    connection.rollback()
    connection.cursor().execute("RESET ALL")
    connection.commit()


def _check_role(connection: Connection, role: str) -> list[str]:
    user = connection.scalar(text("SELECT current_user"))
    if user == role:
        return []
    return [f"connections act as {user} instead of {role} (the login must be granted {role})"]


def _check_version(connection: Connection) -> list[str]:
    version = find_version(connection)
    if version == head():
        return []
    return [f"the schema is at version {version}, this release needs {head()} (run migrate)"]
