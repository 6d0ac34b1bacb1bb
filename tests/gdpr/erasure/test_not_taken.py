"""Whom a run takes, and requests that none takes: they say so, and nothing is erased."""

import asyncio
import uuid

import pytest
from sqlalchemy import update

from domain.privacy.identifiers import email, platform_id
from gdpr.erasure.job import (
    ErasureJobs,
    StaffNotErasableError,
    _waiting,
)
from gdpr.erasure.run import PlainSteps
from gdpr.erasure.work import RunRequest
from gdpr.requests.run import run_row
from tenancy.jobs import JobEngine, JobsConfig
from tenancy.tables import SubjectRequest
from tenancy.unscoped import Doors
from tests.gdpr.erasure.world import Agency, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio


def jobs_of(world: World, database_url: str) -> ErasureJobs:
    engine = JobEngine(JobsConfig(database_url), executor_id="test")
    return ErasureJobs(world.eraser(), engine, Doors(world.database), asyncio.sleep)


async def request_of(world: World, agency: Agency, number: int) -> RunRequest:
    person = platform_id(str(7_000_000_000_000 + number), agency.connection_id)
    return await world.request(agency, [person, email(f"person{number}@shop.example")])


async def hold(world: World, agency: Agency, request_id: uuid.UUID, *categories: str) -> None:
    async with world.database.session(agency.tenant_id) as session:
        (await run_row(session, request_id)).held_categories = list(categories)


async def taken(world: World, agency: Agency, *held: str) -> list[uuid.UUID]:
    async with world.database.session(agency.tenant_id) as session:
        return [one.request_id for one in await _waiting(session, None, held)]


async def test_a_run_takes_those_of_whom_holds_keep_the_same(world: World) -> None:
    agency = await world.agency("one")
    held = (await request_of(world, agency, 1)).request_id
    free = (await request_of(world, agency, 2)).request_id
    orders, both = ("user.behavior.purchase_history",), ("user.account", "user.contact")
    await hold(world, agency, held, *orders)
    assert await taken(world, agency, *orders) == [held]
    assert await taken(world, agency, *both) == []
    assert await taken(world, agency) == [free]
    await hold(world, agency, held)
    assert await taken(world, agency) == sorted([held, free])


async def test_twenty_requests_are_taken_by_one_run(world: World) -> None:
    agency = await world.agency("one")
    asked = [(await request_of(world, agency, number)).request_id for number in range(20)]
    assert await taken(world, agency) == sorted(asked)


async def test_who_has_no_account_of_the_agency_is_not_erased(
    world: World, database_url: str
) -> None:
    agency = await world.agency("one")
    staff = (await request_of(world, agency, 1)).request_id
    async with world.database.session(agency.tenant_id) as session:
        await session.execute(update(SubjectRequest).values(client_id=None, subject_id=None))
    with pytest.raises(
        StaffNotErasableError,
        match="this request is about the agency's own people, and names no account",
    ):
        await jobs_of(world, database_url).fulfil(PlainSteps(), agency.tenant_id, staff)
    assert await taken(world, agency) == []
