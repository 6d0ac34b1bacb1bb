"""Nothing is lost, and nothing counts twice, when the owner is killed at any moment of a sync.

    connected state, copied -> sync, undisturbed        -> expected
                            `-> sync, SIGKILL at a moment -> opened again -> the same, row by row

The moments are drawn by a seed over the phases that the undisturbed run passed.
"""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psutil
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.facts import FACTS
from domain.facts.fact import Supersession
from ingestion.connector.source_file import load_source
from ingestion.simulator.server import SimulatorServer, create_simulator
from tests.api.embedded.processes import survivors
from tests.e2e import owner
from tests.e2e.owner import LABELS, Moment, Outcome, Task
from tests.e2e.world import NOW, small_world

pytestmark = pytest.mark.slow

SEED = 20261102
BETWEEN_PAGES = "between pages"
MOMENTS = (BETWEEN_PAGES, *LABELS)
PATIENCE_SECONDS = 120.0
# Some rows go to quarantine, and orders come in so many pages that they land in several objects.
FAULTS = (
    {"kind": "changed_type", "match": {"operation": "keyword_view"}, "rows": 2, "times": None},
    {"kind": "half_page", "match": {"operation": "Orders"}, "times": None},
)
MAP = """
map: agency_sheet
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day, channel]
    columns:
      reporting_date: day
      channel: {from: channel, enum: {A: paid_search, B: tv}}
      spend: cost
"""
RUN_COLUMNS = ("sync_id", "version", "known_at")  # tell runs apart, not data

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([owner.__name__])


@dataclass(slots=True)
class Assassin:
    """Kills a process when so many requests have reached the simulator."""

    pid: int = 0
    at_request: int = 0
    requests: int = 0

    def note(self) -> None:
        self.requests += 1
        if self.requests == self.at_request:
            os.kill(self.pid, signal.SIGKILL)


class Watched:
    """ASGI middleware that tells of each request to a platform."""

    def __init__(self, app: ASGIApp, assassin: Assassin) -> None:
        self._app = app
        self._assassin = assassin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith("/_control"):
            self._assassin.note()
        await self._app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where runs take place: a simulator, a connected state folder to copy, a place for copies."""

    url: str
    folder: Path
    assassin: Assassin
    copies: list[Path] = field(default_factory=list)

    def copy(self) -> Path:
        """A new state folder, connected and not yet synced."""
        self.copies.append(self.folder / f"state-{len(self.copies)}")
        command = ["cp", "--archive", str(self.folder / "connected"), str(self.copies[-1])]
        subprocess.run(command, check=True)  # noqa: S603 - owners and modes have to stay
        return self.copies[-1]

    def run(self, state: Path, task: Task, moment: Moment | None = None) -> Outcome | None:
        """Run an owner to its end; None when it was killed. Nothing of it is left behind."""
        httpx.post(f"{self.url}/_control/reset").raise_for_status()
        for fault in FAULTS:
            httpx.post(f"{self.url}/_control/faults", json=fault).raise_for_status()
        answer, question = _processes.Pipe(duplex=False)
        with answer, question:
            arguments = (state, task, self.url, moment, question)
            process = _processes.Process(target=owner.own, args=arguments)
            process.start()
            assert process.pid is not None
            self._aim(process.pid, moment)
            process.join(PATIENCE_SECONDS)
            question.close()
            assert survivors(_processes_of(state)) == []
            if process.exitcode == -signal.SIGKILL:
                return None
            assert process.exitcode == 0
            outcome: Outcome = answer.recv()
        return outcome

    def _aim(self, pid: int, moment: Moment | None) -> None:
        is_mine = moment is not None and moment.label == BETWEEN_PAGES
        self.assassin.pid = pid
        self.assassin.requests = 0
        self.assassin.at_request = moment.count if moment is not None and is_mine else 0


def _processes_of(state: Path) -> list[psutil.Process]:
    """The servers of a state folder, and their supervisor."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"{state}/" in word or word == str(state) for word in process.info["cmdline"] or ())
    ]


@pytest.fixture(scope="module")
def stage(open_folder: Path) -> Iterator[Stage]:
    """The world is connected once, the hard way; every run begins from a copy."""
    assassin = Assassin()
    app = create_simulator(small_world(orders_a_day=(84, 90)), wall=lambda: NOW)
    app.add_middleware(Watched, assassin=assassin)
    with SimulatorServer(app) as server:
        stage = Stage(server.url, open_folder, assassin)
        assert stage.run(open_folder / "connected", "connect") is not None
        yield stage


@dataclass(frozen=True, slots=True)
class Expected:
    """What the undisturbed run left behind."""

    state: Path
    outcome: Outcome
    warehouse: dict[str, Any]
    counts: dict[str, int]  # how often each phase was passed


@pytest.fixture(scope="module")
def expected(stage: Stage) -> Expected:
    state = stage.copy()
    outcome = stage.run(state, "sync")
    assert outcome is not None
    counts = {**outcome.seen, BETWEEN_PAGES: stage.assassin.requests}
    return Expected(state, outcome, read_warehouse(state), counts)


@pytest.fixture(scope="module")
def imported(stage: Stage) -> Expected:
    (stage.folder / "map.yaml").write_text(MAP)
    days = [f"2026-09-{day:02},{channel},{day}.25" for day in range(1, 31) for channel in "AB"]
    (stage.folder / "ads.csv").write_text("\n".join(["day,channel,cost", *days, "never,A,1", ""]))
    state = stage.copy()
    outcome = stage.run(state, "import")
    assert outcome is not None
    # The import itself makes its connection, under a new id.
    return Expected(state, outcome, read_warehouse(state, "connection_id"), outcome.seen)


def read_warehouse(state: Path, *also_hidden: str) -> dict[str, Any]:
    """All rows that count, without what tells one run from another.

    Facts and marts are compared row by row, doubles included. Raw rows are compared as a set: the
    batch that a crash cut short may be loaded again together with later syncs.
    """
    contents: dict[str, Any] = {}
    with duckdb.connect(str(state / "warehouse.duckdb"), read_only=True) as warehouse:
        tables = warehouse.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
            " WHERE schema_name IN ('raw', 'facts', 'marts') ORDER BY ALL"
        ).fetchall()
        for (name,) in tables:
            described = warehouse.execute(f"DESCRIBE {name}").fetchall()
            hidden = [*RUN_COLUMNS, "object_id", *also_hidden]
            columns = [column for column, *_ in described if column not in hidden]
            distinct = "DISTINCT" if name.startswith("raw.") else ""
            contents[name] = warehouse.execute(
                f"SELECT {distinct} {', '.join(columns)} FROM {name} ORDER BY ALL"
            ).fetchall()
    return contents


def stored_objects(state: Path) -> list[str]:
    """Parquet objects by sync-independent place: source, stream and part; and nothing else."""
    files = [path for path in (state / "landing").rglob("*") if path.is_file()]
    return sorted(
        "/".join(part for part in file.parts[-5:] if not part.startswith(("sync=", "tenant=")))
        for file in files
    )


def check_keys(state: Path) -> None:
    """The current view holds each record once."""
    with duckdb.connect(str(state / "warehouse.duckdb"), read_only=True) as warehouse:
        for fact in FACTS.values():
            day = ", reporting_date" if fact.supersession is Supersession.SLICE else ""
            twice = warehouse.execute(
                f"SELECT natural_key FROM marts.{fact.name}"
                f" GROUP BY tenant_id, connection_id, stream, natural_key{day} HAVING count(*) > 1"
            ).fetchall()
            assert twice == []


def test_the_undisturbed_run_is_worth_comparing_with(expected: Expected) -> None:
    assert expected.outcome.runs == ["succeeded"]
    assert {sync[4] for sync in expected.outcome.syncs} == {"published"}
    # Three slices of campaigns, two of each other stream of Google Ads, four streams of Shopify.
    assert len(expected.outcome.syncs) == 3 + 5 * 2 + 4
    assert len(expected.outcome.quarantine) == 2 * 2  # two rows of each slice of keywords
    read = [
        stream
        for source in ("google_ads", "shopify")
        for stream in load_source(source).streams.values()
    ]
    filled = {name for name, rows in expected.warehouse.items() if rows}
    assert {stream.raw_table.qualified for stream in read} <= filled
    assert {f"{schema}.{stream.fact}" for schema in ("facts", "marts") for stream in read} <= filled
    assert sorted(expected.counts) == sorted(MOMENTS)
    assert stored_objects(expected.state)[-3:] == [
        "source=shopify/stream=orders/part-00000.parquet",
        "source=shopify/stream=orders/part-00001.parquet",
        "source=shopify/stream=refunds/part-00000.parquet",
    ]


@pytest.mark.parametrize("label", ["object stored, manifest not", "versions", "publication"])
def test_a_killed_import_goes_on_and_ends_the_same(
    stage: Stage, imported: Expected, label: str
) -> None:
    state = stage.copy()
    assert stage.run(state, "import", Moment(label, 1)) is None
    outcome = stage.run(state, "resume")
    assert outcome is not None
    assert (outcome.runs, outcome.syncs) == (imported.outcome.runs, imported.outcome.syncs)
    assert outcome.quarantine == imported.outcome.quarantine
    assert outcome.coverage == imported.outcome.coverage
    assert read_warehouse(state, "connection_id") == imported.warehouse
    check_keys(state)
    shutil.rmtree(state)


def test_the_undisturbed_import_is_worth_comparing_with(imported: Expected) -> None:
    assert imported.outcome.runs == ["succeeded"]
    assert [sync[5:7] for sync in imported.outcome.syncs] == [(60, 1)]  # rows, quarantined
    assert len(imported.warehouse["marts.ads_daily"]) == 60


@pytest.mark.parametrize("label", MOMENTS)
def test_a_killed_sync_goes_on_and_ends_the_same(
    stage: Stage, expected: Expected, label: str
) -> None:
    # How often a phase of loading is passed depends on how work was batched: draw from the first
    # half, which is always there.
    chance = random.Random(f"{SEED} {label}")  # noqa: S311 - a test draws the same moment again
    moment = Moment(label, chance.randint(1, (expected.counts[label] + 1) // 2))
    state = stage.copy()
    assert stage.run(state, "sync", moment) is None, f"the run never came to {moment}"

    outcome = stage.run(state, "resume")

    assert outcome is not None
    assert outcome.runs == expected.outcome.runs
    assert outcome.syncs == expected.outcome.syncs
    assert outcome.coverage == expected.outcome.coverage
    assert outcome.quarantine == expected.outcome.quarantine
    assert read_warehouse(state) == expected.warehouse
    assert stored_objects(state) == stored_objects(expected.state)
    check_keys(state)
    shutil.rmtree(state)
