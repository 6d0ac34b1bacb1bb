"""A run waits for those who are about to begin, and for nobody for ever."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import update

from domain.privacy.rights import RequestState
from gdpr.erasure.job import ERASE_JOB, ErasureJobs
from tenancy.jobs import JobQueue
from tenancy.tables import SubjectRequest
from tenancy.unscoped import Doors
from tests.fakes.fake_jobs import FakeJobs
from tests.gdpr.erasure.test_not_taken import request_of, taken
from tests.gdpr.erasure.world import Agency, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Gathering:
    """A run's job; each time that it waits, the next of those who are ready begins."""

    world: World
    agency: Agency
    ready: list[uuid.UUID]
    jobs: FakeJobs = field(default_factory=FakeJobs)
    waited: list[float] = field(default_factory=list)

    async def run(self) -> dict[str, Any]:
        engine: Any = self.jobs
        erasing = ErasureJobs(self.world.eraser(), engine, Doors(self.world.database), self.sleep)
        erasing.register()
        job = await self.jobs.enqueue(
            ERASE_JOB, {"run_id": str(self.world.ids())}, queue=JobQueue.ERASURE, job_id="erase"
        )
        done: dict[str, Any] = await self.jobs.workflows[ERASE_JOB](self.jobs.steps, job.arguments)
        return done

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        if self.ready:
            await set_state(self.world, self.agency, self.ready.pop(0), RequestState.RUNNING)


async def set_state(
    world: World, agency: Agency, request_id: uuid.UUID, state: RequestState
) -> None:
    async with world.database.session(agency.tenant_id) as session:
        mine = update(SubjectRequest).where(SubjectRequest.id == request_id)
        await session.execute(mine.values(state=state))


async def asked(world: World, agency: Agency, number: int, state: RequestState) -> uuid.UUID:
    request_id = (await request_of(world, agency, number)).request_id
    await set_state(world, agency, request_id, state)
    return request_id


async def test_who_is_about_to_begin_is_in_the_run(world: World) -> None:
    agency, other = await world.agency("one"), await world.agency("two")
    await asked(world, agency, 0, RequestState.RUNNING)
    ready = [await asked(world, agency, number, RequestState.READY) for number in (1, 2)]
    await asked(world, other, 3, RequestState.HELD)
    gathering = Gathering(world, agency, ready)
    assert (await gathering.run())["people"] == 3
    assert gathering.waited == [1.0, 1.0]
    assert gathering.jobs.steps.names[:3] == ["gather", "take", "open"]


async def test_nobody_is_waited_for_longer_than_a_round(world: World) -> None:
    agency = await world.agency("one")
    await asked(world, agency, 0, RequestState.RUNNING)
    stuck = await asked(world, agency, 1, RequestState.READY)
    gathering = Gathering(world, agency, [])
    assert (await gathering.run())["people"] == 1
    assert gathering.waited == [1.0] * 30
    await set_state(world, agency, stuck, RequestState.RUNNING)
    assert await taken(world, agency) == [stuck]
