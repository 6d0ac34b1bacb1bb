"""Adstock and Hill against numbers by hand from Jin et al. 2017; slopes by differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.panel import Floats
from ml.response.shapes import Shape, adstock, effect_slopes, effects, hill


def shape(level: float, retention: float, half: float, slope: float) -> Shape:
    return Shape(*(np.array(one) for one in (level, retention, half, slope)))


def test_one_burst_of_spend_decays_by_normalised_geometric_weights() -> None:
    # Equation 1 with weights 1, 1/2, 1/4, ...: their sum is 2.
    worked = adstock(np.array([[8.0, 0, 0, 0]]), np.array([0.5]), np.zeros(1))
    assert worked.tolist() == [[4.0, 2.0, 1.0, 0.5]]


def test_a_steady_spend_that_began_long_ago_works_in_full() -> None:
    worked = adstock(np.full((1, 5), 7.0), np.array([0.8]), np.array([7.0]))
    assert worked == pytest.approx(np.full((1, 5), 7.0))


def test_hill_by_hand() -> None:
    # Equation 4: 1 / (1 + (x / K) ** -S).
    assert hill(np.array([0.0, 2.0, 4.0, 6.0]), np.array(2.0), np.array(2.0)).tolist() == (
        pytest.approx([0, 1 / 2, 4 / 5, 9 / 10])
    )


def test_the_level_is_what_the_reference_spend_brings() -> None:
    assert float(effects(np.array(1.0), shape(13.0, 0.5, 1.7, 1.2))) == pytest.approx(13)


parameters = st.tuples(
    st.floats(0.1, 100), st.floats(0.05, 0.95), st.floats(0.2, 5), st.floats(0.5, 3)
)


@given(parameters, st.floats(0.01, 5))
def test_slopes_are_what_differences_say(given_shape: tuple[float, ...], spend: float) -> None:
    level, retention, half, slope = given_shape

    step = 1e-5
    plain = shape(level, retention, half, slope)
    _, by_spend, by_half, by_slope = effect_slopes(np.array(spend), plain)

    def difference(up: Shape, down: Shape, by: float = 0.0) -> float:
        rise = effects(np.array(spend + by), up) - effects(np.array(spend - by), down)
        return float(rise) / (2 * step)

    later = [shape(level, retention, half * np.exp(sign * step), slope) for sign in (1, -1)]
    steeper = [shape(level, retention, half, slope * np.exp(sign * step)) for sign in (1, -1)]
    close = 1e-6 * level
    further = difference(plain, plain, step * spend) / spend
    assert float(by_spend) == pytest.approx(further, rel=1e-4, abs=close)
    assert float(by_half) == pytest.approx(difference(later[0], later[1]), rel=1e-4, abs=close)
    assert float(by_slope) == pytest.approx(difference(steeper[0], steeper[1]), rel=1e-4, abs=close)


@given(st.lists(st.floats(-20, 20), min_size=4, max_size=4))
def test_a_curve_never_falls_and_is_concave_or_s_shaped_for_any_parameters(
    free: list[float],
) -> None:
    centre = np.array([[0.0, 0.0, 0.4, 0.0]])
    drawn = Shape.of(np.array([free]), centre)
    spend = np.linspace(0, 6, 200)
    value: Floats = effects(spend, drawn)
    rise = np.diff(value)
    assert (rise >= -1e-12 * value[-1]).all()
    bends = np.sign(np.diff(rise))[np.abs(np.diff(rise)) > 1e-9 * value[-1]]
    assert (np.diff(bends) <= 0).all()  # convex first, if at all, then concave
