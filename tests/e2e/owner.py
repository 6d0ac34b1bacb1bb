"""A process of its own that owns the platform, does one task, and may die at an exact moment.

    task + moment -> own_runtime -> connect | sync | import | resume -> Outcome
                          `-> statements to PostgreSQL and to the warehouse -> the moment: SIGKILL

It is forked from a server that has imported the platform already, which saves seconds a process.
"""

import asyncio
import dataclasses
import functools
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Engine, event, select

from api.bootstrap import open_runtime
from api.commands.lookup import list_connections
from api.commands.registry import COMMANDS
from api.commands.sync import follow_run
from api.control.front_door import CommandHost, own_runtime
from api.control.protocol import Invocation
from api.runtime import Runtime
from api.settings import load_settings
from domain.ids import RunId
from tenancy.tables import QuarantinedRow, StreamState, Sync, SyncRun
from tenancy.unscoped import TenantProfile
from tests.e2e.world import CLIENT, NOW, connect_google_ads, connect_shopify, make_agency

__all__ = ["LABELS", "Moment", "Outcome", "Task", "own"]

Task = Literal["connect", "sync", "import", "resume"]

# What marks a phase: who is told, and how the text begins.
LABELS: Final = {
    "object stored, manifest not": ("postgres", "INSERT INTO landing_objects"),
    "manifest stored, sync not landed": ("postgres", "select nextval"),
    "landed, not loaded": ("postgres", "SELECT syncs.tenant_id, syncs.client_id, syncs.connecti"),
    "raw load": ("warehouse", "INSERT INTO raw."),
    "versions": ("warehouse", "INSERT INTO facts."),
    "superseded rows": ("warehouse", "DELETE FROM marts."),
    "current rows": ("warehouse", "INSERT INTO marts."),
    "publication": ("postgres", "UPDATE landing_objects SET loaded_at"),
    "published, run not ended": ("postgres", "UPDATE sync_runs"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Just before the `count`-th statement of a phase."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the control plane says when all work has ended.

    Attributes:
        seen: How often each phase was passed.
    """

    runs: list[str]
    syncs: list[tuple[Any, ...]]
    coverage: list[tuple[Any, ...]]
    quarantine: list[tuple[Any, ...]]
    seen: dict[str, int]


@dataclass(slots=True)
class _Watch:
    """Counts phases once armed, and kills this process at the moment."""

    moment: Moment | None
    is_armed: bool = False
    seen: Counter[str] = dataclasses.field(default_factory=Counter)

    def note(self, channel: str, text: str) -> None:
        if not self.is_armed:
            return
        for label, (of_channel, beginning) in LABELS.items():
            if channel == of_channel and text.startswith(beginning):
                self.seen[label] += 1
                if self.moment == Moment(label, self.seen[label]):
                    os.kill(os.getpid(), signal.SIGKILL)


def own(
    state_dir: Path, task: Task, simulator_url: str, moment: Moment | None, answer: Connection
) -> None:
    """Do the task; sends an `Outcome` unless killed. Runs in a process of its own."""
    watch = _Watch(moment)

    def note_postgres(*arguments: Any) -> None:
        watch.note("postgres", arguments[2])

    event.listen(Engine, "before_cursor_execute", note_postgres)
    work = {"connect": _connect, "sync": _sync, "import": _import, "resume": _resume}[task]
    answer.send(asyncio.run(_own(state_dir, functools.partial(work, simulator_url, watch), watch)))


async def _own(state_dir: Path, work: Callable[[Runtime], Any], watch: _Watch) -> Outcome:
    host = CommandHost(
        load_registry=lambda: COMMANDS,
        open_runtime=functools.partial(
            open_runtime,
            clock=lambda: NOW,
            on_statement=functools.partial(watch.note, "warehouse"),
        ),
        command_line="test",
        clock=lambda: NOW,
        new_trace_id=lambda: "trace",
    )
    settings = load_settings({"BOSCO_STATE_DIR": str(state_dir)})
    async with own_runtime(settings, host) as runtime:
        await work(runtime)
        (tenant,) = await runtime.doors.list_tenants()
        return await _outcome(runtime, tenant, watch)


async def _connect(simulator_url: str, _: _Watch, runtime: Runtime) -> None:
    tenant = await make_agency(runtime, "northwind")
    await connect_google_ads(runtime, tenant, simulator_url)
    await connect_shopify(runtime, tenant, simulator_url)


async def _sync(_url: str, watch: _Watch, runtime: Runtime) -> None:
    """What `bosco sync` does; armed when all jobs are queued."""
    (tenant,) = await runtime.doors.list_tenants()
    pairs = await list_connections(runtime, tenant.tenant_id, {})
    run_id = RunId(runtime.ids())
    handles = await runtime.pipeline.start_run(
        tenant.tenant_id, run_id, [connection.id for connection, _ in pairs], "test"
    )
    watch.is_armed = True
    async for _ in follow_run(runtime, tenant, run_id, handles):
        pass


async def _import(_url: str, watch: _Watch, runtime: Runtime) -> None:
    """`bosco import` of the files beside the state folder."""
    watch.is_armed = True
    folder = runtime.settings.state_dir.parent
    arguments = {"tenant": "northwind", "client": CLIENT.shop, "actor": "test"}
    files = {"map": "map.yaml", "file": "ads.csv"}
    invocation = Invocation("import", {**arguments, **files}, str(folder))
    async for _ in COMMANDS.start(runtime, invocation):
        pass


async def _resume(_url: str, _watch: _Watch, runtime: Runtime) -> None:
    """Give no command: what was begun goes on by itself."""
    (tenant,) = await runtime.doors.list_tenants()
    pairs = await list_connections(runtime, tenant.tenant_id, {})
    async with runtime.database.session(tenant.tenant_id) as session:
        run_ids = (await session.scalars(select(SyncRun.id))).all()
    for run_id in run_ids:
        names = [f"import-{run_id}", *(f"sync-{run_id}-{pair[0].id}" for pair in pairs)]
        jobs = [job for name in names if (job := await runtime.jobs.find(name)) is not None]
        assert jobs
        for job in jobs:
            await job.result()


async def _outcome(runtime: Runtime, tenant: TenantProfile, watch: _Watch) -> Outcome:
    async with runtime.database.session(tenant.tenant_id) as session:
        runs = (await session.scalars(select(SyncRun))).all()
        syncs = (await session.scalars(select(Sync))).all()
        states = (await session.scalars(select(StreamState))).all()
        rejected = (await session.scalars(select(QuarantinedRow))).all()
    slices = {
        sync.id: (sync.source, sync.stream, sync.slice_from, sync.cursor_from) for sync in syncs
    }
    return Outcome(
        runs=[run.state.value for run in runs],
        syncs=sorted(
            (
                *map(str, slices[sync.id]),
                sync.state.value,
                sync.rows,
                sync.quarantined,
                sync.error_message,
            )
            for sync in syncs
        ),
        coverage=sorted(
            (s.stream, str(s.covered_from), str(s.covered_to), str(s.cursor)) for s in states
        ),
        quarantine=sorted(
            (*map(str, slices[r.sync_id]), r.row_number, r.field, r.reason, r.message, str(r.raw))
            for r in rejected
        ),
        seen=dict(watch.seen),
    )
