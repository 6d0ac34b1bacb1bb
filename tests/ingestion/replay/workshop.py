"""Two accounts that were sent the same records: one clean, one with bad values among them.

    records -> the extractor's own typing -> landing -> loader ... replay -> loader
    facts of the mended account == facts of the clean one

What is compared is everything but whose rows they are and which sync brought them when.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import select

from domain.facts import FACTS
from domain.ids import ConnectionId, RunId, SyncId
from ingestion.connector.answer import AnswerReader
from ingestion.connector.job import Account, Page
from ingestion.connector.source_file import load_all_sources
from ingestion.connector.spec import SourceSpec, StreamSpec
from ingestion.files.feeds import FILE_SOURCE, raw_file_stream
from ingestion.files.map_file import read_map
from ingestion.files.map_spec import MapSpec
from ingestion.files.read_file import read_file
from ingestion.landing.staged import StagedLanding, land_together
from ingestion.landing.target import LandingTarget
from ingestion.replay.decide import ReplayDecider
from ingestion.replay.land import ReplayLander
from ingestion.replay.plan import plan_replay
from tenancy.tables import (
    Connection,
    ConnectionState,
    QuarantinedRow,
    RunState,
    Sync,
    SyncRun,
    SyncState,
)
from tests.ingestion.plane import NOW, Agency, Plane

__all__ = ["ACCOUNT", "SOURCES", "Workshop", "parse_map"]

ACCOUNT: Final = Account("1", {}, "EUR", "Europe/Berlin")
SOURCES: Final = load_all_sources()
_WHOSE: Final = frozenset(
    {"tenant_id", "client_id", "connection_id", "sync_id", "version", "known_at"}
)


@dataclass
class Workshop:
    """Lands, replays and compares on a plane."""

    plane: Plane
    sources: Mapping[str, SourceSpec] = field(default_factory=lambda: SOURCES)

    async def account(self, slug: str, source: str) -> Agency:
        """An agency with one connection."""
        agency = await self.plane.agency(slug)
        connection_id = ConnectionId(self.plane.ids())
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                Connection(
                    id=connection_id,
                    client_id=agency.client_id,
                    source=source,
                    account_id="1",
                    label="",
                    settings={"currency": "EUR", "time_zone": "Europe/Berlin"},
                    credentials=None,
                    state=ConnectionState.ACTIVE,
                    start_date=dt.date(2026, 3, 1),
                    created_at=NOW,
                )
            )
        return dataclasses.replace(agency, connection_id=connection_id)

    async def send(
        self,
        agency: Agency,
        stream: StreamSpec,
        document: Any,
        days: tuple[int, int] | None = None,
    ) -> SyncId:
        """A sync of an answer's records; loaded."""
        reader = AnswerReader(stream, ACCOUNT)
        typed, _ = reader.read_document(orjson.dumps(document), 1, lambda _: None)
        page = Page(typed.batch, typed.rejected, typed.drift, 0, {}, 1, 1, last=True)
        sync_id = await self._plan(agency, stream.source, stream.name, stream.fact, days)
        writer = self.plane.writer(agency, sync_id, stream)
        await writer.add(page)
        await writer.finish()
        await self.load()
        return sync_id

    async def send_file(self, agency: Agency, path: Path, file_map: MapSpec) -> SyncId:
        """A sync of a file's first feed; loaded."""
        feed = file_map.feeds[0]
        stream = raw_file_stream(FACTS[feed.fact])
        name = file_map.stream_of(feed)
        sync_id = await self._plan(agency, FILE_SOURCE, name, feed.fact, None)
        target = LandingTarget(
            tenant_id=agency.tenant_id,
            client_id=agency.client_id,
            connection_id=agency.connection_id,
            sync_id=sync_id,
            stream=stream,
            api_version="map",
            currency="EUR",
            time_zone="Europe/Berlin",
        )
        stage = StagedLanding(self.plane.services, target)
        for page in read_file(path, file_map, account=ACCOUNT):
            await stage.add(page.batch, page.rejected)
        await land_together(self.plane.services, [stage])
        await self.load()
        return sync_id

    async def replay(
        self,
        agency: Agency,
        repair: Mapping[str, str] | None = None,
        *,
        file_map: MapSpec | None = None,
        rows: Sequence[int] | None = None,
    ) -> None:
        """Replay open rows, or those with these numbers, each with the repair."""
        run_id = RunId(self.plane.ids())
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                SyncRun(id=run_id, requested_by="user:1", state=RunState.RUNNING, started_at=NOW)
            )
            await session.flush()
            for row in await session.scalars(select(QuarantinedRow)):
                if rows is None or row.row_number in rows:
                    row.replay_run_id, row.repair = run_id, dict(repair or {}) or None
        await self.place(agency, run_id, file_map)
        await self.load()

    async def place(self, agency: Agency, run_id: RunId, file_map: MapSpec | None = None) -> None:
        """Plan and land the rows of a run, as the place job does."""
        plane = self.plane
        decider = ReplayDecider(plane.services, plane.warehouse, self.sources)
        lander = ReplayLander(plane.services, plane.publisher, self.sources)
        run = (agency.tenant_id, run_id, agency.connection_id, file_map)
        await plan_replay(decider, *run)
        await lander.land(*run)

    async def load(self) -> None:
        """Load whatever has landed."""
        streams = [stream for one in self.sources.values() for stream in one.streams.values()]
        streams += [raw_file_stream(fact) for fact in FACTS.values()]
        await self.plane.loader(
            streams={stream.raw_table.qualified: stream for stream in streams}
        ).load_pending()

    async def facts(self, agency: Agency, fact: str) -> list[tuple[Any, ...]]:
        """The current view of a fact, row for row."""
        names = [c.name for c in FACTS[fact].all_columns if c.name not in _WHOSE]
        selected = ", ".join(f"m.{name}" for name in names)
        return await self.plane.rows(
            agency,
            f"SELECT {selected} FROM marts.{fact} AS m ORDER BY m.reporting_date, m.natural_key",
        )

    async def quarantine(self, agency: Agency) -> list[tuple[int, str, str, str]]:
        """Number, state, field and message of every row."""
        async with self.plane.database.session(agency.tenant_id) as session:
            query = select(QuarantinedRow).order_by(QuarantinedRow.id)
            return [
                (row.row_number, row.state.value, row.field or "", row.message)
                for row in await session.scalars(query)
            ]

    async def _plan(
        self,
        agency: Agency,
        source: str,
        stream: str,
        fact: str,
        days: tuple[int, int] | None,
    ) -> SyncId:
        sync_id = SyncId(self.plane.ids())
        start = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
        by_cursor = days is None and source != FILE_SOURCE
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                Sync(
                    id=sync_id,
                    run_id=agency.run_id,
                    client_id=agency.client_id,
                    connection_id=agency.connection_id,
                    source=source,
                    stream=stream,
                    fact=fact,
                    slice_from=dt.date(2026, 3, days[0]) if days else None,
                    slice_to=dt.date(2026, 3, days[1]) if days else None,
                    cursor_from=start if by_cursor else None,
                    cursor_to=NOW if by_cursor else None,
                    api_version="v1",
                    state=SyncState.EXTRACTING,
                )
            )
        return sync_id


def parse_map(text: str) -> MapSpec:
    """A map from its text."""
    return read_map(text, "map.yaml")
