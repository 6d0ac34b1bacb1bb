"""Ratios are believed as far as the published example of the method says."""

import numpy as np
import pytest

from ml.forecast.credibility import credibility, spread_of

# Hachemeister (1975): private passenger bodily injury, average claim of five states by quarter.
CLAIMS = np.array(
    [
        [1738, 1642, 1794, 2051, 2079, 2234, 2032, 2035, 2115, 2262, 2267, 2517],
        [1364, 1408, 1597, 1444, 1342, 1675, 1470, 1448, 1464, 1831, 1612, 1471],
        [1759, 1685, 1479, 1763, 1674, 2103, 1502, 1622, 1828, 2155, 2233, 2059],
        [1223, 1146, 1010, 1257, 1426, 1532, 1953, 1123, 1343, 1243, 1762, 1306],
        [1456, 1499, 1609, 1741, 1482, 1572, 1606, 1735, 1607, 1573, 1613, 1690],
    ],
    dtype=np.float64,
)
COUNTS = np.array(
    [
        [7861, 9251, 8706, 8575, 7917, 8263, 9456, 8003, 7365, 7832, 7849, 9077],
        [1622, 1742, 1523, 1515, 1622, 1602, 1964, 1515, 1527, 1748, 1654, 1861],
        [1147, 1357, 1329, 1204, 998, 1077, 1277, 1218, 896, 1003, 1108, 1121],
        [407, 396, 348, 341, 315, 328, 352, 331, 287, 384, 321, 342],
        [2902, 3172, 3046, 3068, 2693, 2910, 3275, 2697, 2663, 3017, 3242, 3425],
    ],
    dtype=np.float64,
)


ONE = np.zeros(5, np.int64)


def test_gives_the_published_structure_of_hachemeisters_claims() -> None:
    spread = spread_of(CLAIMS, COUNTS, ONE)
    assert spread.within == pytest.approx([139_120_026], rel=1e-6)
    assert spread.between == pytest.approx([89_639], rel=1e-4)
    assert spread.mean == pytest.approx([1683.713], rel=1e-6)


def test_believes_the_states_as_published() -> None:
    spread = spread_of(CLAIMS, COUNTS, ONE)
    trust = credibility(COUNTS.sum(axis=1), spread.within, spread.between)
    np.testing.assert_allclose(trust, [0.9847, 0.9276, 0.8985, 0.7279, 0.9588], atol=5e-5)


def test_families_do_not_know_of_each_other() -> None:
    both = spread_of(
        np.concatenate([CLAIMS, 2 * CLAIMS]),
        np.concatenate([COUNTS, COUNTS]),
        np.concatenate([ONE, ONE + 1]),
    )
    alone = spread_of(CLAIMS, COUNTS, ONE)
    np.testing.assert_allclose(both.within, alone.within * [1, 4])
    np.testing.assert_allclose(both.between, alone.between * [1, 4])
    np.testing.assert_allclose(both.mean, alone.mean * [1, 2])


def test_members_that_are_alike_are_pooled() -> None:
    spread = spread_of(np.array([[1.0, 3.0], [3.0, 1.0]]), np.ones((2, 2)), ONE[:2])
    assert (spread.within[0], spread.between[0], spread.mean[0]) == (2.0, 0.0, 2.0)
    assert credibility(np.array([5.0]), spread.within, spread.between).tolist() == [0.0]


def test_cells_without_exposure_do_not_count() -> None:
    holed = np.array([[1.0, 3.0, np.nan], [5.0, 9.0, 2.0]])
    with_hole = spread_of(holed, np.array([[1.0, 1, 0], [1, 1, 0]]), ONE[:2])
    without = spread_of(holed[:, :2], np.ones((2, 2)), ONE[:2])
    assert with_hole.within == without.within
    assert with_hole.between == without.between


def test_nobody_with_exposure_has_no_ratio() -> None:
    assert np.isnan(spread_of(np.ones((2, 2)), np.zeros((2, 2)), ONE[:2]).mean).all()
