"""State of the agencies, kept fresh cheaply.

    tenant -> state younger than half a second | one query -> same marks: keep | others: rebuild
    catalogue -> schema by content hash (shared, bounded, built in a thread)

The marks are counts and times that change whenever a definition is made or retired, and the newest
version of each fact. So a new metric, or newly published data, is seen within half a second by
every process, and at once by the process that made it.
"""

import asyncio
import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select

from api.graphql.schema_factory import build_schema
from api.graphql.tenant_state import TenantSchema, TenantState
from api.metric_definitions import catalogue_of, load_definitions
from domain.errors import NotFoundError
from domain.facts import FACTS
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue
from domain.ports import Clock
from tenancy.session import Database, TenantSession
from tenancy.tables import DataVersion, MetricDefinition, Suppression, Tenant

__all__ = ["SchemaStore", "TenantStates"]

_FRESH_FOR: Final = dt.timedelta(seconds=0.5)


class SchemaStore:
    """Schemas by content hash; the least recently used go first.

    Args:
        capacity: Schemas kept; one takes about 2 MB.
    """

    def __init__(self, *, capacity: int = 200) -> None:
        self._capacity = capacity
        self._schemas: OrderedDict[str, asyncio.Task[TenantSchema]] = OrderedDict()

    async def get(self, catalogue: MetricCatalogue) -> TenantSchema:
        """The schema of a catalogue; equal catalogues share one, also while it is being built."""
        key = catalogue.content_hash
        task = self._schemas.get(key)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(build_schema, catalogue))
            self._schemas[key] = task
            if len(self._schemas) > self._capacity:
                self._schemas.popitem(last=False)
        self._schemas.move_to_end(key)
        try:
            return await asyncio.shield(task)
        except Exception:
            self._schemas.pop(key, None)  # a failed build is tried again
            raise


@dataclass(slots=True)
class _Entry:
    state: TenantState
    marks: tuple[Any, ...]
    checked_at: dt.datetime


class TenantStates:
    """States by tenant. Used from one event loop.

    Args:
        database: Control plane.
        schemas: Shared by all tenants.
        clock: Present instant.
        capacity: States kept, the least recently used go first.
    """

    def __init__(
        self, database: Database, schemas: SchemaStore, clock: Clock, *, capacity: int = 10_000
    ) -> None:
        self._database = database
        self._schemas = schemas
        self._clock = clock
        self._capacity = capacity
        self._entries: OrderedDict[TenantId, _Entry] = OrderedDict()
        self._refreshing: dict[TenantId, asyncio.Task[TenantState]] = {}

    async def get(self, tenant_id: TenantId) -> TenantState:
        """The state of an agency, at most half a second old. Usually no I/O.

        Raises:
            NotFoundError: The agency does not exist any more.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        entry = self._entries.get(tenant_id)
        if entry is not None and self._clock() - entry.checked_at < _FRESH_FOR:
            return entry.state
        task = self._refreshing.get(tenant_id)
        if task is None:
            task = asyncio.create_task(self._refresh(tenant_id))
            self._refreshing[tenant_id] = task
            task.add_done_callback(lambda done: self._finish(tenant_id, done))
        return await asyncio.shield(task)

    def forget(self, tenant_id: TenantId) -> None:
        """Read the state anew next time: something of it was changed here."""
        self._entries.pop(tenant_id, None)
        self._refreshing.pop(tenant_id, None)

    async def _refresh(self, tenant_id: TenantId) -> TenantState:
        checked_at = self._clock()
        known = self._entries.get(tenant_id)
        async with self._database.session(tenant_id) as session:
            tenant = await session.scalar(select(Tenant))
            if tenant is None:
                raise NotFoundError("the agency of this token does not exist any more")
            marks = await _marks(session, tenant)
            if known is not None and known.marks == marks:
                known.checked_at = checked_at
                return known.state
            definitions = await load_definitions(session)
        catalogue = await asyncio.to_thread(catalogue_of, definitions.values())
        state = TenantState(
            tenant_id=tenant_id,
            name=tenant.name,
            slug=tenant.slug,
            currency=tenant.currency,
            time_zone=tenant.time_zone,
            catalogue=catalogue,
            schema=await self._schemas.get(catalogue),
            data_version=str(marks[-1]),
        )
        # Forgotten meanwhile: what was read may be from before the change.
        if self._refreshing.get(tenant_id) is asyncio.current_task():
            self._keep(_Entry(state, marks, checked_at))
        return state

    def _keep(self, entry: _Entry) -> None:
        tenant_id = entry.state.tenant_id
        self._entries[tenant_id] = entry
        self._entries.move_to_end(tenant_id)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def _finish(self, tenant_id: TenantId, done: asyncio.Task[TenantState]) -> None:
        if not done.cancelled():
            done.exception()  # told to whoever waits; all of them may have gone away meanwhile
        if self._refreshing.get(tenant_id) is done:
            del self._refreshing[tenant_id]


async def _marks(session: TenantSession, tenant: Tenant) -> tuple[Any, ...]:
    newest = [
        select(func.max(DataVersion.published_at))
        .where(DataVersion.tenant_id == tenant.id, DataVersion.fact == fact)
        .scalar_subquery()
        for fact in sorted(FACTS)
    ]
    suppressed = select(func.max(Suppression.written_at)).where(Suppression.tenant_id == tenant.id)
    query = select(
        func.count(),
        func.max(MetricDefinition.created_at),
        func.max(MetricDefinition.retired_at),
        *newest,
        suppressed.scalar_subquery(),
    ).select_from(MetricDefinition)
    row = (await session.execute(query)).one()
    profile = (tenant.name, tenant.slug, tenant.currency, tenant.time_zone)
    return (profile, tuple(row[:3]), tuple(row[3:]))
