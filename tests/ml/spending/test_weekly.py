"""Curves are learnt every week, one job a day for each agency, and go with an erasure."""

import datetime as dt
from collections.abc import Sequence
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import TenantId
from ml.spending.weekly import RESPONSE_JOB, ResponseRounds
from tenancy.jobs import JobEngine
from tenancy.privacy.model_marks import mark_models
from tenancy.tables import ErasureCause, ErasureRun, ResponseCurves
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.ledger import at, day
from tests.ml.spending.world import World

pytestmark = pytest.mark.anyio

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def local(hour: int, zone: str = BERLIN) -> dt.datetime:
    return dt.datetime.combine(day(30), dt.time(hour), ZoneInfo(zone)).astimezone(dt.UTC)


class Rounds:
    """The rounds of two agencies; the other one has told nothing."""

    def __init__(self, world: World) -> None:
        self.world, self.jobs = world, FakeJobs()
        self.rounds = ResponseRounds(
            cast("JobEngine", self.jobs), world.learning, self._agencies, world.clock
        )
        self.rounds.register()

    async def _agencies(self) -> Sequence[tuple[TenantId, str]]:
        return [(self.world.tenant_id, BERLIN), (self.world.other, NEW_YORK)]

    async def go(self, now: dt.datetime) -> list[str]:
        """One round, and its jobs; whose jobs are known by now."""
        self.world.clock.now = now
        await self.rounds.go_round()
        await self.jobs.work()
        return [str(job.arguments["tenant_id"]) for job in self.jobs.jobs.values()]


async def _kept(world: World, tenant_id: TenantId) -> list[ResponseCurves]:
    order = (ResponseCurves.level, ResponseCurves.measure)
    async with world.database.session(tenant_id) as session:
        return list(await session.scalars(select(ResponseCurves).order_by(*order)))


async def test_each_agency_learns_in_its_morning_and_again_after_a_week(world: World) -> None:
    await world.tell()
    rounds, own, other = Rounds(world), str(world.tenant_id), str(world.other)
    assert await rounds.go(local(8)) == []
    assert await rounds.go(local(9)) == [own]
    kept = await _kept(world, world.tenant_id)
    assert [(one.level.value, one.measure) for one in kept] == [
        *(("campaign", "conversions"), ("campaign", "revenue")),
        *(("channel", "conversions"), ("channel", "revenue")),
    ]
    assert {one.as_of for one in kept} == {local(9)}
    assert await rounds.go(local(9, NEW_YORK)) == [own, other]
    assert await _kept(world, world.other) == []
    assert await rounds.go(local(9) + dt.timedelta(days=6)) == [own, other]
    await world.tell(known_to=36)
    assert (await rounds.go(local(9) + dt.timedelta(days=7))).count(own) == 2
    assert {one.as_of for one in await _kept(world, world.tenant_id)} == {world.clock()}


async def test_a_client_that_has_stopped_keeps_no_curves(world: World) -> None:
    await world.tell()
    rounds = Rounds(world)
    await rounds.go(local(9))
    assert len(await _kept(world, world.tenant_id)) == 4
    await rounds.go(local(9) + dt.timedelta(days=60))
    assert await _kept(world, world.tenant_id) == []


async def test_an_erasure_deletes_the_curves_of_its_agency(world: World) -> None:
    await world.tell()
    await Rounds(world).go(local(9))
    for tenant_id, left in ((world.other, 4), (world.tenant_id, 0)):
        run_id = uuid7()
        async with world.database.session(tenant_id) as session:
            session.add(
                ErasureRun(
                    id=run_id,
                    cause=ErasureCause.REQUESTS,
                    plan={},
                    round=0,
                    plan_hash="",
                    started_at=at(31),
                    finished_at=at(31),
                )
            )
            await session.flush()
            await mark_models(session, run_id, at(31))
        assert len(await _kept(world, world.tenant_id)) == left


def test_the_job_is_known_by_its_name() -> None:
    assert RESPONSE_JOB == "fit_response"
