"""Plans that cannot be: the fewest limits that contradict, with amounts that are just enough."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.budget.conflict import Conflict, ImpossibleBudgetError
from ml.budget.plan import plan_budget
from ml.budget.request import Group, Item, Limit, Request, limits_of
from tests.ml.budget.curves_by_hand import Powers

ROOTS = Powers(np.array([1.0, 2.0, 3.0]), np.full(3, 0.5), most=100_000)


def conflict_of(request: Request, returns: Powers = ROOTS) -> Conflict:
    with pytest.raises(ImpossibleBudgetError) as caught:
        plan_budget(request, returns)
    return caught.value.conflict


def told(conflict: Conflict) -> list[tuple[str, str | None]]:
    return [(one.words, one.gives_way) for one in conflict.reasons]


def test_minima_above_the_total() -> None:
    items = (Item(1, least=40_000), Item(1, least=50_000), Item(1))
    assert told(conflict_of(Request(80_000, items))) == [
        ("the total leaves 800.00 EUR to spend", "100.00 EUR more would do"),
        ("'item 0' gets at least 400.00 EUR more", "100.00 EUR less would do"),
        ("'item 1' gets at least 500.00 EUR more", "100.00 EUR less would do"),
        ("'item 2' cannot get less than nothing", None),
    ]


def test_a_total_beyond_all_that_was_observed() -> None:
    assert told(conflict_of(Request(300_001, (Item(1), Item(1), Item(1))))) == [
        ("the total leaves 3,000.01 EUR to spend", "0.01 EUR less would do"),
        *[
            (f"'item {item}' was never observed beyond 1,000.00 EUR", "0.01 EUR more would do")
            for item in range(3)
        ],
    ]


def test_a_minimum_against_its_group_and_not_against_the_rest() -> None:
    items = (Item(1, least=30_000), Item(1, least=30_000), Item(1, most=90_000))
    group = Group("search", frozenset({0, 1}), most=50_000)
    assert told(conflict_of(Request(100_000, items, groups=(group,)))) == [
        ("'item 0' gets at least 300.00 EUR more", "100.00 EUR less would do"),
        ("'item 1' gets at least 300.00 EUR more", "100.00 EUR less would do"),
        ("'search' gets at most 500.00 EUR more", "100.00 EUR more would do"),
    ]


def test_a_step_against_a_minimum_of_one_item() -> None:
    items = (Item(10_000, least=20_000), Item(50_000), Item(20_000))
    assert told(conflict_of(Request(80_000, items, step=0.5))) == [
        ("'item 0' gets at least 200.00 EUR more", "50.00 EUR less would do"),
        ("'item 0' rises by at most 50% of 100.00 EUR", "50.00 EUR more would do"),
    ]


def test_a_month_that_has_spent_more_than_its_budget() -> None:
    items = (Item(1, spent=60_000), Item(1, spent=50_000), Item(1))
    conflict = conflict_of(Request(100_000, items))
    assert told(conflict)[0] == (
        "the total leaves -100.00 EUR to spend",
        "100.00 EUR more would do",
    )


def test_an_outcome_that_cannot_be_so_cheap() -> None:
    # 3 sqrt(x) outcomes from the best item alone: 10,000 / 300 = 33.3 a piece; all three, shared
    # best, sqrt(14 * 10,000) = 374.2 outcomes: 26.7 a piece, and 25 is asked for.
    request = Request(10_000, (Item(1), Item(1), Item(1)), most_cost=25)
    reasons = told(conflict_of(request))
    assert [words for words, _ in reasons] == [
        "the total leaves 100.00 EUR to spend",
        "an outcome of all items together costs at most 0.25 EUR",
    ]
    assert reasons[1][1] == "7% more would do"
    less = float(str(reasons[0][1]).split()[0])
    # Cost is sqrt(x / 14): 25 is reached at 25 ** 2 * 14 = 8,750.
    assert less == pytest.approx(12.5, abs=0.2)


def is_possible(limits: list[Limit]) -> bool:
    """By intervals: of each item, of the first two together, of all three."""

    def interval(items: tuple[int, ...]) -> tuple[float, float]:
        of_them = [one for one in limits if one.items == items]
        lower = max((one.lower for one in of_them if one.lower is not None), default=-math.inf)
        upper = min((one.upper for one in of_them if one.upper is not None), default=math.inf)
        return lower, upper

    first, second, third = (interval((item,)) for item in range(3))
    two, every = interval((0, 1)), interval((0, 1, 2))
    both = max(first[0] + second[0], two[0]), min(first[1] + second[1], two[1])
    fits = both[0] + third[0] <= every[1] and every[0] <= both[1] + third[1]
    intervals = (first, second, third, two, both, every)
    return fits and all(lower <= upper for lower, upper in intervals)


amounts = st.integers(0, 60)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(amounts, amounts), min_size=3, max_size=3), amounts, st.integers(0, 150))
def test_without_any_one_of_the_reasons_the_others_can_be_kept(
    bounds: list[tuple[int, int]], together: int, total: int
) -> None:
    items = tuple(Item(1, least=low, most=high) for low, high in bounds)
    request = Request(total, items, groups=(Group("two", frozenset({0, 1}), most=together),))
    try:
        plan_budget(request, ROOTS)
    except ImpossibleBudgetError as error:
        words = [one.words for one in error.conflict.reasons]
    else:
        return
    named = [one for one in limits_of(request, ROOTS) if one.words in words]

    assert not is_possible(named)
    for one in named:
        assert is_possible([other for other in named if other is not one])


def test_the_error_names_all_reasons_in_one_sentence() -> None:
    request = Request(80, (Item(1, least=90), Item(1), Item(1)))
    with pytest.raises(ImpossibleBudgetError) as caught:
        plan_budget(dataclasses.replace(request, currency="USD"), ROOTS)
    assert str(caught.value) == (
        "These cannot be kept together: the total leaves 0.80 USD to spend (0.10 USD more would "
        "do); 'item 0' gets at least 0.90 USD more (0.10 USD less would do); 'item 1' cannot get "
        "less than nothing; 'item 2' cannot get less than nothing. (Let one of them give way.)"
    )
    assert caught.value.code == "BUDGET_IMPOSSIBLE"
