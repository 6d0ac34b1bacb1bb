"""Levels add up after it, as weighted least squares would have them, and no bias is brought in."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.forecast.forecast import Forecast
from ml.forecast.reconcile import Family, families_in, reconciled, reconciled_medians
from ml.panel import DAILY, Floats, Measure, Panel, Series
from tests.ml.forecast.histories import START

REVENUE = Measure.REVENUE
ACME = Series("acme", None, None, "EUR")
VIDEO = Series("acme", "video", None, "EUR")
EMAIL = Series("acme", "email", None, "EUR")
ONE, TWO = (Series("acme", "video", f"camp_{number}", "EUR") for number in (1, 2))
TREE = (ACME, VIDEO, EMAIL, ONE, TWO)
FAMILIES = (Family(1, (3, 4)), Family(0, (1, 2)))

# Rows of S: how each row of TREE is made of the lowest ones (email, one, two).
SUMMING = np.array([[1.0, 1, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def panel_of(series: tuple[Series, ...], figures: Floats) -> Panel:
    return Panel(DAILY, START, series, {REVENUE: figures})


@given(
    st.lists(st.floats(50, 150), min_size=5, max_size=5),
    st.lists(st.floats(0.1, 9), min_size=5, max_size=5),
)
def test_is_weighted_least_squares(medians: list[float], variances: list[float]) -> None:
    told = np.array(medians) * [3, 2, 1, 1, 1]
    weight = np.diag(1 / np.array(variances))
    gram = SUMMING.T @ weight @ SUMMING
    expected = SUMMING @ np.linalg.solve(gram, SUMMING.T @ weight @ told)
    if (expected < 0).any():
        return
    found = reconciled_medians(told[:, None], np.array(variances)[:, None], FAMILIES)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-9)


def test_what_adds_up_already_stays() -> None:
    medians = SUMMING @ np.array([[10.0], [20.0], [30.0]])
    np.testing.assert_allclose(reconciled_medians(medians, np.ones((5, 1)), FAMILIES), medians)


def test_unbiased_forecasts_stay_unbiased() -> None:
    chance = np.random.default_rng(4)
    truth = SUMMING @ np.array([100.0, 200.0, 300.0])
    told = truth[:, None] + chance.normal(0, 10, (5, 20_000))
    found = reconciled_medians(told, np.ones_like(told), FAMILIES)
    np.testing.assert_allclose(found.mean(axis=1), truth, atol=0.5)
    assert (found.var(axis=1) < told.var(axis=1)).all()


def test_nothing_goes_below_nothing() -> None:
    medians = np.array([[1.0], [90.0], [10.0]])
    found = reconciled_medians(medians, np.array([[1e-9], [1.0], [50.0]]), (Family(0, (1, 2)),))[
        :, 0
    ]
    assert found[2] == 0.0
    assert found[1] == pytest.approx(found[0])


def test_families_are_found_by_who_belongs_to_whom() -> None:
    figures = SUMMING @ np.full((3, 30), 7.0)
    assert families_in(panel_of(TREE, figures), REVENUE) == FAMILIES


def test_a_client_with_revenue_of_no_channel_is_no_family() -> None:
    figures = SUMMING @ np.full((3, 30), 7.0)
    figures[0] += 5.0
    assert families_in(panel_of(TREE, figures), REVENUE) == FAMILIES[:1]


def test_currencies_are_not_added_up() -> None:
    dollars = dataclasses.replace(ACME, currency="USD")
    figures = SUMMING @ np.full((3, 30), 7.0)
    assert families_in(panel_of((dollars, *TREE[1:]), figures), REVENUE) == FAMILIES[:1]


def test_one_level_is_left_alone() -> None:
    assert families_in(panel_of((ONE, TWO), np.ones((2, 30))), REVENUE) == ()


def test_quantiles_keep_their_ratio_to_the_median() -> None:
    ratios = np.array([0.5, 0.8, 1.0, 1.3, 2.0])
    medians = np.array([[60.0], [25.0], [25.0]])
    quantiles = medians[..., None] * ratios
    told = Forecast(REVENUE, (1,), quantiles, quantiles, ("pooled",) * 3)
    found = reconciled(told, (Family(0, (1, 2)),))
    for cells in (found.steps, found.totals):
        np.testing.assert_allclose(cells / cells[..., 2:3], np.broadcast_to(ratios, cells.shape))
        np.testing.assert_allclose(cells[0, :, 2], cells[1:, :, 2].sum(axis=0))


def test_a_family_with_an_unknown_part_is_left_as_it_is() -> None:
    medians = np.array([[60.0], [np.nan], [25.0]])
    found = reconciled_medians(medians, np.ones((3, 1)), (Family(0, (1, 2)),))
    np.testing.assert_array_equal(found, medians)
