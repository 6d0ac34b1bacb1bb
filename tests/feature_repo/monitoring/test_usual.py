"""What is usual comes from the agency's own days, and changes with them."""

from collections.abc import Sequence

import pytest

from feature_repo.monitoring.profile import Profile, compute_profile
from feature_repo.monitoring.usual import Usual, compute_usual, judge_nulls, judge_range
from tenancy.tables import FeatureVerdict

USUAL, UNUSUAL, TOO_FEW = FeatureVerdict.USUAL, FeatureVerdict.UNUSUAL, FeatureVerdict.TOO_FEW


def _days(number: int, nulls: int = 10, low: float = 10, high: float = 110) -> list[Profile]:
    return [Profile(100, nulls, low, high)] * number


def _figures(days: Sequence[Profile]) -> tuple[float, float | None, float | None]:
    usual = compute_usual(days)
    assert usual is not None
    return usual.null_rate, usual.low, usual.high


def test_a_week_is_needed() -> None:
    assert compute_usual(_days(6)) is None
    assert compute_usual([*_days(6), Profile(4, 0, 10.0, 110.0)]) is None
    # 10 % of values unknown and 5 points; 4 times the larger of width (100) and upper end (110)
    assert _figures(_days(7)) == pytest.approx((0.15, 0, 550))


def test_what_was_below_zero_may_be() -> None:
    assert _figures(_days(7, low=-50, high=50)) == pytest.approx((0.15, -450, 450))


def test_noisy_days_widen_what_is_usual() -> None:
    days = [Profile(100, nulls) for nulls in (10, 20, 10, 20, 10, 20, 15)]
    # the middle is 0.15, the middle distance from it 0.05: 0.15 + 5 * 1.4826 * 0.05
    null_rate, *limits = _figures(days)
    assert null_rate == pytest.approx(0.52065)
    assert limits == [None, None]


def test_nothing_but_zeros_has_no_range() -> None:
    assert _figures(_days(7, low=0, high=0))[1:] == (None, None)


@pytest.mark.parametrize(("nulls", "verdict"), [(0, USUAL), (15, USUAL), (16, UNUSUAL)])
def test_more_unknown_values_than_usual(nulls: int, verdict: FeatureVerdict) -> None:
    usual = Usual(0.15, None, None)
    assert judge_nulls(usual, Profile(100, nulls)) is verdict


def test_two_of_six_are_no_trend() -> None:
    usual = Usual(0.15, None, None)
    assert judge_nulls(usual, Profile(6, 2)) is USUAL
    assert judge_nulls(usual, Profile(6, 3)) is UNUSUAL
    assert judge_nulls(usual, Profile(4, 4)) is TOO_FEW
    assert judge_nulls(None, Profile(100, 100)) is TOO_FEW


def test_three_values_outside_make_a_range_unusual() -> None:
    usual = Usual(0.15, 0.0, 550.0)
    fine = [100.0] * 10
    assert judge_range(usual, [*fine, 551.0, -1.0]) is USUAL
    assert judge_range(usual, [*fine, 551.0, -1.0, 1e9]) is UNUSUAL
    assert judge_range(usual, [*fine, 550.0, 0.0, None]) is USUAL
    assert judge_range(usual, [551.0] * 4) is TOO_FEW
    assert judge_range(Usual(0.15, None, None), [1e9] * 9) is TOO_FEW


def test_amounts_in_micros_are_unusual() -> None:
    amounts = [float(10 * one) for one in range(1, 30)]
    usual = compute_usual([compute_profile(amounts)] * 14)
    assert judge_range(usual, amounts) is USUAL
    assert judge_range(usual, [1e6 * one for one in amounts]) is UNUSUAL


def test_a_lasting_change_is_usual_after_a_week() -> None:
    before, after = Profile(100, 2), Profile(100, 40)
    verdicts = []
    for day in range(1, 11):
        last_14 = [*[before] * (14 - day + 1), *[after] * (day - 1)][-14:]
        verdicts.append(judge_nulls(compute_usual(last_14), after))
    assert verdicts == [UNUSUAL] * 7 + [USUAL] * 3
