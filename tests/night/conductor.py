"""Conductors: the product's dispatcher, and the plainest one to compare it with.

The plain one knows every place and starts, first come, first served, those that are ready. Of a
platform whose last sync failed, or that grants few calls, it syncs one connection at a time: more
of them would only keep slots waiting.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import RunId
from ingestion.schedule.dispatcher import LOOK_SECONDS, PLAN_EVERY, dispatcher_of
from tenancy.jobs import JobHandle, JobStatus
from tenancy.tables import RunState, SyncRun
from tenancy.unscoped import Doors
from tests.night.places import LIMITS, Place
from tests.night.stage import CONDUCTOR, Conductor, Night

__all__ = ["conduct_by_schedule", "conduct_plainly"]

FEW_CALLS: Final = 60  # in an hour
BACK_OFF: Final = dt.timedelta(minutes=5)


def conduct_by_schedule(*, look_seconds: float = LOOK_SECONDS) -> Conductor:
    """Let the product do it, as often as it does by itself; no failure is put up with."""

    async def conduct(night: Night) -> None:
        plane = night.plane
        dispatcher = dispatcher_of(plane.pipeline, Doors(plane.database), plane.budget)
        plan_at = night.time.clock()
        while True:
            if night.time.clock() >= plan_at:
                await dispatcher.plan()
                plan_at = night.time.clock() + PLAN_EVERY
            await dispatcher.look()
            await night.time.sleeper(CONDUCTOR)(look_seconds)

    return conduct


async def conduct_plainly(night: Night) -> None:
    """Start who has been ready for longest, and look around once a minute."""
    board = _Board({place: place.ready_at for place in night.places})
    while True:
        await _note_ends(night, board)
        now = night.time.clock()
        ready = (place for place, at in board.waiting.items() if at <= now)
        for place in sorted(ready, key=lambda place: place.ready_at):
            if len(board.running) < night.slots and board.may_start(place, now):
                await _start(night, board, place)
        await night.time.sleeper(CONDUCTOR)(60.0)


@dataclass(slots=True)
class _Board:
    """Who waits until when, who runs, and the platforms whose last sync failed until when."""

    waiting: dict[Place, dt.datetime]
    running: dict[Place, tuple[RunId, JobHandle]] = field(default_factory=dict)
    failing: dict[str, dt.datetime] = field(default_factory=dict)

    def may_start(self, place: Place, now: dt.datetime) -> bool:
        if now < self.failing.get(place.source, now):
            return False
        limit = LIMITS[place.source]
        if place.source not in self.failing and (limit is None or limit > FEW_CALLS):
            return True
        return all(other.source != place.source for other in self.running)

    def end(self, place: Place, now: dt.datetime, *, succeeded: bool) -> None:
        del self.running[place]
        if succeeded:
            self.failing.pop(place.source, None)
        else:
            self.waiting[place] = now
            self.failing[place.source] = now + BACK_OFF


async def _start(night: Night, board: _Board, place: Place) -> None:
    run_id = RunId(uuid7())
    (handle,) = await night.plane.pipeline.start_run(
        place.tenant_id, run_id, [place.connection_id], "conductor", deadline=place.deadline_at
    )
    del board.waiting[place]
    board.running[place] = (run_id, handle)


async def _note_ends(night: Night, board: _Board) -> None:
    for place, (run_id, handle) in list(board.running.items()):
        if await handle.status() is JobStatus.SUCCEEDED:
            async with night.plane.database.session(place.tenant_id) as session:
                state = await session.scalar(select(SyncRun.state).where(SyncRun.id == run_id))
            board.end(place, night.time.clock(), succeeded=state is RunState.SUCCEEDED)
