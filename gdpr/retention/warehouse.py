"""What is over in the warehouse and among landing objects goes: once a day, for all agencies.

    clients' days, manifest -> counted -> retention_runs, clients moved on (later data is screened)
    -> privacy.targets -> objects deleted -> one operation a table -> manifest, data versions, done
    -> answers, listeners, features

A row that is over becomes what erasing its person would make of it, by erasure's own statements;
no tombstone is set, since the person stays known by newer rows. All of it happens under the
loader's lock. The warehouse takes few mutating statements a table: an agency's own purge is that of
all. A purge that was cut short is gone on with, as of its own day, before another one begins.
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import structlog
from sqlalchemy import select
from sqlglot import exp

from domain.errors import BoscoError
from domain.ids import ClientId, ConnectionId, TenantId
from domain.ports import Parameter
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.find import words_of
from gdpr.erasure.records import renew_versions, tell_versions
from gdpr.erasure.statements import BEFORE, OLDEST, RUN, anonymise, delete_rows, find_words
from gdpr.erasure.targets import Target, TargetList, iter_rows
from gdpr.erasure.work import Stores
from gdpr.retention.landed import OldObject, list_old_objects, mark_purged
from gdpr.retention.statements import OBJECT, count_over, delete_loaded, delete_overtaken
from tenancy.audited_tenants import AuditedTenants
from tenancy.landing_manifest import list_landed
from tenancy.privacy.people_age import held_clients, move_on, next_days
from tenancy.privacy.pseudonyms import Pseudonyms, open_pseudonyms
from tenancy.redis_sweep import unlink_answers
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, RetentionRun
from tenancy.unscoped import Doors

__all__ = ["LANDED", "OBJECTS", "PEOPLE", "AgencyPurge", "WarehousePurge"]

_LOG: Final = structlog.get_logger(__name__)

PEOPLE: Final = "shop_people"
LANDED: Final = "landed"
OBJECTS: Final = f"{LANDED}.landing_objects"
_PURPOSE: Final = "retention"
_RECENT: Final = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AgencyPurge:
    """What is over at one agency.

    Attributes:
        days: Client -> rows of earlier days are over; clients under a legal hold are left out.
        clients: Connection -> its client, of the same clients.
        objects: Landing objects that are over.
        names: For surrogates; None: nothing is to be changed.
    """

    tenant_id: TenantId
    days: Mapping[ClientId, dt.date]
    clients: Mapping[ConnectionId, ClientId]
    objects: Sequence[OldObject]
    names: Pseudonyms | None = None

    def day_of(self, connection_id: ConnectionId) -> dt.date | None:
        """Rows of a connection of earlier days are over; None: none are."""
        client_id = self.clients.get(connection_id)
        return None if client_id is None else self.days[client_id]


@dataclass(frozen=True, slots=True)
class WarehousePurge:
    """Purges the warehouse and landing objects."""

    stores: Stores
    doors: Doors

    async def plan(self, tenant_id: TenantId) -> tuple[AgencyPurge, Counter[tuple[ClientId, str]]]:
        """What is over at an agency now, and how many rows by client and table; changes nothing."""
        now = self.stores.clock()
        async with self.stores.database.session(tenant_id) as session:
            agency = await _look(session, now.date(), now)
        counted = await self._count({tenant_id: agency})
        return agency, counted[tenant_id]

    async def run(self) -> bool:
        """Purge for all agencies, unless that was done today already; whether it was done now.

        Raises:
            BoscoError: A store does not answer; called again, it goes on.
        """
        async with self.stores.loading():
            versions = await self._run()
        if versions is None:
            return False
        if changed := {tenant for tenant, of_tenant in versions.items() if of_tenant}:
            await unlink_answers(self.stores.redis, changed)
        for tenant_id in changed:
            await tell_versions(self.stores, tenant_id, versions[tenant_id])
        return True

    async def _run(self) -> dict[TenantId, dict[str, int]] | None:
        """The purge; data versions by agency. None: it was done today already."""
        now = self.stores.clock()
        books = await self._books()
        unfinished = [
            one for runs in books.values() for one in runs.values() if one.done_at is None
        ]
        day = min((one.day for one in unfinished), default=now.date())
        if any(day in runs and runs[day].done_at is not None for runs in books.values()):
            # The operations have run: whoever was not counted for them waits for the next day.
            books = {tenant: runs for tenant, runs in books.items() if day in runs}
        todo = [
            tenant for tenant, runs in books.items() if day not in runs or not runs[day].done_at
        ]
        if not todo:
            return None
        for old in {one.run_id for one in unfinished}:
            await TargetList(self.stores.warehouse, old, _audited(todo)).forget()
        run_id = self.stores.ids()
        agencies = await self._open(todo, day, run_id, now)
        if not agencies:
            return {}
        await self._change(run_id, day, agencies, books)
        return {tenant: await self._close(agency, day, now) for tenant, agency in agencies.items()}

    async def _books(self) -> dict[TenantId, dict[dt.date, RetentionRun]]:
        """Runs of each agency: today's, recent ones, and those that were cut short."""
        today, found = self.stores.clock().date(), {}
        for tenant in await self.doors.list_tenants():
            query = select(RetentionRun).where(
                RetentionRun.done_at.is_(None) | (RetentionRun.day >= today - _RECENT)
            )
            async with self.stores.database.session(tenant.tenant_id) as session:
                found[tenant.tenant_id] = {one.day: one for one in await session.scalars(query)}
        return found

    async def _open(
        self, todo: Sequence[TenantId], day: dt.date, run_id: uuid.UUID, now: dt.datetime
    ) -> dict[TenantId, AgencyPurge]:
        """Count, write down, move clients on; an agency that fails keeps nobody back."""
        agencies: dict[TenantId, AgencyPurge] = {}
        for tenant_id in todo:
            try:
                async with self.stores.database.session(tenant_id) as session:
                    names = await open_pseudonyms(session, self.stores.vault)
                    agency = await _look(session, day, now, names)
                going = [old.uri for old in agency.objects]
                if going:  # what is not there to be deleted would be called purged
                    landing = self.stores.landing
                    await list_landed(self.stores.database, landing, tenant_id, leaving=going)
                agencies[tenant_id] = agency
            except BoscoError:
                _LOG.exception("retention_failed", tenant_id=str(tenant_id))
        counted = await self._count(agencies) if agencies else {}
        for tenant_id, agency in agencies.items():
            async with self.stores.database.session(tenant_id) as session:
                run = await session.get(RetentionRun, (tenant_id, day))
                if run is None:
                    counts = _told(agency, counted[tenant_id])
                    session.add(RetentionRun(day=day, run_id=run_id, counts=counts, counted_at=now))
                else:
                    run.run_id = run_id
                await move_on(session, agency.days)
        return agencies

    async def _count(
        self, agencies: Mapping[TenantId, AgencyPurge]
    ) -> dict[TenantId, Counter[tuple[ClientId, str]]]:
        """Rows about people that are over, by client and table; not those that go with objects."""
        counts: dict[TenantId, Counter[tuple[ClientId, str]]] = {
            tenant_id: Counter() for tenant_id in agencies
        }
        oldest = _oldest(agencies)
        going = {str(old.object_id) for agency in agencies.values() for old in agency.objects}
        if oldest is None:
            return counts
        for erasable in self.stores.erasables:
            rows = await self.stores.warehouse.run_for(
                _audited(agencies), count_over(erasable), {OLDEST: oldest}
            )
            for row in rows.to_pylist():
                agency = agencies[TenantId(uuid.UUID(row["tenant_id"]))]
                connection_id = ConnectionId(uuid.UUID(row["connection_id"]))
                day = agency.day_of(connection_id)
                if day is not None and row["day"] < day and row["object_id"] not in going:
                    place = (agency.clients[connection_id], erasable.table.qualified)
                    counts[agency.tenant_id][place] += row["row_count"]
        return counts

    async def _change(
        self,
        run_id: uuid.UUID,
        day: dt.date,
        agencies: Mapping[TenantId, AgencyPurge],
        books: Mapping[TenantId, Mapping[dt.date, RetentionRun]],
    ) -> None:
        """Take out what is over, one operation a table for all."""
        # Those that are done took part in the operations, which are known by who takes part.
        tenants = _audited({*agencies, *(tenant for tenant, runs in books.items() if day in runs)})
        over = await self._tables_over(day, agencies)
        loaded = {old.raw_table for agency in agencies.values() for old in agency.objects}
        if not over and not loaded:
            return
        targets = TargetList(self.stores.warehouse, run_id, tenants)
        await targets.add(_targets(run_id, agencies))
        oldest = _oldest(agencies)
        if oldest is not None:
            await targets.add_from(self._words(run_id, oldest, agencies))
        for tenant_id, agency in agencies.items():
            landing = self.stores.landing.for_tenant(tenant_id)
            for old in agency.objects:
                await landing.delete(old.uri)
        present = {
            f"{one.schema}.{one.table}" for one in await self.stores.warehouse.list_columns()
        }
        people = {one.table.qualified: one for one in self.stores.erasables}
        for name in [*sorted((loaded & present) - set(people)), *people]:
            changes: list[exp.Expr] = [delete_loaded(name)] if name in loaded & present else []
            if name in over:
                changes += _without_people(people[name])
            if changes:
                parameters: dict[str, Parameter] = {RUN: str(run_id), OLDEST: oldest or day}
                operation = f"retention-{day}-{name}-{_digest(name, tenants, agencies)}"
                await self.stores.warehouse.execute(operation, changes, parameters, tenants)
        await targets.forget()

    async def _words(
        self, run_id: uuid.UUID, oldest: dt.date, agencies: Mapping[TenantId, AgencyPurge]
    ) -> AsyncIterator[Target]:
        """Surrogates of what the rows that are over are called by."""
        for erasable in self.stores.erasables:
            if erasable.table.outlives_person:
                rows = await self.stores.warehouse.run_for(
                    _audited(agencies),
                    find_words(erasable, over=True),
                    {RUN: str(run_id), OLDEST: oldest},
                )
                for row in iter_rows(rows):
                    names = agencies[TenantId(uuid.UUID(row["tenant_id"]))].names
                    for one in words_of(row, erasable, names) if names is not None else ():
                        yield one

    async def _tables_over(
        self, day: dt.date, agencies: Mapping[TenantId, AgencyPurge]
    ) -> set[str]:
        """Tables in which anybody's row was over when it was counted."""
        names: set[str] = set()
        for tenant_id in agencies:
            async with self.stores.database.session(tenant_id) as session:
                run = await session.get_one(RetentionRun, (tenant_id, day))
            names |= {
                place.removeprefix(f"{PEOPLE}.")
                for place in run.counts
                if place.startswith(f"{PEOPLE}.")
            }
        return names

    async def _close(self, agency: AgencyPurge, day: dt.date, now: dt.datetime) -> dict[str, int]:
        """Say that an agency's purge is done; its new data versions."""
        versions: dict[str, int] = {}
        async with self.stores.database.session(agency.tenant_id) as session:
            await mark_purged(session, agency.objects, now)
            run = await session.get_one(RetentionRun, (agency.tenant_id, day))
            run.done_at = now
            seen = (f"{PEOPLE}.facts.", f"{PEOPLE}.marts.")
            if agency.days and any(place.startswith(seen) for place in run.counts):
                versions = await renew_versions(session, self.stores, set(agency.days))
        return versions


async def _look(
    session: TenantSession, day: dt.date, now: dt.datetime, names: Pseudonyms | None = None
) -> AgencyPurge:
    """What is over at the session's agency."""
    if await session.get(RetentionRun, (session.tenant_id, day)) is None:
        days = await next_days(session, day, now)
    else:  # clients were moved on already, and what was counted is what goes
        held = await held_clients(session, now)
        clients = await session.scalars(select(Client).where(Client.id.not_in(held)))
        days = {one.id: one.people_purged_before for one in clients if one.people_purged_before}
    connections = await session.scalars(select(Connection).where(Connection.client_id.in_(days)))
    return AgencyPurge(
        session.tenant_id,
        days,
        {one.id: one.client_id for one in connections},
        await list_old_objects(session, day, now),
        names,
    )


def _told(agency: AgencyPurge, counted: Counter[tuple[ClientId, str]]) -> dict[str, int]:
    """Policy and place -> how many."""
    counts: Counter[str] = Counter()
    for (_, table), rows in counted.items():
        counts[f"{PEOPLE}.{table}"] += rows
    for old in agency.objects:
        counts[OBJECTS] += 1
        counts[f"{LANDED}.{old.raw_table}"] += old.rows
    return {place: count for place, count in sorted(counts.items()) if count}


def _targets(run_id: uuid.UUID, agencies: Mapping[TenantId, AgencyPurge]) -> list[Target]:
    """The days of connections, and objects that are over."""
    found: list[Target] = []
    for tenant_id, agency in agencies.items():
        for connection_id, client_id in agency.clients.items():
            day = agency.days[client_id].isoformat()
            found.append(Target(tenant_id, connection_id, run_id, BEFORE, day))
        found += [
            Target(tenant_id, old.connection_id, run_id, OBJECT, str(old.object_id))
            for old in agency.objects
        ]
    return found


def _without_people(erasable: Erasable) -> list[exp.Expr]:
    if not erasable.table.outlives_person:
        return [delete_rows(erasable, over=True)]
    changes = list(anonymise(erasable, over=True))
    return changes if erasable.versions is None else [*changes, delete_overtaken(erasable)]


def _oldest(agencies: Mapping[TenantId, AgencyPurge]) -> dt.date | None:
    """No row of this day or later is over anywhere; None: none at all is."""
    return max((day for one in agencies.values() for day in one.days.values()), default=None)


def _digest(table: str, tenants: AuditedTenants, agencies: Mapping[TenantId, AgencyPurge]) -> str:
    """What an operation of a day is known by: who takes part, and the objects that go with it.

    A purge that was cut short does none twice; an object that is over only since then is another.
    """
    objects = sorted(
        str(old.object_id)
        for agency in agencies.values()
        for old in agency.objects
        if old.raw_table == table
    )
    return sha256(" ".join([*tenants.texts, *objects]).encode()).hexdigest()[:16]


def _audited(tenants: Iterable[TenantId]) -> AuditedTenants:
    return AuditedTenants(frozenset(tenants), _PURPOSE)
