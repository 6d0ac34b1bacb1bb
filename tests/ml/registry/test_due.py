"""Work that is due: one a kind, with all its reasons, done by what was trained after the last."""

import pytest
from sqlalchemy import select

from ml.registry.due import list_due, note_retraining, settle_retraining
from ml.registry.retraining import Retraining
from tenancy.tables import ModelRetraining
from tests.ml.registry.conftest import DAY, NOW, Plant

pytestmark = pytest.mark.anyio


async def _note(plant: Plant, found: Retraining, kind: str = "forecast") -> None:
    async with plant.database.platform_session() as session:
        await note_retraining(session, kind, found, now=plant.now, ids=plant.ids)


async def _work(plant: Plant) -> list[ModelRetraining]:
    async with plant.database.platform_session() as session:
        return list(await session.scalars(select(ModelRetraining).order_by(ModelRetraining.id)))


async def test_reasons_join_what_is_open(plant: Plant) -> None:
    await _note(plant, Retraining(NOW + 28 * DAY, ("erased",)))
    plant.now += DAY
    await _note(plant, Retraining(NOW + 28 * DAY, ("erased",)))
    (work,) = await _work(plant)
    assert (work.due_at, work.reasons, work.noted_at) == (NOW + 28 * DAY, ["erased"], NOW)
    await _note(plant, Retraining(NOW + 2 * DAY, ("shifted", "erased")))
    await _note(plant, Retraining(NOW + 9 * DAY, ("aged",)))
    (work,) = await _work(plant)
    assert (work.due_at, work.noted_at) == (NOW + 2 * DAY, NOW + DAY)
    assert work.reasons == ["erased", "shifted", "aged"]


async def test_due_by_the_instant_and_by_kind(plant: Plant) -> None:
    await _note(plant, Retraining(NOW + 2 * DAY, ("aged",)))
    await _note(plant, Retraining(NOW, ("shifted",)), kind="response")
    for now, kinds in (
        (NOW - DAY, []),
        (NOW, ["response"]),
        (NOW + 2 * DAY, ["response", "forecast"]),
    ):
        async with plant.database.platform_session() as session:
            assert [work.kind for work in await list_due(session, now)] == kinds


async def test_only_what_was_seen_after_the_last_reason_is_enough(plant: Plant) -> None:
    await _note(plant, Retraining(NOW, ("shifted",)))
    early = await plant.candidate(b"early", NOW - DAY)
    late = await plant.candidate(b"late", NOW)
    async with plant.database.platform_session() as session:
        assert await settle_retraining(session, early, now=NOW + DAY) is None
        done = await settle_retraining(session, late, now=NOW + DAY)
        assert done is not None
        assert await settle_retraining(session, late, now=NOW + 2 * DAY) is None
    (work,) = await _work(plant)
    assert (work.done_at, work.version_id) == (NOW + DAY, late.id)
    await _note(plant, Retraining(NOW + 3 * DAY, ("aged",)))
    assert [one.reasons for one in await _work(plant)] == [["shifted"], ["aged"]]
