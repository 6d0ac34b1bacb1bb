"""The landing of history: what an earlier system told of many accounts, as syncs of each account.

    HistoryImport -> plan: a sync per account and feed -> read_file in a thread -> rows by account
    -> StagedLanding -> versions

As of any file, all of it counts or nothing. A row that does not fit is kept with its account; one
that says no account, with the first of the file.

Decision: ADR-0015.
"""

import asyncio
import uuid
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from domain.facts import FACTS
from domain.facts.fact import HISTORY
from domain.ids import ConnectionId, RunId, SyncId, TenantId
from ingestion.connector.job import Account, RejectedRow
from ingestion.file_landing import load_same_map, or_fail, version_of
from ingestion.files.account_refs import AccountRef, account_of
from ingestion.files.feeds import raw_file_stream
from ingestion.files.map_spec import MapSpec
from ingestion.files.read_file import FilePage, UnreadableFileError, read_file
from ingestion.landing.staged import StagedLanding, land_together
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.publish import Publisher
from tenancy.session import TenantSession
from tenancy.tables import Connection, Sync, SyncState

__all__ = ["HistoryImport", "HistoryLanding"]

_OPEN: Final = (SyncState.PLANNED, SyncState.EXTRACTING)
_SEPARATOR: Final = ":"

Stages = Mapping[tuple[AccountRef, str], StagedLanding]  # by account and fact


@dataclass(frozen=True, slots=True)
class HistoryImport:
    """What is imported.

    Attributes:
        file: Absolute path.
        map_file: Absolute path.
        map_hash: Content hash of the map that was asked with.
        facts: That the map feeds, each once.
        connections: Of every account in the file.
    """

    file: Path
    map_file: Path
    map_hash: str
    facts: tuple[str, ...]
    connections: Mapping[AccountRef, ConnectionId]

    def as_arguments(self) -> dict[str, Any]:
        """Plain JSON, for a job."""
        return {
            "file": str(self.file),
            "map_file": str(self.map_file),
            "map_hash": self.map_hash,
            "facts": list(self.facts),
            "connections": {
                f"{account.source}{_SEPARATOR}{account.account_id}": str(connection_id)
                for account, connection_id in self.connections.items()
            },
        }

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> "HistoryImport":
        """What `as_arguments` wrote."""
        return cls(
            file=Path(arguments["file"]),
            map_file=Path(arguments["map_file"]),
            map_hash=arguments["map_hash"],
            facts=tuple(arguments["facts"]),
            connections={
                AccountRef(*name.split(_SEPARATOR, 1)): ConnectionId(uuid.UUID(connection_id))
                for name, connection_id in arguments["connections"].items()
            },
        )


@dataclass(frozen=True, slots=True)
class HistoryLanding:
    """Lands history.

    Attributes:
        landing: What landing needs of the platform.
        publisher: Writes down failures.
        watched: Filled while a sync is read: how far it is, for people.
    """

    landing: LandingServices
    publisher: Publisher
    watched: MutableMapping[SyncId, str]

    async def plan(self, session: TenantSession, run_id: RunId, request: HistoryImport) -> None:
        """Write the syncs of an import; doing it again changes nothing."""
        if await session.scalar(select(Sync.id).where(Sync.run_id == run_id).limit(1)) is not None:
            return
        connections = await _connections(session, request)
        session.add_all(
            Sync(
                id=SyncId(self.landing.ids()),
                run_id=run_id,
                client_id=connection.client_id,
                connection_id=connection.id,
                source=connection.source,
                stream=HISTORY,
                fact=fact,
                api_version=version_of(request.map_hash),
                state=SyncState.PLANNED,
            )
            for connection in connections
            for fact in request.facts
        )

    async def land(self, tenant_id: TenantId, run_id: RunId, request: HistoryImport) -> None:
        """Land the syncs of an import, all or none; those that have ended are left alone."""
        async with self.landing.database.session(tenant_id) as session:
            query = select(Sync).where(Sync.run_id == run_id, Sync.state.in_(_OPEN))
            syncs = (await session.scalars(query.order_by(Sync.id).with_for_update())).all()
            for sync in syncs:
                sync.state = SyncState.EXTRACTING
                sync.started_at = sync.started_at or self.landing.clock()
            connections = await _connections(session, request)
        if not syncs:
            return
        try:
            await or_fail(self.publisher, syncs, self._land(syncs, connections, request))
        finally:
            for sync in syncs:
                self.watched.pop(sync.id, None)

    async def _land(
        self, syncs: Sequence[Sync], connections: Sequence[Connection], request: HistoryImport
    ) -> None:
        file_map = await load_same_map(request.map_file, request.map_hash)
        stages = self._stages(syncs, connections)
        settings = {
            AccountRef(connection.source, connection.account_id): connection.settings
            for connection in connections
        }
        whole = Account("", {}, file_map.currency, file_map.time_zone or "UTC")
        pages = read_file(request.file, file_map, account=whole)
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            await _add(page, file_map, stages, settings)
            for sync in syncs:
                self.watched[sync.id] = f"{sum(s.rows for s in stages.values()):,} rows read"
        await land_together(self.landing, list(stages.values()))

    def _stages(self, syncs: Sequence[Sync], connections: Sequence[Connection]) -> Stages:
        by_id = {connection.id: connection for connection in connections}
        stages = {}
        for sync in syncs:
            connection = by_id[sync.connection_id]
            target = LandingTarget(
                tenant_id=sync.tenant_id,
                client_id=sync.client_id,
                connection_id=sync.connection_id,
                sync_id=sync.id,
                stream=raw_file_stream(FACTS[sync.fact]),
                api_version=sync.api_version,
                currency=connection.settings["currency"],
                time_zone=connection.settings["time_zone"],
            )
            account = AccountRef(connection.source, connection.account_id)
            stages[account, sync.fact] = StagedLanding(self.landing, target)
        return stages


async def _connections(session: TenantSession, request: HistoryImport) -> Sequence[Connection]:
    wanted = select(Connection).where(Connection.id.in_(request.connections.values()))
    return (await session.scalars(wanted.order_by(Connection.id))).all()


async def _add(
    page: FilePage,
    file_map: MapSpec,
    stages: Stages,
    settings: Mapping[AccountRef, Mapping[str, Any]],
) -> None:
    """Give every account its rows, and the rows of it that do not fit."""
    fact = page.feed.fact
    first = next(iter(settings))
    rejected: dict[AccountRef, list[RejectedRow]] = {}
    for row in page.rejected:
        said = account_of(file_map, orjson.loads(row.raw))
        whose = first if said is None or said not in settings else said
        rejected.setdefault(whose, []).append(row)
    for account, batch in _by_account(page):
        if account not in settings:
            raise UnreadableFileError(
                f"the file has got the account {account.source} {account.account_id} meanwhile",
                hint="import it again",
            )
        own = _in_account(batch, settings[account])
        await stages[account, fact].add(own, rejected.pop(account, []))
    for account, rows in rejected.items():
        await stages[account, fact].add(page.batch.slice(0, 0), rows)


def _by_account(page: FilePage) -> Iterator[tuple[AccountRef, pa.RecordBatch]]:
    whose = list(page.accounts or ())
    distinct = list(dict.fromkeys(whose))
    place = {account: index for index, account in enumerate(distinct)}
    codes = pa.array([place[account] for account in whose], pa.int32())
    for account, index in place.items():
        yield account, page.batch.filter(pc.equal(codes, index))


def _in_account(batch: pa.RecordBatch, settings: Mapping[str, Any]) -> pa.RecordBatch:
    """The rows with the currency and zone of their account."""
    arrays = [
        pa.repeat(pa.scalar(settings[name], pa.string()), batch.num_rows)
        if name in ("currency", "time_zone")
        else batch.column(name)
        for name in batch.schema.names
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
