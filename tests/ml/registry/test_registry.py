"""Versions from training to retirement, over real PostgreSQL: one champion, every refusal told."""

import uuid
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from domain.errors import InternalError, NotFoundError
from domain.ids import TenantId
from ml.registry.states import ModelMoveError
from ml.registry.training import Share, Snapshot
from tenancy.model_store import ModelStore, hash_of
from tenancy.tables import ModelState, ModelVersion
from tests.ml.registry.conftest import BAD, DAY, GOOD, JOB, NOW, Plant

pytestmark = pytest.mark.anyio

S = ModelState


async def test_registers_all_that_it_takes_to_make_it_again(plant: Plant) -> None:
    version = await plant.candidate(b"trees")
    assert (version.kind, version.number, version.state) == ("forecast", 1, S.CANDIDATE)
    assert (version.code, version.features, version.as_of) == ("c0de", "fea7", NOW)
    assert version.parameters == {"max_depth": 4, "seed": 7}
    assert version.metrics == {"all": {"wmape": 0.21}, "small": {"wmape": 0.3}}
    assert (version.agencies, version.figures) == (2, 3_000)
    assert version.data_hash == plant.training().snapshot.content_hash
    assert (version.artefact_hash, version.artefact_bytes) == (hash_of(b"trees"), 5)
    assert await plant.registry.load(version) == b"trees"


async def test_the_same_training_again_is_the_same_version(plant: Plant) -> None:
    first = await plant.candidate(b"trees")
    assert (await plant.candidate(b"trees")).id == first.id
    assert (await plant.candidate(b"other trees")).number == 2
    assert (await plant.candidate(b"trees", NOW + DAY)).number == 3
    assert len(await plant.registry.list_events(first.id)) == 1


async def test_why_it_was_trained_stands_with_it(plant: Plant) -> None:
    reasons = ("features have shifted: noise (PSI 0.30)", "it has seen nothing since 2026-10-01")
    version = await plant.registry.register(plant.training(), b"x", process=JOB, reasons=reasons)
    (event,) = await plant.registry.list_events(version.id)
    assert event.reason == f"trained: {reasons[0]}; {reasons[1]}"


async def test_each_agency_sees_its_own_part_and_no_other(plant: Plant) -> None:
    both = await plant.candidate(b"trees")
    alone = await plant.registry.register(plant.training(plant.first), b"x", process=JOB)
    seen: dict[TenantId, Any] = {}
    for tenant in (plant.first, plant.second):
        rows = await plant.registry.list_shares(tenant)
        seen[tenant] = {
            row.version_id: (row.series, row.figures, row.content_hash[-1])
            for row in rows
            if row.version_id in {both.id, alone.id}
        }
    assert seen == {
        plant.first: {both.id: (10, 1_000, "1"), alone.id: (10, 1_000, "1")},
        plant.second: {both.id: (20, 2_000, "2")},
    }
    assert await plant.trail(plant.second) == [("model.trained", 1)]
    assert await plant.trail(plant.first) == [("model.trained", 1), ("model.trained", 2)]


async def test_shadow_for_a_week_then_champion(plant: Plant) -> None:
    version = await plant.candidate(b"one")
    for _ in range(2):
        await plant.registry.start_shadow(version.id, GOOD, process=JOB)
    assert await plant.registry.find_champion("forecast") is None
    plant.now += 7 * DAY
    for _ in range(2):
        await plant.registry.promote(version.id, GOOD, process=JOB)
    champion = await plant.registry.find_champion("forecast")
    assert champion is not None
    assert champion.id == version.id
    events = await plant.registry.list_events(version.id)
    told = "error -5.0% against the champion's (95 %: -9.0% to -1.0%), 80 % intervals hold 80.1%"
    assert [(one.number, one.state, one.process, one.reason, one.at) for one in events] == [
        (1, S.CANDIDATE, JOB, "trained", NOW),
        (2, S.SHADOW, JOB, told, NOW),
        (3, S.CHAMPION, JOB, told, NOW + 7 * DAY),
    ]
    trail = [("model.trained", 1), ("model.shadowed", 1), ("model.promoted", 1)]
    assert await plant.trail(plant.first) == trail
    assert await plant.trail(plant.second) == trail


async def test_a_new_champion_retires_the_old_one_and_a_rollback_restores_it(plant: Plant) -> None:
    await plant.champion(b"one")
    second = await plant.champion(b"two", NOW + DAY)
    assert await plant.states() == {1: S.RETIRED, 2: S.CHAMPION}
    for _ in range(2):
        back = await plant.registry.rollback(second.id, "bad in Spain", process="operator")
        assert back is not None
        assert (back.number, await plant.registry.load(back)) == (1, b"one")
    assert await plant.states() == {1: S.CHAMPION, 2: S.ROLLED_BACK}
    events = await plant.registry.list_events(second.id)
    assert (events[-1].reason, events[-1].process) == ("bad in Spain", "operator")
    assert (await plant.trail(plant.first))[-2:] == [
        ("model.promoted", 1),
        ("model.rolled_back", 2),
    ]


async def test_taking_the_first_champion_back_leaves_the_baselines(plant: Plant) -> None:
    only = await plant.champion(b"one")
    assert await plant.registry.rollback(only.id, "bad", process=JOB) is None
    assert await plant.registry.find_champion("forecast") is None


async def test_rollback_goes_back_as_far_as_there_are_champions(plant: Plant) -> None:
    await plant.champion(b"one")
    await plant.champion(b"two", NOW + DAY)
    third = await plant.champion(b"three", NOW + 2 * DAY)
    back = await plant.registry.rollback(third.id, "bad", process=JOB)
    assert back is not None
    again = await plant.registry.rollback(back.id, "bad, too", process=JOB)
    assert again is not None
    assert again.number == 1
    assert await plant.states() == {1: S.CHAMPION, 2: S.ROLLED_BACK, 3: S.ROLLED_BACK}


async def test_every_refusal_says_why(plant: Plant) -> None:
    registry, version = plant.registry, await plant.candidate(b"one")

    async def refused(move: Any) -> str:
        with pytest.raises(ModelMoveError) as refusal:
            await move
        return str(refusal.value)

    assert await refused(registry.promote(version.id, GOOD, process=JOB)) == (
        "forecast 1 is candidate, not in the shadow (a version serves after 7 days in the shadow)"
    )
    assert await refused(registry.start_shadow(version.id, BAD, process=JOB)) == (
        "forecast 1 did not pass: its error is 3.0% larger (train a new version)"
    )
    assert await refused(registry.rollback(version.id, "bad", process=JOB)) == (
        "forecast 1 is candidate and cannot become rolled back"
        " (from here it can become rejected or shadow)"
    )
    await registry.start_shadow(version.id, GOOD, process=JOB)
    plant.now += 7 * DAY - DAY / 24
    assert await refused(registry.promote(version.id, GOOD, process=JOB)) == (
        "forecast 1 is in the shadow until 2026-12-08 05:00 UTC"
        " (its forecasts are scored until then)"
    )
    plant.now += DAY
    assert await refused(registry.promote(version.id, BAD, process=JOB)) == (
        "forecast 1 did not pass: its error is 3.0% larger (train a new version)"
    )
    await registry.promote(version.id, GOOD, process=JOB)
    assert await refused(registry.reject(version.id, "bad", process=JOB)) == (
        "forecast 1 is champion and cannot become rejected"
        " (from here it can become retired or rolled back)"
    )
    other = await plant.candidate(b"two")
    for _ in range(2):
        await registry.reject(other.id, "not needed", process=JOB)
    assert await refused(registry.start_shadow(other.id, GOOD, process=JOB)) == (
        "forecast 2 is rejected and cannot become shadow (train a new version)"
    )
    assert await plant.states() == {1: S.CHAMPION, 2: S.REJECTED}


async def test_nothing_half_done_is_seen(plant: Plant) -> None:
    """A rollback to what must not come back leaves the champion."""
    first = await plant.champion(b"one")
    second = await plant.champion(b"two", NOW + DAY)
    async with plant.database.platform_session() as session:
        row = await session.get_one(ModelVersion, first.id)
        row.retrain_by = NOW + 28 * DAY
    with pytest.raises(ModelMoveError, match="has seen people who were erased since"):
        await plant.registry.rollback(second.id, "bad", process=JOB)
    assert await plant.states() == {1: S.RETIRED, 2: S.CHAMPION}
    shadow = await plant.candidate(b"three")
    async with plant.database.platform_session() as session:
        (await session.get_one(ModelVersion, shadow.id)).retrain_by = NOW + 28 * DAY
    with pytest.raises(ModelMoveError, match="forecast 3 has seen people who were erased since"):
        await plant.registry.start_shadow(shadow.id, GOOD, process=JOB)


async def test_the_database_knows_one_champion_only(plant: Plant) -> None:
    await plant.candidate(b"one")
    await plant.candidate(b"two")
    with pytest.raises(IntegrityError, match="uq_model_versions__champion"):
        async with plant.database.platform_session() as session:
            await session.execute(update(ModelVersion).values(state=S.CHAMPION))


async def test_a_training_that_was_cut_short_is_finished(plant: Plant) -> None:
    """The store fails for the second agency: the version is not there, and then it is, whole."""
    nobody = TenantId(uuid.UUID(int=99))
    with pytest.raises(IntegrityError):
        await plant.registry.register(plant.training(plant.first, nobody), b"one", process=JOB)
    assert await plant.states() == {}
    assert await plant.trail(plant.first) == []
    version = await plant.candidate(b"one")
    assert version.number == 1
    shares = [await plant.registry.list_shares(one) for one in (plant.first, plant.second)]
    assert [sum(row.version_id == version.id for row in rows) for rows in shares] == [1, 1]


async def test_what_is_not_there_or_nobody_s(plant: Plant) -> None:
    with pytest.raises(NotFoundError):
        await plant.registry.promote(uuid.UUID(int=5), GOOD, process=JOB)
    for process in ("user:ann", "cli:ann", "job:", ""):
        with pytest.raises(InternalError, match="no process that moves models"):
            await plant.registry.register(plant.training(), b"one", process=process)
    version = await plant.candidate(b"one")
    plant.store = ModelStore("memory://")
    with pytest.raises(NotFoundError):
        await plant.registry.load(version)


def test_a_snapshot_has_one_share_of_each() -> None:
    share = Share(TenantId(uuid.UUID(int=1)), 1, 1, "0" * 64)
    for shares in ((), (share, share)):
        with pytest.raises(InternalError):
            Snapshot(NOW, shares)
