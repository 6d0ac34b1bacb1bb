"""Parts of a change are those counted by hand, and add up exactly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.forecast.change import Totals, decompose, in_words, split_change

BEFORE = Totals(spend=1_000.0, visits=500.0, conversions=50.0, revenue=5_000.0)

amounts = st.floats(0.01, 1e7)
totals = st.builds(Totals, amounts, amounts, amounts, amounts)


def test_a_dearer_click_is_all_of_it() -> None:
    after = Totals(spend=1_000.0, visits=400.0, conversions=40.0, revenue=4_000.0)
    parts = decompose(BEFORE, after)
    assert parts is not None
    assert parts[0].name == "CPC"
    assert parts[0].change == pytest.approx(0.25)
    assert parts[0].share == pytest.approx(1.0)
    assert parts[0].amount == pytest.approx(-1_000.0)
    assert [part.amount for part in parts[1:]] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert in_words(parts) == ("CPC up 25 % explains 100 % of it",)


def test_shares_are_logarithms() -> None:
    # Spend x 2, CPC x 2 / 1.6, order value x 0.9: revenue x 1.44.
    after = Totals(spend=2_000.0, visits=800.0, conversions=80.0, revenue=7_200.0)
    parts = decompose(BEFORE, after)
    assert parts is not None
    shares = {part.name: part.share for part in parts}
    whole = math.log(1.44)
    assert shares == pytest.approx(
        {
            "spend": math.log(2) / whole,
            "CPC": -math.log(1.25) / whole,
            "CVR": 0.0,
            "AOV": math.log(0.9) / whole,
        }
    )
    assert in_words(parts) == (
        "spend up 100 % explains 190 % of it",
        "CPC up 25 % works against it by 61 %",
        "AOV down 10 % works against it by 29 %",
    )


@given(totals, totals)
def test_parts_add_up_to_the_change(before: Totals, after: Totals) -> None:
    parts = decompose(before, after)
    assert parts is not None
    change = after.revenue - before.revenue
    scale = max(after.revenue, before.revenue)
    assert sum(part.amount for part in parts) == pytest.approx(change, abs=1e-7 * scale)


def test_without_a_change_nothing_has_a_share() -> None:
    parts = decompose(BEFORE, BEFORE)
    assert parts is not None
    assert all(math.isnan(part.share) for part in parts)
    assert in_words(parts) == ()


def test_a_total_of_nothing_has_no_ratio() -> None:
    assert decompose(BEFORE, Totals(0.0, 500.0, 50.0, 5_000.0)) is None


def test_parts_that_cancel_out_have_amounts_and_no_shares() -> None:
    parts = split_change(100.0, 100.2, [("spend", 1, 0.9), ("ROAS", 1, 1.002 / 0.9)])
    assert sum(part.amount for part in parts) == pytest.approx(0.2)
    assert all(math.isnan(part.share) for part in parts)
    assert in_words(parts) == ()
