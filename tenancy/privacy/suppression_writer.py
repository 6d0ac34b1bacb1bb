"""Suppressions reach what is read: the warehouse first, then the features.

    agencies with something new -> their changed suppressions -> ids of the people, opened
        -> one load for all agencies -> older rows out -> written: another data version, told
        -> features of the client made anew -> followed

One load a second at most, however many people withdraw in it. New rows come before the older ones
go, so nobody is read in between; a crash repeats a round, and rows that stand there twice do no
harm. On BigQuery a load is a staging table and an INSERT, 2 to 5 s; it has no limit by the day.

Decision: ADR-0028.
"""

import asyncio
import datetime as dt
import io
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from sqlalchemy import RowMapping, func, select, update
from sqlglot import parse_one

from domain.facts import FACTS
from domain.facts.tables import SUPPRESSED
from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.identifiers import IdentifierKind
from tenancy.audited_tenants import AuditedTenants
from tenancy.cache import KeyKind, TenantRedis
from tenancy.exclusive import Exclusive
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subject_changes import is_among
from tenancy.privacy.subject_keys import SubjectKeys
from tenancy.redis_server import RedisServer, RedisUnavailableError
from tenancy.session import Database, TenantSession
from tenancy.tables import Subject, SubjectIdentifier, Suppression
from tenancy.vault import TenantKey, Vault
from tenancy.warehouse.port import Warehouse
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["SuppressionWriter"]

_LOG: Final = structlog.get_logger(__name__)
_MOST: Final = 5_000  # suppressions of one agency in one round
_AT_ONCE: Final = 4  # agencies
_EVER: Final = (dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.UTC))
_OF_PEOPLE: Final = sorted(
    name for name, fact in FACTS.items() if any(column.names for column in fact.columns)
)
_SCHEMA: Final = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in SUPPRESSED.columns])
_OLDER: Final = parse_one(
    f"DELETE FROM {SUPPRESSED.qualified} WHERE suppression_id IN UNNEST(@ids)"
    " AND stamp NOT IN UNNEST(@stamps)",
    dialect="bigquery",
)

T = TypeVar("T")
Follow = Callable[[TenantId, ClientId], Awaitable[object]]
_Cells = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Change:
    """A suppression as it is to be in force."""

    id: uuid.UUID
    revision: int
    rows: list[_Cells]

    @property
    def stamp(self) -> str:
        return f"{self.id}:{self.revision}"


@dataclass(frozen=True, slots=True)
class SuppressionWriter:
    """Brings suppressions where they are read.

    Attributes:
        unwritten: Agencies of which the warehouse lacks a suppression.
        unfollowed: Agencies of which the features lack one that the warehouse has.
        exclusive: One round at a time, over all processes.
        follow: Makes the features of a client anew.
    """

    database: Database
    unwritten: Callable[[], Awaitable[list[TenantId]]]
    unfollowed: Callable[[], Awaitable[list[TenantId]]]
    warehouse: Warehouse
    vault: Vault
    redis: RedisServer
    exclusive: Exclusive
    follow: Follow
    clock: Clock
    ids: IdFactory

    async def write_due(self) -> int:
        """One round: after it, no question reads what was suppressed before it began.

        Returns:
            How many suppressions are in force, or ended, by now.

        Raises:
            WarehouseError: The warehouse failed; the next round does it again.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with self.exclusive():
            found = await _each(await self.unwritten(), self._read)
            changes = {tenant_id: some for tenant_id, some in found if some}
            if not changes:
                return 0
            await self._load(changes)
            await _each(list(changes), lambda one: self._note(one, changes[one]))
        return sum(map(len, changes.values()))

    async def follow_due(self) -> int:
        """Make anew the features of every client whose suppressions have been written.

        Returns:
            How many clients.

        Raises:
            WarehouseError: The warehouse failed; the next round does it again.
            RedisUnavailableError: Redis does not answer or is full.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        followed = 0
        for tenant_id in await self.unfollowed():
            for client_id, revisions in (await self._written(tenant_id)).items():
                await self.follow(tenant_id, client_id)
                async with self.database.session(tenant_id) as session:
                    await _set(session, revisions, Suppression.followed_revision.key)
                followed += 1
        return followed

    async def _read(self, tenant_id: TenantId) -> list[_Change]:
        columns = (
            Suppression.id,
            Suppression.client_id,
            func.coalesce(Subject.merged_into, Subject.id).label("person"),
            Suppression.purpose,
            Suppression.events_from,
            Suppression.events_to,
            Suppression.lifted_at,
            Suppression.revision,
        )
        query = (
            select(*columns)
            .join(Subject, Subject.id == Suppression.subject_id)
            .where(Suppression.is_unwritten())
            .order_by(Suppression.since)
            .limit(_MOST)
        )
        async with self.database.session(tenant_id) as session:
            found = (await session.execute(query)).all()
            if not found:
                return []
            key = await open_own_key(session, self.vault)
            people = await _open_ids(session, self.vault, key, {row.person for row in found})
        return [_change(tenant_id, row._mapping, people[row.person]) for row in found]  # noqa: SLF001  # public, documented

    async def _load(self, changes: dict[TenantId, list[_Change]]) -> None:
        tenants = AuditedTenants(frozenset(changes), "suppress")
        batch = [change for some in changes.values() for change in some]
        rows = [cells for change in batch for cells in change.rows]
        name = str(self.ids())
        if rows:
            sink = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink)
            await self.warehouse.load(f"suppressed-{name}", SUPPRESSED, [sink.getvalue()], tenants)
        changed = [change for change in batch if change.revision > 1]
        if changed:
            values = {
                "ids": tuple(str(change.id) for change in changed),
                "stamps": tuple(change.stamp for change in changed),
            }
            await self.warehouse.execute(f"suppressed-{name}", _OLDER, values, tenants)

    async def _note(self, tenant_id: TenantId, changes: Sequence[_Change]) -> None:
        revisions = {change.id: change.revision for change in changes}
        async with self.database.session(tenant_id) as session:
            await _set(session, revisions, Suppression.written_revision.key, at=self.clock())
        redis = TenantRedis(self.redis, tenant_id)
        try:
            for fact in _OF_PEOPLE:
                message = orjson.dumps({"fact": fact, "suppressions": len(changes)})
                await redis.publish(KeyKind.DATA_VERSION, fact, message=message)
        except RedisUnavailableError as error:
            # Listeners miss a hint; what is read has changed all the same.
            _LOG.warning("data_version_untold", reason=str(error))

    async def _written(self, tenant_id: TenantId) -> dict[ClientId, dict[uuid.UUID, int]]:
        query = select(Suppression.client_id, Suppression.id, Suppression.written_revision).where(
            Suppression.is_unfollowed()
        )
        found: dict[ClientId, dict[uuid.UUID, int]] = defaultdict(dict)
        async with self.database.session(tenant_id) as session:
            for client_id, suppression_id, revision in await session.execute(query):
                found[client_id][suppression_id] = revision
        return found


async def _each(
    tenants: Sequence[TenantId], work: Callable[[TenantId], Awaitable[T]]
) -> list[tuple[TenantId, T]]:
    """Do it for a few agencies at a time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(tenant_id: TenantId) -> tuple[TenantId, T]:
        async with gate:
            return tenant_id, await work(tenant_id)

    return await asyncio.gather(*map(one, tenants))


async def _open_ids(
    session: TenantSession, vault: Vault, key: TenantKey, people: set[uuid.UUID]
) -> dict[uuid.UUID, list[tuple[str, str]]]:
    """The platforms' ids of people: connection and id. Of somebody erased there are none."""
    keys = SubjectKeys(vault, key, session.tenant_id)
    query = (
        select(
            Subject.id,
            Subject.sealed_key,
            SubjectIdentifier.connection_id,
            SubjectIdentifier.sealed,
        )
        .join(SubjectIdentifier, SubjectIdentifier.subject_id == Subject.id)
        .where(
            is_among(Subject.id, people),
            SubjectIdentifier.kind == IdentifierKind.PLATFORM,
        )
    )
    found: dict[uuid.UUID, list[tuple[str, str]]] = {person: [] for person in people}
    for person, sealed_key, connection_id, sealed in await session.execute(query):
        if sealed_key is None:
            continue
        own = keys.open(person, sealed_key)
        found[person].append((str(connection_id), keys.unseal(own, person, sealed)))
    return found


def _change(tenant_id: TenantId, row: RowMapping, ids: Sequence[tuple[str, str]]) -> _Change:
    change = _Change(row["id"], row["revision"], [])
    if row["lifted_at"] is not None:
        return change
    for connection_id, value in ids:
        change.rows.append(
            {
                "tenant_id": str(tenant_id),
                "client_id": str(row["client_id"]),
                "connection_id": connection_id,
                "suppression_id": str(row["id"]),
                "stamp": change.stamp,
                "value": value,
                "purpose": row["purpose"].value,
                "events_from": row["events_from"] or _EVER[0],
                "events_to": row["events_to"] or _EVER[1],
            }
        )
    return change


async def _set(
    session: TenantSession,
    revisions: dict[uuid.UUID, int],
    column: str,
    *,
    at: dt.datetime | None = None,
) -> None:
    """Note what was done of each; one that changed meanwhile stays unwritten."""
    by_revision: dict[int, list[uuid.UUID]] = defaultdict(list)
    for suppression_id, revision in revisions.items():
        by_revision[revision].append(suppression_id)
    for revision, some in by_revision.items():
        values: _Cells = {column: revision}
        if at is not None:
            values["written_at"] = at
        await session.execute(
            update(Suppression).where(is_among(Suppression.id, some)).values(values)
        )
