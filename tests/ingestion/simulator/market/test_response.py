"""The true response against its formula, written out for one campaign."""

from dataclasses import replace

import numpy as np
import pytest

from ingestion.simulator.market.response import Response

ONE = Response(
    carry=np.array([0.5]),
    half_spend=np.array([100.0]),
    slope=np.array([2.0]),
    ceiling=np.array([40.0]),
    demand=np.array([[1.0, 2.0, 1.0]]),
    claimed=np.array([[3.0, 3.0, 3.0]]),
    order_value=np.array([[10.0, 10.0, 20.0]]),
)


def test_conversions_follow_adstock_and_hill() -> None:
    # Stock of 200, 0, 0 at a carry of one half: 100, 50, 25.
    expected = [40 * 1 / 2 + 3, 40 * 2 * 0.25 / 1.25 + 3, 40 * 0.0625 / 1.0625 + 3]
    assert ONE.conversions(np.array([[200.0, 0.0, 0.0]]))[0].tolist() == pytest.approx(expected)


def test_revenue_is_conversions_times_the_day_s_order_value() -> None:
    revenue = ONE.revenue(np.array([[200.0, 0.0, 0.0]]))
    assert revenue[0, 0] == pytest.approx(230.0)
    assert revenue[0, 2] == pytest.approx(20 * (40 * 0.0625 / 1.0625 + 3))


def test_a_path_may_end_before_the_world() -> None:
    assert ONE.conversions(np.array([[200.0]])).tolist() == [[23.0]]


def test_a_steady_spend_is_its_own_stock() -> None:
    still = replace(
        ONE,
        demand=np.ones((1, 50)),
        claimed=np.full((1, 50), 3.0),
        order_value=np.full((1, 50), 10.0),
    )
    # At half-saturation, and a demand of 1, half of the ceiling.
    assert still.conversions(np.full((1, 50), 100.0))[0, -1] == pytest.approx(23.0)
