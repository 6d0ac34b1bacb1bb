"""People are erased: models that saw their agency are marked, replaced and deleted."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import TenantId
from gdpr.erasure.models import alert_overdue_models
from ml.registry.states import ModelMoveError
from tenancy.alerts import AlertKind
from tenancy.privacy.model_marks import mark_models
from tenancy.tables import (
    ErasureCause,
    ErasureRun,
    ModelErasure,
    ModelState,
    ModelVersion,
    RaisedAlert,
)
from tests.ml.registry.conftest import DAY, GOOD, JOB, NOW, Plant

pytestmark = pytest.mark.anyio

S = ModelState


async def _erase(plant: Plant, tenant_id: TenantId, *, ends: bool = True) -> uuid.UUID:
    """A run begins, marks, and ends."""
    run_id = plant.ids()
    async with plant.database.session(tenant_id) as session:
        session.add(
            ErasureRun(
                id=run_id,
                cause=ErasureCause.REQUESTS,
                plan={},
                round=0,
                plan_hash="",
                started_at=plant.now,
                finished_at=plant.now if ends else None,
            )
        )
        await session.flush()
        for _ in range(2):
            await mark_models(session, run_id, plant.now)
    return run_id


async def _marks(
    plant: Plant, tenant_id: TenantId
) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[dt.datetime, dt.datetime | None]]:
    """By run and version; without the rows that every table is filled with."""
    async with plant.database.session(tenant_id) as session:
        known = select(ModelErasure).join(ModelVersion, ModelVersion.id == ModelErasure.version_id)
        rows = await session.scalars(known.where(ModelErasure.marked_at >= NOW))
        return {(r.run_id, r.version_id): (r.retrain_by, r.retrained_at) for r in rows}


async def _retrain_by(plant: Plant) -> dict[int, dt.datetime | None]:
    versions = await plant.registry.list_versions("forecast")
    return {version.number: version.retrain_by for version in versions}


async def test_marks_what_saw_the_agency_and_nothing_else(plant: Plant) -> None:
    both = await plant.champion(b"one")
    await plant.registry.register(plant.training(plant.first), b"two", process=JOB)
    run_id = await _erase(plant, plant.second)
    by = plant.now + 28 * DAY
    assert await _marks(plant, plant.second) == {(run_id, both.id): (by, None)}
    assert await _marks(plant, plant.first) == {}
    assert await _retrain_by(plant) == {1: by, 2: None}


async def test_the_first_deadline_counts(plant: Plant) -> None:
    version = await plant.champion(b"one")
    first = await _erase(plant, plant.second)
    by = plant.now + 28 * DAY
    plant.now += DAY
    second = await _erase(plant, plant.first)
    assert await _retrain_by(plant) == {1: by}
    assert await _marks(plant, plant.second) == {(first, version.id): (by, None)}
    assert await _marks(plant, plant.first) == {(second, version.id): (by + DAY, None)}


@pytest.mark.parametrize("ends", [True, False])
async def test_a_snapshot_from_before_is_marked_when_it_is_registered(
    plant: Plant,
    ends: bool,  # noqa: FBT001
) -> None:
    seen = plant.now
    plant.now += DAY / 2
    run_id = await _erase(plant, plant.second, ends=ends)
    plant.now += DAY / 2
    late = await plant.candidate(b"late", seen)
    by = plant.now + 28 * DAY
    assert await _marks(plant, plant.second) == {(run_id, late.id): (by, None)}
    assert await _retrain_by(plant) == {1: by}
    with pytest.raises(ModelMoveError, match="has seen people who were erased since"):
        await plant.registry.start_shadow(late.id, GOOD, process=JOB)


async def test_a_snapshot_from_after_is_not(plant: Plant) -> None:
    await _erase(plant, plant.second)
    plant.now += DAY
    await plant.candidate(b"fresh", plant.now)
    assert await _retrain_by(plant) == {1: None}


async def test_a_fresh_champion_ends_what_was_marked(plant: Plant) -> None:
    old = await plant.champion(b"old")
    shadow = await plant.candidate(b"shadow")
    await plant.registry.start_shadow(shadow.id, GOOD, process=JOB)
    run_id = await _erase(plant, plant.second)
    by = plant.now + 28 * DAY
    await plant.registry.destroy_marked("forecast")  # it still serves
    assert await plant.registry.load(old) == b"old"
    plant.now += DAY
    fresh = await plant.champion(b"fresh", plant.now)
    assert await plant.states() == {1: S.RETIRED, 2: S.REJECTED, 3: S.CHAMPION}
    for gone in (old, shadow):
        with pytest.raises(NotFoundError):
            await plant.registry.load(gone)
    assert await plant.registry.load(fresh) == b"fresh"
    assert await _marks(plant, plant.second) == {
        (run_id, old.id): (by, plant.now),
        (run_id, shadow.id): (by, plant.now),
    }
    with pytest.raises(ModelMoveError, match="does not come back"):
        await plant.registry.rollback(fresh.id, "bad", process=JOB)
    again = await _erase(plant, plant.second)
    assert [key for key in await _marks(plant, plant.second) if key[0] == again] == [
        (again, fresh.id)
    ]


async def test_bytes_that_a_fresh_version_has_too_stay(plant: Plant) -> None:
    """Sums stay the same without the person, so the new model may be the old one."""
    await plant.champion(b"same")
    await _erase(plant, plant.second)
    plant.now += DAY
    fresh = await plant.champion(b"same", plant.now)
    assert fresh.number == 2
    assert await plant.registry.load(fresh) == b"same"


async def test_an_overdue_model_is_an_alert_until_it_is_replaced(plant: Plant) -> None:
    version = await plant.champion(b"old")
    await _erase(plant, plant.second)

    async def alerts(tenant_id: TenantId) -> list[tuple[str, str, bool]]:
        async with plant.database.session(tenant_id) as session:
            await alert_overdue_models(session, plant.now, plant.ids)
        query = select(RaisedAlert).where(RaisedAlert.kind == AlertKind.MODEL_NOT_RETRAINED)
        async with plant.database.session(tenant_id) as session:
            rows = (await session.scalars(query)).all()
            return [(one.subject, one.details, one.cleared_at is None) for one in rows]

    plant.now += 28 * DAY - dt.timedelta(seconds=1)
    assert await alerts(plant.second) == []
    plant.now += dt.timedelta(seconds=1)
    told = (f"model:{version.id}", "forecast 1 was to be replaced by 2027-01-05")
    assert await alerts(plant.second) == [(*told, True)]
    assert await alerts(plant.first) == []
    await plant.champion(b"fresh", plant.now)
    assert await alerts(plant.second) == [(*told, False)]
