"""The state of agencies, read once for all who wait for it."""

import asyncio
import gc
import uuid
from typing import Any

import pytest

from api.graphql.tenants import SchemaStore, TenantStates
from domain.errors import NotFoundError
from domain.ids import TenantId
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

NOBODY = TenantId(uuid.UUID(int=404))


async def test_those_who_wait_together_get_one_state(edge: Edge, northwind: Agency) -> None:
    states = TenantStates(edge.database, SchemaStore(), edge.clock)
    first, second = await asyncio.gather(*(states.get(northwind.tenant_id) for _ in range(2)))
    assert first is second
    assert first.slug == "northwind"


async def test_failure_is_told_to_all_who_wait(edge: Edge) -> None:
    states = TenantStates(edge.database, SchemaStore(), edge.clock)
    told = await asyncio.gather(*(states.get(NOBODY) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in told] == [NotFoundError, NotFoundError]


async def test_failure_that_nobody_waits_for_any_more_is_no_noise(edge: Edge) -> None:
    noise: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: noise.append(context))
    states = TenantStates(edge.database, SchemaStore(), edge.clock)
    others = asyncio.all_tasks()
    try:
        waiting = asyncio.create_task(states.get(NOBODY))
        await asyncio.sleep(0)
        reading = asyncio.all_tasks() - others - {waiting}
        waiting.cancel()
        await asyncio.wait(reading)
        del reading, waiting
        gc.collect()  # an exception that nobody took is told when its task goes
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(usual)
    assert noise == []
