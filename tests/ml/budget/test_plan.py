"""Plans against all splits there are, against formulas, and against their own limits."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from ml.budget.plan import plan_budget
from ml.budget.request import Goal, Group, Item, Request
from ml.panel import Floats
from tests.ml.budget.curves_by_hand import Powers, Tabled, concave, splits

UNITS = 8


def whole(rows: st.SearchStrategy[float]) -> st.SearchStrategy[list[list[float]]]:
    row = st.lists(rows, min_size=UNITS, max_size=UNITS)
    return st.lists(row, min_size=2, max_size=3)


def value(returns: Tabled, split: tuple[int, ...] | np.ndarray) -> float:
    return float(sum(returns.tables[item, :, amount].mean() for item, amount in enumerate(split)))


rises = st.integers(0, 50).map(float)


@settings(max_examples=25, deadline=None)
@given(whole(rises), st.integers(0, 12))
def test_the_best_of_all_splits_is_found_for_concave_curves(
    steps: list[list[float]], total: int
) -> None:
    returns = concave(steps)
    request = Request(total, tuple(Item(1) for _ in steps))
    plan = plan_budget(request, returns)
    best = max(value(returns, one) for one in splits(total, len(steps)) if max(one) <= UNITS)
    assert value(returns, plan.amounts) == pytest.approx(best)
    assert plan.amounts.sum() == total


@settings(max_examples=25, deadline=None)
@given(whole(rises), st.data())
def test_the_best_of_all_splits_within_bounds_and_groups_is_found(
    steps: list[list[float]], data: st.DataObject
) -> None:
    returns = concave(steps)
    count = len(steps)
    least = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    most = [low + data.draw(st.integers(1, 5)) for low in least]
    total = data.draw(st.integers(sum(least), sum(most)))
    together = min(most[0] + most[1], total)
    group = Group("both", frozenset({0, 1}), least=least[0] + least[1], most=together)
    items = tuple(Item(1, least=low, most=high) for low, high in zip(least, most, strict=True))
    kept = [
        one
        for one in splits(total, count)
        if all(low <= x <= high for low, x, high in zip(least, one, most, strict=True))
        and least[0] + least[1] <= one[0] + one[1] <= together
    ]
    plan = plan_budget(Request(total, items, groups=(group,)), returns)
    assert tuple(plan.amounts.tolist()) in kept
    assert value(returns, plan.amounts) == pytest.approx(max(value(returns, x) for x in kept))


@settings(max_examples=25, deadline=None)
@given(whole(rises), st.integers(1, 12))
def test_the_best_of_all_splits_is_found_for_curves_of_any_shape_or_the_gap_is_told(
    steps: list[list[float]], total: int
) -> None:
    tables = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    returns = Tabled(tables[:, None])
    plan = plan_budget(Request(total, tuple(Item(1) for _ in steps)), returns)
    best = max(value(returns, one) for one in splits(total, len(steps)) if max(one) <= UNITS)
    assert best <= value(returns, plan.amounts) + plan.gap * best + 1e-6


def test_equal_marginal_returns_by_formula() -> None:
    # a / (2 sqrt x) is equal for x in proportion to a squared.
    returns = Powers(np.array([1.0, 2.0, 3.0]), np.full(3, 0.5))
    plan = plan_budget(Request(1_400_001, (Item(1), Item(1), Item(1))), returns)
    assert plan.amounts.tolist() == pytest.approx([100_000, 400_000, 900_000], abs=1)
    assert plan.amounts.sum() == 1_400_001
    assert plan.best_move <= 1e-12 * plan.outlook.mean
    # d value / d total = sqrt(14) / (2 sqrt(total)) for each cent; told for a euro.
    price = 100 * np.sqrt(14) / (2 * np.sqrt(1_400_001))
    assert plan.bindings[0].words == "the total leaves 14,000.01 EUR to spend"
    assert plan.bindings[0].price == pytest.approx(price, rel=1e-3)
    assert len(plan.bindings) == 1


def test_a_limit_of_one_item_has_the_price_of_what_it_keeps_from_it() -> None:
    returns = Powers(np.array([1.0, 2.0, 3.0]), np.full(3, 0.5))
    items = (Item(1, least=200_000), Item(1), Item(1, most=500_000))
    plan = plan_budget(Request(1_400_000, items), returns)
    assert plan.amounts.tolist() == [200_000, 700_000, 500_000]
    marginal = 100 * np.array([1.0, 2.0, 3.0]) / (2 * np.sqrt(plan.amounts))  # for a euro
    prices = {one.words: one.price for one in plan.bindings}
    assert prices.pop("the total leaves 14,000.00 EUR to spend") == pytest.approx(
        marginal[1], rel=0.01
    )
    least, most = (marginal[place] - marginal[1] for place in (0, 2))
    near = 0.02 * marginal[1]  # prices are those of the points, not of the curve
    assert prices == {
        "'item 0' gets at least 2,000.00 EUR more": pytest.approx(least, abs=near),
        "'item 2' gets at most 5,000.00 EUR more": pytest.approx(most, abs=near),
    }


def hills(seed: int, draws: int = 20, items: int = 4) -> Tabled:
    rng = np.random.default_rng(seed)
    grid = np.arange(2_001)
    half = np.exp(rng.normal(6, 0.4, (items, draws, 1)))
    top = np.exp(rng.normal(3, 0.5, (items, 1, 1)) + rng.normal(0, 0.2, (items, draws, 1)))
    return Tabled(top * grid / (grid + half))


def test_more_budget_never_brings_less() -> None:
    returns = hills(1)
    items = tuple(Item(500) for _ in range(4))
    found = [
        plan_budget(Request(total, items), returns).outlook.mean for total in range(400, 7_000, 600)
    ]
    assert all(later >= earlier for earlier, later in itertools.pairwise(found))


def test_the_order_of_the_items_does_not_matter() -> None:
    returns, order = hills(2), [2, 0, 3, 1]
    request = Request(3_000, (Item(800), Item(700, most=900), Item(900, least=600), Item(600)))
    moved = dataclasses.replace(request, items=tuple(request.items[one] for one in order))
    plain = plan_budget(request, returns)
    turned = plan_budget(moved, Tabled(returns.tables[order]))
    assert turned.amounts.tolist() == plain.amounts[order].tolist()


def test_the_worst_draws_are_made_better_than_by_the_mean() -> None:
    # The second item brings more on the mean, and nothing in a fifth of the draws.
    grid = np.arange(101) ** 0.9
    sure, risky = np.repeat(grid[None], 40, axis=0), np.repeat(1.6 * grid[None], 40, axis=0)
    risky[::10], risky[1::10] = 0, 0
    returns = Tabled(np.stack([sure, risky]))
    by_mean = plan_budget(Request(100, (Item(1), Item(1))), returns)
    by_worst = plan_budget(Request(100, (Item(1), Item(1)), goal=Goal(worst=0.2)), returns)
    assert by_mean.amounts[1] > 80
    assert by_worst.amounts.tolist() == [100, 0]


def test_steps_learning_and_what_is_spent_already_are_kept() -> None:
    returns = hills(3)
    items = (
        Item(1_000, spent=100, learning=850),
        Item(1_000, spent=50, least=900),
        Item(1_000, spent=0, most=1_100),
        Item(1_000),
    )
    plan = plan_budget(Request(4_150, items, step=0.2), returns)
    assert plan.amounts.sum() == 4_000
    assert (plan.amounts >= [850, 850, 800, 800]).all()
    assert (plan.amounts <= [1_200, 1_200, 1_100, 1_200]).all()


def mean_cost(returns: Tabled, amounts: Floats) -> float:
    return float(amounts.sum() / value(returns, amounts))


def test_an_outcome_costs_no_more_than_it_may_in_all_and_for_an_item() -> None:
    returns = hills(4)
    free = plan_budget(Request(3_000, tuple(Item(750) for _ in range(4))), returns)
    item = int(np.argmax(free.amounts))
    alone = free.amounts[item] / returns.tables[item, :, free.amounts[item]].mean()
    most = int(alone * 0.9)
    items = tuple(Item(750, most_cost=most if one == item else None) for one in range(4))
    held = plan_budget(Request(3_000, items), returns)
    now = held.amounts[item] / returns.tables[item, :, held.amounts[item]].mean()
    assert now <= most < alone
    assert held.outlook.mean < free.outlook.mean
    assert f"an outcome of 'item {item}' costs at most" in held.bindings[1].words


def test_a_return_that_is_asked_for_counts_the_worth_of_outcomes() -> None:
    returns = hills(5)
    cheap, dear = (
        tuple(Item(750, worth=worth, least_return=1.0) for _ in range(4)) for worth in (100, 90)
    )
    for items in (cheap, dear):
        plan = plan_budget(Request(2_000, items), returns)
        for place, amount in enumerate(plan.amounts):
            assert items[0].worth * returns.tables[place, :, amount].mean() >= amount


def test_an_unsure_gain_is_told_to_hold() -> None:
    returns = hills(6, draws=200, items=3)
    total = 1_500
    best = plan_budget(Request(total, (Item(1), Item(1), Item(1))), returns).amounts
    near = best + np.array([1, -1, 0])
    plan = plan_budget(Request(total, tuple(Item(int(one)) for one in near)), returns)
    assert plan.is_better < 0.8
    assert plan.hold is not None
    assert plan.advised.tolist() == plan.held.tolist() == near.tolist()


def test_a_sure_gain_is_told_to_move() -> None:
    returns = hills(6, draws=200, items=3)
    plan = plan_budget(Request(1_500, (Item(1_500), Item(0), Item(0))), returns)
    assert plan.hold is None
    assert plan.is_better == 1.0
    assert plan.gain.low_95 > 0
    assert plan.advised is plan.amounts


def test_a_current_split_that_breaks_a_limit_cannot_be_held() -> None:
    returns = hills(6, draws=200, items=3)
    best = plan_budget(Request(1_500, (Item(1), Item(1), Item(1))), returns).amounts
    items = tuple(Item(int(one), most=int(one) - (place == 0)) for place, one in enumerate(best))
    items = (items[0], Item(int(best[1])), Item(int(best[2])))
    plan = plan_budget(Request(1_500, items), returns)
    assert plan.is_better < 0.8
    assert plan.hold is None
    assert plan.held_breaks == (f"'item 0' gets at most {(best[0] - 1) / 100:.2f} EUR more",)


def test_what_is_asked_must_fit_what_is_known() -> None:
    with pytest.raises(InvalidInputError, match="1 items are asked for; there are 3"):
        plan_budget(Request(10, (Item(1),)), hills(1, items=3))
    with pytest.raises(InvalidInputError, match="overlap"):
        Request(
            10,
            (Item(1), Item(1), Item(1)),
            groups=(Group("a", frozenset({0, 1})), Group("b", frozenset({1, 2}))),
        )
    with pytest.raises(InvalidInputError, match="worst draws"):
        Request(10, (Item(1),), goal=Goal(worst=0.0))
