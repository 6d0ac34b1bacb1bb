"""The landing of a file: one sync per feed of its map, all of them or none.

    FileImport -> plan: syncs -> read_file in a thread -> pages -> StagedLanding -> versions

A file is read from its start again after a crash. A failure (unreadable, changed meanwhile, too
many bad rows) fails every sync of the import with its reason, and nothing of the file counts.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import select

from domain.errors import BoscoError, ConflictError, InternalError, UserError
from domain.facts import FACTS
from domain.ids import ConnectionId, RunId, SyncId, TenantId
from ingestion.connector.job import Account
from ingestion.files.feeds import FILE_SOURCE, raw_file_stream
from ingestion.files.map_file import load_map
from ingestion.files.map_spec import MapSpec
from ingestion.files.read_file import read_file
from ingestion.landing.staged import StagedLanding, land_together
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.publish import Publisher
from tenancy.session import TenantSession
from tenancy.tables import Connection, Sync, SyncState

__all__ = ["FileImport", "FileLanding", "load_same_map", "or_fail", "version_of"]

_LOG: Final = structlog.get_logger(__name__)
_OPEN: Final = (SyncState.PLANNED, SyncState.EXTRACTING)


class MapChangedError(ConflictError):
    """The map is not the one that the import was asked with; for whoever asked."""

    code = "MAP_CHANGED"


@dataclass(frozen=True, slots=True)
class FileImport:
    """What is imported.

    Attributes:
        connection_id: Of the map's files.
        file: Absolute path.
        map_file: Absolute path.
        map_hash: Content hash of the map that was asked with.
        facts: Stream -> fact, one per feed of the map.
    """

    connection_id: ConnectionId
    file: Path
    map_file: Path
    map_hash: str
    facts: Mapping[str, str]

    def as_arguments(self) -> dict[str, Any]:
        """Plain JSON, for a job."""
        return {
            "connection_id": str(self.connection_id),
            "file": str(self.file),
            "map_file": str(self.map_file),
            "map_hash": self.map_hash,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> "FileImport":
        """What `as_arguments` wrote."""
        return cls(
            connection_id=ConnectionId(uuid.UUID(arguments["connection_id"])),
            file=Path(arguments["file"]),
            map_file=Path(arguments["map_file"]),
            map_hash=arguments["map_hash"],
            facts=arguments["facts"],
        )


@dataclass(frozen=True, slots=True)
class FileLanding:
    """Lands files.

    Attributes:
        landing: What landing needs of the platform.
        publisher: Writes down failures.
        watched: Filled while a sync is read: how far it is, for people.
    """

    landing: LandingServices
    publisher: Publisher
    watched: MutableMapping[SyncId, str]

    async def plan(self, session: TenantSession, run_id: RunId, request: FileImport) -> None:
        """Write the syncs of an import; doing it again changes nothing."""
        planned = (await session.scalars(select(Sync.stream).where(Sync.run_id == run_id))).all()
        connection = await session.get_one(Connection, (session.tenant_id, request.connection_id))
        session.add_all(
            Sync(
                id=SyncId(self.landing.ids()),
                run_id=run_id,
                client_id=connection.client_id,
                connection_id=connection.id,
                source=FILE_SOURCE,
                stream=stream,
                fact=fact,
                api_version=version_of(request.map_hash),
                state=SyncState.PLANNED,
            )
            for stream, fact in request.facts.items()
            if stream not in planned
        )

    async def land(self, tenant_id: TenantId, run_id: RunId, request: FileImport) -> None:
        """Land the syncs of an import, all or none; those that have ended are left alone."""
        syncs, connection = await self._begin(tenant_id, run_id, request)
        if not syncs:
            return
        try:
            await or_fail(self.publisher, syncs, self._land(syncs, connection, request))
        finally:
            for sync in syncs:
                self.watched.pop(sync.id, None)

    async def _begin(
        self, tenant_id: TenantId, run_id: RunId, request: FileImport
    ) -> tuple[Sequence[Sync], Connection]:
        async with self.landing.database.session(tenant_id) as session:
            query = select(Sync).where(Sync.run_id == run_id, Sync.state.in_(_OPEN))
            syncs = (await session.scalars(query.order_by(Sync.id).with_for_update())).all()
            for sync in syncs:
                sync.state = SyncState.EXTRACTING
                sync.started_at = sync.started_at or self.landing.clock()
            return syncs, await session.get_one(Connection, (tenant_id, request.connection_id))

    async def _land(
        self, syncs: Sequence[Sync], connection: Connection, request: FileImport
    ) -> None:
        file_map = await load_same_map(request.map_file, request.map_hash)
        settings = connection.settings
        account = Account(
            connection.account_id, settings, settings["currency"], settings["time_zone"]
        )
        stages = {
            sync.stream: StagedLanding(self.landing, _target(sync, account, request))
            for sync in syncs
        }
        pages = read_file(request.file, file_map, account=account)
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            stage = stages[file_map.stream_of(page.feed)]
            await stage.add(page.batch, page.rejected)
            for sync in syncs:
                self.watched[sync.id] = f"{stages[sync.stream].rows:,} rows read"
        await land_together(self.landing, list(stages.values()))


async def or_fail(publisher: Publisher, syncs: Sequence[Sync], work: Awaitable[None]) -> None:
    """Await the landing of some syncs; when it fails, all of them fail with the reason."""
    run_id = str(syncs[0].run_id)
    try:
        await work
    except UserError as error:
        _LOG.warning("import_failed", run_id=run_id, code=error.code, reason=str(error))
        failure: BoscoError = error
    except Exception as error:  # noqa: BLE001  # a bug ends this import, not the worker
        _LOG.exception("import_broke", run_id=run_id)
        failure = error if isinstance(error, BoscoError) else InternalError(type(error).__name__)
    else:
        return
    for sync in syncs:
        await publisher.fail(sync.tenant_id, sync.id, failure)


async def load_same_map(map_file: Path, map_hash: str) -> MapSpec:
    """Read the map that an import was asked with.

    Raises:
        MapChangedError: It is another one by now.
        InvalidInputError: It cannot be read.
    """
    file_map = await asyncio.to_thread(load_map, map_file)
    if file_map.content_hash != map_hash:
        raise MapChangedError(
            f"the map {map_file.name} was changed after the import was asked for",
            hint="import again",
        )
    return file_map


def version_of(map_hash: str) -> str:
    """What stands in place of an API version: which text of the map read the file."""
    return f"map {map_hash[:12]}"


def _target(sync: Sync, account: Account, request: FileImport) -> LandingTarget:
    return LandingTarget(
        tenant_id=sync.tenant_id,
        client_id=sync.client_id,
        connection_id=sync.connection_id,
        sync_id=sync.id,
        stream=raw_file_stream(FACTS[sync.fact]),
        api_version=version_of(request.map_hash),
        currency=account.currency,
        time_zone=account.time_zone,
    )
