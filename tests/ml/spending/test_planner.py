"""Budgets out of an agency's own facts: exact, better by the truth, honest, its own."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from uuid_utils.compat import uuid7

from domain.errors import InvalidInputError, NotFoundError
from domain.time_window import DateRange
from ml.budget.conflict import ImpossibleBudgetError
from ml.panel import Measure
from ml.response.curves import Evidence
from ml.spending.material import TooLittleDataError
from ml.spending.question import Bound, Split
from ml.spending.told import BudgetPlan, BudgetScenario, Verdict
from tenancy.tables import BudgetLevel, ErasureCause, ErasureRun, LiftTest
from tests.feature_repo.conftest import account
from tests.feature_repo.ledger import Account, at, day
from tests.ml.spending.world import CURVES, PERIOD, Curve, World, same

pytestmark = pytest.mark.anyio

_DAYS = 28


async def _plan(world: World, total: str = "20000", **more: Any) -> BudgetPlan:
    return await world.planner.plan(world.tenant_id, world.today, world.ask(total, **more), same)


async def _scenario(world: World, *spends: Split, **more: Any) -> BudgetScenario:
    ask = world.ask(**more)
    return await world.planner.scenario(world.tenant_id, world.today, ask, spends, same)


def _true_revenue(amounts: dict[str, Decimal]) -> float:
    return sum(
        _DAYS * float(CURVES[channel].revenue(np.array([float(amount) / _DAYS]))[0])
        for channel, amount in amounts.items()
    )


def _planned(told: BudgetPlan | BudgetScenario) -> dict[str, Decimal]:
    return {one.channel: one.planned for one in told.parts}


async def test_a_plan_moves_money_to_where_it_brings_most_and_adds_up_to_the_cent(
    world: World,
) -> None:
    await world.tell()
    told = await _plan(world, "20187.31")
    assert told.verdict is Verdict.MOVE
    assert sum(_planned(told).values()) == told.total == Decimal("20187.31")
    now = {one.channel: one.current for one in told.parts}
    for one in ("paid_social", "display"):  # by half at most, and that is what they get
        assert 0 <= now[one] * Decimal("1.5") - _planned(told)[one] < Decimal("0.01")
    scaled = {one: amount * told.total / sum(now.values()) for one, amount in now.items()}
    assert _true_revenue(_planned(told)) > 1.05 * _true_revenue(scaled)
    assert told.expected.mean - told.current.mean == pytest.approx(told.gain.mean)
    assert sum(one.expected.mean for one in told.parts) == pytest.approx(told.expected.mean)
    assert told.expected.low_80 < _true_revenue(_planned(told)) < told.expected.high_80


async def test_it_says_what_it_rests_on(world: World) -> None:
    await world.tell()
    told = await _plan(world)
    basis = told.basis
    assert (basis.first_day, basis.final_day, basis.known_to) == (day(-120), day(0), day(29))
    assert basis.figures == 3 * 3 * 150
    assert basis.as_of == at(30)
    assert (told.planned_from, told.currency, told.unplanned) == (PERIOD.start, "EUR", ())
    assert {one.support.evidence for one in told.parts} == {Evidence.OBSERVED}
    assert all(one.support.is_observational for one in told.parts)


async def test_bounds_and_the_largest_step_are_kept(world: World) -> None:
    await world.tell()
    bounds = (
        Bound(channel="display", least=Decimal(2400), most=Decimal("2400.55")),
        Bound(channel="paid_social", most=Decimal(3300)),
    )
    told = await _plan(world, "19000.01", bounds=bounds, max_step=Decimal("0.2"))
    amounts = _planned(told)
    assert Decimal(2400) <= amounts["display"] <= Decimal("2400.55")
    assert amounts["paid_social"] <= Decimal(3300)
    for one in told.parts:
        assert abs(one.planned - one.current) <= Decimal("0.2") * one.current
    assert told.total == Decimal("19000.01")
    prices = {one.words: one.price for one in told.bindings}
    marginal = {one.channel: one.marginal.mean for one in told.parts if one.marginal is not None}
    total = prices.pop("the total leaves 19,000.01 EUR to spend")
    assert total == pytest.approx(marginal["paid_search"], rel=0.1)
    social = prices.pop("'paid_social' gets at most 3,300.00 EUR more")
    assert social == pytest.approx(marginal["paid_social"] - total, rel=0.1)
    assert set(prices) == {"'display' gets at most 2,400.55 EUR more"}


async def test_what_cannot_be_says_which_limits_contradict(world: World) -> None:
    await world.tell()
    bounds = (Bound(channel="display", least=Decimal(3000)),)
    with pytest.raises(ImpossibleBudgetError) as failed:
        await _plan(world, bounds=bounds, max_step=Decimal("0.1"))
    assert failed.value.code == "BUDGET_IMPOSSIBLE"
    assert "'display' gets at least 3,000.00 EUR more (375." in failed.value.message
    assert "'display' rises by at most 10% of 2,386.24 EUR (375." in failed.value.message
    with pytest.raises(ImpossibleBudgetError, match="was never observed beyond"):
        await _plan(world, "500000", max_step=None)


async def test_a_return_that_the_channels_cannot_bring_is_refused(world: World) -> None:
    await world.tell()
    told = await _plan(world, least_return=Decimal("1.1"))
    assert told.expected.mean > 1.1 * 20000
    with pytest.raises(ImpossibleBudgetError, match="bring at least 40 times what they spend"):
        await _plan(world, least_return=Decimal(40))
    told = await _plan(world, measure=Measure.CONVERSIONS, most_cost=Decimal(45))
    assert told.expected.mean > 20000 / 45
    with pytest.raises(ImpossibleBudgetError, match=r"costs at most 2\.00 EUR"):
        await _plan(world, measure=Measure.CONVERSIONS, most_cost=Decimal(2))


async def test_a_period_that_has_begun_counts_what_is_spent(world: World) -> None:
    await world.tell()
    april = DateRange(day(20), day(47))
    told = await _plan(world, period=april)
    assert told.planned_from == day(30)
    assert told.total == Decimal(20000) == sum(_planned(told).values())
    for one in told.parts:
        assert 0 < one.spent < one.planned
    with pytest.raises(InvalidInputError, match="are spent already, or go on") as failed:
        await _plan(world, "100", period=april)
    assert "a total of 100 leaves nothing" in failed.value.message


async def test_a_scenario_brings_what_the_truth_says(world: World) -> None:
    await world.tell()
    told = await _scenario(world, Split(Decimal(4500), "paid_social"))
    amounts = _planned(told)
    assert amounts["paid_social"] == Decimal("4500.00")
    rest = [one for one in told.parts if one.channel != "paid_social"]
    assert all(one.planned == one.current for one in rest)
    now = {one.channel: one.current for one in told.parts}
    more = _true_revenue(amounts) - _true_revenue(now)
    assert told.against_current.low_95 < more < told.against_current.high_95
    assert told.is_better == 1.0
    assert told.beyond == ()


async def test_what_was_never_observed_brings_nothing_and_is_told(world: World) -> None:
    await world.tell()
    (told,) = [
        one
        for one in (await _scenario(world, Split(Decimal(90000), "display"))).parts
        if one.channel == "display"
    ]
    assert told.marginal is None
    far = await _scenario(world, Split(Decimal(90000), "display"))
    edge = await _scenario(world, Split(told.highest, "display"))
    over = Decimal(90000) - told.highest
    assert far.beyond == (
        f"'display' gets {over:,.2f} EUR more than the highest that was observed supports",
    )
    assert far.expected == edge.expected


async def test_by_campaign_a_channel_is_a_bound_of_its_campaigns(world: World) -> None:
    await world.tell()
    bounds = (Bound(channel="paid_search", least=Decimal(12000)),)
    told = await _plan(world, level=BudgetLevel.CAMPAIGN, bounds=bounds)
    campaigns = {one.key: one for one in told.parts}
    assert set(campaigns) == {world.account.campaign(one) for one in ("s1", "m1", "d1")}
    assert campaigns[world.account.campaign("s1")].planned >= Decimal(12000)
    assert told.total == Decimal(20000)


async def test_curves_are_kept_until_they_are_old_or_there_is_a_new_experiment(
    world: World,
) -> None:
    await world.tell()
    first = (await _plan(world)).basis
    world.clock.now += dt.timedelta(days=1)
    assert (await _plan(world)).basis.curves == first.curves
    async with world.database.session(world.tenant_id) as session:
        session.add(_lift(world, "paid_social"))
    second = await _plan(world)
    assert second.basis.curves != first.curves
    (tested,) = [one for one in second.parts if one.channel == "paid_social"]
    assert tested.support.evidence is Evidence.EXPERIMENT
    assert len(second.basis.lift_tests) == 1
    world.clock.now += dt.timedelta(days=6)
    await world.tell(known_to=35)
    assert (await _plan(world)).basis.curves == second.basis.curves
    world.clock.now += dt.timedelta(days=1)
    assert (await _plan(world)).basis.curves != second.basis.curves


async def test_after_an_erasure_they_are_learnt_anew(world: World) -> None:
    await world.tell()
    first = (await _plan(world)).basis
    run = ErasureRun(
        id=uuid7(),
        cause=ErasureCause.REQUESTS,
        plan={},
        round=0,
        plan_hash="",
        started_at=world.clock(),
        finished_at=None,
    )
    async with world.database.session(world.tenant_id) as session:
        session.add(run)
    second, third = (await _plan(world)).basis, (await _plan(world)).basis
    assert len({first.curves, second.curves, third.curves}) == 3  # none is kept while it goes on
    async with world.database.session(world.tenant_id) as session:
        run.finished_at = world.clock()
        await session.merge(run)
    world.clock.now += dt.timedelta(minutes=1)
    fourth = (await _plan(world)).basis
    assert fourth.curves != third.curves
    assert (await _plan(world)).basis.curves == fourth.curves


async def test_too_little_says_how_many_days_it_takes(world: World) -> None:
    short = {one: dataclasses.replace(curve, days=60) for one, curve in CURVES.items()}
    await world.tell(short)
    with pytest.raises(TooLittleDataError) as failed:
        await _plan(world)
    assert failed.value.code == "TOO_LITTLE_DATA"
    assert failed.value.message == (
        "there are 31 days of spend whose revenue is final; what spend brings can be told from 56"
        " on"
    )
    assert failed.value.hint == (
        "it is final after 30 days: ask again in 25 days, or load earlier ones"
    )


async def test_spend_that_never_moves_says_how_much_it_takes(world: World) -> None:
    await world.tell({one: dataclasses.replace(CURVES[one], moves=False) for one in CURVES})
    with pytest.raises(TooLittleDataError, match="moved most, by 1% of its mean; it takes 10%"):
        await _plan(world)
    async with world.database.session(world.tenant_id) as session:
        session.add(_lift(world, "display"))
    told = await _plan(world)
    evidence = {one.channel: one.support.evidence for one in told.parts}
    assert evidence["display"] is Evidence.EXPERIMENT
    assert evidence["paid_search"] is Evidence.PRIOR


async def test_what_is_too_young_goes_on_as_it_is(world: World) -> None:
    young = Curve("v1", 50, 10.0, days=40)
    await world.tell({**CURVES, "video": young})
    told = await _plan(world)
    (rest,) = told.unplanned
    assert (rest.key, rest.reason) == (
        "video",
        "video has 11 days of spend whose revenue is final; it takes 28",
    )
    assert rest.amount + sum(_planned(told).values()) == told.total == Decimal(20000)
    with pytest.raises(InvalidInputError, match="it cannot be planned yet: video has 11 days"):
        await _plan(world, bounds=(Bound(channel="video", most=Decimal(100)),))


async def test_accounts_that_are_behind_say_so(world: World) -> None:
    await world.tell(known_to=22)
    with pytest.raises(TooLittleDataError, match=r"told its spend since 2026-03-22"):
        await _plan(world)


async def test_a_client_without_spend_says_so(world: World) -> None:
    with pytest.raises(TooLittleDataError, match="nothing was spent in the last 28 days"):
        await _plan(world)


async def test_of_two_currencies_one_is_named(world: World) -> None:
    await world.tell()
    other = account(world.tenant_id, 2, currency="SEK")
    await world.tell(
        of=Account(world.tenant_id, world.client_id, other.connection_id, currency="SEK")
    )
    with pytest.raises(InvalidInputError, match="the client spends in EUR, SEK"):
        await _plan(world)
    with pytest.raises(InvalidInputError, match="nothing is spent in USD"):
        await _plan(world, currency="USD")
    assert (await _plan(world, currency="SEK")).currency == "SEK"


async def test_what_the_client_does_not_spend_on_is_not_found(world: World) -> None:
    await world.tell()
    with pytest.raises(NotFoundError) as failed:
        await _plan(world, bounds=(Bound(channel="radio", most=Decimal(1)),))
    assert failed.value.hint == "there are display, paid_search, paid_social"
    with pytest.raises(NotFoundError, match="spends on no such campaign"):
        await _scenario(world, Split(Decimal(1), campaign="x:y"), level=BudgetLevel.CAMPAIGN)
    with pytest.raises(InvalidInputError, match="a campaign is named in a question by channel"):
        await _scenario(world, Split(Decimal(1), campaign="x:y"))
    with pytest.raises(InvalidInputError, match="'display' is a channel"):
        await _scenario(world, Split(Decimal(1), "display"), level=BudgetLevel.CAMPAIGN)


async def test_another_agency_finds_no_such_client(world: World) -> None:
    await world.tell()
    with pytest.raises(NotFoundError, match="there is no such client"):
        await world.planner.plan(world.other, world.today, world.ask("20000"), same)


def _lift(world: World, channel: str) -> LiftTest:
    """Four weeks of 40 % more, as the truth has it, within a tenth."""
    curve = CURVES[channel]
    usual, more = np.array([curve.spend]), np.array([1.4 * curve.spend])
    effect = _DAYS * float((curve.revenue(more) - curve.revenue(usual))[0])
    return LiftTest(
        id=uuid7(),
        client_id=world.client_id,
        channel=channel,
        campaign=None,
        day_from=day(-60),
        day_to=day(-33),
        measure="revenue",
        spend_change=Decimal(_DAYS * 0.4 * curve.spend),
        effect=Decimal(round(effect, 2)),
        standard_error=Decimal(round(effect / 10, 2)),
        currency="EUR",
        source="geo holdout",
        noted_at=world.clock(),
    )
