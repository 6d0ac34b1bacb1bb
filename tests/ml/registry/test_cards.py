"""A card tells what a model is, and nothing of one agency to another."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import insert, select

from domain.errors import NotFoundError
from ml.registry.card import LEAST_AGENCIES, Description, ModelCard, judgement_of, told_trials
from ml.registry.cards import find_card
from tenancy.tables import ErasureRun, ModelErasure, ModelState
from tests.ml.registry.conftest import BAD, JOB, NOW, Plant

pytestmark = pytest.mark.anyio

S = ModelState
KINDS = {"forecast": Description("It forecasts", ("it guesses nothing",))}
SIZES: dict[str, dict[str, Any]] = {
    "all": {"agencies": 20, "change": -0.1, "change_low": -0.2, "change_high": 0.0},
    "small": {"agencies": 9, "change": -0.2},
    "medium": {"agencies": 6, "change": -0.1},
    "large": {"agencies": 5, "change": 0.0},
}


async def card(plant: Plant, number: int | None = None, *, second: bool = False) -> ModelCard:
    tenant_id = plant.second if second else plant.first
    found = await find_card(plant.database, tenant_id, KINDS, "forecast", number)
    assert found is not None
    return found


async def test_a_card_tells_what_became_of_a_version(plant: Plant) -> None:
    version = await plant.champion(b"trees")
    found = await card(plant)
    assert (found.id, found.kind, found.number, found.state) == (
        version.id,
        "forecast",
        1,
        S.CHAMPION,
    )
    assert [moment.state for moment in found.moments] == [S.CANDIDATE, S.SHADOW, S.CHAMPION]
    assert found.moments[0].at == NOW
    assert (found.as_of, found.agencies, found.data_hash) == (NOW, 2, version.data_hash)
    assert (found.purpose, found.code) == ("It forecasts", "c0de")
    assert found.limits == (
        "it guesses nothing",
        "it has learnt from fewer than 5 agencies",
        "figures of its trial are not told: fewer than 5 agencies were in it",
    )
    assert (found.trials, found.judgement) == ((), "passed on past days and in the shadow")


async def test_a_card_tells_each_agency_of_its_own_part_alone(plant: Plant) -> None:
    await plant.champion(b"trees")
    first, second = await card(plant), await card(plant, second=True)
    assert first.own is not None
    assert second.own is not None
    assert (first.own.series, first.own.figures) == (10, 1_000)
    assert (second.own.series, second.own.figures) == (20, 2_000)
    # Neither the other's amounts nor the sum of both, from which they could be taken.
    for found, foreign in ((first, (2_000, 3_000)), (second, (1_000, 3_000))):
        assert not [number for number in foreign if str(number) in repr(found)]
    await plant.registry.register(plant.training(plant.first), b"alone", process=JOB)
    assert (await card(plant, 2, second=True)).own is None


async def test_an_erasure_shows_to_the_agency_whose_it_was(plant: Plant) -> None:
    version = await plant.champion(b"trees")
    due = NOW + dt.timedelta(days=28)
    async with plant.database.session(plant.first) as session:
        run_id = await session.scalar(select(ErasureRun.id))
        row = {"tenant_id": plant.first, "run_id": run_id, "version_id": version.id}
        await session.execute(insert(ModelErasure).values(marked_at=NOW, retrain_by=due, **row))
    first, second = await card(plant), await card(plant, second=True)
    assert first.own is not None
    assert second.own is not None
    assert (first.own.retrain_by, first.own.retrained_at) == (due, None)
    assert second.own.retrain_by is None


async def test_without_a_number_it_is_the_one_that_serves(plant: Plant) -> None:
    assert await find_card(plant.database, plant.first, KINDS, "forecast") is None
    version = await plant.candidate(b"trees")
    assert await find_card(plant.database, plant.first, KINDS, "forecast") is None
    assert (await card(plant, 1)).id == version.id
    found = await find_card(plant.database, plant.first, KINDS, version.id)
    assert found is not None
    assert found.number == 1


async def test_reasons_of_the_gate_stay_with_the_platform(plant: Plant) -> None:
    version = await plant.candidate(b"trees")
    await plant.registry.reject(version.id, "; ".join(BAD.reasons), process=JOB)
    found = await card(plant, 1)
    assert found.judgement == "did not pass"
    assert not [reason for reason in BAD.reasons if reason in repr(found)]


async def test_what_is_not_there_is_not_found(plant: Plant) -> None:
    for which, number in (("oracle", None), ("forecast", 9), (uuid.UUID(int=9), None)):
        with pytest.raises(NotFoundError):
            await find_card(plant.database, plant.first, KINDS, which, number)


def test_groups_that_are_large_enough_are_told() -> None:
    assert [trial.group for trial in told_trials(SIZES)] == ["all", "large", "medium", "small"]
    assert told_trials(SIZES)[0].interval == (-0.2, 0.0)


def test_a_small_group_is_left_out_and_cannot_be_found_by_difference() -> None:
    sizes = SIZES | {"large": {"agencies": LEAST_AGENCIES - 1, "change": 0.5}}
    # Large could be had from the whole without small and medium: medium is left out as well.
    assert [trial.group for trial in told_trials(sizes)] == ["all", "small"]
    assert "0.5" not in repr(told_trials(sizes))


def test_few_agencies_are_told_nothing_of_a_trial() -> None:
    assert told_trials(SIZES | {"all": {"agencies": LEAST_AGENCIES - 1, "change": 0.0}}) == ()
    assert told_trials({"all": {}}) == ()


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([S.CANDIDATE], "not judged yet"),
        ([S.CANDIDATE, S.REJECTED], "did not pass"),
        ([S.CANDIDATE, S.SHADOW], "passed on past days, is in the shadow"),
        ([S.CANDIDATE, S.SHADOW, S.REJECTED], "passed on past days, failed in the shadow"),
        ([S.CANDIDATE, S.SHADOW, S.CHAMPION], "passed on past days and in the shadow"),
    ],
)
def test_the_judgement_is_told_in_words(states: list[ModelState], told: str) -> None:
    metrics = {"all": {"change": -0.1, "coverage_80": 0.8, "agencies": 5}}
    assert judgement_of(metrics, states, ()) == told
    assert judgement_of(metrics, states, told_trials(metrics)) == (
        f"{told}: error -10.0% against what served then, bands of 80 % held 80.0%"
    )
    assert judgement_of({"all": {}}, states, ()) == "not tried: no history was long enough"
