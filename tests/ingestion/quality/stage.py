"""Scenarios: weeks of an account's life, then a run; played for many accounts at once.

    history of every scenario -> one load -> follow-up -> the run of every scenario -> one load
    -> follow-up -> incidents by scenario

Everything is real but the clock, which stands at NOW.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from domain.ids import ConnectionId, RunId, SyncId
from domain.ports import Publication
from ingestion.connector.job import Drift, RejectedRow
from ingestion.connector.source_file import load_all_sources
from ingestion.publication import PublicationJobs
from ingestion.quality.follow_up import QualityFollowUp
from tenancy.tables import (
    Connection,
    ConnectionState,
    Incident,
    IncidentState,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
)
from tests.ingestion.plane import NOW, Agency, Plane, page
from tests.ingestion.quality.accounts import STREAMS, Rows

__all__ = ["FIRST", "LAST", "RUN_FIRST", "USUAL_LAST", "Brought", "Played", "Scenario", "Stage"]

# Nine weeks of habit, then a run that reads the last six days again and one new day, a Thursday.
FIRST: Final = dt.date(2026, 1, 12)
USUAL_LAST: Final = dt.date(2026, 3, 18)
RUN_FIRST: Final = dt.date(2026, 3, 13)
LAST: Final = dt.date(2026, 3, 19)

SOURCES: Final = load_all_sources()


@dataclass(frozen=True, slots=True)
class Brought:
    """What one sync of a stream brings.

    Attributes:
        rows: As the extractor hands them out.
        first: First day that it covers.
        last: Last day, included.
        rejected: Rows that could not be typed.
        drift: What its source file does not know.
    """

    rows: Rows
    first: dt.date = RUN_FIRST
    last: dt.date = LAST
    rejected: int = 0
    drift: tuple[Drift, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """An account's habit, a run, and what has to be found.

    Attributes:
        habit: Stream -> its sync of the weeks before; empty: a new account.
        run: Stream -> what the run brings.
        found: Check -> severity; empty: nothing.
        behind: Another stream of the connection -> the last day that it has published.
    """

    habit: Mapping[str, Brought]
    run: Mapping[str, Brought]
    found: Mapping[str, str] = field(default_factory=dict)
    behind: Mapping[str, dt.date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """How a scenario ended.

    Attributes:
        incidents: Open ones, check -> severity.
        messages: Check -> what was found.
        states: Of the syncs of the run, by stream.
    """

    agency: Agency
    incidents: Mapping[str, str]
    messages: Mapping[str, str]
    states: Mapping[str, SyncState]


class Stage:
    """Plays scenarios on a plane."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        streams = [stream for source in SOURCES.values() for stream in source.streams.values()]
        self.loader = plane.loader(streams={s.raw_table.qualified: s for s in streams})
        self.now = NOW
        self.follow_up = QualityFollowUp(
            plane.database, plane.warehouse, SOURCES, lambda: self.now, plane.ids
        )

    async def play(self, scenarios: Mapping[str, Scenario]) -> dict[str, Played]:
        """Play all of them side by side."""
        agencies = {
            name: await self.account(name, scenario) for name, scenario in scenarios.items()
        }
        for name, scenario in scenarios.items():
            await self.land(agencies[name], scenario.habit)
            for stream, covered_to in scenario.behind.items():
                await self._set_coverage(agencies[name], stream, covered_to)
        self.now = NOW - dt.timedelta(days=1)
        await self.load_and_follow(agencies.values())
        self.now = NOW
        runs = {name: await self.new_run(agency) for name, agency in agencies.items()}
        for name, scenario in scenarios.items():
            await self.land(runs[name], scenario.run)
        await self.load_and_follow(runs.values())
        return {name: await self.outcome(agency) for name, agency in runs.items()}

    async def account(self, slug: str, scenario: Scenario) -> Agency:
        """An agency with one connection to the platform of the scenario."""
        agency = await self.plane.agency(slug.replace(" ", "-"))
        source = STREAMS[next(iter(scenario.run))].source
        connection_id = ConnectionId(self.plane.ids())
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                Connection(
                    id=connection_id,
                    client_id=agency.client_id,
                    source=source,
                    account_id="7012345678901234567",
                    label="",
                    settings={"currency": "EUR", "time_zone": "Europe/Berlin"},
                    credentials=None,
                    state=ConnectionState.ACTIVE,
                    start_date=FIRST,
                    created_at=NOW,
                )
            )
        return dataclasses.replace(agency, connection_id=connection_id)

    async def new_run(self, agency: Agency) -> Agency:
        """The same account in its next run."""
        run_id = RunId(self.plane.ids())
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                SyncRun(id=run_id, requested_by="test", state=RunState.RUNNING, started_at=NOW)
            )
        return dataclasses.replace(agency, run_id=run_id)

    async def land(self, agency: Agency, brought: Mapping[str, Brought]) -> list[SyncId]:
        """Land syncs, as an extraction would."""
        return [await self._land(agency, name, one) for name, one in brought.items()]

    async def _land(self, agency: Agency, name: str, brought: Brought) -> SyncId:
        stream = STREAMS[name]
        sync_id = SyncId(self.plane.ids())
        by_day = stream.slice.kind == "date"
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                Sync(
                    id=sync_id,
                    run_id=agency.run_id,
                    client_id=agency.client_id,
                    connection_id=agency.connection_id,
                    source=stream.source,
                    stream=stream.name,
                    fact=stream.fact,
                    slice_from=brought.first if by_day else FIRST,
                    slice_to=brought.last if by_day else None,
                    cursor_from=None if by_day else NOW - dt.timedelta(days=70),
                    cursor_to=None if by_day else NOW,
                    api_version="v1",
                    state=SyncState.EXTRACTING,
                )
            )
        rejects = [
            RejectedRow(n, "spend", "not_a_number", "is not a number", f'{{"n": {n}}}')
            for n in range(1, brought.rejected + 1)
        ]
        whole = page(brought.rows, stream, first=brought.rejected + 1, rejects=rejects, last=True)
        writer = self.plane.writer(agency, sync_id, stream)
        await writer.add(dataclasses.replace(whole, drift=brought.drift))
        await writer.finish()
        return sync_id

    async def load_and_follow(self, agencies: Iterable[Agency]) -> None:
        """Load whatever has landed, then follow each account's run up."""
        await self.loader.load_pending()
        for agency in agencies:
            publication = await self.publication(agency)
            if publication is not None:
                await self.follow_up.published(publication)

    async def publication(self, agency: Agency) -> Publication | None:
        """What the account's run has published, as the follow job finds it."""
        jobs = PublicationJobs(self.plane.database, None, self.loader, None)  # type: ignore[arg-type]  # no jobs here
        return await jobs._publication(  # noqa: SLF001  # the step alone
            agency.tenant_id, agency.run_id, agency.connection_id
        )

    async def outcome(self, agency: Agency) -> Played:
        """What is open now, and how the run's syncs ended."""
        async with self.plane.database.session(agency.tenant_id) as session:
            query = select(Incident).where(Incident.state != IncidentState.RESOLVED)
            incidents = (await session.scalars(query)).all()
            syncs = await session.scalars(select(Sync).where(Sync.run_id == agency.run_id))
            states = {sync.stream: sync.state for sync in syncs}
        return Played(
            agency,
            {one.check_name: one.severity.value for one in incidents},
            {one.check_name: one.message for one in incidents},
            states,
        )

    async def _set_coverage(self, agency: Agency, stream: str, covered_to: dt.date) -> None:
        """Let a stream have fallen behind."""
        async with self.plane.database.session(agency.tenant_id) as session:
            session.add(
                StreamState(
                    connection_id=agency.connection_id,
                    stream=stream,
                    cursor=None,
                    covered_from=FIRST,
                    covered_to=covered_to,
                    published_at=NOW,
                )
            )
