"""The checks that follow a publication: what is visible now, against what it was for weeks.

    Publication -> syncs of the run, figures of nine weeks: one SELECT a fact -> follow-up checks
    -> one transaction: incidents opened, those not found again resolved

They warn only: the data is there, and a person decides what it means. Done again after a crash,
they find the same.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.facts import FACTS
from domain.facts.fact import Fact, Supersession
from domain.ids import ConnectionId
from domain.ports import Clock, IdFactory, Parameter, Publication, QueryWarehouse, TenantScope
from domain.privacy.purposes import Purpose
from domain.time_window import DateRange
from ingestion.connector.spec import SourceSpec
from ingestion.quality.checks.missing_days import find_missing_days
from ingestion.quality.checks.schema_drift import find_schema_drift
from ingestion.quality.checks.silence import find_silence
from ingestion.quality.checks.stale_stream import find_staleness
from ingestion.quality.checks.volume import find_odd_volumes
from ingestion.quality.evidence import FollowUpCheck, StreamRecord
from ingestion.quality.figures import DayFigures, read_figures
from ingestion.quality.finding import Finding
from ingestion.quality.incidents import IncidentWriter, Place
from ingestion.quality.statements import CONNECTION_IDS, FIRST_DAY, LAST_DAY, published_figures
from ingestion.quality.succession import close_told_keys, list_open_keys
from ingestion.quality.told_keys import Tellers, read_tellers
from tenancy.session import Database, TenantSession
from tenancy.tables import Connection, StreamState, Sync, SyncState

__all__ = ["FOLLOW_UP_CHECKS", "QualityFollowUp"]

FOLLOW_UP_CHECKS: Final[tuple[FollowUpCheck, ...]] = (
    find_schema_drift,
    find_missing_days,
    find_silence,
    find_odd_volumes,
)

HISTORY: Final = dt.timedelta(weeks=9)

Days = Mapping[str, Mapping[dt.date, DayFigures]]  # by stream


@dataclass(frozen=True, slots=True)
class _Published:
    """What a run published of a connection."""

    connection: Connection
    syncs: Sequence[Sync]
    states: Sequence[StreamState]

    @property
    def streams(self) -> list[str]:
        return sorted({sync.stream for sync in self.syncs})

    def of(self, stream: str) -> list[Sync]:
        return [sync for sync in self.syncs if sync.stream == stream]


@dataclass(frozen=True, slots=True)
class QualityFollowUp:
    """A `PublicationListener`."""

    database: Database
    warehouse: QueryWarehouse
    sources: Mapping[str, SourceSpec]
    clock: Clock
    ids: IdFactory
    name: str = "quality"

    async def published(self, publication: Publication) -> None:
        """See `PublicationListener.published`."""
        async with self.database.session(publication.tenant_id) as session:
            run = await _read_run(session, publication)
        found = await self._findings(publication, run)
        tellers = await self._tellers(publication, run)
        connection_id, run_id = publication.connection_id, publication.run_id
        async with self.database.session(publication.tenant_id) as session:
            writer = IncidentWriter(session, self.clock(), self.ids)
            for stream, findings in found.items():
                place = Place(publication.client_id, connection_id, stream, run_id)
                await writer.note(place, findings)
            for stream, told in tellers.items():
                await close_told_keys(session, connection_id, stream, told, writer.now)
            if not all(sync.replays for sync in run.syncs):  # a few days tell nothing of the rest
                await writer.resolve_passed(connection_id, run_id, run.streams)

    async def _findings(
        self, publication: Publication, run: _Published
    ) -> dict[str, list[Finding]]:
        source = self.sources.get(run.connection.source)
        if source is None:  # a file says what its sender means
            return {}
        zone = ZoneInfo(run.connection.settings["time_zone"])
        yesterday = self.clock().astimezone(zone).date() - dt.timedelta(days=1)
        found: dict[str, list[Finding]] = {}
        for stream in (name for name in run.streams if name in source.streams):
            fact = FACTS[source.streams[stream].fact]
            record = await self._record(publication, run, stream, fact, yesterday)
            found[stream] = [one for check in FOLLOW_UP_CHECKS for one in check(record)]
        for state in run.states:
            if state.stream in source.streams and state.covered_to is not None:
                stale = find_staleness(state.covered_to, yesterday)
                found.setdefault(state.stream, []).extend(stale)
        return found

    async def _tellers(self, publication: Publication, run: _Published) -> dict[str, Tellers]:
        """Of streams by key with open rows in quarantine: who has told their keys."""
        found: dict[str, Tellers] = {}
        for stream, fact in sorted({(sync.stream, sync.fact) for sync in run.syncs}):
            if FACTS[fact].supersession is Supersession.KEY:
                tenant_id, connection_id = publication.tenant_id, publication.connection_id
                async with self.database.session(tenant_id) as session:
                    keys = await list_open_keys(session, connection_id, stream)
                found[stream] = await read_tellers(
                    self.warehouse, tenant_id, connection_id, stream, fact, keys
                )
        return found

    async def _record(
        self,
        publication: Publication,
        run: _Published,
        stream: str,
        fact: Fact,
        yesterday: dt.date,
    ) -> StreamRecord:
        syncs = run.of(stream)
        replaced = _days_of(syncs)
        first, last = yesterday, yesterday
        if replaced is not None:
            first, last = min(first, replaced.start), max(last, replaced.end)
        return StreamRecord(
            source=run.connection.source,
            stream=stream,
            fact=fact,
            days=await self._days(publication, stream, fact, DateRange(first - HISTORY, last)),
            replaced=replaced,
            yesterday=yesterday,
            drift={text: detail for sync in syncs for text, detail in (sync.drift or {}).items()},
        )

    async def _days(
        self, publication: Publication, stream: str, fact: Fact, days: DateRange
    ) -> dict[dt.date, DayFigures]:
        parameters: Mapping[str, Parameter] = {
            CONNECTION_IDS: (str(publication.connection_id),),
            FIRST_DAY: days.start,
            LAST_DAY: days.end,
        }
        answer = await self.warehouse.run(
            TenantScope(publication.tenant_id, purpose=Purpose.STORAGE),
            published_figures(fact.name),
            parameters,
        )
        return {
            row["reporting_date"]: read_figures(fact, row)
            for row in answer.to_pylist()
            if row["stream"] == stream
        }


async def _read_run(session: TenantSession, publication: Publication) -> _Published:
    connection_id: ConnectionId = publication.connection_id
    syncs = select(Sync).where(
        Sync.run_id == publication.run_id,
        Sync.connection_id == connection_id,
        Sync.state == SyncState.PUBLISHED,
    )
    states = select(StreamState).where(StreamState.connection_id == connection_id)
    return _Published(
        connection=await session.get_one(Connection, (session.tenant_id, connection_id)),
        syncs=(await session.scalars(syncs.order_by(Sync.id))).all(),
        states=(await session.scalars(states.order_by(StreamState.stream))).all(),
    )


def _days_of(syncs: Sequence[Sync]) -> DateRange | None:
    """From the first to the last day that they replaced; None: rows of any day."""
    slices = [
        (sync.slice_from, sync.slice_to)
        for sync in syncs
        if sync.slice_from is not None and sync.slice_to is not None
    ]
    if len(slices) < len(syncs):
        return None
    return DateRange(min(first for first, _ in slices), max(last for _, last in slices))
